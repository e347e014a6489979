// What goes to many without flags is one frame for all of them; whatever is sealed, or masked, is a frame of its own for each.

import { Socket } from 'node:net';
import { expect } from 'chai';
import { utf8 } from '../../lib/base/bytes.js';
import { SharedFrame } from '../../lib/connection/shared-frame.js';
import { frameTypes } from '../../lib/wire/frame.js';
import { crowdOf, type Hud } from '../manager/crowd-of.js';
import { eventually } from '../support/settled.js';

const { messages, fragment } = frameTypes;

describe('connection, a frame for many', () => {
  describe('the frame that was made last', () => {
    const [a, b, sameAsA] = [utf8('a'), utf8('b'), utf8('a')];
    const made = utf8('frame of a and b');
    const kept = (): SharedFrame => {
      const shared = new SharedFrame();
      shared.keep('tcp', messages, [a, b], made);
      return shared;
    };

    it('is found by its very messages, in a list of any make', () => {
      expect(kept().find('tcp', messages, [a, b])).to.equal(made);
      expect(new SharedFrame().find('tcp', messages, [])).to.equal(undefined);
    });

    for (const [what, framing, type, parts] of [
      ['another framing', 'websocket', messages, [a, b]],
      ['another type', 'tcp', fragment, [a, b]],
      ['fewer messages', 'tcp', messages, [a]],
      ['more messages', 'tcp', messages, [a, b, b]],
      ['another order', 'tcp', messages, [b, a]],
      ['bytes that are only the same', 'tcp', messages, [sameAsA, b]],
    ] as const) {
      it(`is not found for ${what}`, () => {
        expect(kept().find(framing, type, parts)).to.equal(undefined);
      });
    }

    it('is another one after the next, and not a long one', () => {
      const shared = kept();
      shared.keep('tcp', messages, [b], new Uint8Array(64 * 1024 + 1));
      expect(shared.find('tcp', messages, [b])).to.equal(undefined);
      expect(shared.find('tcp', messages, [a, b])).to.equal(made);
      shared.keep('tcp', messages, [b], new Uint8Array(64 * 1024));
      expect(shared.find('tcp', messages, [b])).to.have.length(64 * 1024);
      expect(shared.find('tcp', messages, [a, b])).to.equal(undefined);
    });
  });

  for (const scheme of ['ws', 'tcp'] as const) {
    it(`is made once for all where nothing protects it, and for each where it is sealed (${scheme})`, async () => {
      const crowd = await crowdOf(5, scheme);
      const { huds } = crowd;
      const write = Socket.prototype.write;
      const written: unknown[] = [];
      Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
        written.push(args[0]);
        return Reflect.apply(write, this, args);
      } as typeof write;
      try {
        const everyone = crowd.server.everyone().rpc<Hud>('Hud');
        await everyone.tell('in the clear');
        await eventually('all know', () => huds.every(({ told }) => told.length === 1));
        expect(written).to.have.length(5);
        expect(new Set(written).size).to.equal(1);
        written.length = 0;
        await everyone.whisper('sealed');
        await eventually('all know', () => huds.every(({ told }) => told.length === 2));
        expect(new Set(written).size).to.equal(5);
      } finally {
        Socket.prototype.write = write;
      }
      for (const { told } of huds) expect(told).to.deep.equal(['in the clear', 'sealed']);
      await crowd.stop();
    });
  }
});
