// Known answers from the standards, for each backend. AEAD, HMAC, HKDF and signatures are in the files of Wycheproof.

import { createCipheriv } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { concat, utf8 } from '../../lib/base/bytes.js';
import type { HashName } from '../../lib/crypto/provider.js';
import { backends, bytesOf, codeThrownBy, hex } from './backends.js';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const runs = { numRuns: 60 };

for (const crypto of backends) {
  describe(`crypto backend ${crypto.name}: known answers`, () => {
    it('hashes (FIPS 180-4, RFC 1321 and RFC 7693, "abc")', () => {
      const digests: Record<HashName, string> = {
        md5: '900150983cd24fb0d6963f7d28e17f72',
        sha224: '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7',
        'sha512-224': '4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa',
        'sha512-256': '53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23',
        blake2b512:
          'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
        sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
        sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
        sha384:
          'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
        sha512:
          'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      };
      for (const [name, digest] of Object.entries(digests)) {
        expect(crypto.hash(name as HashName, utf8('abc')), name).to.deep.equal(hex(digest));
      }
    });

    it('HMAC with each of them (RFC 2202 and RFC 4231, test case 2; the last three by OpenSSL 3.0)', () => {
      const tags: Record<HashName, string> = {
        md5: '750c783e6ab0b503eaa86e310a5db738',
        sha224: 'a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44',
        'sha512-224': '4a530b31a79ebcce36916546317c45f247d83241dfb818fd37254bde',
        'sha512-256': '6df7b24630d5ccb2ee335407081a87188c221489768fa2020513b2d593359456',
        blake2b512:
          '6ff884f8ddc2a6586b3c98a4cd6ebdf14ec10204b6710073eb5865ade37a2643b8807c1335d107ecdb9ffeaeb6828c4625ba172c66379efcd222c2de11727ab4',
        sha1: 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
        sha256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
        sha384:
          'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
        sha512:
          '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
      };
      for (const [name, tag] of Object.entries(tags)) {
        const computed = crypto.hmac(name as HashName, utf8('Jefe'), utf8('what do ya want for nothing?'));
        expect(computed, name).to.deep.equal(hex(tag));
      }
    });

    it('HKDF-SHA256 (RFC 5869 §A.1 and §A.3)', () => {
      const first = crypto.hkdfExtract(hex('000102030405060708090a0b0c'), bytesOf(22, 0x0b));
      expect(first).to.deep.equal(hex('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5'));
      expect(crypto.hkdfExpand(first, hex('f0f1f2f3f4f5f6f7f8f9'), 42)).to.deep.equal(
        hex('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865'),
      );
      const third = crypto.hkdfExtract(new Uint8Array(0), bytesOf(22, 0x0b));
      expect(third).to.deep.equal(hex('19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04'));
      expect(crypto.hkdfExpand(third, new Uint8Array(0), 42)).to.deep.equal(
        hex('8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8'),
      );
      expect(crypto.hkdfExpand(third, new Uint8Array(0), 0)).to.deep.equal(new Uint8Array(0));
      expect(codeThrownBy(() => crypto.hkdfExpand(bytesOf(31, 1), new Uint8Array(0), 1))).to.equal(
        'INVALID_CONFIG',
      );
    });

    it('PBKDF2 (RFC 7914 §11 for SHA-256, RFC 6070 for SHA-1)', () => {
      expect(crypto.pbkdf2('sha256', utf8('passwd'), utf8('salt'), 1, 64)).to.deep.equal(
        hex(
          '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
        ),
      );
      expect(
        crypto.pbkdf2(
          'sha1',
          utf8('passwordPASSWORDpassword'),
          utf8('saltSALTsaltSALTsaltSALTsaltSALTsalt'),
          4096,
          25,
        ),
      ).to.deep.equal(hex('3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038'));
      for (const [iterations, length] of [
        [0, 32],
        [1.5, 32],
        [1, 0],
        [2 ** 31, 32],
      ] as const) {
        const stretch = () => crypto.pbkdf2('sha256', utf8('x'), utf8('y'), iterations, length);
        expect(codeThrownBy(stretch), `${iterations} ${length}`).to.equal('INVALID_CONFIG');
      }
    });

    it('X25519 (RFC 7748 §5.2)', () => {
      expect(
        crypto
          .x25519KeyPair(hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'))
          .agree(hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c')),
      ).to.deep.equal(hex('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'));
      const nine = hex(`09${'00'.repeat(31)}`);
      expect(crypto.x25519KeyPair(nine).agree(nine)).to.deep.equal(
        hex('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079'),
      );
    });

    it('AES-CBC without padding (SP 800-38A §F.2)', () => {
      const iv = hex('000102030405060708090a0b0c0d0e0f');
      const plaintext = hex('6bc1bee22e409f96e93d7e117393172a');
      for (const [key, ciphertext] of [
        ['2b7e151628aed2a6abf7158809cf4f3c', '7649abac8119b246cee98e9b12e9197d'],
        ['8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b', '4f021db243bc633d7178183a9fa071e8'],
        [
          '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
          'f58c4c04d6e5f1ba779eabfb5f7bfbd6',
        ],
      ] as const) {
        expect(crypto.aesCbcEncrypt(hex(key), iv, plaintext)).to.deep.equal(hex(ciphertext));
        expect(crypto.aesCbcDecrypt(hex(key), iv, hex(ciphertext))).to.deep.equal(plaintext);
      }
      const key = bytesOf(32, 1);
      expect(crypto.aesCbcDecrypt(key, iv, new Uint8Array(0))).to.deep.equal(new Uint8Array(0));
      for (const damaged of [
        () => crypto.aesCbcDecrypt(key, iv, bytesOf(17, 0)),
        () => crypto.aesCbcDecrypt(key, bytesOf(12, 0), plaintext),
        () => crypto.aesCbcEncrypt(bytesOf(20, 0), iv, plaintext),
      ]) {
        expect(codeThrownBy(damaged)).to.equal('INVALID_CERTIFICATE');
      }
    });

    it('AES-256-CTR: nonce ‖ 32 zero bits, counted up, through AES-256-ECB', () => {
      fc.assert(
        fc.property(exactly(32), exactly(12), bytes(100), (key, nonce, input) => {
          const stream: Uint8Array[] = [];
          for (let block = 0; block * 16 < input.length; block++) {
            const ecb = createCipheriv('aes-256-ecb', key, null);
            stream.push(ecb.update(concat([nonce, Uint8Array.of(0, 0, 0, block)])));
          }
          const keyStream = concat(stream);
          const output = new Uint8Array(input.length);
          crypto.streamCipher('aes-256-gcm', key).apply(nonce, input, output);
          expect(output).to.deep.equal(input.map((byte, index) => byte ^ keyStream[index]!));
        }),
        runs,
      );
    });

    it('ChaCha20: block 0 of RFC 8439 §A.1, and §2.4.2 behind a block of zeros', () => {
      const zeros = new Uint8Array(64);
      const stream = new Uint8Array(64);
      crypto.streamCipher('chacha20-poly1305', bytesOf(32, 0)).apply(bytesOf(12, 0), zeros, stream);
      expect(stream).to.deep.equal(
        hex(`76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7
             da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586`),
      );
      // The example starts at block 1, the interface at block 0.
      const key = Uint8Array.from({ length: 32 }, (_, index) => index);
      const sunscreen = utf8(
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
      );
      const output = new Uint8Array(64 + sunscreen.length);
      const cipher = crypto.streamCipher('chacha20-poly1305', key);
      cipher.apply(hex('000000000000004a00000000'), concat([zeros, sunscreen]), output);
      expect(output.subarray(64)).to.deep.equal(
        hex(`6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357
             1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736
             5af90bbf74a35be6b40b8eedf2785e42874d`),
      );
    });

    it('equal() and randomBytes()', () => {
      expect(crypto.equal(hex('0102'), hex('0102'))).to.equal(true);
      expect(crypto.equal(hex('0102'), hex('0103'))).to.equal(false);
      expect(crypto.equal(hex('0102'), hex('010200'))).to.equal(false);
      expect(crypto.equal(hex(''), hex(''))).to.equal(true);
      // More than one call of getRandomValues() may give; the last byte must have been reached too.
      const many = crypto.randomBytes(200_000);
      expect(many).to.have.length(200_000);
      expect(new Set(many.subarray(-1000)).size).to.be.above(200);
      expect(crypto.randomBytes(32)).not.to.deep.equal(crypto.randomBytes(32));
      expect(codeThrownBy(() => crypto.randomBytes(-1))).to.equal('INVALID_CONFIG');
    });
  });
}
