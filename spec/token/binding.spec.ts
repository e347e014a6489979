import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { expect } from 'chai';
import { calculateJwkThumbprint } from 'jose';
import { SealwireError } from '../../lib/base/errors.js';
import {
  bindingKey,
  certificateThumbprint,
  checkBinding,
  prove,
  provedKey,
} from '../../lib/token/binding.js';
import { backends } from '../crypto/backends.js';

for (const crypto of backends) {
  describe(`a token that is bound (${crypto.name})`, () => {
    const key = bindingKey(crypto);
    const exported = randomBytes(32);
    const proof = prove(crypto, key, exported, 'the token');

    it('names the key by its RFC 7638 thumbprint', async () => {
      const x = Buffer.from(proof.publicKey).toString('base64url');
      const thumbprint = await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x });
      expect(provedKey(crypto, proof, exported, 'the token')).to.equal(thumbprint);
    });

    it('is proved by a signature that anybody can check', () => {
      const publicKey = createPublicKey({ key: Buffer.from(key.publicKey), format: 'der', type: 'spki' });
      const said = Buffer.concat([
        Buffer.from('sealwire, token binding\0'),
        exported,
        Buffer.from(crypto.hash('sha256', Buffer.from('the token'))),
      ]);
      expect(verify(null, said, publicKey, proof.signature)).to.equal(true);
    });

    it('is proved for this connection, this token and this key alone', () => {
      expect(provedKey(crypto, proof, randomBytes(32), 'the token')).to.equal(undefined);
      expect(provedKey(crypto, proof, exported, 'another token')).to.equal(undefined);
      const stranger = bindingKey(crypto);
      const mixed = { ...proof, publicKey: prove(crypto, stranger, exported, '').publicKey };
      expect(provedKey(crypto, mixed, exported, 'the token')).to.equal(undefined);
      for (let bit = 0; bit < 8 * 64; bit += 37) {
        const signature = Uint8Array.from(proof.signature);
        signature[bit >> 3]! ^= 1 << (bit & 7);
        expect(provedKey(crypto, { ...proof, signature }, exported, 'the token')).to.equal(undefined);
      }
      for (const publicKey of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33), new Uint8Array(32)])
        expect(provedKey(crypto, { ...proof, publicKey }, exported, 'the token')).to.equal(undefined);
    });

    it('is refused to whoever has proved another key, another certificate, or nothing', () => {
      const mine = provedKey(crypto, proof, exported, 'the token')!;
      const certificate = certificateThumbprint(crypto, Uint8Array.of(1, 2, 3));
      const nothing = { key: undefined, certificate: undefined };
      checkBinding(undefined, nothing);
      checkBinding({ jkt: mine }, { key: mine, certificate: undefined });
      checkBinding({ 'x5t#S256': certificate }, { key: undefined, certificate });
      for (const [confirmation, proved] of [
        [{ jkt: mine }, nothing],
        [{ jkt: mine }, { key: certificate, certificate: mine }],
        [{ 'x5t#S256': certificate }, nothing],
        [{ 'x5t#S256': certificate }, { key: certificate, certificate: undefined }],
      ] as const) {
        expect(() => checkBinding(confirmation, proved))
          .to.throw(SealwireError)
          .with.property('code', 'TOKEN_NOT_BOUND');
      }
    });
  });
}
