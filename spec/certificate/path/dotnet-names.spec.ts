// What MatchesHostnameTests.cs of dotnet/runtime asserts with the default options, certificate by certificate. Where
// .NET throws for a host that is none, we say no; it has no opinion on internationalized names there.

import { expect } from 'chai';
import { concat } from '../../../lib/base/bytes.js';
import { der } from '../../../lib/base/der.js';
import { matchHostname } from '../../../lib/certificate/path/names.js';
import type { Certificate } from '../../../lib/certificate/x509/x509.js';
import { altNames, nameOf, read } from '../workshop.js';

const cn = '2.5.4.3';
const state = '2.5.4.8';

function expectMatches(certificate: Certificate, hosts: Record<string, boolean>): void {
  for (const [host, matches] of Object.entries(hosts)) {
    expect(matchHostname(certificate, host), host).to.equal(matches);
  }
}

describe('host names as .NET matches them', () => {
  const fruit = (...names: (string | Uint8Array)[]): Certificate =>
    read({ subject: '10.0.0.1', extensions: [altNames(...names, 'email:it@fruit.example')] });

  it('SAN before CN, kind by kind', () => {
    const subject = 'zalzalak.fruit.example';
    expectMatches(
      read({ subject, extensions: [altNames('yumberry.fruit.example', '*.pome.fruit.example')] }),
      {
        'yumberry.fruit.example': true,
        'zalzalak.pome.fruit.example': true,
        'zalzalak.fruit.example': false,
      },
    );
    expectMatches(read({ subject, extensions: [altNames('ip:127.0.0.1', 'email:it@fruit.example')] }), {
      'yumberry.fruit.example': false,
      '127.0.0.1': true,
      'zalzalak.fruit.example': true,
    });
    expectMatches(fruit('127.0.0.1'), { '127.0.0.1': false, '10.0.0.1': true });
  });

  it('IP addresses', () => {
    expectMatches(fruit('ip:127.0.0.1', 'ip:::1', 'ip:fe80::1'), {
      ...{ '127.0.0.1': true, '[::1]': true, '::1': true, '[::01]': true, '[0000::1]': true },
      ...{ '[fe80::1]': true, '[FE80::1]': true, 'fe80::1': true },
      ...{ '[fe80:0000::1]': true, '[fe80:0000::01]': true },
      ...{ '[fe80::]': false, 'fe80::': false, '[fe80::0]': false, '[fe80:0000::]': false },
      '10.0.0.1': false,
    });
    const extensions = [altNames('huckleberry.fruit.example', 'email:it@fruit.example')];
    expectMatches(read({ subject: '[fe80::1]', extensions }), {
      ...{ '[fe80::1]': true, '[fE80::1]': true, '[FE80::1]': true, '[Fe80::1]': true },
      ...{ 'fe80::1': false, '[fe80:0000::1]': false, '[fe80:0000::01]': false },
    });
  });

  it('wildcards', () => {
    expectMatches(read({ subject: '*.fruit.example' }), { 'papaya.fruit.example': false });
    expectMatches(fruit('*berry.fruit.example', 'cran*.fruit.example'), {
      'cranberry.fruit.example': false,
      'cranapple.fruit.example': false,
      'strawberry.fruit.example': false,
    });
    const hosts = {
      'apple.fruit.example': true,
      'blackberry.fruit.example': true,
      'pome.fruit.example': true,
      'pomme.fruit.example': true,
      'rambutan.fruit.example': true,
      'apple.pome.fruit.example': false,
      'apple.pomme.fruit.example': false,
      'fruit.example': true,
    };
    const names = ['fruit.example', '*.fruit.example', 'rambutan.fruit.example'];
    expectMatches(fruit(...names), hosts);
    expectMatches(fruit(...names, '*.*.fruit.example', 'apple.*.fruit.example'), hosts);
    expectMatches(read({ subject: 'potato.vegetable.example', extensions: [altNames('*', '*.')] }), {
      example: false,
      'example.': false,
    });
  });

  it('case and the trailing dot', () => {
    const hosts = {
      'aPPlE.fruit.example': true,
      'tOmaTO.FRUIT.example': true,
      'tOmaTO.vegetable.example': false,
      'FRUit.example': true,
      'VEGetaBlE.example': false,
    };
    const absolute = Object.fromEntries(Object.entries(hosts).map(([host, match]) => [`${host}.`, match]));
    expectMatches(fruit('fruit.EXAMPLE', '*.FrUIt.eXaMpLE'), { ...hosts, ...absolute });
    expectMatches(fruit('fruit.example.', '*.FrUIt.eXaMpLE.'), hosts);
    expectMatches(read({ subject: 'fruit.example' }), { 'FRUit.example': true, 'FRUit.example.': false });
    expectMatches(read({ subject: 'fruit.example.' }), { 'FRUit.example.': true, 'FRUit.example': false });
  });

  it('common names that do not stand alone, or are missing', () => {
    const neither = { 'FRUit.example': false, 'potato.vegetable.example': false };
    const potato = 'potato.vegetable.example';
    expectMatches(read({ subject: nameOf([cn, 'fruit.example'], [cn, potato]) }), neither);
    expectMatches(read({ subject: nameOf([cn, 'fruit.example'], [cn, potato, state, 'Idaho']) }), neither);
    expectMatches(read({ subject: nameOf([cn, potato, state, 'Idaho']) }), neither);
    expectMatches(read({ subject: nameOf([state, 'Idaho']) }), neither);
    expectMatches(read({ subject: nameOf([cn, ''], [state, 'Idaho']) }), neither);
    expectMatches(read({ subject: nameOf([cn, potato], [state, 'Idaho', state, 'Utah']) }), {
      ...neither,
      [potato]: true,
    });
  });

  it('alternative names that are empty, begin with a dot, or are of other kinds', () => {
    const potato = { subject: 'potato.vegetable.example' };
    expectMatches(read({ ...potato, extensions: [altNames('')] }), { example: false, 'example.': false });
    expectMatches(read({ ...potato, extensions: [altNames('.peach.fruit.example')] }), {
      'peach.fruit.example': false,
    });
    const srv = der.element(
      0xa0,
      concat([der.oid('1.3.6.1.5.5.7.8.7'), der.explicit(0, der.ia5String('_mail.ugli.fruit.example'))]),
    );
    const others = ['uri:https://tangerine.fruit.example/', srv];
    const listed = ['strawberry.aggregate.fruit.example', 'strawberry.fruit.example'];
    const subject = 'strawberry.fruit.example';
    for (const names of [[], listed]) {
      expectMatches(read({ subject, extensions: [altNames(...others, ...names)] }), {
        'strawberry.aggregate.fruit.example': names.length > 0,
        'strawberry.fruit.example': true,
        'tangerine.fruit.example': false,
        'ugli.fruit.example': false,
      });
    }
  });

  it('hosts that are none', () => {
    const names = ['fruit.example', '*.fruit.example', '*.*.fruit.example', 'apple.*.fruit.example'];
    const none = {
      ...{ 'John Smith': false, '*.pomme.fruit.example': false, '.pomme.fruit.example': false },
      ...{ '*berry.fruit.example': false, 'cran*.fruit.example': false },
      ...{ '': false, '.': false, '*.': false, '*': false },
    };
    expectMatches(read({ subject: 'John Smith' }), none);
    expectMatches(read({ subject: 'John Smith', extensions: [altNames(...names)] }), none);
  });
});
