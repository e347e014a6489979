import { expect } from 'chai';
import type { SealwireError } from '../../lib/base/errors.js';
import { sessionOf } from '../../lib/rpc/peer.js';
import { startPair } from '../support/pair.js';
import { eventually } from '../support/settled.js';

describe('the signal of the end of a connection', () => {
  it('is aborted with the reason, for those who asked before and for those who ask later', async () => {
    const pair = await startPair({ scheme: 'memory' });
    const session = sessionOf(pair.peer);
    const early = sessionOf(pair.client.connection!);
    const { ending } = early;
    expect(ending.aborted).to.equal(false);
    await pair.stop();
    await eventually('the client is gone', () => pair.server.clients.size === 0);
    for (const signal of [ending, early.ending, session.ending]) {
      expect(signal.aborted).to.equal(true);
      expect((signal.reason as SealwireError).code).to.equal('CONNECTION_CLOSED');
    }
    expect(session.ending, 'the same each time').to.equal(session.ending);
  });
});
