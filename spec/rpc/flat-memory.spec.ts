// A slow consumer of a fast producer of a million items: the memory of the server stays flat, whichever of the two it is.
//
// Memory is measured in the server's own process once garbage is collected, so nothing else on the machine has a say in it.
// What shows flow control best are the items on their way, which are bounded by bytes: where credit failed, the items of a
// server would pile up in its client, and its own memory would look well. So both are looked at.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import { streamWindowBytes } from '../../lib/wire/call-message.js';
import { codeOf } from '../support/settled.js';
import { type Measured, Works } from './memory-server.js';

const million = 1_000_000;
const itemBytes = 4000;
/** On their way and waiting: the window, one item beyond it, and one that is just being made. */
const mostOnTheWay = Math.ceil(streamWindowBytes / itemBytes) + 2;
/**
 * Taken between two looks: 2 MB, so that one byte in four that stayed would show. What runs for the first time, and what is
 * compiled, was measured as 150 kB at most.
 */
const taken = 500;
const flatBytes = 500_000;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

for (const scheme of ['ws', 'tcp'] as const) {
  describe(`rpc: a slow consumer over ${scheme}`, function () {
    this.timeout(20_000);
    let child: ChildProcess;
    let client: NetworkingManager;

    before(async () => {
      const program = fileURLToPath(new URL('memory-server.js', import.meta.url));
      child = fork(program, ['serve', `${scheme}://127.0.0.1:0`], { execArgv: ['--expose-gc'] });
      const [listening] = (await once(child, 'message')) as [string];
      client = new NetworkingManager({ signKeyExchange: false });
      await client.startClient(listening);
    });

    after(async () => {
      await client.stop();
      const exited = once(child, 'exit');
      child.disconnect();
      expect(await exited).to.deep.equal([0, null]);
    });

    async function measure(): Promise<Measured> {
      const answer = once(child, 'message');
      child.send('measure');
      return ((await answer) as [Measured])[0];
    }

    it("of what a server produces holds the server's memory flat", async () => {
      const items = client.rpc(Works).produce(million, itemBytes);
      const take = async () => {
        for (let index = 0; index < taken; index++) {
          await items.next();
          if (index % 4 === 0) await pause(1);
        }
      };
      // From where the window has been full for a while.
      await take();
      const before = await measure();
      await take();
      expect(await client.rpc(Works).takenSoFar()).to.equal(0);
      const after = await measure();
      expect(after.produced).to.be.within(2 * taken, 2 * taken + mostOnTheWay);
      expect(after.produced).to.be.greaterThan(before.produced);
      expect(after.bytes - before.bytes).to.be.below(flatBytes);
      await items.return();
    });

    it('in a server holds its memory flat, whatever is sent to it', async () => {
      let produced = 0;
      async function* produce(): AsyncGenerator<Uint8Array> {
        for (; produced < million; produced++) yield new Uint8Array(itemBytes);
      }
      const stop = new AbortController();
      const { signal } = stop;
      const call = codeOf(client.invokeServerRpc('Works.consume', [produce()], { signal }));
      const takenBy = async (count: number): Promise<Measured> => {
        // Answered while the stream goes on.
        while ((await client.rpc(Works).takenSoFar()) < count) await pause(5);
        return measure();
      };
      const before = await takenBy(taken);
      const after = await takenBy(before.taken + taken);
      const ahead = produced;
      // It takes on while it is asked.
      expect(ahead).to.be.within(after.taken, (await measure()).taken + mostOnTheWay);
      expect(after.bytes - before.bytes).to.be.below(flatBytes);
      stop.abort();
      expect(await call).to.equal('CANCELLED');
    });
  });
}
