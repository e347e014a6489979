// The header of a WebSocket frame (RFC 6455 §5.2) that holds a whole binary message, for what goes to the socket past `ws`.
//
//   FIN 1, opcode 2 │ MASK, length 7 │ [ length 16 or 64 ] │ [ masking key, four zero bytes ]
//
// A client says that it masks, as it must, with the key that changes nothing: only ciphertext may go this way (masking.ts).

export const finalBinary = 0x82;
export const maskBit = 0x80;
export const maskingKeyBytes = 4;
export const length16 = 126;
export const length64 = 127;

/** In front of `bytes` bytes: of ciphertext, where it is masked. */
export function binaryHeader(bytes: number, isMasked: boolean): Uint8Array {
  const header = new Uint8Array(binaryHeaderBytes(bytes, isMasked));
  writeBinaryHeader(header, bytes, isMasked);
  return header;
}

export function binaryHeaderBytes(bytes: number, isMasked: boolean): number {
  return 2 + lengthBytesOf(bytes) + (isMasked ? maskingKeyBytes : 0);
}

/** The same to the start of `memory`. */
export function writeBinaryHeader(memory: Uint8Array, bytes: number, isMasked: boolean): void {
  const lengthBytes = lengthBytesOf(bytes);
  memory[0] = finalBinary;
  memory[1] =
    (lengthBytes === 0 ? bytes : lengthBytes === 2 ? length16 : length64) | (isMasked ? maskBit : 0);
  let rest = bytes;
  for (let at = 1 + lengthBytes; at > 1; at--) {
    memory[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  if (isMasked) memory.fill(0, 2 + lengthBytes, 2 + lengthBytes + maskingKeyBytes);
}

function lengthBytesOf(bytes: number): number {
  return bytes < length16 ? 0 : bytes < 2 ** 16 ? 2 : 8;
}
