import { expect } from 'chai';
import fc from 'fast-check';
import { concat, utf8 } from '../../../lib/base/bytes.js';
import { contextTag, DerReader, der, readDer, readSequence, tags } from '../../../lib/base/der.js';
import { SealwireError } from '../../../lib/base/errors.js';
import { maxIterationsPerFile } from '../../../lib/certificate/file/passphrase.js';
import { sealPbes2 } from '../../../lib/certificate/file/pbes2.js';
import { readPfx, writePfx } from '../../../lib/certificate/file/pfx.js';
import { writeMacData } from '../../../lib/certificate/file/pfx-mac.js';
import { readPrivateKey } from '../../../lib/certificate/file/pkcs8.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { CryptoProvider } from '../../../lib/crypto/provider.js';
import { backends } from '../../crypto/backends.js';
import { refusal } from '../../support/refusal.js';
import { requireProgram } from '../../support/requirements.js';
import {
  authenticatedSafe,
  certificateBag,
  dataInfo,
  keyBag,
  pfxFile,
  pfxPassphrase,
  safeBag,
} from '../pfx-file.js';
import { ProgramFolder } from '../program-folder.js';

describe('PFX files that are damaged or made to harm', () => {
  const crypto = nodeCrypto;
  const passphrase = pfxPassphrase;
  const bag = keyBag(nodeCrypto.generateKeyPair('ed25519'));
  const authSafe = authenticatedSafe(bag);
  const open = (bytes: Uint8Array) => () => readPfx(crypto, bytes, passphrase);

  it('PBMAC1 must state a key length of 20 to 64 bytes (RFC 9579)', () => {
    for (const keyLength of [20, 32, 64])
      expect(open(pfxFile(authSafe, { keyLength }))().keys).to.have.length(1);
    for (const keyLength of [0, 1, 19, 65, 2 ** 31 - 1]) {
      expect(
        refusal('INVALID_CERTIFICATE', open(pfxFile(authSafe, { keyLength, macKeyLength: 32 }))),
      ).to.match(/key length/);
    }
    expect(refusal('INVALID_CERTIFICATE', open(pfxFile(authSafe, {})))).to.match(/key length/);
  });

  it('opens a file whose writer took the empty passphrase for no bytes at all, as Azure does', () => {
    // RFC 7292 appendix B.2 by hand: one iteration, D = 64 × 03, S = the 8-byte salt 8 times, P = nothing or 00 00.
    const salt = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    for (const password of [new Uint8Array(0), new Uint8Array(64)]) {
      const repeated = concat(new Array<Uint8Array>(8).fill(salt));
      const key = crypto.hash('sha256', concat([new Uint8Array(64).fill(3), repeated, password]));
      const sha256 = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), der.null());
      const mac = der.octetString(crypto.hmac('sha256', key, authSafe));
      const file = der.sequence(
        der.integer(3),
        dataInfo(authSafe),
        der.sequence(der.sequence(sha256, mac), der.octetString(salt)),
      );
      expect(readPfx(crypto, file, '').keys).to.have.length(1);
      refusal('PFX_PASSPHRASE', () => readPfx(crypto, file, '1'));
      refusal('PFX_PASSPHRASE', () => readPfx(crypto, file, passphrase));
    }
  });

  it('bounds the iterations of PBMAC1 and of the MAC of RFC 7292', () => {
    const pbmac1 = pfxFile(authSafe, { keyLength: 32, iterations: 2_000_001 });
    expect(refusal('INVALID_CERTIFICATE', open(pbmac1))).to.match(/2000001 passphrase iterations/);
    const sha256 = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'), der.null());
    const rfc7292 = der.sequence(
      der.integer(3),
      dataInfo(authSafe),
      der.sequence(
        der.sequence(sha256, der.octetString(new Uint8Array(32))),
        der.octetString(new Uint8Array(8)),
        der.integer(2_000_001),
      ),
    );
    expect(refusal('INVALID_CERTIFICATE', open(rfc7292))).to.match(/2000001 passphrase iterations/);
  });

  it('bounds the iterations of all parts together, before they are done', () => {
    const pkcs8 = nodeCrypto.generateKeyPair('ed25519').export();
    const shrouded = (iterations: number): Uint8Array => {
      const derivation = der.sequence(
        der.oid('1.2.840.113549.1.5.12'),
        der.sequence(
          der.octetString(new Uint8Array(8)),
          der.integer(iterations),
          der.sequence(der.oid('1.2.840.113549.2.9'), der.null()),
        ),
      );
      const aes = der.sequence(der.oid('2.16.840.1.101.3.4.1.42'), der.octetString(new Uint8Array(16)));
      const algorithm = der.sequence(der.oid('1.2.840.113549.1.5.13'), der.sequence(derivation, aes));
      const key = crypto.pbkdf2('sha256', utf8(passphrase), new Uint8Array(8), Math.min(iterations, 7), 32);
      const padding = 16 - (pkcs8.length % 16);
      const padded = concat([pkcs8, new Uint8Array(padding).fill(padding)]);
      const ciphertext = crypto.aesCbcEncrypt(key, new Uint8Array(16), padded);
      return safeBag(2, der.sequence(algorithm, der.octetString(ciphertext)));
    };
    // Counts what is asked of the backend, and does next to nothing of it.
    let asked = 0;
    const idle: CryptoProvider = {
      ...crypto,
      pbkdf2(name, password, salt, iterations, length) {
        if (iterations > 1) asked += iterations;
        return crypto.pbkdf2(name, password, salt, Math.min(iterations, 7), length);
      },
    };
    const bags = (count: number, iterations: number): Uint8Array =>
      pfxFile(authenticatedSafe(...new Array<Uint8Array>(count).fill(shrouded(iterations))));
    const each = Math.floor((maxIterationsPerFile - 1) / 4);
    expect(readPfx(idle, bags(4, each), passphrase).keys).to.have.length(4);
    expect(asked).to.equal(4 * each);
    asked = 0;
    const tooMany = () => readPfx(idle, bags(256, 2_000_000), passphrase);
    expect(refusal('INVALID_CERTIFICATE', tooMany)).to.match(
      /more than 6000000 passphrase iterations together/,
    );
    expect(asked).to.be.at.most(maxIterationsPerFile);
  });

  it('bounds the number of bags and their nesting', () => {
    const nested = (levels: number): Uint8Array =>
      levels === 0 ? bag : safeBag(6, der.sequence(nested(levels - 1)));
    const withBags = (...bags: Uint8Array[]) => open(pfxFile(authenticatedSafe(...bags)));
    expect(withBags(nested(3))().keys).to.have.length(1);
    expect(refusal('INVALID_CERTIFICATE', withBags(nested(4)))).to.match(/nesting/);
    expect(withBags(...new Array<Uint8Array>(256).fill(bag))().keys).to.have.length(256);
    expect(refusal('INVALID_CERTIFICATE', withBags(...new Array<Uint8Array>(257).fill(bag)))).to.match(
      /more than 256 objects/,
    );
    expect(refusal('INVALID_CERTIFICATE', open(new Uint8Array(256 * 1024 + 1)))).to.match(/larger than/);
  });

  it('passes over CRLs, secrets and attributes that it does not know', () => {
    const secret = safeBag(5, der.null());
    const unknown = der.sequence(der.oid('1.2.3.4'), der.set(der.null()));
    const named = safeBag(1, nodeCrypto.generateKeyPair('p256').export(), unknown);
    const contents = open(pfxFile(authenticatedSafe(secret, named)))();
    expect(contents.keys).to.have.length(1);
    expect(Object.keys(contents.keys[0]!)).to.deep.equal(['pkcs8']);
  });

  it('takes the terminating zero of Windows off a name', () => {
    const key = nodeCrypto.generateKeyPair('p256');
    const { keys } = open(pfxFile(authenticatedSafe(keyBag(key, 'arena\0'), keyBag(key, '\u0430\u0440'))))();
    expect(keys.map(({ friendlyName }) => friendlyName)).to.deep.equal(['arena', '\u0430\u0440']);
  });

  it('bounds names: one that is longer than any is malformed, whatever is in it', () => {
    const key = nodeCrypto.generateKeyPair('p256');
    const named = (name: string) => open(pfxFile(authenticatedSafe(keyBag(key, name))));
    expect(named(`${'x'.repeat(255)}\0`)().keys[0]!.friendlyName).to.equal('x'.repeat(255));
    const long = `${'\0'.repeat(100_000)}x`;
    const before = performance.now();
    expect(refusal('INVALID_CERTIFICATE', named(long))).to.match(/a name/);
    // Taking zeros off the end of this one by the obvious expression takes seconds.
    expect(performance.now() - before).to.be.below(1000);
  });

  it('takes bytes as Buffers, and gives copies: what is wiped later is not the file', () => {
    const file = Buffer.from(pfxFile(authenticatedSafe(bag, certificateBag(utf8('certificate')))));
    const before = Buffer.from(file);
    const { keys, certificates } = readPfx(crypto, file, passphrase);
    for (const { pkcs8 } of keys) pkcs8.fill(0);
    for (const certificate of certificates) certificate.fill(0);
    expect(file).to.deep.equal(before);
  });

  it('refuses what is no PFX file', () => {
    const version4 = der.sequence(der.integer(4), dataInfo(authSafe));
    const signed = der.sequence(der.oid('1.2.840.113549.1.7.2'), der.explicit(0, der.null()));
    expect(refusal('INVALID_CERTIFICATE', open(version4))).to.match(/version 3/);
    expect(refusal('INVALID_CERTIFICATE', open(der.sequence(der.integer(3), signed)))).to.match(/public key/);
    expect(refusal('INVALID_CERTIFICATE', open(der.sequence(der.integer(3), dataInfo(authSafe))))).to.match(
      /no MAC/,
    );
    for (const bytes of [new Uint8Array(0), utf8('-----BEGIN CERTIFICATE-----'), der.octetString(authSafe)])
      expect(refusal('INVALID_CERTIFICATE', open(bytes))).to.match(/no PFX file: pass the bytes/);
    for (const keystore of [Uint8Array.of(0xfe, 0xed, 0xfe, 0xed), Uint8Array.of(0xce, 0xce, 0xce, 0xce)])
      expect(refusal('INVALID_CERTIFICATE', open(keystore))).to.match(
        /Java keystore.*keytool -importkeystore/,
      );
  });

  it('refuses every change of one byte under the MAC, and every other one with a code or not at all', () => {
    const good = pfxFile(authSafe);
    const covered = Buffer.from(good).indexOf(authSafe);
    expect(covered).to.be.greaterThan(0);
    for (let index = 0; index < good.length; index++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const changed = good.slice();
        changed[index]! ^= mask;
        let accepted = true;
        try {
          readPfx(crypto, changed, passphrase);
        } catch (error) {
          accepted = false;
          expect(error, `byte ${index}`).to.be.instanceOf(SealwireError);
        }
        const isCovered = index >= covered && index < covered + authSafe.length;
        if (isCovered) expect(accepted, `byte ${index} ^ ${mask}`).to.equal(false);
      }
    }
  });

  it('refuses every change of one byte anywhere in a file of openssl', function () {
    requireProgram(this, 'openssl', 'version');
    const good = ProgramFolder.during((folder) => {
      folder.generateKey('leaf', 'p256');
      folder.certify('leaf');
      // One iteration: the thousand tries below test the format, not PBKDF2.
      folder.openssl(
        ...['pkcs12', '-export', '-in', 'leaf.pem', '-inkey', 'leaf.key', '-iter', '1', '-nomaciter'],
        ...['-passout', `pass:${passphrase}`, '-out', 'made.pfx'],
      );
      return folder.read('made.pfx');
    });
    expect(open(good)().keys).to.have.length(1);
    for (let index = 0; index < good.length; index++) {
      for (const mask of [0x01, 0x80]) {
        const changed = good.slice();
        changed[index]! ^= mask;
        let accepted = true;
        try {
          open(changed)();
        } catch (error) {
          accepted = false;
          expect(error, `byte ${index}`).to.be.instanceOf(SealwireError);
        }
        expect(accepted, `byte ${index} ^ ${mask}`).to.equal(false);
      }
    }
  });

  it('answers any bytes and any cut with a coded error', () => {
    const good = pfxFile(authSafe);
    for (let length = 0; length < good.length; length++)
      refusal('INVALID_CERTIFICATE', open(good.subarray(0, length)));
    refusal('INVALID_CERTIFICATE', open(concat([good, Uint8Array.of(0)])));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        refusal('INVALID_CERTIFICATE', open(bytes));
        refusal('INVALID_CERTIFICATE', open(pfxFile(bytes)));
      }),
      { numRuns: 300 },
    );
  });

  it('answers any change inside the MAC by someone who knows the passphrase with a code or with contents', () => {
    const content = authenticatedSafe(bag, certificateBag(der.null()));
    expect(new DerReader(content).sequence().done).to.equal(false);
    for (let index = 0; index < content.length; index++) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const changed = content.slice();
        changed[index]! ^= mask;
        try {
          open(pfxFile(changed))();
        } catch (error) {
          expect(error, `byte ${index}`).to.be.instanceOf(SealwireError);
        }
      }
    }
  });
});

