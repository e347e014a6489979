// Writes the files of this folder anew, from spec/reference: run by hand, `node dist/spec/vectors/generate.js`, in
// the root of the repository. The keys are those of identities.json. A stored signature is kept as long as it is
// still right, so that nothing changes where nothing has to; otherwise it is made anew.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { signContent, signatureFits } from '../reference/signature.js';
import { type Identities, type Identity, makeVectors } from '../reference/vectors.js';

const folder = resolve('spec', 'vectors');
const identities = JSON.parse(readFileSync(resolve(folder, 'identities.json'), 'utf8')) as Identities;

const files = makeVectors(identities, storedSignatureOrNew);
for (const [name, content] of Object.entries(files)) {
  writeFileSync(resolve(folder, name), `${JSON.stringify(content, null, 2)}\n`);
}

function storedSignatureOrNew(file: string, identity: Identity, content: Uint8Array): Uint8Array {
  const path = resolve(folder, file);
  if (existsSync(path)) {
    const stored = JSON.parse(readFileSync(path, 'utf8')) as StoredHandshake;
    const signature = Buffer.from(stored.inputs.certificate.signature, 'hex');
    if (signatureFits(Buffer.from(identity.chain[0]!, 'hex'), signature, content)) return signature;
  }
  return signContent(Buffer.from(identity.privateKey, 'hex'), content);
}

interface StoredHandshake {
  inputs: { certificate: { signature: string } };
}
