// What a stopped manager may not leave: sockets, servers, timers, ports. Looked at right after stop(), without patience.

import { expect } from 'chai';

/** Call it inside a `describe`: each test must leave as much alive as it found. */
export function nothingLeftBehind(): void {
  let before: string;
  beforeEach(async () => {
    before = await alive();
  });
  afterEach(async () => {
    expect(await alive(), 'left behind').to.equal(before);
  });
}

/** What keeps the process alive, by kind and number. */
export async function alive(): Promise<string> {
  // Mocha starts the timer of a test, or of a hook, behind its first await; a closed handle goes with the turn.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Immediate') counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts]
    .map(([kind, count]) => `${kind} ${count}`)
    .sort()
    .join(', ');
}
