import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import { issueCertificate } from '../../../lib/certificate/issue/issue.js';
import type { ValidationResult } from '../../../lib/certificate/path/path.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { CryptoProvider } from '../../../lib/crypto/provider.js';
import { expectPath, expectReason, validate } from '../verdict.js';
import {
  altNames,
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  keyIdentifier,
  keyUsage,
  type Made,
  make,
  makeCa,
  newKey,
  now,
  oids,
  type Shape,
} from '../workshop.js';

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyPurpose = '2.5.29.37.0';
const hour = 3600 * 1000;

/** Counts signature checks, and lets them take as long as they take. */
function counting(): { crypto: CryptoProvider; count: () => number } {
  let checks = 0;
  const verify: CryptoProvider['verify'] = (...args) => {
    checks++;
    return nodeCrypto.verify(...args);
  };
  return { crypto: Object.assign(Object.create(nodeCrypto), { verify }), count: () => checks };
}

describe('certification paths', () => {
  const root = makeCa({ subject: 'root' });
  const middle = makeCa({ subject: 'middle', issuer: root });
  const leafOf = (issuer: Made, shape: Shape = {}): Made =>
    make({ subject: 'a.example', issuer, extensions: [altNames('a.example')], ...shape });

  describe('are found', () => {
    it('straight to the root', () => {
      const leaf = leafOf(root);
      expectPath(validate(leaf, [], [root]), leaf, root);
    });

    it('over intermediates in any order, past those that are not needed', () => {
      const lower = makeCa({ subject: 'lower', issuer: middle });
      const leaf = leafOf(lower);
      const stranger = makeCa({ subject: 'lower' });
      expectPath(validate(leaf, [root, stranger, middle, lower], [root]), leaf, lower, middle, root);
    });

    it('to an intermediate that is given as a root', () => {
      const leaf = leafOf(middle);
      expectPath(validate(leaf, [root], [middle]), leaf, middle);
    });

    it('for a self-signed certificate that is pinned as its own root', () => {
      const pinned = make({
        subject: 'a.example',
        extensions: [basicConstraints(false), altNames('a.example')],
      });
      expectPath(validate(pinned, [], [pinned], { hostname: 'a.example' }), pinned);
      expectReason(validate(pinned, [], [root]), 'untrusted');
      expectReason(validate(pinned, [], [pinned], { hostname: 'b.example' }), 'name-mismatch');
    });

    it('with inputs that are read already, and with unreadable intermediates beside them', () => {
      const leaf = leafOf(middle);
      const result = validate(leaf, [], [], {
        leaf: parseCertificate(leaf.der),
        intermediates: [Uint8Array.of(1, 2, 3), parseCertificate(middle.der)],
        roots: [parseCertificate(root.der)],
      });
      expectPath(result, leaf, middle, root);
    });

    it('around an expired alternative, whichever comes first', () => {
      const key = newKey();
      const old = makeCa({ subject: 'm', issuer: root, key, notAfter: new Date(now.getTime() - hour) });
      const renewed = makeCa({ subject: 'm', issuer: root, key });
      const leaf = leafOf(renewed);
      expectPath(validate(leaf, [old, renewed], [root]), leaf, renewed, root);
      expectPath(validate(leaf, [renewed, old], [root]), leaf, renewed, root);
    });

    it('around CAs that certify each other', () => {
      const [keyA, keyB] = [newKey(), newKey()];
      const a = makeCa({ subject: 'A', key: keyA });
      const b = makeCa({ subject: 'B', key: keyB });
      const aByB = makeCa({ subject: 'A', key: keyA, issuer: b });
      const bByA = makeCa({ subject: 'B', key: keyB, issuer: a });
      const leaf = leafOf(a);
      expectReason(validate(leaf, [aByB, bByA], [root]), 'untrusted');
      const aByRoot = makeCa({ subject: 'A', key: keyA, issuer: root });
      expectPath(validate(leaf, [aByB, bByA, aByRoot], [root]), leaf, aByRoot, root);
    });
  });

  describe('are refused', () => {
    it('as untrusted: another root, a missing intermediate, a root of the same name and another key', () => {
      const other = makeCa({ subject: 'other' });
      // What is missing is told: where the longest way ends.
      expectReason(
        validate(leafOf(middle), [middle], [other]),
        'untrusted',
        '"middle" is refused: its issuer "root"',
      );
      expectReason(
        validate(leafOf(middle), [], [root]),
        'untrusted',
        '"a.example" is refused: its issuer "middle"',
      );
      expectReason(validate(leafOf(root), [], []), 'untrusted', 'its issuer "root" is neither');
      expectReason(
        validate(leafOf(root), [], [makeCa({ subject: 'root' })]),
        'untrusted',
        'not signed with the key of the "root"',
      );
      expectReason(
        validate(leafOf(root), [root], [other]),
        'untrusted',
        '"root" is refused: it is self-signed',
      );
      const key = newKey();
      const far = makeCa({ subject: 'far' });
      const top = makeCa({ subject: 'top', issuer: makeCa({ subject: 'gone' }) });
      const both = [makeCa({ subject: 'm', key, issuer: far }), makeCa({ subject: 'm', key, issuer: top })];
      for (const order of [both, both.toReversed()]) {
        expectReason(
          validate(leafOf(both[0]!), [...order, top], [root]),
          'untrusted',
          '"top" is refused: its issuer "gone"',
        );
      }
      expectReason(
        validate(make({ subject: 'alone' }), [], [root]),
        'untrusted',
        '"alone" is refused: it is self-signed',
      );
    });

    it('outside of their dates, to the second', () => {
      const [notBefore, notAfter] = [new Date('2026-11-20T10:00:00Z'), new Date('2026-11-20T14:00:00Z')];
      const leaf = leafOf(root, { notBefore, notAfter });
      const at = (iso: string): ValidationResult => validate(leaf, [], [root], { time: new Date(iso) });
      expectReason(at('2026-11-20T09:59:59.999Z'), 'not-yet-valid', '2026-11-20T10:00:00');
      expectPath(at('2026-11-20T10:00:00Z'), leaf, root);
      expectPath(at('2026-11-20T14:00:00.999Z'), leaf, root);
      expectReason(at('2026-11-20T14:00:01Z'), 'expired', '2026-11-20T14:00:00');
      expectReason(validate(leaf, [], [root], { time: new Date(Number.NaN) }), 'malformed');
    });

    it('when an intermediate or the root is expired', () => {
      const past = { notAfter: new Date(now.getTime() - hour) };
      const old = makeCa({ subject: 'old', issuer: root, ...past });
      expectReason(validate(leafOf(old), [old], [root]), 'expired', '"old"');
      const oldRoot = makeCa({ subject: 'old root', ...past });
      expectReason(validate(leafOf(oldRoot), [], [oldRoot]), 'expired', '"old root"');
    });

    it('when the name is another', () => {
      const leaf = leafOf(root);
      expectPath(validate(leaf, [], [root], { hostname: 'a.example' }), leaf, root);
      expectReason(
        validate(leaf, [], [root], { hostname: 'b.example' }),
        'name-mismatch',
        'it is for "a.example", not for "b.example"',
      );
      const many = leafOf(root, {
        subject: 'x',
        extensions: [
          altNames(
            'ip:fd00::1',
            'c.example',
            'no_dns_name',
            'email:a@b',
            '*.d.example',
            'e.example',
            'f.example',
          ),
        ],
      });
      expectReason(
        validate(many, [], [root], { hostname: 'b.example' }),
        'name-mismatch',
        'it is for fd00::1, "c.example", "*.d.example", "e.example" and 1 more, not for "b.example"',
      );
      const nobody = make({ subject: 'My Game', issuer: root });
      expectReason(validate(nobody, [], [root], { hostname: 'b.example' }), 'name-mismatch', 'for no host');
    });

    it('when an issuer is no CA: a leaf cannot issue, nor can version 1 but as a root', () => {
      const identifier = authorityKeyIdentifier(keyIdentifier(root.key));
      for (const extensions of [[identifier], [identifier, basicConstraints(false)]]) {
        const plain = make({ subject: 'plain', issuer: root, key: newKey(), extensions });
        expectReason(validate(leafOf(plain), [plain], [root]), 'constraint-violated', 'not marked as a CA');
      }
      const v1 = make({ subject: 'v1', issuer: root, key: newKey(), version: 1 });
      expect(validate(leafOf(v1), [v1], [root]).ok).to.equal(false);
      const v1Root = make({ subject: 'v1 root', key: newKey(), version: 1 });
      const leaf = leafOf(v1Root);
      expectPath(validate(leaf, [], [v1Root]), leaf, v1Root);
    });

    it('when a root of version 3 is no CA', () => {
      const pinned = make({ subject: 'no ca', key: newKey(), extensions: [basicConstraints(false)] });
      expectReason(validate(leafOf(pinned), [], [pinned]), 'constraint-violated');
    });

    it('when a CA may not sign certificates', () => {
      const ca = makeCa({ subject: 'ku', issuer: root, extensions: [keyUsage(6)] });
      expectReason(validate(leafOf(ca), [ca], [root]), 'wrong-purpose', 'keyCertSign');
      const good = makeCa({ subject: 'ku', issuer: root, extensions: [keyUsage(5, 6)] });
      expect(validate(leafOf(good), [good], [root]).ok).to.equal(true);
    });

    it('when there are more intermediates than a path length allows; self-issued ones do not count', () => {
      const zero = makeCa({ subject: 'zero', issuer: root, pathLength: 0 });
      const below = makeCa({ subject: 'below', issuer: zero });
      expect(validate(leafOf(zero), [zero], [root]).ok).to.equal(true);
      expectReason(validate(leafOf(below), [zero, below], [root]), 'constraint-violated', 'allows 0');
      const selfIssued = makeCa({ subject: 'zero', issuer: zero });
      expect(validate(leafOf(selfIssued), [zero, selfIssued], [root]).ok).to.equal(true);
      const strictRoot = makeCa({ subject: 'strict', pathLength: 0 });
      const under = makeCa({ subject: 'under', issuer: strictRoot });
      expectReason(validate(leafOf(under), [under], [strictRoot]), 'constraint-violated');
    });

    it('when the leaf’s key may not sign', () => {
      const leaf = leafOf(root, { extensions: [keyUsage(2)] });
      expectReason(validate(leaf, [], [root]), 'wrong-purpose', 'digitalSignature');
    });

    it('for another purpose than the leaf or an intermediate is for', () => {
      const withPurposes = (...purposes: string[]): Made =>
        leafOf(root, { extensions: [extendedKeyUsage(...purposes)] });
      for (const [purpose, wrong, right] of [
        ['server', clientAuth, serverAuth],
        ['client', serverAuth, clientAuth],
      ] as const) {
        expectReason(validate(withPurposes(wrong), [], [root], { purpose }), 'wrong-purpose');
        expect(validate(withPurposes(wrong, right), [], [root], { purpose }).ok).to.equal(true);
        expect(validate(withPurposes(anyPurpose), [], [root], { purpose }).ok).to.equal(true);
        const ca = makeCa({ subject: 'eku', issuer: root, extensions: [extendedKeyUsage(wrong)] });
        expectReason(validate(leafOf(ca), [ca], [root], { purpose }), 'wrong-purpose', '"eku"');
      }
    });

    it('when any certificate has a critical extension that is not understood', () => {
      const critical = extension('1.2.3.4', true, der.null());
      const ca = makeCa({ subject: 'critical', issuer: root, extensions: [critical] });
      const criticalRoot = makeCa({ subject: 'critical root', extensions: [critical] });
      expectReason(
        validate(leafOf(root, { extensions: [critical] }), [], [root]),
        'constraint-violated',
        '1.2.3.4',
      );
      expectReason(validate(leafOf(ca), [ca], [root]), 'constraint-violated');
      expectReason(validate(leafOf(criticalRoot), [], [criticalRoot]), 'constraint-violated');
      const policies = leafOf(root, {
        extensions: [
          extension(oids.certificatePolicies, true, der.sequence(der.sequence(der.oid('2.5.29.32.0')))),
        ],
      });
      expectReason(validate(policies, [], [root]), 'constraint-violated');
    });

    it('when the leaf, an intermediate it needs or a root cannot be read', () => {
      const junk = Uint8Array.of(0x30, 0);
      expectReason(validate(leafOf(root), [], [root], { leaf: junk }), 'malformed', 'leaf');
      expectReason(validate(leafOf(root), [], [root], { roots: [root.der, junk] }), 'malformed', 'root 1');
      expectReason(
        validate(leafOf(middle), [], [root], { intermediates: [junk] }),
        'malformed',
        'intermediate',
      );
    });

    it('with the reason of the path that came closest', () => {
      const late = { time: new Date(now.getTime() + 100 * 24 * hour) };
      // A way to a root that has expired says more than that there is no other way.
      expectReason(validate(leafOf(middle), [middle], [root], { ...late, hostname: 'b.example' }), 'expired');
      // Without a way to a root, the name does not matter.
      expectReason(validate(leafOf(middle), [middle], [], { hostname: 'b.example' }), 'untrusted');
      // Of two ways, the one that breaks less.
      const key = newKey();
      const old = makeCa({ subject: 'm', issuer: root, key, notAfter: new Date(now.getTime() - hour) });
      const renewed = makeCa({ subject: 'm', issuer: root, key });
      for (const order of [
        [old, renewed],
        [renewed, old],
      ]) {
        expectReason(validate(leafOf(old), order, [root], { hostname: 'b.example' }), 'name-mismatch');
      }
    });
  });

  describe('with weak keys and signatures', () => {
    const rsa = (bits: number): Uint8Array =>
      der.sequence(
        der.sequence(der.oid('1.2.840.113549.1.1.1'), der.null()),
        der.bitString(der.sequence(der.integer(new Uint8Array(bits / 8).fill(0xc5)), der.integer(65_537))),
      );

    it('refuse RSA below 2048 bits, in the leaf, in a CA and in a root', () => {
      const key = { ...newKey(), publicKey: rsa(1024), sign: () => new Uint8Array(128) } as Made['key'];
      expectReason(validate(leafOf(root, { key }), [], [root]), 'weak-key', '1024');
      const ca = makeCa({ subject: 'weak', issuer: root, key });
      expectReason(validate(leafOf(ca), [ca], [root]), 'weak-key', '1024');
      const weakRoot = makeCa({ subject: 'weak root', key });
      expectReason(validate(leafOf(weakRoot), [], [weakRoot]), 'weak-key', '1024');
      const odd = new Uint8Array(257).fill(0xc5).fill(0x0c, 0, 1);
      const modulus = der.sequence(der.integer(odd), der.integer(65_537));
      const algorithm = der.sequence(der.oid('1.2.840.113549.1.1.1'), der.null());
      const oddKey = {
        ...newKey(),
        publicKey: der.sequence(algorithm, der.bitString(modulus)),
      } as Made['key'];
      expectReason(
        validate(leafOf(root, { key: oddKey }), [], [root]),
        'weak-key',
        '2052 bits, which is not a number',
      );
      const huge = { ...newKey(), publicKey: rsa(8200) } as Made['key'];
      expectReason(validate(leafOf(root, { key: huge }), [], [root]), 'weak-key', '8200');
    });

    it('refuse SHA-1, without looking at the signature', () => {
      const strong = leafOf(root).der;
      const sha1 = der.sequence(der.oid('1.2.840.113549.1.1.5'), der.null());
      const { tbs } = parseCertificate(strong);
      const ed25519 = Buffer.from('300506032b6570', 'hex');
      const at = Buffer.from(tbs).indexOf(ed25519);
      const fields = new Uint8Array(
        Buffer.concat([tbs.subarray(tbs[1] === 0x81 ? 3 : 4, at), sha1, tbs.subarray(at + ed25519.length)]),
      );
      const leaf = der.sequence(der.sequence(fields), sha1, der.bitString(new Uint8Array(256)));
      const { crypto, count } = counting();
      expectReason(validate(leafOf(root), [], [root], { leaf, crypto }), 'weak-key', 'SHA-1');
      expect(count()).to.equal(0);
    });
  });

  it('are refused by the name of the certificate, or by its host where its subject is empty', () => {
    const stranger = makeCa({ subject: 'stranger' });
    expectReason(validate(leafOf(stranger), [], [root]), 'untrusted', 'the certificate "a.example"');
    const { certificate } = issueCertificate(nodeCrypto, {
      dnsNames: ['b.example'],
      issuer: issueCertificate(nodeCrypto, { commonName: 'another stranger', ca: true }),
    });
    const time = new Date();
    const result = validate(leafOf(root), [], [root], { leaf: certificate, time });
    expectReason(result, 'untrusted', 'the certificate for "b.example"');
  });

  it('are refused in words that a name cannot change: no direction marks, no controls, no end of the quotes', () => {
    const stranger = makeCa({ subject: '\u202edetsurt\u2066\n\u009b2J" is trusted' });
    const result = validate(leafOf(stranger), [], [root]);
    const shown = '"\\u{202e}detsurt\\u{2066}\\n\\u{9b}2J\\" is trusted"';
    expectReason(result, 'untrusted', `its issuer ${shown} is neither`);
  });
});
