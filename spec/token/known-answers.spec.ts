// The known answers of token-proof.json: what the reference signed is taken here, and what is signed here is the same.

import { expect } from 'chai';
import { Exporter } from '../../lib/handshake/key-schedule.js';
import { bindingBytes, bindingLabel, prove, provedKey } from '../../lib/token/binding.js';
import { backends } from '../crypto/backends.js';
import { proofFits, type TokenProof } from '../reference/token-proof.js';
import { fromHex, vectors } from '../support/vectors.js';

interface TokenProofVectors {
  privateKey: string;
  publicKey: string;
  thumbprint: string;
  exporterSecret: string;
  label: string;
  exported: string;
  proofs: { token: string; signature: string }[];
}

describe('known answers: the proof of a key', () => {
  const known = vectors<TokenProofVectors>('token-proof');
  const exported = fromHex(known.exported);

  for (const crypto of backends) {
    it(`is made and checked as the reference does (${crypto.name})`, () => {
      expect(known.label).to.equal(bindingLabel);
      const exporter = new Exporter(crypto, fromHex(known.exporterSecret));
      expect(exporter.export(bindingLabel, bindingBytes, new Uint8Array(0))).to.deep.equal(exported);
      const pkcs8 = fromHex(`302e020100300506032b657004220420${known.privateKey}`);
      const key = crypto.importPrivateKey(pkcs8);
      for (const { token, signature } of known.proofs) {
        const proof: TokenProof = prove(crypto, key, exported, token);
        expect(proof).to.deep.equal({ publicKey: fromHex(known.publicKey), signature: fromHex(signature) });
        expect(provedKey(crypto, proof, exported, token)).to.equal(known.thumbprint);
        expect(proofFits(proof, exported, token)).to.equal(true);
        expect(proofFits(proof, exported, `${token}x`)).to.equal(false);
      }
    });
  }
});
