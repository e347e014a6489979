import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import type { ValidationResult } from '../../../lib/certificate/path/path.js';
import { expectReason, validate } from '../verdict.js';
import { altNames, type Made, make, makeCa, nameConstraints, nameOf, type Shape } from '../workshop.js';

describe('name constraints', () => {
  const root = makeCa({ subject: 'root' });
  const leafOf = (issuer: Made, shape: Shape = {}): Made =>
    make({ subject: 'a.example', issuer, extensions: [altNames('a.example')], ...shape });
  const check = (constraints: Uint8Array, ...names: (string | Uint8Array)[]): ValidationResult => {
    const ca = makeCa({ subject: 'limited', issuer: root, extensions: [constraints] });
    return validate(leafOf(ca, { extensions: [altNames(...names)] }), [ca], [root]);
  };
  const expectAllowed = (result: ValidationResult): void => {
    expect(result).to.have.property('ok', true);
  };
  const expectForbidden = (result: ValidationResult): void => expectReason(result, 'constraint-violated');

  it('hold every DNS name to the permitted subtrees', () => {
    const permitted = nameConstraints(['example', 'lan']);
    expectAllowed(check(permitted, 'example', 'a.example', 'A.B.EXAMPLE', '*.example', 'box.lan.'));
    expectForbidden(check(permitted, 'a.example', 'b.org'));
    expectForbidden(check(permitted, 'notexample'));
    expectForbidden(check(permitted, '.example'));
    expectForbidden(check(nameConstraints(['a.example']), '*.example'));
    // A dot in front is for mail and URIs: some would count the domain itself in, others would not.
    expectReason(check(nameConstraints(['.example']), 'a.example'), 'malformed', 'no DNS name');
    expectAllowed(check(permitted, 'ip:10.0.0.1'));
  });

  it('keep every DNS name out of the excluded ones, and a wildcard that could reach into one', () => {
    const excluded = nameConstraints(['example'], ['secret.example']);
    expectAllowed(check(excluded, 'a.example', 'notsecret.example', '*.a.example'));
    for (const name of [
      'secret.example',
      'x.secret.example',
      '*.example',
      '*.secret.example',
      'SECRET.example.',
    ]) {
      expectForbidden(check(excluded, name));
    }
    expectAllowed(check(nameConstraints([], ['a.b.example']), '*.example'));
    expectForbidden(check(nameConstraints([], ['']), 'a.example'));
  });

  it('hold IP addresses to their ranges, each family to its own', () => {
    const permitted = nameConstraints(['ip:10.0.0.0/255.0.0.0', 'ip:fd00::/ff00::']);
    expectAllowed(check(permitted, 'ip:10.255.0.1', 'ip:fd12::1'));
    expectForbidden(check(permitted, 'ip:11.0.0.1'));
    expectForbidden(check(permitted, 'ip:fe80::1'));
    expectForbidden(check(nameConstraints(['ip:10.0.0.0/255.0.0.0']), 'ip:fd12::1'));
    expectForbidden(check(nameConstraints([], ['ip:10.0.0.0/255.0.0.0']), 'ip:10.1.1.1'));
  });

  it('hold mailboxes and directory names, and refuse forms that they cannot judge', () => {
    expectAllowed(
      check(
        nameConstraints(['email:a@b.example', 'email:.c.example']),
        'email:a@B.example',
        'email:x@d.c.example',
      ),
    );
    expectForbidden(check(nameConstraints(['email:b.example']), 'email:a@x.b.example'));
    expectForbidden(check(nameConstraints(['email:b.example']), 'email:a@a@b.example'));
    const games = nameOf(['2.5.4.10', 'Games']);
    const excluded = nameConstraints([], [der.explicit(4, games)]);
    const ca = makeCa({ subject: 'limited', issuer: root, extensions: [excluded] });
    const named = (subject: Uint8Array): ValidationResult => validate(leafOf(ca, { subject }), [ca], [root]);
    expectAllowed(named(nameOf(['2.5.4.10', 'Other'], ['2.5.4.3', 'x'])));
    expectForbidden(named(nameOf(['2.5.4.10', ' GAMES '], ['2.5.4.3', 'x'])));
    const registered = der.implicit(8, Uint8Array.of(42), false);
    expectForbidden(check(nameConstraints([], [der.implicit(8, Uint8Array.of(43), false)]), registered));
    expectAllowed(check(nameConstraints(['example']), 'a.example', registered));
  });

  it('hold mailboxes to one mailbox, one host or a domain, and every character stands for itself', () => {
    const client = (constraints: Uint8Array, ...names: string[]): ValidationResult => {
      const ca = makeCa({ subject: 'limited', issuer: root, extensions: [constraints] });
      return validate(leafOf(ca, { extensions: [altNames(...names)] }), [ca], [root], { purpose: 'client' });
    };
    const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
      ['a@b.example', ['a@b.example', 'a@B.Example'], ['A@b.example', 'c@b.example', 'a@x.b.example']],
      ['*@b.example', ['*@b.example'], ['a@b.example', '*@x.b.example']],
      ['**@b.example', ['**@b.example'], ['*@b.example', 'a@b.example']],
      [
        'b.example',
        ['a@b.example', '"a b"@b.example'],
        ['a@x.b.example', 'a@@b.example', 'b.example', '@b.example'],
      ],
      ['.b.example', ['a@x.b.example', 'a@y.x.b.example'], ['a@b.example', 'a@xb.example']],
    ];
    for (const [base, allowed, forbidden] of cases) {
      const permitted = nameConstraints([`email:${base}`]);
      const excluded = nameConstraints([], [`email:${base}`]);
      for (const name of allowed) {
        expectAllowed(client(permitted, `email:${name}`));
        expectForbidden(client(excluded, `email:${name}`));
      }
      for (const name of forbidden)
        expectForbidden(client(permitted, 'email:a@x.b.example', `email:${name}`));
    }
    const mail = nameOf(['1.2.840.113549.1.9.1', 'a@evil.example']);
    const ca = makeCa({
      subject: 'limited',
      issuer: root,
      extensions: [nameConstraints(['email:b.example'])],
    });
    const inSubject = leafOf(ca, { subject: mail, extensions: [] });
    expectForbidden(validate(inSubject, [ca], [root], { purpose: 'client' }));
  });

  it('hold the hosts of URIs, and refuse those that have none', () => {
    const host = nameConstraints(['uri:a.example']);
    expectAllowed(check(host, 'uri:https://a.example/', 'uri:wss://me@A.example:443?x', 'uri:x://a.example'));
    for (const uri of [
      'https://x.a.example/',
      'https://b.example/@a.example',
      'https://a.example@b.example/',
      'https://b.example#a.example',
      'https://b.example@x@a.example/',
      'urn:a.example',
      'https:///a.example',
      'a.example',
    ]) {
      expectForbidden(check(host, 'uri:https://a.example/', `uri:${uri}`));
    }
    const domain = nameConstraints(['uri:.a.example'], ['uri:secret.a.example']);
    expectAllowed(check(domain, 'uri:https://x.a.example/'));
    expectForbidden(check(domain, 'uri:https://a.example/'));
    expectForbidden(check(domain, 'uri:https://secret.a.example/'));
    // §4.2.1.10: an address is no host that a constraint could be about.
    expectForbidden(check(nameConstraints([], ['uri:b.example']), 'uri:https://10.0.0.1/'));
    expectForbidden(check(nameConstraints([], ['uri:b.example']), 'uri:https://[fd00::1]/'));
    expectAllowed(check(nameConstraints(['a.example']), 'uri:https://b.example/'));
  });

  it('hold the common name where it serves as the host name', () => {
    const named = (
      purpose: 'server' | 'client',
      constraints: Uint8Array,
      subject: string,
    ): ValidationResult => {
      const ca = makeCa({ subject: 'limited', issuer: root, extensions: [constraints] });
      return validate(leafOf(ca, { subject, extensions: [] }), [ca], [root], { purpose });
    };
    const permitted = nameConstraints(['example', 'ip:10.0.0.0/255.0.0.0']);
    expectAllowed(named('server', permitted, 'a.example'));
    expectForbidden(named('server', permitted, 'a.org'));
    expectAllowed(named('server', permitted, '10.1.1.1'));
    expectForbidden(named('server', permitted, '11.1.1.1'));
    expectAllowed(named('client', permitted, 'alice'));
    // Not where there is an alternative name: then nobody reads the common name.
    const ca = makeCa({ subject: 'limited', issuer: root, extensions: [nameConstraints(['example'])] });
    expectAllowed(validate(leafOf(ca, { subject: 'a.org' }), [ca], [root]));
  });

  it('hold for all certificates below but self-issued intermediates, and come from the root too', () => {
    const limited = makeCa({ subject: 'limited', extensions: [nameConstraints(['example'])] });
    const outside = makeCa({ subject: 'outside', issuer: limited, extensions: [altNames('a.org')] });
    const rolled = makeCa({ subject: 'limited', issuer: limited, extensions: [altNames('a.org')] });
    expectForbidden(validate(leafOf(limited, { extensions: [altNames('a.org')] }), [], [limited]));
    expectForbidden(validate(leafOf(outside), [outside], [limited]));
    expectAllowed(validate(leafOf(rolled), [rolled], [limited]));
    const selfIssuedLeaf = leafOf(limited, { subject: 'limited', extensions: [altNames('a.org')] });
    expectForbidden(validate(selfIssuedLeaf, [], [limited]));
  });

  it('are for CAs alone', () => {
    const leaf = leafOf(root, { extensions: [altNames('a.example'), nameConstraints(['a.example'])] });
    expectReason(validate(leaf, [], [root]), 'malformed', 'only a CA may have');
  });

  it('are not compared without end', () => {
    const many = (suffix: string): string[] =>
      Array.from({ length: 1500 }, (_, index) => `n${index}.${suffix}`);
    const result = check(nameConstraints(many('a.example')), ...many('a.example'));
    expectReason(result, 'constraint-violated', 'too many');
    // The most that is compared, with names that cost the most to bring into their normal form.
    const names = Array.from({ length: 240 }, (_, index) => `${`${'AB'.repeat(28)}.`.repeat(4)}N${index}`);
    const directories = (count: number, text: string): Uint8Array[] =>
      Array.from({ length: count }, (_, index) =>
        der.explicit(4, nameOf(['2.5.4.10', text], ['2.5.4.3', `${count} ${index}`])),
      );
    const attempts = [
      () => expectForbidden(check(nameConstraints(many('b.example').slice(0, 1000)), ...names)),
      () =>
        expectAllowed(
          check(nameConstraints([], directories(1000, 'Ａ'.repeat(4))), ...directories(240, 'Ａ'.repeat(50))),
        ),
    ];
    for (const attempt of attempts) {
      const runs = Array.from({ length: 3 }, () => {
        const started = performance.now();
        attempt();
        return performance.now() - started;
      });
      expect(Math.min(...runs), 'milliseconds').to.be.lessThan(250);
    }
  });
});
