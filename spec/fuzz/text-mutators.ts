// Changes to PEM text: characters, lines, labels and headers, and the kinds of line ends.

import type { SeededRandom } from '../support/random.js';

type TextMutator = (text: string, random: SeededRandom, other: string, growth: number) => string;

const characters = 'AQgw/+=- \t\r\n\0:,MI\u00e9\ufeff\u2028\ud800';

export const textMutators: Readonly<Record<string, TextMutator>> = {
  'change a character'(text, random) {
    const at = random.below(text.length);
    return text.slice(0, at) + characters[random.below(characters.length)] + text.slice(at + 1);
  },
  'insert characters'(text, random) {
    const at = random.below(text.length);
    const character = characters[random.below(characters.length)]!;
    return text.slice(0, at) + character.repeat(1 + random.below(5)) + text.slice(at);
  },
  'remove characters'(text, random) {
    const at = random.below(text.length);
    return text.slice(0, at) + text.slice(at + 1 + random.below(random.below(4) ? 5 : text.length));
  },
  truncate: (text, random) => text.slice(0, random.below(text.length)),
  'remove a line': (text, random) =>
    withLines(text, (lines) => void lines.splice(random.below(lines.length), 1)),
  'repeat a line': (text, random) =>
    withLines(text, (lines) => {
      const at = random.below(lines.length);
      lines.splice(at, 0, lines[at]!);
    }),
  'swap lines': (text, random) =>
    withLines(text, (lines) => {
      const [one, two] = [random.below(lines.length), random.below(lines.length)];
      [lines[one], lines[two]] = [lines[two]!, lines[one]!];
    }),
  'join lines': (text, random) => {
    const ends = ['\r\n', '\r', '', ' ', '\n\n', '\t\n', ' \n', '\v', '\u2028'];
    return text.replaceAll('\n', ends[random.below(ends.length)]!);
  },
  'change a label'(text, random) {
    const labels = [
      'CERTIFICATE',
      'PRIVATE KEY',
      'ENCRYPTED PRIVATE KEY',
      'RSA PRIVATE KEY',
      'EC PRIVATE KEY',
      'X',
      '',
    ];
    const label = labels[random.below(labels.length)]!;
    const which = random.below(3);
    const pattern = which === 0 ? /(BEGIN )[^-]*/ : which === 1 ? /(END )[^-]*/ : /((?:BEGIN|END) )[^-]*/g;
    return text.replace(pattern, `$1${label}`);
  },
  'change a header'(text, random) {
    const headers = [
      'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n',
      'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n',
      'Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,0011223344556677\n\n',
      `Proc-Type: 4,ENCRYPTED\nDEK-Info: ${'A'.repeat(5000)},00\n\n`,
      'Proc-Type: 4,ENCRYPTED\n\n',
      'Comment: x\n\n',
    ];
    const header = headers[random.below(headers.length)]!;
    if (text.includes('Proc-Type:')) return text.replace(/Proc-Type:.*?\n\n/s, random.below(2) ? header : '');
    return text.replace(/(-----BEGIN [^\n]*\n)/, `$1${header}`);
  },
  'append another file': (text, _, other) => text + other,
  'prepend another file': (text, _, other) => other + text,
  'splice two files': (text, random, other) =>
    text.slice(0, random.below(text.length)) + other.slice(random.below(other.length)),
  'repeat a piece thousands of times'(text, random, _, growth) {
    const pieces = [
      '\n',
      '\r',
      ' ',
      '-',
      '=',
      'A',
      '-----',
      '-----BEGIN ',
      '-----END ',
      '-----BEGIN X-----\n',
      '-----END X-----\n',
      text,
      '-----BEGIN X-----\nAAAA\n-----END X-----\n',
      '-----BEGIN X-----',
      '\r\n',
      '\u00e9',
      ' \n',
      'Proc-Type: 4,ENCRYPTED\n',
    ];
    const piece = pieces[random.below(pieces.length)]!;
    const at = random.below(text.length + 1);
    return text.slice(0, at) + piece.repeat(Math.max(1, Math.floor(growth / piece.length))) + text.slice(at);
  },
};

function withLines(text: string, change: (lines: string[]) => void): string {
  const lines = text.split('\n');
  change(lines);
  return lines.join('\n');
}
