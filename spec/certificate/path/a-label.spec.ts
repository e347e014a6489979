import { expect } from 'chai';
import { der } from '../../../lib/base/der.js';
import { toALabels } from '../../../lib/certificate/path/a-label.js';
import { matchHostname } from '../../../lib/certificate/path/names.js';
import type { Certificate } from '../../../lib/certificate/x509/x509.js';
import { altNames, read } from '../workshop.js';

function expectMatches(certificate: Certificate, hosts: Record<string, boolean>): void {
  for (const [host, matches] of Object.entries(hosts)) {
    expect(matchHostname(certificate, host), host).to.equal(matches);
  }
}

describe('host names with letters that are not ASCII', () => {
  const certificate = read({
    extensions: [
      altNames('xn--bcher-kva.example', '*.xn--fa-hia.example', '*.lan.example', 'backend', 'a.example'),
    ],
  });

  it('are converted to A-labels as URLs are, in any case', () => {
    expectMatches(certificate, {
      'bücher.example': true,
      'BÜCHER.Example': true,
      'bücher.example.': true,
      'bu\u0308cher.example': true,
      'xn--bcher-kva.example': true,
      'bucher.example': false,
      'www.faß.example': true,
      'www.fass.example': false,
      'bücher.org': false,
    });
  });

  it('take a wildcard for an A-label as a whole', () => {
    expectMatches(certificate, { 'bücher.lan.example': true, 'x.bücher.lan.example': false });
    expectMatches(read({ extensions: [altNames('xn--*-kva.lan.example', 'xn--b*.lan.example')] }), {
      'bücher.lan.example': false,
      'xn--bcher-kva.lan.example': false,
    });
  });

  it('must be letters: what only looks like ASCII, or vanishes, makes no other name', () => {
    expectMatches(certificate, {
      'ａ.example': false,
      'a．example': false,
      'a。example': false,
      'a｡example': false,
      'bac\u212aend': false,
      'back\u00adend': false,
      'back\u200bend': false,
      'a.ex\u00adample': false,
      'xn--bücher-kva.example': false,
      '１0.0.0.1': false,
      '\ud800.example': false,
    });
    expectMatches(read({ extensions: [altNames('ip:10.0.0.1')] }), {
      '１0.0.0.1': false,
      '10。0.0.1': false,
    });
  });

  it('are a name alone: no port, user, path, query, percent-encoding or white space', () => {
    for (const host of [
      'bücher.example:443',
      'me@bücher.example',
      'bücher.example/x',
      'bücher.example?x',
      'bücher.example#x',
      'bücher.example\\x',
      'b%C3%BCcher.example',
      'bücher%2eexample',
      ' bücher.example',
      'bücher.example\n',
      'bücher\t.example',
      'bücher..example',
      '.bücher.example',
      'bücher_.example',
      '[bücher.example]',
      `${'ü'.repeat(300)}.example`,
    ]) {
      expect(matchHostname(certificate, host), host).to.equal(false);
    }
  });

  it('make a SAN malformed, which holds ASCII, and a common name none that could match', () => {
    const latin1 = der.implicit(2, Buffer.from('bücher.example', 'latin1'), false);
    const utf8 = der.implicit(2, Buffer.from('bücher.example'), false);
    for (const name of [latin1, utf8]) {
      expect(() => read({ extensions: [altNames(name)] })).to.throw('ASCII');
    }
    expectMatches(read({ subject: 'bücher.example' }), {
      'bücher.example': false,
      'xn--bcher-kva.example': false,
    });
    expectMatches(read({ subject: 'xn--bcher-kva.example' }), { 'bücher.example': true });
  });

  it('come out as A-labels or not at all, and ASCII comes out as it is', () => {
    expect(toALabels('bücher.example')).to.equal('xn--bcher-kva.example');
    expect(toALabels('x.bücher.')).to.equal('x.xn--bcher-kva.');
    for (const ascii of ['a.example', 'A B', '10.0.0.1', '']) expect(toALabels(ascii)).to.equal(ascii);
    for (const none of ['bücher_.example', 'a。bücher', '。bücher', 'bücher。example', 'ü'.repeat(64)]) {
      expect(toALabels(none), none).to.equal(undefined);
    }
  });
});
