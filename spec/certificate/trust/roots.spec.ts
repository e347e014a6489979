import { expect } from 'chai';
import { writePem } from '../../../lib/certificate/file/pem.js';
import { readRoots } from '../../../lib/certificate/trust/roots.js';
import { codeThrownBy } from '../../crypto/backends.js';
import { makeCa } from '../workshop.js';

describe('the roots of a configuration', () => {
  const pem = (subject: string): string => writePem('CERTIFICATE', makeCa({ subject }).der);
  const [one, other] = [pem('one'), pem('other')];

  it('are read once from one text', () => {
    expect(readRoots(one)).to.equal(readRoots(`${one}`));
    expect(readRoots([one, other])).to.equal(readRoots([one, other]));
  });

  it('are those of that text, in its order', () => {
    const [first] = readRoots(one);
    const [second] = readRoots(other);
    expect(first!.der).to.not.deep.equal(second!.der);
    expect(readRoots([one, other]).map(({ der }) => der)).to.deep.equal([first!.der, second!.der]);
    expect(readRoots([other, one]).map(({ der }) => der)).to.deep.equal([second!.der, first!.der]);
  });

  it('tell a list from its texts in a row: each must hold a certificate', () => {
    const [head, tail] = [one.slice(0, 100), one.slice(100)];
    expect(readRoots(head + tail)).to.have.length(1);
    expect(codeThrownBy(() => readRoots([head, tail]))).to.equal('INVALID_CERTIFICATE');
  });

  it('are read anew from bytes, which can change', () => {
    const { der } = makeCa({ subject: 'bytes' });
    const [before] = readRoots(der);
    der.set(makeCa({ subject: 'BYTES' }).der.subarray(0, der.length));
    expect(readRoots(der)[0]).to.not.equal(before);
    expect(readRoots(der)[0]).to.not.equal(readRoots(der)[0]);
  });

  it('are forgotten when there were eight others', () => {
    const known = readRoots(one);
    for (let text = 0; text < 7; text++) readRoots(pem(`text ${text}`));
    expect(readRoots(one), 'seven others').to.equal(known);
    for (let text = 0; text < 8; text++) readRoots(pem(`more ${text}`));
    expect(readRoots(one), 'eight others').to.not.equal(known);
  });
});
