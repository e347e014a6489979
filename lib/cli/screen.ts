// Text on a terminal, and the one place where it becomes bytes.
//
// Names in certificates are chosen by whoever made them, and a terminal obeys escape sequences: so every piece of
// text is made printable here, ours and theirs alike, and colours are put around it afterwards. Colours are for
// terminals, unless NO_COLOR is set (no-color.org).

import type { Output } from './surroundings.js';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** Text in a style, or plain. */
export type Piece = string | { readonly text: string; readonly style: Style };

// ECMA-48 §8.3.117, SGR; 22 ends bold and dim, 39 ends colours.
const sgr: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

export class Screen {
  readonly #output: Output;
  readonly #colours: boolean;

  constructor(output: Output, env: Readonly<Record<string, string | undefined>>) {
    this.#output = output;
    this.#colours = output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  /** One line; a line feed in a piece is shown, not obeyed. */
  line(...pieces: readonly Piece[]): void {
    this.#output.write(`${this.#render(pieces)}\n`);
  }

  /** Without a line's end, for prompts. */
  prompt(text: string): void {
    this.#output.write(printable(text));
  }

  #render(pieces: readonly Piece[]): string {
    return pieces
      .map((piece) => {
        if (typeof piece === 'string') return printable(piece);
        if (!this.#colours) return printable(piece.text);
        const [on, off] = sgr[piece.style];
        return `\x1b[${on}m${printable(piece.text)}\x1b[${off}m`;
      })
      .join('');
  }
}

export function bold(text: string): Piece {
  return { text, style: 'bold' };
}

export function dim(text: string): Piece {
  return { text, style: 'dim' };
}

/**
 * Controls, format characters (which turn the direction of writing, or hide), line separators, lone surrogates and
 * private or unassigned code points become `\u{…}`.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
