import { expect } from 'chai';
import { issueCertificate } from '../../../lib/certificate/issue/issue.js';
import { pinPublicKey } from '../../../lib/certificate/trust/pin.js';
import { checkServerCertificate } from '../../../lib/certificate/trust/validator.js';
import { publicKeyHash, publicKeyPin } from '../../../lib/certificate/x509/fingerprint.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireProgram } from '../../support/requirements.js';
import { codeOf } from '../../support/settled.js';
import { ProgramFolder, programKeyKinds } from '../program-folder.js';
import { fromPem, type Made, make, makeCa, newKey, now } from '../workshop.js';

const leaf = make({ key: newKey() });
const hash = publicKeyHash(nodeCrypto, parseCertificate(leaf.der));
const hex = Buffer.from(hash).toString('hex');
const base64 = Buffer.from(hash).toString('base64');
const colons = hex.toUpperCase().match(/../g)!.join(':');

async function outcome(pins: readonly (string | Uint8Array)[], chain: readonly Made[]): Promise<string> {
  const check = {
    crypto: nodeCrypto,
    chain: chain.map(({ der }) => der),
    roots: [],
    hostname: 'arena.example',
    time: now,
    validate: pinPublicKey(nodeCrypto, ...pins),
  };
  return codeOf((async () => checkServerCertificate(check))());
}

describe('a pinned public key', () => {
  it('is written in any of the usual ways', async () => {
    const spellings = [
      `sha256/${base64}`,
      `sha256//${base64}`,
      base64,
      ` ${base64}\n`,
      hex,
      hex.toUpperCase(),
      colons,
      colons.toLowerCase(),
      hash,
      Buffer.from(hash),
    ];
    for (const pin of spellings) {
      expect(await outcome([pin], [leaf]), String(pin)).to.equal('answered');
      expect(await outcome([pin], [make({ key: newKey() })]), String(pin)).to.equal('CERTIFICATE_REJECTED');
    }
  });

  it('may begin with a slash, which base64 has as well', () => {
    for (let octet = 0; octet < 256; octet++) {
      const bytes = new Uint8Array(32).fill(octet);
      const text = Buffer.from(bytes).toString('base64');
      const crypto = { ...nodeCrypto, hash: () => bytes };
      for (const pin of [text, `sha256/${text}`, `sha256//${text}`]) {
        expect(pinPublicKey(crypto, pin)([parseCertificate(leaf.der)], '', {} as never), pin).to.equal(true);
      }
      refusal('INVALID_CONFIG', () => pinPublicKey(crypto, `sha256///${text}`));
    }
  });

  it('is one of several, so that a key can be changed', async () => {
    const next = make({ key: newKey() });
    const pins = [leaf, next].map(({ der }) => publicKeyPin(nodeCrypto, parseCertificate(der)));
    for (const pinned of [leaf, next]) expect(await outcome(pins, [pinned])).to.equal('answered');
    expect(await outcome(pins, [make({ key: newKey() })])).to.equal('CERTIFICATE_REJECTED');
  });

  it('stays when the certificate is renewed for the same key, and needs no date, name or root', async () => {
    const past = new Date('2001-01-01T00:00:00Z');
    const renewed = make({ subject: 'another name', key: leaf.key, notBefore: past, notAfter: past });
    expect(renewed.der).not.to.deep.equal(leaf.der);
    expect(await outcome([hex], [renewed])).to.equal('answered');
  });

  it('is looked for in the leaf alone: anybody can append a certificate that is public', async () => {
    const stranger = make({ key: newKey() });
    expect(await outcome([hex], [stranger, leaf])).to.equal('CERTIFICATE_REJECTED');
    expect(await outcome([hex], [stranger, stranger, leaf])).to.equal('CERTIFICATE_REJECTED');
    expect(await outcome([hex], [leaf, stranger])).to.equal('answered');
    // Nor does the pin of an authority let in whatever has its certificate behind it, issued by it or not.
    const root = makeCa({ subject: 'root' });
    const pinOfRoot = publicKeyPin(nodeCrypto, parseCertificate(root.der));
    const issued = make({ issuer: root, key: newKey() });
    expect(await outcome([pinOfRoot], [issued, root])).to.equal('CERTIFICATE_REJECTED');
  });

  it('is not the fingerprint of the certificate', async () => {
    expect(await outcome([nodeCrypto.hash('sha256', leaf.der)], [leaf])).to.equal('CERTIFICATE_REJECTED');
  });

  it('is kept as it was given', async () => {
    const bytes = Uint8Array.from(hash);
    const validate = pinPublicKey(nodeCrypto, bytes);
    bytes.set(publicKeyHash(nodeCrypto, parseCertificate(make({ key: newKey() }).der)));
    const context = { time: now, purpose: 'server', validateDefault: () => false } as never;
    expect(validate([parseCertificate(leaf.der)], '', context)).to.equal(true);
    expect(validate([], '', context)).to.equal(false);
  });

  it('is refused at once when it can be none, with how to compute one', () => {
    const bad: readonly unknown[] = [
      '',
      'sha256/',
      hex.slice(1),
      `${hex}00`,
      `0x${hex}`,
      `sha256/${hex}`,
      `sha1/${base64}`,
      base64.slice(0, -1),
      `${colons}:`,
      colons.replace(':', ''),
      base64.replace('=', ''),
      Buffer.from(hash.subarray(1)).toString('base64'),
      hash.subarray(1),
      new Uint8Array(33),
      'C:\\pins\\server.txt',
      undefined,
      null,
      42,
      {},
      [hex],
      new Uint16Array(16),
    ];
    for (const pin of bad) {
      const message = refusal('INVALID_CONFIG', () => pinPublicKey(nodeCrypto, pin as string), String(pin));
      expect(message).to.include('pin 1 ').and.to.include('openssl x509').and.to.include('publicKeyPin');
      expect(refusal('INVALID_CONFIG', () => pinPublicKey(nodeCrypto, hex, pin as string))).to.include(
        'pin 2 ',
      );
    }
    expect(refusal('INVALID_CONFIG', () => pinPublicKey(nodeCrypto))).to.include('one pin or more');
  });

  it('is what the commands in that message print', function () {
    this.timeout(20_000);
    requireProgram(this, 'openssl', 'version');
    const commands = /"(openssl x509 .*)"$/.exec(
      refusal('INVALID_CONFIG', () => pinPublicKey(nodeCrypto)),
    )![1]!;
    ProgramFolder.during((folder) => {
      for (const kind of programKeyKinds) {
        folder.generateKey('cert', kind);
        folder.certify('cert');
        const printed = folder.run('sh', '-c', commands).trim();
        const certificate = parseCertificate(fromPem(folder.text('cert.pem')));
        for (const crypto of backends) {
          expect(publicKeyPin(crypto, certificate), `${kind}, ${crypto.name}`).to.equal(`sha256/${printed}`);
          expect(() => pinPublicKey(crypto, printed)).not.to.throw();
        }
      }
    });
  });

  it('can be had of what our issuer makes, of every kind of key', async () => {
    for (const keyKind of ['p256', 'p384', 'ed25519'] as const) {
      const { certificate } = issueCertificate(nodeCrypto, { commonName: 'pinned', keyKind });
      const [pin, again] = backends.map((crypto) => publicKeyPin(crypto, parseCertificate(certificate)));
      expect(pin)
        .to.equal(again)
        .and.to.match(/^sha256\/[A-Za-z0-9+/]{43}=$/);
    }
  });
});
