// Backpressure as callers meet it: waiting for room, volatile calls, the event; and answers on a channel of their own.

import { expect } from 'chai';
import { NetworkingManager, Rpc, Security } from '../../lib/index.js';

class Sink {
  readonly taken: number[] = [];

  @Rpc(Security.None)
  async take(bytes: Uint8Array): Promise<number> {
    this.taken.push(bytes.length);
    return bytes.length;
  }

  @Rpc(Security.None, { oneWay: true })
  note(bytes: Uint8Array): void {
    this.taken.push(bytes.length);
  }
}

describe('backpressure of calls', () => {
  const managers: NetworkingManager[] = [];
  afterEach(async () => {
    for (const manager of managers.splice(0)) await manager.stop();
  });

  async function start(): Promise<{ client: NetworkingManager; sink: Sink }> {
    const server = new NetworkingManager({ enableEncryption: false });
    const sink = new Sink();
    server.register(sink);
    const limits = { sendHighWaterBytes: 300_000, maxSendBufferBytes: 1_000_000 };
    const client = new NetworkingManager({ enableEncryption: false, limits });
    managers.push(client, server);
    await client.startClient(await server.startServer('tcp://127.0.0.1:0'));
    return { client, sink };
  }

  it('fails a call for which there is no room, or lets it wait; the event tells begin and end', async () => {
    const { client } = await start();
    const states: boolean[] = [];
    client.on('backpressure', (_peer, { full }) => states.push(full));
    const bytes = new Uint8Array(200_000);
    const call = (whenFull: 'fail' | 'wait') => client.invokeServerRpc('Sink.take', [bytes], { whenFull });
    const failing = await Promise.allSettled(Array.from({ length: 10 }, () => call('fail')));
    const refused = failing.filter((each) => each.status === 'rejected');
    expect(refused).to.not.have.length(0);
    for (const { reason } of refused)
      expect(reason).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'send-buffer' });
    const waiting = await Promise.all(Array.from({ length: 20 }, () => call('wait')));
    expect(waiting).to.deep.equal(Array.from({ length: 20 }, () => 200_000));
    expect(states.slice(0, 2)).to.deep.equal([true, false]);
    expect(states.at(-1)).to.equal(false);
  });

  it('ends the wait of a call that is aborted', async () => {
    const { client } = await start();
    const bytes = new Uint8Array(450_000);
    const first = client.invokeServerRpc('Sink.take', [bytes]);
    const abort = new AbortController();
    const options = { whenFull: 'wait', signal: abort.signal } as const;
    const second = client.invokeServerRpc('Sink.take', [bytes], options).catch((error: unknown) => error);
    abort.abort();
    expect(await second).to.have.property('code', 'CANCELLED');
    expect(await first).to.equal(450_000);
  });

  it('drops volatile calls behind a large one of their channel, and no others', async () => {
    const { client, sink } = await start();
    let dropped = 0;
    client.on('backpressure', (_peer, state) => {
      dropped = state.dropped;
    });
    const note = (length: number, channel: string, isVolatile: boolean) =>
      client.invokeServerRpc('Sink.note', [new Uint8Array(length)], { channel, volatile: isVolatile });
    await note(290_000, 'moves', false);
    await note(1, 'moves', true);
    await note(2, 'looks', true);
    await note(3, 'moves', false);
    expect(await client.invokeServerRpc('Sink.take', [new Uint8Array(4)], { channel: 'moves' })).to.equal(4);
    expect(sink.taken).to.deep.equal([2, 290_000, 3, 4]);
    expect(dropped).to.equal(1);
    const error = await client
      .invokeServerRpc('Sink.take', [new Uint8Array(1)], { volatile: true })
      .catch((thrown: unknown) => thrown);
    expect(error).to.have.property('code', 'INVALID_ARGUMENT');
  });
});
