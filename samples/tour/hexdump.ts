// Bytes as hex and as text, 16 in a line, each in the colour of the field that it belongs to:
//
//   0000  42 01 00 00 00 00 00 00  95 00 01 01 92 a5 6e 6f   B.............no
//
// Changed bytes stand out. What is no printable ASCII is a dot.

import { fieldStyles, fieldsOf } from './frame.js';
import type { Page, Style } from './page.js';

const bytesPerLine = 16;
const bytesPerGroup = 8;

/** Prints a frame; the bytes at `changed` are shown as altered. */
export function printFrame(page: Page, frame: Uint8Array, changed: ReadonlySet<number> = new Set()): void {
  const styles = stylesOf(frame, changed);
  for (let start = 0; start < frame.length; start += bytesPerLine) {
    const offset = page.paint(start.toString(16).padStart(4, '0'), 'dim');
    let hex = '';
    let text = '';
    for (let index = start; index < start + bytesPerLine; index++) {
      const gap = (index - start) % bytesPerGroup === 0 ? '  ' : ' ';
      const byte = frame[index];
      if (byte === undefined) {
        hex += `${gap}  `;
        continue;
      }
      const style = styles[index]!;
      hex += gap + page.paint(byte.toString(16).padStart(2, '0'), ...style);
      text += page.paint(printable(byte) ? String.fromCharCode(byte) : '.', ...style);
    }
    page.line(`    ${offset}${hex}   ${text}`);
  }
}

function stylesOf(frame: Uint8Array, changed: ReadonlySet<number>): readonly (readonly Style[])[] {
  return fieldsOf(frame).flatMap(({ name, start, end }) =>
    Array.from({ length: end - start }, (_, index): readonly Style[] =>
      changed.has(start + index) ? ['red', 'inverse'] : [fieldStyles[name]],
    ),
  );
}

function printable(byte: number): boolean {
  return byte >= 0x20 && byte < 0x7f;
}
