import { expect } from 'chai';
import { printable, quoted } from '../../lib/base/printable.js';

describe('texts of others in messages', () => {
  it('show what a terminal would obey, what turns text round, and what ends a line', () => {
    expect(printable('a\u001b[2Jb\r\n\u007f\u009b')).to.equal('a\\u{1b}[2Jb\\u{d}\\u{a}\\u{7f}\\u{9b}');
    expect(printable('\u202emoc\u2028\u2066\u200b')).to.equal('\\u{202e}moc\\u{2028}\\u{2066}\\u{200b}');
    expect(printable('\ud800x')).to.equal('\\u{d800}x');
    expect(printable('back\\slash "quoted" Zoë 日本')).to.equal('back\\\\slash "quoted" Zoë 日本');
  });

  it('come in quotes that they cannot leave', () => {
    expect(quoted('arena.example')).to.equal('"arena.example"');
    expect(quoted('a" is trusted, "b\\')).to.equal('"a\\" is trusted, \\"b\\\\"');
    expect(quoted('\u202emoc\n\u0085')).to.equal('"\\u{202e}moc\\n\\u{85}"');
  });

  it('are cut where they are long, also in the middle of a character', () => {
    expect(quoted('a'.repeat(80))).to.equal(`"${'a'.repeat(80)}"`);
    expect(quoted('a'.repeat(81))).to.equal(`"${'a'.repeat(80)}…"`);
    expect(quoted('a'.repeat(81), 90)).to.equal(`"${'a'.repeat(81)}"`);
    expect(quoted(`${'a'.repeat(79)}😀`)).to.equal(`"${'a'.repeat(79)}\\ud83d…"`);
  });
});
