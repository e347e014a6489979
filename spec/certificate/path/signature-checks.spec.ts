import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import type { CryptoProvider } from '../../../lib/crypto/provider.js';
import { expectPath, expectReason, validate } from '../verdict.js';
import { altNames, extension, type Made, make, makeCa, newKey, oids, type Shape } from '../workshop.js';

/** Counts signature checks, and lets them take as long as they take. */
function counting(): { crypto: CryptoProvider; count: () => number } {
  let checks = 0;
  const verify: CryptoProvider['verify'] = (...args) => {
    checks++;
    return nodeCrypto.verify(...args);
  };
  return { crypto: Object.assign(Object.create(nodeCrypto), { verify }), count: () => checks };
}

describe('the signature checks of one validation', () => {
  const root = makeCa({ subject: 'root' });
  const leafOf = (issuer: Made, shape: Shape = {}): Made =>
    make({ subject: 'a.example', issuer, extensions: [altNames('a.example')], ...shape });

  it('of 16 intermediates', () => {
    const chain = Array.from({ length: 17 }, (_, index) => makeCa({ subject: `ca ${index}`, issuer: root }));
    const leaf = leafOf(chain[0]!);
    expect(validate(leaf, chain.slice(0, 16), [root]).ok).to.equal(true);
    expectReason(validate(leaf, chain, [root]), 'untrusted', '16');
  });

  it('of five signature checks with P-384, which take as long as twenty with other keys', () => {
    const key = nodeCrypto.generateKeyPair('p384');
    const p384 = { ...key, sign: () => new Uint8Array(64) } as Made['key'];
    const same = Array.from({ length: 16 }, (_, index) =>
      makeCa({ subject: 'same', issuer: root, key: p384, pathLength: index }),
    );
    // A signature that any P-384 key could have made, and none has.
    const sha384 = der.sequence(der.oid('1.2.840.10045.4.3.3'));
    const { der: leaf } = make({ subject: 'a.example', issuer: same[0]!, algorithm: sha384 });
    const { crypto, count } = counting();
    const result = validate(leafOf(root), same, [root], { leaf, crypto });
    expectReason(result, 'untrusted', 'not found in time');
    expect(count()).to.equal(5);
  });

  it('of 20 signature checks, among CAs that all bear one name', () => {
    const same = Array.from({ length: 16 }, () =>
      makeCa({ subject: 'same', issuer: makeCa({ subject: 'same' }) }),
    );
    const { crypto, count } = counting();
    expectReason(validate(leafOf(same[0]!), same, [root], { crypto }), 'untrusted');
    expect(count()).to.be.lessThanOrEqual(20);
  });

  it('even where each CA has certified each other, so that every order of them is a path', () => {
    const keys = Array.from({ length: 4 }, newKey);
    const cas = keys.map((key, index) => makeCa({ subject: `x${index}`, key }));
    const crossed = cas.flatMap((issuer, by) =>
      keys.flatMap((key, index) => (index === by ? [] : [makeCa({ subject: `x${index}`, key, issuer })])),
    );
    const { crypto, count } = counting();
    const leaf = leafOf(cas[0]!);
    expectReason(validate(leaf, crossed, [root], { crypto }), 'untrusted');
    expect(count()).to.be.lessThanOrEqual(20);
    const ended = makeCa({ subject: 'x3', key: keys[3]!, issuer: root });
    expect(validate(leaf, [...crossed, ended], [root]).ok).to.equal(true);
  });

  it('spent on the likeliest first: the one whose key identifier is named', () => {
    const identifier = Uint8Array.of(1, 2, 3);
    const marked = [extension(oids.subjectKeyIdentifier, false, der.octetString(identifier))];
    const pointer = der.sequence(der.implicit(0, identifier, false));
    const others = Array.from({ length: 15 }, () => makeCa({ subject: 'same', issuer: root }));
    const right = makeCa({ subject: 'same', issuer: root, extensions: marked });
    const leaf = leafOf(right, { extensions: [extension(oids.authorityKeyIdentifier, false, pointer)] });
    const { crypto, count } = counting();
    expectPath(validate(leaf, [...others, right], [root], { crypto }), leaf, right, root);
    expect(count()).to.equal(2);
  });

  it('and no check twice, though two ways lead through one CA', () => {
    const top = makeCa({ subject: 'top', issuer: root });
    const key = newKey();
    const [first, second] = [
      makeCa({ subject: 'm', key, issuer: top }),
      makeCa({ subject: 'm', key, issuer: top }),
    ];
    const { crypto, count } = counting();
    const impostor = makeCa({ subject: 'root' });
    expectReason(validate(leafOf(first), [first, second, second, top], [impostor], { crypto }), 'untrusted');
    // The leaf by both, both by the one above, and that by the impostor once.
    expect(count()).to.equal(5);
  });
});
