// Memory for what is small and short-lived, messages and frames: cut from slabs, one after another.
//
//   slab   [ message │ frame │ frame │ …          ]   each byte is given away once; the slab goes when its last piece does
//
// An ArrayBuffer of its own costs more to make and to collect than a short message to seal. A piece that is kept keeps its
// slab, so slabs are small, and whatever would fill a good part of one gets memory of its own.

const slabBytes = 16 * 1024;
/** Whatever is longer gets memory of its own. */
export const largestPiece: number = slabBytes / 4;
/** Pieces begin where whole words do. */
const alignment = 8;

let slab = new ArrayBuffer(0);
let used = 0;

/** `length` bytes, all zero, that nobody else has. Not for secrets, nor for users: `buffer` is shared with others. */
export function allocate(length: number): Uint8Array {
  if (length > largestPiece) return new Uint8Array(length);
  if (used + length > slab.byteLength) {
    slab = new ArrayBuffer(slabBytes);
    used = 0;
  }
  const piece = new Uint8Array(slab, used, length);
  used = (used + length + alignment - 1) & -alignment;
  return piece;
}

/** The same with a copy of these bytes. */
export function allocateCopy(bytes: Uint8Array): Uint8Array {
  // Memory that is made of what it will hold; what is made otherwise is zeroed first.
  if (bytes.length > largestPiece) return new Uint8Array(bytes);
  const copy = allocate(bytes.length);
  copy.set(bytes);
  return copy;
}
