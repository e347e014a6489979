// A server in a process of its own, for flat-memory.spec.ts: its memory is nobody else's, and garbage is collected before it
// is measured (--expose-gc).
//
//   parent ── 'measure' ─▸ ◂─ { produced, taken, bytes } ──     ended by the end of the channel

import { Rpc } from '../../decorators/index.js';
import { Security } from '../../lib/contract/security.js';
import { NetworkingManager } from '../../lib/manager/node.js';

/** What the server has done, and the bytes that it holds. */
export interface Measured {
  readonly produced: number;
  readonly taken: number;
  readonly bytes: number;
}

export class Works {
  produced = 0;
  taken = 0;

  @Rpc(Security.Encrypted | Security.Authenticated)
  async *produce(count: number, bytes: number): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < count; index++) {
      this.produced += 1;
      yield new Uint8Array(bytes).fill(index);
    }
  }

  @Rpc()
  async consume(items: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const _ of items) {
      this.taken += 1;
      if (this.taken % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  @Rpc(Security.Authenticated)
  takenSoFar(): number {
    return this.taken;
  }
}

/** In the parent this file is imported for its types and its class. */
if (process.send !== undefined && process.argv[2] === 'serve') {
  const works = new Works();
  const server = new NetworkingManager({ signKeyExchange: false }).register(works);
  process.on('message', () => process.send?.(measure(works)));
  process.on('disconnect', () => void server.stop({ drainMs: 0 }));
  process.send(await server.startServer(process.argv[3]!));
}

function measure({ produced, taken }: Works): Measured {
  for (let round = 0; round < 3; round++) globalThis.gc!();
  // Memory of buffers counts as external.
  const { heapUsed, external } = process.memoryUsage();
  return { produced, taken, bytes: heapUsed + external };
}
