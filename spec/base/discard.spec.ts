// Memory that is given back: which, how it looks afterwards, and to whom it never goes with anything in it.

import { expect } from 'chai';
import { discard, discardCiphertext, keep } from '../../lib/base/discard.js';

const large = 64 * 1024;

describe('discard', () => {
  it('leaves nothing to see in any view of what is given back', () => {
    for (const giveBack of [discard, discardCiphertext]) {
      const bytes = new Uint8Array(large).fill(7);
      const view = bytes.subarray(100, 200);
      giveBack(bytes);
      expect([bytes.length, view.length, view[0]]).to.deep.equal([0, 0, undefined]);
      expect(bytes.buffer.byteLength).to.equal(0);
      giveBack(bytes);
    }
  });

  it('leaves alone what is small, what is a part of something else, and what is kept', () => {
    const small = new Uint8Array(1024).fill(7);
    const memory = new Uint8Array(large).fill(7);
    const kept = keep(new Uint8Array(large).fill(7));
    for (const giveBack of [discard, discardCiphertext])
      for (const bytes of [small, memory.subarray(1), memory.subarray(0, large - 1), kept]) giveBack(bytes);
    for (const bytes of [small, memory, kept]) expect(bytes.every((byte) => byte === 7)).to.equal(true);
  });

  it('leaves memory that cannot be detached to whoever has it', () => {
    const { Memory } = (
      globalThis as unknown as { WebAssembly: { Memory: new (size: object) => { buffer: ArrayBuffer } } }
    ).WebAssembly;
    const foreign = new Uint8Array(new Memory({ initial: 1 }).buffer);
    discardCiphertext(foreign);
    expect(foreign.length).to.equal(large);
  });

  it('wipes what is not ciphertext before anybody else can get it', () => {
    const wiped: boolean[] = [];
    const bytes = new Uint8Array(large).fill(7);
    // Seen from outside: by the time that it is detached, it holds zeros.
    const fill = bytes.fill.bind(bytes);
    bytes.fill = (value: number) => {
      wiped.push(value === 0 && bytes.length === large);
      return fill(value);
    };
    discard(bytes);
    expect(wiped).to.deep.equal([true]);
  });

  it('keeps no count of what is given back: making and discarding a gigabyte holds none of it', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 1024; index++) discard(new Uint8Array(2 ** 20));
    expect(process.memoryUsage().arrayBuffers - before).to.be.lessThan(2 ** 24);
  });
});