/** In the freest form that Firefox writes: indefinite lengths, and strings in parts of 100 octets. */
function toBer(bytes: Uint8Array): Uint8Array {
  const { tag, content } = readDer(bytes);
  const mark = new Uint8Array(2);
  if (tag === tags.octetString || tag === contextTag(0, false)) {
    const parts: Uint8Array[] = [];
    for (let offset = 0; offset < content.length; offset += 100)
      parts.push(der.octetString(content.subarray(offset, offset + 100)));
    return concat([Uint8Array.of(tag | 0x20, 0x80), ...parts, mark]);
  }
  if ((tag & 0x20) === 0) return bytes;
  const reader = new DerReader(content);
  const parts: Uint8Array[] = [];
  while (!reader.done) parts.push(toBer(reader.next().bytes));
  return concat([Uint8Array.of(tag, 0x80), ...parts, mark]);
}

/** Like toBer, and what stands in the strings of an AuthenticatedSafe is BER too. */
function safeToBer(safe: Uint8Array): Uint8Array {
  const infos: Uint8Array[] = [];
  const reader = readSequence(safe);
  while (!reader.done) {
    const fields = reader.sequence();
    const oid = fields.expect(tags.oid).bytes;
    const content = readDer(fields.expect(contextTag(0, true)).content);
    const inner = content.tag === tags.octetString ? der.octetString(toBer(content.content)) : content.bytes;
    infos.push(der.sequence(oid, der.explicit(0, inner)));
  }
  return toBer(der.sequence(...infos));
}

