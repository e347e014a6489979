// CBC (SP 800-38A §6.2) over block ciphers of 64 bits, for the old files that are sealed with them. Decrypting only:
// with blocks this short, 32 GiB under one key betray what is in them, and nothing here writes such files.
//
// Neither does this keep time constant. It runs once, on the owner's machine, over a file of his own.

import { SealwireError } from '../base/errors.js';

export const blockBytes = 8;

/** Decrypts a block in place. */
export type BlockDecryption = (block: DataView) => void;

/** Without padding removal: as long as the ciphertext, which the caller wipes. */
export function decryptCbc64(decrypt: BlockDecryption, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  if (iv.length !== blockBytes || ciphertext.length % blockBytes !== 0) {
    throw new SealwireError(
      'INVALID_CERTIFICATE',
      'the part of this file under an old cipher is damaged: it needs an IV of 8 bytes and whole blocks',
    );
  }
  // Not slice(): of a Buffer that is a view.
  const plaintext = Uint8Array.from(ciphertext);
  let previous = iv;
  for (let offset = 0; offset < plaintext.length; offset += blockBytes) {
    const block = new DataView(plaintext.buffer, plaintext.byteOffset + offset, blockBytes);
    decrypt(block);
    for (let index = 0; index < blockBytes; index++) plaintext[offset + index]! ^= previous[index]!;
    previous = ciphertext.subarray(offset, offset + blockBytes);
  }
  return plaintext;
}
