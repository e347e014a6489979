import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import { contradictingCommonName, matchHostname } from '../../../lib/certificate/path/names.js';
import { parseIpAddress } from '../../../lib/certificate/x509/ip-address.js';
import type { Certificate } from '../../../lib/certificate/x509/x509.js';
import { timesAsCostly } from '../../support/cost.js';
import { altNames, nameOf, read } from '../workshop.js';

const cn = '2.5.4.3';
const state = '2.5.4.8';

function expectMatches(certificate: Certificate, hosts: Record<string, boolean>): void {
  for (const [host, matches] of Object.entries(hosts)) {
    expect(matchHostname(certificate, host), host).to.equal(matches);
  }
}

describe('host names', () => {
  describe('DNS names', () => {
    it('match in any case, and no other name', () => {
      expectMatches(read({ subject: 'x', extensions: [altNames('Arena.Example', 'lobby.example')] }), {
        'arena.example': true,
        'ARENA.EXAMPLE': true,
        'lobby.example': true,
        'x.arena.example': false,
        'arena.example.org': false,
        example: false,
      });
    });

    it('have precedence over the common name', () => {
      expectMatches(read({ subject: 'old.example', extensions: [altNames('new.example')] }), {
        'new.example': true,
        'old.example': false,
      });
    });

    it('take a wildcard as the whole leftmost label, for one label', () => {
      const certificate = read({
        extensions: [
          altNames('*.example', '*.lan.', 'b*.part.example', '*b.part.example', 'a.*.inner.example'),
        ],
      });
      expectMatches(certificate, {
        'a.example': true,
        'A.EXAMPLE.': true,
        'a.b.example': false,
        example: false,
        '.example': false,
        'box.lan': true,
        'bob.part.example': false,
        'a.x.inner.example': false,
        'a.*.inner.example': false,
      });
    });

    it('take no wildcard that stands for everything, or for several labels', () => {
      expectMatches(read({ extensions: [altNames('*', '*.', '*.*.example', '')] }), {
        example: false,
        'example.': false,
        'a.b.example': false,
        '': false,
      });
    });

    it('ignore a trailing dot on either side', () => {
      expectMatches(read({ extensions: [altNames('one.example.', 'two.example')] }), {
        'one.example': true,
        'one.example.': true,
        'two.example': true,
        'two.example.': true,
        'two.example..': false,
      });
    });

    it('must be names: not with a leading dot, an underscore or a space', () => {
      const certificate = read({
        subject: 'x',
        extensions: [altNames('.a.example', 'my_game.example', 'a b')],
      });
      expectMatches(certificate, {
        'a.example': false,
        '.a.example': false,
        'my_game.example': false,
        'a b': false,
      });
    });

    it('do not match a host that is no host, even where the certificate says the same', () => {
      expectMatches(read({ subject: 'John Smith', extensions: [] }), { 'John Smith': false });
      expectMatches(read({ subject: '*.example', extensions: [altNames('*.example')] }), {
        '*.example': false,
        '*': false,
        '.': false,
        '-a.example': false,
        'a-.example': false,
        'a..example': false,
      });
    });

    it('are compared in ASCII: a Kelvin sign is no k', () => {
      expectMatches(read({ subject: 'bac\u212aend' }), { backend: false });
      expectMatches(read({ extensions: [altNames('backend')] }), { 'bac\u212aend': false });
    });
  });

  describe('IP addresses', () => {
    it('match as octets, however they are spelled', () => {
      expectMatches(read({ subject: '10.0.0.9', extensions: [altNames('ip:10.0.0.1', 'ip:fe80::1')] }), {
        '10.0.0.1': true,
        '10.0.0.2': false,
        '10.0.0.9': false,
        'fe80::1': true,
        '[fe80::1]': true,
        '[FE80:0000::0001]': true,
        'fe80:0:0:0:0:0:0.0.0.1': true,
        'fe80::': false,
        '::ffff:10.0.0.1': false,
      });
    });

    it('do not match a DNS name that spells them', () => {
      const certificate = read({ subject: 'x', extensions: [altNames('10.0.0.1', '*.0.0.1')] });
      expectMatches(certificate, { '10.0.0.1': false });
    });

    it('leave DNS names to the common name', () => {
      const certificate = read({
        subject: 'lan.example',
        extensions: [altNames('ip:127.0.0.1', 'email:it@lan.example')],
      });
      expectMatches(certificate, { 'lan.example': true, '127.0.0.1': true, 'other.example': false });
    });

    it('fall back to the common name, as text, where no address is listed', () => {
      expectMatches(read({ subject: '10.0.0.1', extensions: [altNames('a.example')] }), {
        '10.0.0.1': true,
        'a.example': true,
      });
      expectMatches(read({ subject: '[fe80::1]' }), {
        '[fe80::1]': true,
        '[FE80::1]': true,
        'fe80::1': false,
      });
    });

    it('are read strictly', () => {
      for (const text of [
        '127.1',
        '010.0.0.1',
        '1.2.3.256',
        '1.2.3',
        '1.2.3.4.5',
        '1.2.3.4 ',
        '',
        '0x7f.0.0.1',
      ]) {
        expect(parseIpAddress(text), text).to.equal(undefined);
      }
      for (const text of [
        ':::',
        '1::2::3',
        '1:2:3:4:5:6:7',
        '1:2:3:4:5:6:7:8:9',
        '::12345',
        'fe80::1%eth0',
        '[::1',
        ':1',
      ]) {
        expect(parseIpAddress(text), text).to.equal(undefined);
      }
      expect([...parseIpAddress('::')!]).to.deep.equal(new Array(16).fill(0));
      expect([...parseIpAddress('1:2:3:4:5:6:7::')!].slice(-4)).to.deep.equal([0, 7, 0, 0]);
      expect(parseIpAddress('1:2:3:4::5:6:7:8'), '"::" for nothing').to.equal(undefined);
    });

    it('that are cut short are no DNS names', () => {
      expectMatches(read({ subject: '127.1' }), { '127.1': false });
    });
  });

  describe('the common name', () => {
    it('matches to the letter but for case: no wildcard, no tolerance for a trailing dot', () => {
      expectMatches(read({ subject: 'localserver' }), {
        localserver: true,
        LocalServer: true,
        'localserver.': false,
        other: false,
      });
      expectMatches(read({ subject: 'localserver.' }), { 'localserver.': true, localserver: false });
      expectMatches(read({ subject: '*.example' }), { 'a.example': false });
    });

    it('may have an underscore, as container names do', () => {
      expectMatches(read({ subject: 'game_server' }), { game_server: true });
    });

    it('does not count when there are two', () => {
      const certificate = read({ subject: nameOf([cn, 'a.example'], [cn, 'b.example']) });
      expectMatches(certificate, { 'a.example': false, 'b.example': false });
    });

    it('does not count inside a relative name of several values', () => {
      expectMatches(read({ subject: nameOf([cn, 'a.example', state, 'X']) }), { 'a.example': false });
      expectMatches(read({ subject: nameOf([cn, 'a.example', cn, 'b.example']) }), { 'a.example': false });
      expectMatches(read({ subject: nameOf([cn, 'a.example'], [state, 'X', state, 'Y']) }), {
        'a.example': true,
      });
    });

    it('may be missing or empty', () => {
      expectMatches(read({ subject: nameOf([state, 'X']) }), { x: false, '': false });
      expectMatches(read({ subject: nameOf([cn, ''], [state, 'X']) }), { x: false, '': false });
    });

    it('is not cut at a NUL', () => {
      expectMatches(read({ subject: 'a.example\0.evil.example' }), { 'a.example': false });
    });
  });

  it('of other kinds (URI, mail) name no host and hide no common name', () => {
    const uri = der.implicit(6, der.ia5String('https://a.example/').subarray(2), false);
    const certificate = read({ subject: 'b.example', extensions: [altNames(uri, 'email:me@c.example')] });
    expectMatches(certificate, { 'a.example': false, 'b.example': true, 'c.example': false });
  });

  describe('a common name beside alternative names', () => {
    const contradiction = (commonName: string, ...names: string[]): string | undefined =>
      contradictingCommonName(read({ subject: commonName, extensions: [altNames(...names)] }));

    it('contradicts them where it is another host of a kind that they list', () => {
      for (const [commonName, ...names] of [
        ['b.example', 'a.example'],
        ['other.example', '*.games.example'],
        ['A.example', 'a.example'],
        ['a.example.', 'a.example'],
        ['*.b.example', 'a.example', 'b.example'],
        ['b_c.example', 'a.example'],
        ['xn--nxasmq6b.example', 'xn--n3h.example'],
        ['bücher.example', 'xn--bcher-kva.example'],
        ['ａ．example', 'a.example'],
        ['b.example', 'a.example', 'ip:10.0.0.1'],
        ['10.0.0.2', 'ip:10.0.0.1'],
        ['010.0.0.1', 'ip:10.0.0.1'],
        ['10.1', 'ip:10.0.0.1'],
        ['0x0a.0.0.1', 'ip:10.0.0.1'],
        ['0xA000001', 'ip:10.0.0.1'],
        ['10.0.0.256', 'ip:10.0.0.1'],
        ['FD00::1', 'ip:fd00::1'],
        ['fd00:0::1', 'ip:fd00::1'],
        ['fd00:0000:0000:0000:0000:0000:0000:0001', 'ip:fd00::1'],
        ['[fd00::1]', 'ip:fd00::1'],
        ['fd00::1%eth0', 'ip:fd00::1'],
      ] as const) {
        expect(contradiction(commonName, ...names), commonName).to.equal(commonName);
      }
    });

    it('does not where it is listed, is the domain above, names no host, or is the only one of its kind', () => {
      for (const [commonName, ...names] of [
        ['a.example', 'b.example', 'a.example'],
        ['*.a.example', '*.a.example'],
        ['a.example', '*.a.example'],
        ['a.example', 'www.A.example'],
        ['localserver', 'a.example', 'ip:10.0.0.1'],
        ['My Game', 'a.example'],
        ['My Game 1.2', 'a.example'],
        ['Game-1.2', 'a.example'],
        ['Acme Inc.', 'a.example'],
        ['me@b.example', 'a.example'],
        ['https://b.example/', 'a.example'],
        ['AA:BB:CC:DD:EE:FF', 'a.example', 'ip:10.0.0.1'],
        ['12345', 'a.example', 'ip:10.0.0.1'],
        ['', 'a.example'],
        ['fd00::1', 'ip:fd00::1'],
        ['10.0.0.1', 'ip:10.0.0.1'],
        ['b.example', 'ip:10.0.0.1'],
        ['10.0.0.1', 'a.example'],
        ['b.example', 'email:me@a.example', 'uri:https://a.example/'],
      ] as const) {
        expect(contradiction(commonName, ...names), commonName).to.equal(undefined);
      }
      expect(contradictingCommonName(read({ subject: 'a.example' }))).to.equal(undefined);
    });

    it('takes no time for each pair where there are many of both', () => {
      const names = Array.from({ length: 1000 }, (_, index) => `${index}.b`);
      const many = (commonName: string) =>
        read({ subject: nameOf(...names.map(() => [cn, commonName])), extensions: [altNames(...names)] });
      const [listed, unlisted] = [many(names.at(-1)!), many('x.b')];
      const look = (): void => {
        expect(contradictingCommonName(listed)).to.equal(undefined);
        expect(contradictingCommonName(unlisted)).to.equal('x.b');
      };
      // A fifth of what it costs to make one of the two and to read it (measured). Each against each is forty times as much.
      expect(timesAsCostly(look, () => many('x.b'), 3)).to.be.lessThan(3);
    });

    it('is looked for in every common name', () => {
      const extensions = [altNames('a.example')];
      const subject = nameOf([cn, 'a.example'], [cn, 'b.example', state, 'X']);
      expect(contradictingCommonName(read({ subject, extensions }))).to.equal('b.example');
    });
  });
});
