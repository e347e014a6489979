// What is garbage: so that a spec can tell what a map, a listener or a closure still holds, wherever it may be.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Resolves to how many of them are still reachable: 0 as soon as none is, else what is left after some seconds. */
export async function stillReachable(refs: readonly WeakRef<object>[], ms = 5000): Promise<number> {
  const collect = collector();
  const giveUpAt = performance.now() + ms;
  for (;;) {
    // What a turn has looked at lives until its end.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const left = refs.filter((ref) => ref.deref() !== undefined).length;
    if (left === 0 || performance.now() > giveUpAt) return left;
  }
}

/** Collects all garbage. The flag counts for contexts made behind it. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
