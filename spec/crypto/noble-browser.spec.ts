// The noble backend in a browser's shoes: bundled without node's modules, and run where the only thing of WebCrypto is
// getRandomValues(), as on a page that came by plain http://.

import { resolve } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { expect } from 'chai';
import { build } from 'esbuild';
import { nodeCrypto } from '../../lib/crypto/node.js';

describe('noble in a browser', () => {
  it('bundles without node: modules, and signs, seals and verifies without WebCrypto’s subtle', async function () {
    this.timeout(20_000);
    const { outputFiles, metafile } = await build({
      entryPoints: [resolve('lib/crypto/noble.ts')],
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'backend',
      write: false,
      minify: true,
      metafile: true,
    });
    const inputs = Object.keys(metafile.inputs);
    expect(inputs.some((input) => input.endsWith('lib/crypto/noble.ts'))).to.equal(true);
    expect(inputs.filter((input) => input.includes('crypto/node'))).to.deep.equal([]);

    const page = createContext({
      crypto: { getRandomValues: (bytes: Uint8Array) => globalThis.crypto.getRandomValues(bytes) },
      TextEncoder,
      TextDecoder,
    });
    const run = <Value>(code: string): Value => runInContext(code, page) as Value;
    run(outputFiles[0]!.text);
    expect(run('typeof crypto.subtle')).to.equal('undefined');
    const [publicKey, signature] = run<number[][]>(`
      const crypto1 = backend.nobleCrypto;
      const key = crypto1.generateKeyPair('p256');
      [Array.from(key.publicKey), Array.from(key.sign('ecdsa-p256-sha256', Uint8Array.of(1, 2, 3)))]`);
    const message = Uint8Array.of(1, 2, 3);
    expect(
      nodeCrypto.verify(
        'ecdsa-p256-sha256',
        Uint8Array.from(publicKey!),
        message,
        Uint8Array.from(signature!),
      ),
    ).to.equal(true);
    const sealed = run<number[]>(`
      const output = new Uint8Array(19);
      crypto1.aead('chacha20-poly1305', new Uint8Array(32)).seal(new Uint8Array(12), new Uint8Array(0), Uint8Array.of(1, 2, 3), output);
      Array.from(output)`);
    const opened = new Uint8Array(3);
    const aead = nodeCrypto.aead('chacha20-poly1305', new Uint8Array(32));
    expect(aead.open(new Uint8Array(12), new Uint8Array(0), Uint8Array.from(sealed), opened)).to.equal(true);
    expect(opened).to.deep.equal(message);
    expect(run('crypto1.randomBytes(100000).length')).to.equal(100_000);
  });

  it('says what to do where there is no source of randomness', async function () {
    this.timeout(20_000);
    const { outputFiles } = await build({
      entryPoints: [resolve('lib/crypto/noble.ts')],
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'backend',
      write: false,
    });
    const page = createContext({ TextEncoder, TextDecoder });
    runInContext(outputFiles[0]!.text, page);
    const code = runInContext(
      'try { backend.nobleCrypto.randomBytes(1) } catch (error) { error.code }',
      page,
    );
    expect(code).to.equal('INVALID_CONFIG');
  });
});
