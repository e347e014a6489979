// A frame as somebody on the path sees it, from docs/protocol.md section 2 alone and without a key.
//
//   plain    E A t6 | body
//   record   E A t6 | epoch | sequence, 48 bit | body | tag, 16, only with A
//
// The decoder of the library is not used on purpose: what is shown here, anybody could have written.

import { describeSecurity, Security } from 'sealwire';
import type { Page, Style } from './page.js';

export const recordHeaderBytes = 8;
export const tagBytes = 16;
const encryptedBit = 0x80;
const authenticatedBit = 0x40;
const typeMask = 0x3f;

export const messagesType = 2;
const typeNames: Readonly<Record<number, string>> = {
  1: 'handshake',
  2: 'messages',
  3: 'key update',
  4: 'close',
};

export interface FrameField {
  readonly name: 'flags and type' | 'epoch' | 'sequence' | 'body' | 'tag';
  readonly start: number;
  readonly end: number;
  readonly meaning: string;
}

export function flagsOf(frame: Uint8Array): number {
  const first = frame[0] ?? 0;
  return (
    (first & encryptedBit ? Security.Encrypted : 0) | (first & authenticatedBit ? Security.Authenticated : 0)
  );
}

export function typeOf(frame: Uint8Array): number {
  return (frame[0] ?? 0) & typeMask;
}

/** The four combinations as a program writes them. */
export function nameFlags(flags: number): string {
  return describeSecurity(flags).replaceAll(/\w+/g, 'Security.$&');
}

export function fieldsOf(frame: Uint8Array): readonly FrameField[] {
  const flags = flagsOf(frame);
  const type = typeOf(frame);
  const letters = [flags & Security.Encrypted && 'E', flags & Security.Authenticated && 'A'];
  const first: FrameField = {
    name: 'flags and type',
    start: 0,
    end: 1,
    meaning: `flags ${letters.filter(Boolean).join(' ') || 'none'}, type ${type} (${typeNames[type] ?? 'unknown'})`,
  };
  const body = (start: number, end: number): FrameField => {
    const state = flags & Security.Encrypted ? 'ciphertext' : 'in the clear';
    return { name: 'body', start, end, meaning: `body ${bytes(end - start)}, ${state}` };
  };
  if (flags === 0) return [first, body(1, frame.length)];
  const sequence = Number.parseInt(Buffer.from(frame.subarray(2, recordHeaderBytes)).toString('hex'), 16);
  const header: readonly FrameField[] = [
    first,
    { name: 'epoch', start: 1, end: 2, meaning: `epoch ${frame[1]}` },
    { name: 'sequence', start: 2, end: recordHeaderBytes, meaning: `sequence ${sequence}` },
  ];
  if ((flags & Security.Authenticated) === 0) return [...header, body(recordHeaderBytes, frame.length)];
  const tagStart = frame.length - tagBytes;
  return [
    ...header,
    body(recordHeaderBytes, tagStart),
    { name: 'tag', start: tagStart, end: frame.length, meaning: `tag ${bytes(tagBytes)}` },
  ];
}

export const fieldStyles: Readonly<Record<FrameField['name'], Style>> = {
  'flags and type': 'magenta',
  epoch: 'yellow',
  sequence: 'cyan',
  body: 'bold',
  tag: 'green',
};

/** One line that names the fields in the colours that they have in the dump. */
export function explainFrame(page: Page, frame: Uint8Array): string {
  return fieldsOf(frame)
    .map(({ name, meaning }) => page.paint(meaning, fieldStyles[name]))
    .join(' · ');
}

export function bytes(count: number): string {
  return `${count} ${count === 1 ? 'byte' : 'bytes'}`;
}
