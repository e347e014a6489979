import { createCipheriv } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { concat } from '../../lib/base/bytes.js';
import { tripleDesCbcDecrypt } from '../../lib/crypto/triple-des.js';
import { codeThrownBy, hex } from './backends.js';

const zeroIv = new Uint8Array(8);
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

function encryptedByNode(name: string, key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(name, key, iv).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([cipher.update(plaintext), cipher.final()]));
}

describe('Triple DES in CBC', () => {
  it('decrypts the example of SP 800-67 appendix B', () => {
    const key = hex('0123456789abcdef 23456789abcdef01 456789abcdef0123');
    const [first, second, third] = ['a826fd8ce53b855f', 'cce21c8112256fe6', '68d5c05dd9b6b900'].map((block) =>
      tripleDesCbcDecrypt(key, zeroIv, hex(block)),
    );
    expect(new TextDecoder().decode(concat([first!, second!, third!]))).to.equal('The qufck brown fox jump');
  });

  it('with one key three times is DES: the substitution tables of SP 800-17 appendix A', () => {
    // Key, plaintext, ciphertext.
    for (const line of [
      '7ca110454a1a6e57 01a1d6d039776742 690f5b0d9a26939b',
      '0131d9619dc1376e 5cd54ca83def57da 7a389d10354bd271',
      '07a1133e4a0b2686 0248d43806f67172 868ebb51cab4599a',
      '3849674c2602319e 51454b582ddf440a 7178876e01f19b2a',
      '04b915ba43feb5b6 42fd443059577fa2 af37fb421f8c4095',
      '0113b970fd34f2ce 059b5e0851cf143a 86a560f10ec6d85b',
      '0170f175468fb5e6 0756d8e0774761d2 0cd3da020021dc09',
      '43297fad38e373fe 762514b829bf486a ea676b2cb7db2b7a',
      '07a7137045da2a16 3bdd119049372802 dfd64a815caf1a0f',
      '04689104c2fd3b2f 26955f6835af609a 5c513c9c4886c088',
      '37d06bb516cb7546 164d5e404f275232 0a2aeeae3ff4ab77',
      '1f08260d1ac2465e 6b056e18759f5cca ef1bf03e5dfa575a',
      '584023641aba6176 004bd6ef09176062 88bf0db6d70dee56',
      '025816164629b007 480d39006ee762f2 a1f9915541020b56',
      '49793ebc79b3258f 437540c8698f3cfa 6fbf1cafcffd0556',
      '4fb05e1515ab73a7 072d43a077075292 2f22e49bab7ca1ac',
      '49e95d6d4ca229bf 02fe55778117f12a 5a6b612cc26cce4a',
      '018310dc409b26d6 1d9d5c5018f728c2 5f4c038ed12b2e41',
      '1c587f1c13924fef 305532286d6f295a 63fac0d034d9f793',
    ]) {
      const [key, plaintext, ciphertext] = line.split(' ').map(hex);
      expect(tripleDesCbcDecrypt(concat([key!, key!, key!]), zeroIv, ciphertext!), line).to.deep.equal(
        plaintext,
      );
    }
  });

  it('decrypts what OpenSSL encrypts, under two keys and under three, whatever the bytes', () => {
    const blocks = fc.nat(12).chain((count) => exactly(8 * count));
    fc.assert(
      fc.property(exactly(24), exactly(8), blocks, (key, iv, plaintext) => {
        const sealed = encryptedByNode('des-ede3-cbc', key, iv, plaintext);
        expect(tripleDesCbcDecrypt(key, iv, sealed)).to.deep.equal(plaintext);
        const twoKeys = key.subarray(0, 16);
        const sealedUnderTwo = encryptedByNode('des-ede-cbc', twoKeys, iv, plaintext);
        expect(tripleDesCbcDecrypt(twoKeys, iv, sealedUnderTwo)).to.deep.equal(plaintext);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves its arguments as they are, a Buffer too', () => {
    const [key, iv, ciphertext] = [Buffer.alloc(24, 1), Buffer.alloc(8, 2), Buffer.alloc(32, 3)];
    tripleDesCbcDecrypt(key, iv, ciphertext);
    expect([key, iv, ciphertext]).to.deep.equal([
      Buffer.alloc(24, 1),
      Buffer.alloc(8, 2),
      Buffer.alloc(32, 3),
    ]);
  });

  it('refuses other lengths', () => {
    const refused = (keyBytes: number, ivBytes: number, bytes: number): string =>
      codeThrownBy(() =>
        tripleDesCbcDecrypt(new Uint8Array(keyBytes), new Uint8Array(ivBytes), new Uint8Array(bytes)),
      );
    for (const keyBytes of [0, 8, 15, 17, 23, 25, 32])
      expect(refused(keyBytes, 8, 8)).to.equal('INVALID_CERTIFICATE');
    for (const ivBytes of [0, 7, 9, 16]) expect(refused(24, ivBytes, 8)).to.equal('INVALID_CERTIFICATE');
    for (const bytes of [1, 7, 9, 15]) expect(refused(24, 8, bytes)).to.equal('INVALID_CERTIFICATE');
    expect(refused(24, 8, 0)).to.equal('nothing was thrown');
  });
});
