// The end of a turn of the event loop: once, in order, for all who wait, and in nobody's context.

import { AsyncLocalStorage } from 'node:async_hooks';
import { expect } from 'chai';
import { endOfTurn } from '../../lib/manager/turns.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('manager/turns', () => {
  it('calls back all who wait, in order, and in the next turn those who ask meanwhile', async () => {
    const seen: string[] = [];
    endOfTurn(() => {
      seen.push('a');
      endOfTurn(() => seen.push('c'));
    });
    endOfTurn(() => seen.push('b'));
    expect(seen).to.deep.equal([]);
    await turn();
    expect(seen).to.deep.equal(['a', 'b']);
    await turn();
    expect(seen).to.deep.equal(['a', 'b', 'c']);
  });

  it('shows no callback what somebody else kept in an AsyncLocalStorage', async () => {
    const kept = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    kept.run('of one client', () => endOfTurn(() => seen.push(kept.getStore())));
    kept.run('of another', () => endOfTurn(() => seen.push(kept.getStore())));
    await turn();
    expect(seen).to.deep.equal([undefined, undefined]);
  });

  it('lets the others have their turn when one of them throws', async () => {
    const seen: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => seen.push(error.message));
    try {
      endOfTurn(() => {
        throw new Error('of its own');
      });
      endOfTurn(() => seen.push('b'));
      for (let index = 0; index < 4; index++) await turn();
      endOfTurn(() => seen.push('c'));
      await turn();
      expect(seen).to.deep.equal(['of its own', 'b', 'c']);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});
