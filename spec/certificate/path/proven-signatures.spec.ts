// A signature that has led to a root is not checked again; everything else about the chain is, each time.

import { expect } from 'chai';
import type { ChainValidation } from '../../../lib/certificate/path/path.js';
import { keyPurposes } from '../../../lib/certificate/x509/extensions.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { CryptoProvider } from '../../../lib/crypto/provider.js';
import { authority, serverCertificate } from '../../support/authority.js';
import { expectPath, expectReason, validate } from '../verdict.js';
import { altNames, extendedKeyUsage, type Made, make, makeCa, newKey, now, type Shape } from '../workshop.js';

/** A backend of its own, which begins with nothing in mind and counts what it is asked. */
function counting(): { crypto: CryptoProvider; count: () => number } {
  let checks = 0;
  const verify: CryptoProvider['verify'] = (...args) => {
    checks++;
    return nodeCrypto.verify(...args);
  };
  return { crypto: { ...nodeCrypto, verify }, count: () => checks };
}

const root = makeCa({ subject: 'root' });
const middle = makeCa({ subject: 'middle', issuer: root });
const leafOf = (issuer: Made, shape: Shape = {}): Made =>
  make({ subject: 'a.example', issuer, extensions: [altNames('a.example')], ...shape });
const leaf = leafOf(middle);

describe('signatures that have led to a root', () => {
  let crypto: CryptoProvider;
  let count: () => number;

  beforeEach(() => {
    ({ crypto, count } = counting());
    expectPath(validate(leaf, [middle], [root], { crypto }), leaf, middle, root);
    expect(count()).to.equal(2);
  });

  it('are not checked again', () => {
    expectPath(validate(leaf, [middle], [root], { crypto }), leaf, middle, root);
    expect(count()).to.equal(2);
  });

  it('leave dates, name, purpose and roots to be looked at as ever', () => {
    const again = (more: Partial<ChainValidation>, roots = [root]) =>
      validate(leaf, [middle], roots, { crypto, ...more });
    const day = 24 * 3600 * 1000;
    expectReason(again({ time: new Date(now.getTime() + 2 * day) }), 'expired');
    expectReason(again({ time: new Date(now.getTime() - 2 * day) }), 'not-yet-valid');
    expectReason(again({ hostname: 'b.example' }), 'name-mismatch');
    expectReason(again({}, []), 'untrusted');
    expectReason(again({}, [makeCa({ subject: 'root' })]), 'untrusted');
    const serving = leafOf(middle, {
      extensions: [altNames('a.example'), extendedKeyUsage(keyPurposes.serverAuth)],
    });
    expect(validate(serving, [middle], [root], { crypto }).ok).to.equal(true);
    expectReason(validate(serving, [middle], [root], { crypto, purpose: 'client' }), 'wrong-purpose');
  });

  it('vouch for no other message, signature or key', () => {
    const known = parseCertificate(leaf.der);
    const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte));
    const forged = (more: object) =>
      validate(leaf, [middle], [root], { crypto, leaf: { ...known, ...more } });
    expectReason(forged({ tbs: flipped(known.tbs) }), 'untrusted');
    expectReason(forged({ signature: flipped(known.signature) }), 'untrusted');
    // A CA of the same name with another key.
    const impostor = makeCa({ subject: 'middle', issuer: root, key: newKey() });
    expectReason(validate(leaf, [impostor], [root], { crypto }), 'untrusted');
    expect(count()).to.be.greaterThan(4);
  });

  it('vouch for no other algorithm of the same key', () => {
    const issued = parseCertificate(serverCertificate().certificate);
    const by = { crypto, time: new Date(), roots: [authority().certificate] };
    expect(validate(leaf, [], [], { ...by, leaf: issued }).ok).to.equal(true);
    expectReason(
      validate(leaf, [], [], { ...by, leaf: { ...issued, signatureScheme: 'ecdsa-sha384' } }),
      'untrusted',
    );
  });

  it('vouch for nothing with another backend: one that says yes speaks for itself', () => {
    const forged = leafOf({ ...middle, key: newKey() });
    const gullible: CryptoProvider = { ...nodeCrypto, verify: () => true };
    expect(validate(forged, [middle], [root], { crypto: gullible }).ok).to.equal(true);
    expectReason(validate(forged, [middle], [root]), 'untrusted');
    expectReason(validate(forged, [middle], [root], { crypto }), 'untrusted');
  });

  it('are not crowded out by chains that lead to no root, which are checked each time', () => {
    const strange = makeCa({ subject: 'strange' });
    const others = Array.from({ length: 40 }, () => leafOf(makeCa({ subject: 'other', issuer: strange })));
    const first = makeCa({ subject: 'other', issuer: strange });
    const before = count();
    for (const other of others) expectReason(validate(other, [first], [root], { crypto }), 'untrusted');
    const stranger = leafOf(first);
    for (let round = 0; round < 2; round++) {
      const asked = count();
      expectReason(validate(stranger, [first], [root], { crypto }), 'untrusted');
      expect(count()).to.be.greaterThan(asked);
    }
    const asked = count();
    expect(asked).to.be.greaterThan(before);
    expectPath(validate(leaf, [middle], [root], { crypto }), leaf, middle, root);
    expect(count()).to.equal(asked);
  });

  it('are forgotten when there are more of them', () => {
    for (let other = 0; other < 32; other++)
      expect(validate(leafOf(root), [], [root], { crypto }).ok).to.equal(true);
    const asked = count();
    expectPath(validate(leaf, [middle], [root], { crypto }), leaf, middle, root);
    expect(count()).to.equal(asked + 2);
  });
});
