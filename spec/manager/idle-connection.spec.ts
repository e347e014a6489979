// What an idle connection holds on the server, counted: objects, not bytes, which differ from one version of Node to the next.
//
// A server has ten thousand of these. What is made for each of them and seldom needed adds up to as much as TLS would cost: so
// what is over is let go, and what may never be needed is made when it is.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import { serverName } from '../support/authority.js';
import { Echo } from './idle-server.js';

const few = 5;
const many = 15;

describe('manager: an idle connection', function () {
  this.timeout(20_000);
  let child: ChildProcess;
  let server: { readonly url: string; readonly ca: string };
  const clients: NetworkingManager[] = [];

  before(async () => {
    const program = fileURLToPath(new URL('idle-server.js', import.meta.url));
    // It counts by what Node calls experimental.
    const execArgv = ['--disable-warning=ExperimentalWarning'];
    child = fork(program, ['serve', 'ws://127.0.0.1:0'], { execArgv });
    [server] = (await once(child, 'message')) as [typeof server];
    // What the first connections and calls make, and all others share.
    await connectUntil(few);
    await callAll();
  });

  after(async () => {
    for (const client of clients) await client.stop();
    const exited = once(child, 'exit');
    child.disconnect();
    expect(await exited).to.deep.equal([0, null]);
  });

  async function connectUntil(connected: number): Promise<void> {
    while (clients.length < connected) {
      const client = new NetworkingManager({ ca: server.ca, serverName });
      clients.push(client);
      await client.startClient(server.url);
    }
  }

  async function callAll(): Promise<void> {
    for (const client of clients) expect(await client.rpc(Echo).echo('x')).to.equal('x');
  }

  /** How many more objects of these classes a step makes, for each of the connections that are new: one or two are nobody's. */
  async function growth(
    names: readonly string[],
    step: () => Promise<void>,
  ): Promise<Record<string, number>> {
    const before = await count(names);
    await step();
    const after = await count(names);
    return Object.fromEntries(
      names.map((name, index) => [name, Math.round((after[index]! - before[index]!) / (many - few))]),
    );
  }

  async function count(names: readonly string[]): Promise<number[]> {
    const answer = once(child, 'message');
    child.send(names);
    return ((await answer) as [number[]])[0];
  }

  it('holds its keys, and nothing of its handshake or for what may never come', async () => {
    const expected = {
      Connection: 1,
      // Of the handshake: secrets, the transcript, what the peer said of itself.
      HandshakeSecrets: 0,
      Transcript: 0,
      Established: 0,
      // For calls, and for peers who do something to the limits.
      Caller: 0,
      Dispatcher: 0,
      TokenBucket: 0,
      AbortController: 0,
      IdMap: 0,
      Map: 0,
      Set: 0,
      // Of each direction a secret, an IV and the key of its AEAD; and the exporter's secret.
      Uint8Array: 7,
      // The heartbeat's.
      Timeout: 1,
    };
    const grown = await growth(Object.keys(expected), () => connectUntil(many));
    expect(grown).to.deep.equal(expected);
  });

  it('holds what serves its calls once it has called, and no more', async () => {
    const expected = { Dispatcher: 1, Caller: 0, IdMap: 1, Map: 0, Uint8Array: 0, Timeout: 0 };
    const grown = await growth(Object.keys(expected), callAll);
    expect(grown).to.deep.equal(expected);
  });

  it("keeps of what it received no more than the peer's certificates", () => {
    const [certificate] = clients[0]!.connection!.certificates;
    expect(certificate!.buffer.byteLength).to.equal(certificate!.length);
  });
});
