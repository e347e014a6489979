import { expect } from 'chai';
import { bold, printable, Screen } from '../../lib/cli/screen.js';
import { suggest } from '../../lib/cli/suggest.js';
import { distance, moment } from '../../lib/cli/wording.js';

describe('cli: what reaches the terminal', () => {
  function shown(isTTY: boolean, env: Record<string, string>, text: string): string {
    let written = '';
    new Screen({ isTTY, write: (more) => (written += more) }, env).line(bold(text), ' ', text);
    return written;
  }

  it('shows controls, direction marks and line ends instead of obeying them', () => {
    expect(printable('a\u001b[31mb')).to.equal('a\\u{1b}[31mb');
    // CSI and OSC of one byte, DEL, line feed, right-to-left override, zero width, line separator, a lone surrogate.
    for (const character of [
      '\u009b',
      '\u009d',
      '\u007f',
      '\n',
      '\r',
      '\u202e',
      '\u200b',
      '\u2028',
      '\ud800',
    ]) {
      expect(printable(`a${character}b`)).to.equal(`a\\u{${character.codePointAt(0)!.toString(16)}}b`);
    }
    expect(printable('Müller 東京 🔑')).to.equal('Müller 東京 🔑');
  });

  it('colours on terminals alone, and not against NO_COLOR or a dumb terminal', () => {
    expect(shown(true, {}, 'x')).to.equal('\u001b[1mx\u001b[22m x\n');
    for (const [isTTY, env] of [
      [false, {}],
      [true, { NO_COLOR: '1' }],
      [true, { TERM: 'dumb' }],
    ] as const) {
      expect(shown(isTTY, env, 'x')).to.equal('x x\n');
    }
    expect(shown(true, { NO_COLOR: '' }, 'x')).to.include('\u001b[1m');
    expect(shown(true, {}, '\u001b[2J')).to.not.include('\u001b[2J');
  });

  it('tells times from now', () => {
    const now = new Date('2026-11-20T12:00:00Z');
    const fromNow = (ms: number): string => distance(new Date(now.getTime() + ms), now);
    const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
    expect(fromNow(12 * day)).to.equal('in 12 days');
    expect(fromNow(-3 * day)).to.equal('3 days ago');
    expect(fromNow(365 * day - 5 * minute)).to.equal('in 365 days');
    expect(fromNow(3650 * day)).to.equal('in 10 years');
    expect(fromNow(-30 * hour)).to.equal('30 hours ago');
    expect(fromNow(90 * minute)).to.equal('in 90 minutes');
    expect(fromNow(minute)).to.equal('in 1 minute');
    expect(fromNow(-10_000)).to.equal('now');
    expect(moment(new Date('2027-01-02T03:04:59Z'), now)).to.equal('2027-01-02 03:04 UTC (in 43 days)');
  });

  it('suggests what is close, and nothing for what is not', () => {
    const words = ['name', 'days', 'key', 'out', 'passphrase-file', 'passphrase-env'];
    expect(suggest('nmae', words)).to.equal('name');
    expect(suggest('day', words)).to.equal('days');
    expect(suggest('pasphrase-env', words)).to.equal('passphrase-env');
    expect(suggest('xyzzy', words)).to.equal(undefined);
    expect(suggest('x'.repeat(100_000), words)).to.equal(undefined);
  });
});
