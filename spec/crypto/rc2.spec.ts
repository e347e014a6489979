import { expect } from 'chai';
import { rc2CbcDecrypt } from '../../lib/crypto/rc2.js';
import { codeThrownBy, hex } from './backends.js';

const zeroIv = new Uint8Array(8);

describe('RC2 in CBC', () => {
  // Key, effective bits, plaintext, ciphertext.
  for (const [key, bits, plaintext, ciphertext] of [
    ['0000000000000000', 63, '0000000000000000', 'ebb773f993278eff'],
    ['ffffffffffffffff', 64, 'ffffffffffffffff', '278b27e42e2f0d49'],
    ['3000000000000000', 64, '1000000000000001', '30649edf9be7d2c2'],
    ['88', 64, '0000000000000000', '61a8a244adacccf0'],
    ['88bca90e90875a', 64, '0000000000000000', '6ccf4308974c267f'],
    ['88bca90e90875a7f0f79c384627bafb2', 64, '0000000000000000', '1a807d272bbe5db1'],
    ['88bca90e90875a7f0f79c384627bafb2', 128, '0000000000000000', '2269552ab0f85ca6'],
    [
      '88bca90e90875a7f0f79c384627bafb216f80a6f85920584c42fceb0be255daf1e',
      129,
      '0000000000000000',
      '5b78d3a43dfff1f1',
    ],
  ] as const) {
    it(`decrypts the example of RFC 2268 §5 with ${key.length / 2} bytes of key and ${bits} bits`, () => {
      expect(rc2CbcDecrypt(hex(key), bits, zeroIv, hex(ciphertext))).to.deep.equal(hex(plaintext));
    });
  }

  it('chains its blocks: each is XORed with the ciphertext before it', () => {
    const [key, iv] = [hex('88bca90e90875a'), hex('0102030405060708')];
    const block = hex('6ccf4308974c267f');
    const plaintext = rc2CbcDecrypt(key, 64, iv, new Uint8Array([...block, ...block]));
    // The block decrypts to zeros (above), so what comes out is what was XORed.
    expect(plaintext).to.deep.equal(new Uint8Array([...iv, ...block]));
  });

  it('has a table that is a permutation: every key of one byte gives another result', () => {
    const results = new Set<string>();
    for (let octet = 0; octet < 256; octet++) {
      results.add(String(rc2CbcDecrypt(Uint8Array.of(octet), 1024, zeroIv, zeroIv)));
    }
    expect(results.size).to.equal(256);
  });

  it('refuses other lengths', () => {
    const refused = (keyBytes: number, bits: number, ivBytes: number, bytes: number): string =>
      codeThrownBy(() =>
        rc2CbcDecrypt(new Uint8Array(keyBytes), bits, new Uint8Array(ivBytes), new Uint8Array(bytes)),
      );
    for (const keyBytes of [0, 129]) expect(refused(keyBytes, 64, 8, 8)).to.equal('INVALID_CERTIFICATE');
    for (const bits of [0, -1, 1025, Number.NaN])
      expect(refused(8, bits, 8, 8)).to.equal('INVALID_CERTIFICATE');
    for (const ivBytes of [0, 7, 16]) expect(refused(8, 64, ivBytes, 8)).to.equal('INVALID_CERTIFICATE');
    for (const bytes of [7, 12]) expect(refused(8, 64, 8, bytes)).to.equal('INVALID_CERTIFICATE');
    expect(refused(128, 1024, 8, 16)).to.equal('nothing was thrown');
  });
});
