// Large memory that nobody needs any longer is given back at once, not when it is collected.
//
// V8 counts what ArrayBuffers hold, and every 8 to 30 MiB of it make it walk through the whole heap, with threads on all processors.
// And what is collected late is not there when the next buffer is made: that is memory the process has not touched yet, a page
// fault for each 4 KiB. A buffer of 1 MiB that is collected costs 113 µs, one that is given back 3 (docs/performance.md).
//
// What is given back is detached: a view that somebody has kept is empty, and never shows what is there next. So there must be
// nobody below JavaScript who still reads or writes it: what goes to a socket is given back when the system has all of it.

import { wipe } from './bytes.js';

/** Smaller memory is not worth it. */
const leastBytes = 12 * 1024;

/**
 * glibc hands what is freed back to the system once it is twice as much as the largest block that was ever freed, 256 KiB to begin
 * with, and every page of it is a fault when it is needed again. So one block of this size is made and freed first; nothing
 * ever stands there.
 */
const roomBytes = 16 * 1024 * 1024;

/** What outlives whoever discards it. */
const kept = new WeakSet<Uint8Array>();

type Detach = (memory: ArrayBuffer) => void;
let detach: Detach | undefined;

/**
 * Gives back the memory of `bytes`, where it is large and they are all of it; they are empty from here on. Wiped first, since whoever
 * is next may ask for memory as it is. Harmless for what is given back already.
 */
export function discard(bytes: Uint8Array): void {
  if (!isGivenBack(bytes)) return;
  wipe(bytes);
  giveBack(bytes.buffer);
}

/** The same of what anybody may see. */
export function discardCiphertext(bytes: Uint8Array): void {
  if (isGivenBack(bytes)) giveBack(bytes.buffer);
}

/** `bytes` are left to the garbage collector, whoever discards them: others have them too. */
export function keep(bytes: Uint8Array): Uint8Array {
  kept.add(bytes);
  return bytes;
}

/** What is shorter is left to the garbage collector. */
export function isLarge(bytes: Uint8Array): boolean {
  return bytes.length >= leastBytes;
}

/** Whether these bytes would be: whoever wants some of them for longer copies that before. */
export function isGivenBack(bytes: Uint8Array): boolean {
  return isLarge(bytes) && bytes.length === bytes.buffer.byteLength && !kept.has(bytes);
}

function giveBack(memory: ArrayBufferLike): void {
  if (detach === undefined) {
    detach = findDetach();
    detach(new ArrayBuffer(roomBytes));
  }
  try {
    detach(memory as ArrayBuffer);
  } catch {
    // Memory that cannot be detached, from a transport that is not ours: it is collected.
  }
}

function findDetach(): Detach {
  // ECMAScript 2024; Node 20 does not have it.
  if ('transfer' in ArrayBuffer.prototype) {
    return (memory) => void (memory as ArrayBuffer & { transfer(bytes: number): ArrayBuffer }).transfer(0);
  }
  if (typeof MessageChannel === 'undefined') return () => {};
  // What is transferred to a closed port goes with its message, which nobody gets.
  const { port1 } = new MessageChannel();
  port1.close();
  return (memory) => port1.postMessage(undefined, [memory]);
}