describe('PFX files in BER', () => {
  const key = nodeCrypto.generateKeyPair('p256');
  const certificate = der.sequence(der.octetString(new Uint8Array(500).fill(1)));
  const written = writePfx(nodeCrypto, {
    certificates: [certificate],
    privateKey: key,
    passphrase: pfxPassphrase,
  });
  const authSafe = authSafeOf(written);

  function authSafeOf(file: Uint8Array): Uint8Array {
    const fields = readSequence(file);
    fields.expect(tags.integer);
    const contentInfo = fields.sequence();
    contentInfo.expect(tags.oid);
    return readDer(contentInfo.next().content).content;
  }

  function berFile(): Uint8Array {
    const safe = safeToBer(authSafe);
    return toBer(der.sequence(der.integer(3), dataInfo(safe), writeMacData(nodeCrypto, safe, pfxPassphrase)));
  }

  for (const crypto of backends) {
    it(`are read with ${crypto.name}, whatever is written freely in them`, () => {
      const { certificates, keys } = readPfx(crypto, berFile(), pfxPassphrase);
      expect(certificates).to.deep.equal([certificate]);
      expect(keys.map(({ pkcs8 }) => pkcs8)).to.deep.equal([key.export()]);
      refusal('PFX_PASSPHRASE', () => readPfx(crypto, berFile(), 'wrong'));
    });
  }

  it('may be BER in what is encrypted, too', () => {
    const bags = toBer(der.sequence(certificateBag(certificate), keyBag(key)));
    const { algorithm, ciphertext } = sealPbes2(nodeCrypto, bags, pfxPassphrase);
    const info = der.sequence(der.oid('1.2.840.113549.1.7.1'), algorithm, der.implicit(0, ciphertext, false));
    const encryptedData = der.sequence(der.integer(0), info);
    const safe = der.sequence(der.sequence(der.oid('1.2.840.113549.1.7.6'), der.explicit(0, encryptedData)));
    for (const file of [pfxFile(safe), pfxFile(toBer(safe))]) {
      const opened = readPfx(nodeCrypto, file, pfxPassphrase);
      expect(opened.certificates).to.deep.equal([certificate]);
      expect(opened.keys.map(({ pkcs8 }) => pkcs8)).to.deep.equal([key.export()]);
    }
  });

  it('are what openssl takes for PFX files', function () {
    requireProgram(this, 'openssl', 'version');
    ProgramFolder.during((folder) => {
      folder.write('ber.pfx', berFile());
      const args = ['pkcs12', '-in', 'ber.pfx', '-passin', `pass:${pfxPassphrase}`, '-nocerts', '-nodes'];
      expect(folder.openssl(...args)).to.contain('BEGIN PRIVATE KEY');
    });
  });

  it('have their MAC over the octets as they stand', () => {
    const file = berFile();
    const safe = safeToBer(authSafe);
    for (let index = 0; index < safe.length; index += 7) {
      const changed = file.slice();
      // The first part of the string begins with the safe; find each octet of it in the file.
      const at =
        Math.floor(index / 100) * 102 + (index % 100) + Buffer.from(file).indexOf(safe.subarray(0, 50));
      changed[at]! ^= 0x01;
      refusal('PFX_PASSPHRASE', () => readPfx(fast, changed, pfxPassphrase), `octet ${index}`);
    }
  });

  it('have keys and certificates in DER all the same', () => {
    const ber = toBer(key.export());
    const opened = readPfx(nodeCrypto, pfxFile(authenticatedSafe(certificateBag(ber))), pfxPassphrase);
    expect(opened.certificates).to.deep.equal([ber]);
    refusal('INVALID_CERTIFICATE', () => readPrivateKey(nodeCrypto, ber, undefined));
    refusal('INVALID_CERTIFICATE', () => parseCertificate(ber));
  });
});

/** The MAC of {@link writePfx} asks for 20,000 rounds; a hundred wrong ones need not all take that long. */
const fast: CryptoProvider = {
  ...nodeCrypto,
  iterateHash: (() => {
    const known = new Map<string, Uint8Array>();
    return (name, data, rounds) => {
      const asked = `${name} ${rounds} ${data}`;
      const digest = known.get(asked) ?? nodeCrypto.iterateHash(name, data, rounds);
      known.set(asked, digest);
      return digest.slice();
    };
  })(),
};
