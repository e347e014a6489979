// The end of a turn in browsers: once, in order, for all who wait. Node has the same MessageChannel; browser.spec.ts runs it in a
// real browser.

import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { endOfTurn } from '../../lib/manager/browser-turns.js';

const file = resolve(import.meta.dirname, '../../lib/manager/browser-turns.js');
const turn = () => new Promise<void>(endOfTurn);

describe('manager/browser-turns', () => {
  it('calls back all who wait, in order, and in the next turn those who ask meanwhile', async () => {
    const seen: string[] = [];
    endOfTurn(() => {
      seen.push('a');
      endOfTurn(() => seen.push('d'));
    });
    endOfTurn(() => seen.push('b'));
    queueMicrotask(() => seen.push('code that ran when they asked'));
    await turn();
    expect(seen).to.deep.equal(['code that ran when they asked', 'a', 'b']);
    endOfTurn(() => seen.push('e'));
    await turn();
    expect(seen.slice(3)).to.deep.equal(['d', 'e']);
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
      await turn();
      await turn();
      expect(seen).to.have.members(['of its own', 'b']);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });

  it('makes one channel for all turns, one message for each, and keeps a process alive while somebody waits, not longer', () => {
    const program = `
      let channels = 0;
      let messages = 0;
      globalThis.MessageChannel = class extends MessageChannel {
        constructor() {
          super();
          channels += 1;
          const { port2 } = this;
          const post = port2.postMessage;
          port2.postMessage = (message) => {
            messages += 1;
            post.call(port2, message);
          };
        }
      };
      const { endOfTurn } = await import(${JSON.stringify(`file://${file}`)});
      let turns = 0;
      const next = () => {
        turns += 1;
        if (turns < 4) endOfTurn(next);
        else setTimeout(() => endOfTurn(() => console.log(turns, channels, messages)), 1);
      };
      endOfTurn(next);
      endOfTurn(() => {});`;
    const said = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    expect(said).to.equal('4 1 5\n');
  });
});
