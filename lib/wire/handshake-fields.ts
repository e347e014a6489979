// Fields that several messages of the handshake share: lists of code points, and the mask of allowed flags.

import { ByteReader, ByteWriter } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';

const maxListEntries = 16;

export function encodeNumbers(numbers: readonly number[]): Uint8Array {
  const writer = new ByteWriter();
  for (const number of numbers) writer.u16(number);
  return writer.finish();
}

/** Throws PROTOCOL_ERROR for fewer than `atLeast`, and for more than 16. */
export function decodeNumbers(bytes: Uint8Array, atLeast: number): number[] {
  if (bytes.length > 2 * maxListEntries) throw malformed('a list of more than 16 numbers');
  const reader = new ByteReader(bytes);
  const numbers: number[] = [];
  while (reader.remaining > 0) numbers.push(reader.u16());
  if (numbers.length < atLeast) throw malformed('an empty list');
  return numbers;
}

/** Both flags together are always accepted, and there are four combinations. */
export function checkMask(mask: number): number {
  if (mask > 0b1111 || (mask & 0b1000) === 0) throw malformed('an impossible mask of flags');
  return mask;
}

export function malformed(what: string): SealwireError {
  return new SealwireError('PROTOCOL_ERROR', `malformed handshake message: ${what}`);
}
