// Texts of a peer or of a file, made fit for messages, logs and terminals: what a terminal would take for a command, what
// would turn text round (U+202E and its kin) and what would begin a new line is shown as `\u{1b}`.

const cut = 80;

/** The text with controls, formatting and direction marks, lone surrogates, line separators and the backslash escaped. */
export function printable(text: string): string {
  return escapeMarks(text.replaceAll('\\', '\\\\'));
}

/** The same in quotes, cut where a peer made it longer than `most` characters. */
export function quoted(text: string, most: number = cut): string {
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  return escapeMarks(JSON.stringify(shown));
}

function escapeMarks(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
