import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import type { ValidationResult } from '../../../lib/certificate/path/path.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { expectPath, expectReason, validate } from '../verdict.js';
import {
  altNames,
  authorityKeyIdentifier,
  basicConstraints,
  extension,
  generalName,
  keyIdentifier,
  keyUsage,
  type Made,
  make,
  makeCa,
  nameConstraints,
  nameOf,
  newKey,
  oids,
  type Shape,
} from '../workshop.js';

const identifier = Uint8Array.of(1, 2, 3);
const subjectKeyIdentifier = extension(oids.subjectKeyIdentifier, false, der.octetString(identifier));

describe('the profile of RFC 5280', () => {
  const root = makeCa({ subject: 'root' });
  const leafOf = (issuer: Made, ...extensions: Uint8Array[]): Made =>
    make({ subject: 'a.example', issuer, extensions: [altNames('a.example'), ...extensions] });
  type CaShape = Parameters<typeof makeCa>[0];
  const below = (intermediate: CaShape): ValidationResult => {
    const ca = makeCa({ subject: 'middle', issuer: root, ...intermediate });
    return validate(leafOf(ca), [ca], [root]);
  };
  const belowRoot = (shape: CaShape): ValidationResult => {
    const ca = makeCa({ subject: 'own root', ...shape });
    return validate(leafOf(ca), [], [ca]);
  };
  const leaf = (...extensions: Uint8Array[]): ValidationResult =>
    validate(leafOf(root, ...extensions), [], [root]);
  const expectBroken = (result: ValidationResult, detail: string): void =>
    expectReason(result, 'malformed', detail);
  const expectKept = (result: ValidationResult): void => {
    expect(result, 'detail' in result ? result.detail : '').to.have.property('ok', true);
  };
  const ofRoot = authorityKeyIdentifier(keyIdentifier(root.key));

  it('is kept by the CAs of this workshop', () => {
    expectKept(below({}));
    expectKept(belowRoot({}));
    expectKept(leaf());
  });

  it('§4.2.1.1: an authority key identifier in every CA but self-signed ones', () => {
    expectBroken(
      below({ without: ['authorityKeyIdentifier'] }),
      '"middle" is refused: it has no authority key',
    );
    expectKept(belowRoot({ without: ['authorityKeyIdentifier'] }));
    // A root that another CA has issued is not self-signed, and one that is may name what issuer it likes.
    const crossed = makeCa({ subject: 'crossed', issuer: root, without: ['authorityKeyIdentifier'] });
    expectBroken(validate(leafOf(crossed), [], [crossed]), 'another CA has issued it');
    const key = newKey();
    const renamed = makeCa({
      subject: 'renamed',
      key,
      issuer: { ...root, key },
      without: ['authorityKeyIdentifier'],
    });
    expectKept(validate(leafOf(renamed), [], [renamed]));
  });

  it('§4.2.1.1: an authority key identifier in a leaf whose CA writes key identifiers', () => {
    expectBroken(leaf(subjectKeyIdentifier), 'but no authority key identifier');
    expectKept(leaf(subjectKeyIdentifier, ofRoot));
    // `openssl x509 -req -extfile` and .NET write neither, unless they are told to.
    expectKept(leaf(keyUsage(0)));
  });

  it('§4.2.1.1: a key identifier in it, and not critical', () => {
    const reference = der.sequence(
      der.element(0xa1, generalName(der.explicit(4, root.name))),
      der.implicit(2, Uint8Array.of(1), false),
    );
    const without = extension(oids.authorityKeyIdentifier, false, reference);
    const empty = extension(oids.authorityKeyIdentifier, false, der.sequence());
    for (const bad of [without, empty]) {
      expectBroken(leaf(bad), 'does not hold a key identifier');
      expectBroken(below({ extensions: [bad] }), 'does not hold a key identifier');
      expectBroken(belowRoot({ extensions: [bad] }), 'does not hold a key identifier');
    }
    // easy-rsa's roots: all three fields.
    const key = newKey();
    const all = der.sequence(
      der.implicit(0, keyIdentifier(key), false),
      der.element(0xa1, generalName(der.explicit(4, root.name))),
      der.implicit(2, Uint8Array.of(1), false),
    );
    expectKept(belowRoot({ key, extensions: [extension(oids.authorityKeyIdentifier, false, all)] }));
    const pointer = der.sequence(der.implicit(0, identifier, false));
    expectBroken(leaf(extension(oids.authorityKeyIdentifier, true, pointer)), 'is marked as critical');
  });

  it('§4.2.1.2: a subject key identifier in every CA, not critical', () => {
    for (const result of [
      below({ without: ['subjectKeyIdentifier'] }),
      belowRoot({ without: ['subjectKeyIdentifier'] }),
    ]) {
      expectBroken(result, 'a CA without a subject key identifier (RFC 5280 §4.2.1.2)');
    }
    const critical = extension(oids.subjectKeyIdentifier, true, der.octetString(identifier));
    expectBroken(belowRoot({ extensions: [critical] }), 'subject key identifier is marked as critical');
    expectBroken(leaf(critical, ofRoot), 'subject key identifier is marked as critical');
  });

  it('§4.2.1.2: of a self-signed root, both key identifiers are one', () => {
    expectBroken(belowRoot({ extensions: [authorityKeyIdentifier(identifier)] }), 'identifiers differ');
    expectKept(belowRoot({ extensions: [authorityKeyIdentifier(identifier), subjectKeyIdentifier] }));
    // A CA that certified its new key with its old one is self-issued, but not self-signed.
    const rolled = makeCa({ subject: 'root', issuer: root });
    expectKept(validate(leafOf(rolled), [], [rolled]));
  });

  it('§4.2.1.3: key usage in intermediates; roots of plain `openssl req -x509` have none', () => {
    expectBroken(below({ without: ['keyUsage'] }), 'a CA without key usage');
    expectKept(belowRoot({ without: ['keyUsage'] }));
  });

  it('§4.2.1.9: basic constraints that are critical in a CA, and a path length nowhere else', () => {
    const notCritical = { extensions: [basicConstraints(true, undefined, false)] };
    expectBroken(below(notCritical), 'basic constraints are not marked as critical');
    expectBroken(belowRoot(notCritical), 'basic constraints are not marked as critical');
    expectKept(leaf(basicConstraints(false, undefined, false)));
    expectBroken(leaf(basicConstraints(false, 0)), 'has a path length and is no CA');
    expectReason(belowRoot({ without: ['basicConstraints'] }), 'constraint-violated', 'not marked as a CA');
  });

  it('CA/B §7.1.2.7.8: a leaf that is a CA by one extension and none by the other', () => {
    expectBroken(leaf(basicConstraints(true), keyUsage(0)), 'its key usage says that it is none');
    expectKept(leaf(basicConstraints(true)));
    expectKept(leaf(basicConstraints(true), keyUsage(0, 5)));
  });

  it('§4.2.1.10, §4.2.1.11, §4.2.1.14: constraints that are critical, and in CAs alone', () => {
    const zero = der.sequence(der.implicit(0, Uint8Array.of(0), false));
    const limits: readonly (readonly [string, Uint8Array])[] = [
      ['name constraints', nameConstraints(['a.example'], [], false)],
      ['policy constraints', extension(oids.policyConstraints, false, zero)],
      ['inhibitAnyPolicy', extension(oids.inhibitAnyPolicy, false, der.integer(0))],
    ];
    for (const [what, limit] of limits) {
      expectBroken(below({ extensions: [limit] }), `its ${what} must be marked as critical`);
      expectBroken(belowRoot({ extensions: [limit] }), `its ${what} must be marked as critical`);
    }
    expectKept(below({ extensions: [nameConstraints(['a.example'])] }));
    for (const critical of [true, false]) {
      expectBroken(leaf(nameConstraints(['a.example'], [], critical)), 'which only a CA may have');
    }
  });

  it('§4.2.1.8, §4.2.1.15, §4.2.2: those that must not be critical, refused as not understood', () => {
    const name = generalName('uri:http://ca.example/');
    const access = der.sequence(der.sequence(der.oid('1.3.6.1.5.5.7.48.2'), name));
    const point = der.sequence(der.sequence(der.explicit(0, der.element(0xa0, name))));
    const values = {
      authorityInfoAccess: access,
      subjectInfoAccess: access,
      freshestCrl: point,
      subjectDirectoryAttributes: der.sequence(der.sequence(der.oid('1.2.3'), der.set(der.null()))),
    };
    for (const [each, value] of Object.entries(values)) {
      const oid = oids[each as keyof typeof values];
      expectKept(leaf(extension(oid, false, value)));
      expectReason(leaf(extension(oid, true, value)), 'constraint-violated', oid);
    }
  });

  it('§4.1.2.6: whoever issues has a name', () => {
    const nobody = make({ subject: nameOf(), key: newKey(), version: 1 });
    expectBroken(validate(leafOf(nobody), [], [nobody]), 'has no subject');
  });

  it('is not held against a leaf that is pinned: nobody but itself has issued it', () => {
    const pin = (...extensions: Uint8Array[]): void => {
      const pinned = make({ subject: 'a.example', extensions });
      expectPath(validate(pinned, [], [pinned], { hostname: 'a.example' }), pinned);
    };
    pin(subjectKeyIdentifier);
    pin(basicConstraints(true), keyUsage(0));
    pin(basicConstraints(true, undefined, false), subjectKeyIdentifier, authorityKeyIdentifier(identifier));
  });

  it('is not held against certificates that nobody relies on', () => {
    const poor = makeCa({ subject: 'poor', without: ['subjectKeyIdentifier'] });
    const good = leafOf(root);
    expectPath(validate(good, [poor], [poor, root]), good, root);
    // Of two certificates of one CA, the one that keeps the rules is the way.
    const key = newKey();
    const shape: Shape = { subject: 'middle', issuer: root, key };
    const [bad, kept] = [makeCa({ ...shape, without: ['keyUsage'] }), makeCa(shape)];
    const lower = leafOf(bad);
    expectPath(validate(lower, [bad, kept], [root], { crypto: nodeCrypto }), lower, kept, root);
  });
});
