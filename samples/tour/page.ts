// What the tour looks like on a terminal: headings, paragraphs, facts in two columns, at most 100 columns wide.
//
// Colours are escape codes of ECMA-48 §8.3.117 (SGR). Node's styleText() is not used: whether it looks at NO_COLOR and
// at the terminal differs between the versions of Node that Sealwire runs on.

const columns = 100;
const indent = '  ';
const factLabelColumns = 18;

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  inverse: [7, 27],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof codes;

/** What is asked of the terminal; `process.stdout` fits. */
export interface Terminal {
  readonly isTTY?: boolean;
  hasColors?(): boolean;
}

/** FORCE_COLOR decides where it is set; else a terminal that has colours, unless NO_COLOR forbids them. */
export function wantsColours(terminal: Terminal, environment: NodeJS.ProcessEnv): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: forbidden } = environment;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (forbidden !== undefined && forbidden !== '') return false;
  return terminal.isTTY === true && (terminal.hasColors?.() ?? true);
}

export class Page {
  readonly #write: (line: string) => void;
  readonly #coloured: boolean;

  constructor(write: (line: string) => void, coloured: boolean) {
    this.#write = write;
    this.#coloured = coloured;
  }

  paint(text: string, ...styles: readonly Style[]): string {
    if (!this.#coloured) return text;
    return styles.reduce((painted, style) => {
      const [on, off] = codes[style];
      return `\x1b[${on}m${painted}\x1b[${off}m`;
    }, text);
  }

  title(text: string): void {
    this.line();
    this.line(this.paint(text, 'bold', 'cyan'));
    this.line(this.paint('═'.repeat(text.length), 'cyan'));
  }

  chapter(text: string): void {
    this.line();
    this.line();
    this.line(this.paint(`${text} ${'─'.repeat(columns - text.length - 1)}`, 'bold', 'cyan'));
  }

  section(title: string, remark = ''): void {
    this.line();
    this.line(this.paint(title, 'bold') + (remark && `   ${this.paint(remark, 'yellow')}`));
  }

  /** A paragraph, wrapped. What stands in backticks is coloured in place of them. */
  text(text: string): void {
    this.line();
    for (const line of this.#wrap(text, columns - indent.length)) this.line(indent + line);
  }

  /** A label and what there is to say about it. */
  fact(label: string, text: string): void {
    const lines = this.#wrap(text, columns - indent.length - factLabelColumns);
    for (const [index, line] of lines.entries()) {
      const column = (index === 0 ? label : '').padEnd(factLabelColumns);
      this.line(`${indent}${this.paint(column, 'dim')}${line}`);
    }
  }

  line(text = ''): void {
    this.#write(text);
  }

  #wrap(text: string, width: number): string[] {
    const lines: string[] = [];
    let line = '';
    let used = 0;
    for (const word of text.split(' ')) {
      const bare = word.replaceAll('`', '');
      if (used > 0 && used + 1 + bare.length > width) {
        lines.push(line);
        line = '';
        used = 0;
      }
      line += (used > 0 ? ' ' : '') + this.#paintQuoted(word);
      used += (used > 0 ? 1 : 0) + bare.length;
    }
    return [...lines, line];
  }

  #paintQuoted(word: string): string {
    return word
      .split('`')
      .map((part, index) => (index % 2 === 1 ? this.paint(part, 'yellow') : part))
      .join('');
  }
}
