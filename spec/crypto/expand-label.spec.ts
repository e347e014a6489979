// HKDF-Expand-Label against a second computation: node's own HKDF, and a HkdfLabel put together by hand.
// hkdfSync() extracts and expands in one go, so the secret is an extracted key whose salt and material are known.

import { createHmac, hkdfSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { deriveSecret, expandLabel } from '../../lib/crypto/expand-label.js';
import { backends, bytesOf, codeThrownBy, hex } from './backends.js';

const salt = bytesOf(32, 0x51);
const material = bytesOf(48, 0x2a);
const secret: Uint8Array = createHmac('sha256', salt).update(material).digest();

for (const crypto of backends) {
  describe(`expandLabel on ${crypto.name}`, () => {
    it('encodes HkdfLabel as u16 length ‖ u8 label ‖ u8 context, with "sealwire1 " before the label', () => {
      fc.assert(
        fc.property(
          fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme-ascii' }),
          fc.uint8Array({ maxLength: 255 }),
          fc.integer({ min: 1, max: 600 }),
          (label, context, length) => {
            const name = Buffer.from(`sealwire1 ${label}`, 'ascii');
            const info = Buffer.alloc(2 + 1 + name.length + 1 + context.length);
            info.writeUInt16BE(length, 0);
            info.writeUInt8(name.length, 2);
            name.copy(info, 3);
            info.writeUInt8(context.length, 3 + name.length);
            info.set(context, 4 + name.length);
            const expected = new Uint8Array(hkdfSync('sha256', material, salt, info, length));
            expect(expandLabel(crypto, secret, label, context, length)).to.deep.equal(expected);
          },
        ),
        { numRuns: 60 },
      );
    });

    it('gives the known bytes of one written-out HkdfLabel', () => {
      // u16 16 ‖ u8 13 "sealwire1 key" ‖ u8 0
      const info = hex('0010 0d 7365616c7769726531206b6579 00');
      const expected = new Uint8Array(hkdfSync('sha256', material, salt, info, 16));
      expect(expandLabel(crypto, secret, 'key', new Uint8Array(0), 16)).to.deep.equal(expected);
    });

    it('derives 32 bytes bound to label and transcript', () => {
      const transcript = crypto.hash('sha256', bytesOf(3, 1));
      const derived = deriveSecret(crypto, secret, 'c hs traffic', transcript);
      expect(derived).to.deep.equal(expandLabel(crypto, secret, 'c hs traffic', transcript, 32));
      expect(derived).to.have.length(32);
      expect(derived).not.to.deep.equal(deriveSecret(crypto, secret, 's hs traffic', transcript));
      expect(derived).not.to.deep.equal(deriveSecret(crypto, secret, 'c hs traffic', bytesOf(32, 0)));
    });

    it('refuses labels and contexts whose length does not fit its byte', () => {
      const none = new Uint8Array(0);
      expect(expandLabel(crypto, secret, 'x'.repeat(245), bytesOf(255, 1), 32)).to.have.length(32);
      expect(codeThrownBy(() => expandLabel(crypto, secret, 'x'.repeat(246), none, 32))).to.equal(
        'INVALID_CONFIG',
      );
      expect(codeThrownBy(() => expandLabel(crypto, secret, 'x', bytesOf(256, 1), 32))).to.equal(
        'INVALID_CONFIG',
      );
      expect(codeThrownBy(() => expandLabel(crypto, secret, 'x', none, 255 * 32 + 1))).to.equal(
        'INVALID_CONFIG',
      );
    });
  });
}
