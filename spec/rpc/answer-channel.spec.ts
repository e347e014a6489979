// The channel that an answer goes on: the one that the method declares, or the one that its caller asked for.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { Security } from '../../lib/contract/security.js';
import { linkSessions } from './linked-sessions.js';

class Files {
  @Rpc(Security.None, { channel: 'files' })
  declared(): string {
    return 'declared';
  }

  @Rpc()
  plain(): string {
    return 'plain';
  }

  @Rpc()
  async *items(): AsyncGenerator<number> {
    yield 1;
  }
}

describe('rpc: the channel of an answer', () => {
  it('is what the method declares, else what the caller asks for, else the default one', async () => {
    const { client, server, stop } = await linkSessions({ serverServices: [new Files()] });
    const { peer } = client.session;
    const channels: (string | undefined)[] = [];
    const send = server.connection.send.bind(server.connection);
    server.connection.send = (flags, message, channel, ...rest) => {
      channels.push(channel);
      return send(flags, message, channel, ...rest);
    };
    await peer.invoke('Files.plain');
    await peer.invoke('Files.plain', [], { channel: 'mine' });
    await peer.invoke('Files.declared', [], { channel: 'mine' });
    for await (const _ of peer.stream('Files.items', [], { channel: 'mine' }));
    expect(channels).to.deep.equal([undefined, 'mine', 'files', 'mine', 'mine']);
    await stop();
  });
});
