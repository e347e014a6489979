// How a connection ends: sealed where there are keys, told once, and what the peer learns of the reason: one code.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { thrownBy } from '../handshake/roles.js';
import {
  changed,
  established,
  expectEnd,
  framesOf,
  join,
  message,
  plainClose,
  settle,
  toldInTheClear,
} from './joined.js';

describe('connection, end', () => {
  describe('the end', () => {
    it('is sealed once there are keys, and told to the other side', () => {
      for (const reason of ['normal', 'going-away', 'limit-exceeded'] as const) {
        const { client, server, line } = established();
        const frames = framesOf(server.end, () => server.connection.close(reason));
        expect(frames).to.have.length(1);
        expect(frames[0]![0]).to.equal(0xc4);
        expect(frames[0]).to.have.length(8 + 1 + 16);
        line.flow();
        expectEnd(server, 'CONNECTION_CLOSED', 'closed-here');
        expectEnd(client, 'CONNECTION_CLOSED', reason);
        expect(client.end.sent, 'no answer').to.have.length(2);
      }
    });

    it('is not believed when it is not sealed', () => {
      for (const role of ['client', 'server'] as const) {
        const joined = established();
        // The server's first record: from then on the client knows that it was not refused.
        joined.server.connection.send(3, message);
        joined.line.flow();
        joined[role].end.inject(plainClose(0));
        expectEnd(joined[role], 'PROTOCOL_ERROR');
        expect(joined[role].end.sent.at(-1)![0]).to.equal(0xc4);
      }
    });

    it('is believed by a client that has heard no record yet: the server may have refused its Finished', () => {
      const { client } = established();
      client.end.inject(plainClose(2));
      expectEnd(client, 'CONNECTION_CLOSED', 'handshake-failed');
      const { server } = established();
      server.end.inject(plainClose(2));
      expectEnd(server, 'PROTOCOL_ERROR');
    });

    it('is told by the server in the clear when it refuses the client’s Finished', () => {
      const joined = join({
        prepare: ({ client }) => {
          client.end.meddle = (frame) => [frame[0] === 0xc1 ? changed(frame, frame.length - 1, 1) : frame];
        },
      });
      joined.line.flow();
      expectEnd(joined.server, 'HANDSHAKE_FAILED', 'tag');
      expect(toldInTheClear(joined.server)).to.equal('handshake-failed');
      expectEnd(joined.client, 'CONNECTION_CLOSED', 'handshake-failed');
    });

    it('comes once, whatever happens at the same time and after', () => {
      for (const role of ['client', 'server'] as const) {
        const joined = established();
        const { connection, end } = joined[role];
        connection.close();
        connection.close('going-away');
        connection.fail(new SealwireError('PROTOCOL_ERROR', 'late'));
        end.inject(plainFrame(frameTypes.messages, message));
        joined.line.flow();
        end.breakDown(new Error('late'));
        end.breakPromise(plainFrame(frameTypes.messages, message));
        expect(joined[role].owner.delivered).to.deep.equal([]);
        expectEnd(joined[role], 'CONNECTION_CLOSED', 'closed-here');
        expect(thrownBy(() => connection.send(3, message)).reason).to.equal('closed-here');
      }
    });

    it('settles `finished` when the transport has let go, not before', async () => {
      const { client, server, line } = established();
      const settled: string[] = [];
      void client.connection.finished.then(() => settled.push('client'));
      void server.connection.finished.then(() => settled.push('server'));
      client.connection.close();
      await settle();
      expect(settled).to.deep.equal([]);
      line.flow();
      await settle();
      expect(settled.sort()).to.deep.equal(['client', 'server']);
    });

    it('by a transport that closes without a farewell is told as such', () => {
      const { client, server } = established();
      const cause = new Error('ECONNRESET');
      client.end.breakDown(cause);
      for (const side of [client, server]) {
        expectEnd(side, 'CONNECTION_CLOSED', 'transport-closed');
        expect(side.owner.end!.cause).to.equal(cause);
      }
      const { client: limited } = established();
      limited.end.breakDown(new SealwireError('LIMIT_EXCEEDED', 'a frame too large'));
      expectEnd(limited, 'LIMIT_EXCEEDED');
    });
  });

  describe('what the peer learns', () => {
    const table: [string, string | undefined, string][] = [
      ['HANDSHAKE_FAILED', 'finished', 'handshake-failed'],
      ['HANDSHAKE_FAILED', 'signature', 'handshake-failed'],
      ['HANDSHAKE_FAILED', 'toString', 'handshake-failed'],
      ['HANDSHAKE_FAILED', undefined, 'handshake-failed'],
      ['HANDSHAKE_FAILED', 'no-common-algorithm', 'no-common-algorithm'],
      ['HANDSHAKE_FAILED', 'version-mismatch', 'version-mismatch'],
      ['CERTIFICATE_REJECTED', 'expired', 'handshake-failed'],
      ['CERTIFICATE_REJECTED', 'limit-exceeded', 'handshake-failed'],
      ['POLICY_MISMATCH', undefined, 'handshake-failed'],
      ['HANDSHAKE_TIMEOUT', undefined, 'handshake-timeout'],
      ['LIMIT_EXCEEDED', undefined, 'limit-exceeded'],
      ['PROTOCOL_ERROR', undefined, 'protocol-error'],
      ['RECORD_REJECTED', 'tag', 'protocol-error'],
      ['RECORD_REJECTED', 'sequence', 'protocol-error'],
      ['INTERNAL', undefined, 'protocol-error'],
    ];
    for (const [code, reason, told] of table) {
      it(`of ${code}${reason === undefined ? '' : ` (${reason})`} is ${told}`, () => {
        const { client, server, line } = established();
        client.connection.fail(new SealwireError(code, 'a secret', reason === undefined ? {} : { reason }));
        line.flow();
        expectEnd(server, 'CONNECTION_CLOSED', told);
        expectEnd(client, code, reason);
      });
    }

    it('of whatever an owner throws is protocol-error, and the cause stays here', () => {
      const { client, server, line } = established();
      const bug = new RangeError('a bug');
      server.owner.whenDelivered = () => {
        throw bug;
      };
      client.connection.send(0, message);
      line.flow();
      expectEnd(server, 'INTERNAL');
      expect(server.owner.end!.cause).to.equal(bug);
      expectEnd(client, 'CONNECTION_CLOSED', 'protocol-error');
    });

    it('of a session that its owner refuses is handshake-failed', () => {
      const { client, server, line } = join({
        prepare: (joined) => {
          joined.client.owner.whenEstablished = () => {
            throw new SealwireError('POLICY_MISMATCH', 'weaker than declared');
          };
        },
      });
      line.flow();
      expectEnd(client, 'POLICY_MISMATCH');
      expectEnd(server, 'CONNECTION_CLOSED', 'handshake-failed');
    });
  });
});
