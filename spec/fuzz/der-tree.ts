// DER as a tree that can be changed and written again: what reaches deep into a decoder keeps the lengths around it right.
//
//   readTree(bytes)  ->  nodes { tag, children | content }  ->  writeTree(nodes)
//
// Reading is lenient, and independent of lib/base/der.ts: what is no DER is content. Octet strings and bit strings that
// hold DER, as extensions, keys and the safes of PFX files do, are read on inside.

import { concat } from '../../lib/base/bytes.js';

/** How the length is written; DER knows the first alone. */
export type LengthForm = 'shortest' | 'padded' | 'indefinite' | 'huge' | 'wrong';

export interface DerNode {
  tag: number;
  /** Of a value with parts; then `content` does not count. */
  children: DerNode[] | undefined;
  content: Uint8Array;
  /** What stands before the children: the count of unused bits of a BIT STRING. */
  prefix: Uint8Array;
  form: LengthForm;
}

const constructedBit = 0x20;
const bitString = 0x03;
const octetString = 0x04;
const none: Uint8Array = new Uint8Array(0);
/** Certificates go about 10 deep; what is deeper is left as content. */
const maxDepth = 24;

/** The elements of `bytes`, one after another; undefined where they are not DER from the first byte to the last. */
export function readTree(bytes: Uint8Array, depth = 0): DerNode[] | undefined {
  const nodes: DerNode[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const header = readHeader(bytes, offset);
    if (header === undefined) return undefined;
    offset = header.start + header.length;
    nodes.push(readNode(header.tag, bytes.subarray(header.start, offset), depth));
  }
  return nodes;
}

function readNode(tag: number, content: Uint8Array, depth: number): DerNode {
  const leaf: DerNode = { tag, children: undefined, content, prefix: none, form: 'shortest' };
  if (depth === maxDepth || content.length === 0) return leaf;
  if ((tag & constructedBit) !== 0) return { ...leaf, children: readTree(content, depth + 1) };
  if (tag !== octetString && tag !== bitString) return leaf;
  const prefix = tag === bitString ? content.subarray(0, 1) : none;
  const inside = content.subarray(prefix.length);
  // Random bytes seldom look like one whole SEQUENCE or INTEGER.
  if (inside.length < 2 || !(inside[0] === 0x30 || inside[0] === 0x04 || inside[0] === 0x03)) return leaf;
  const children = readTree(inside, depth + 1);
  return children === undefined || children.length !== 1 ? leaf : { ...leaf, children, prefix };
}

function readHeader(
  bytes: Uint8Array,
  at: number,
): { tag: number; start: number; length: number } | undefined {
  const tag = bytes[at]!;
  const first = bytes[at + 1];
  if (first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const octets = first < 0x80 ? 0 : first - 0x80;
  if (first === 0x80 || octets > 3 || at + 2 + octets > bytes.length) return undefined;
  let length = octets === 0 ? first : 0;
  for (let index = 0; index < octets; index++) length = length * 256 + bytes[at + 2 + index]!;
  const start = at + 2 + octets;
  return start + length <= bytes.length ? { tag, start, length } : undefined;
}

export function writeTree(nodes: readonly DerNode[]): Uint8Array {
  return concat(nodes.map(writeNode));
}

function writeNode({ tag, children, content, prefix, form }: DerNode): Uint8Array {
  const body = children ? concat([prefix, writeTree(children)]) : content;
  switch (form) {
    case 'shortest':
      return concat([Uint8Array.of(tag), lengthOctets(body.length), body]);
    case 'padded':
      return concat([Uint8Array.of(tag, 0x84), fourOctets(body.length), body]);
    case 'indefinite':
      return concat([Uint8Array.of(tag, 0x80), body, Uint8Array.of(0, 0)]);
    case 'huge':
      return concat([Uint8Array.of(tag, 0x84, 0xff, 0xff, 0xff, 0xff), body]);
    case 'wrong':
      return concat([Uint8Array.of(tag), lengthOctets(body.length + 1), body]);
  }
}

/** Length octets in the shortest form. */
export function lengthOctets(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) octets.unshift(rest & 0xff);
  return Uint8Array.of(0x80 | octets.length, ...octets);
}

function fourOctets(length: number): Uint8Array {
  return Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length);
}

/** Every node, parents before their children, and the list that it stands in. */
export function allNodes(nodes: DerNode[]): { node: DerNode; siblings: DerNode[] }[] {
  const found: { node: DerNode; siblings: DerNode[] }[] = [];
  const visit = (siblings: DerNode[]): void => {
    for (const node of siblings) {
      found.push({ node, siblings });
      if (node.children) visit(node.children);
    }
  };
  visit(nodes);
  return found;
}

/** `levels` elements of one tag around `inside`, written without recursion. */
export function nest(
  tag: number,
  levels: number,
  inside: Uint8Array,
  form: 'shortest' | 'indefinite',
): Uint8Array {
  if (form === 'indefinite') {
    const opening = new Uint8Array(levels * 2);
    for (let index = 0; index < levels; index++) opening.set([tag, 0x80], index * 2);
    return concat([opening, inside, new Uint8Array(levels * 2)]);
  }
  const headers: Uint8Array[] = [];
  let length = inside.length;
  for (let level = 0; level < levels; level++) {
    const header = concat([Uint8Array.of(tag), lengthOctets(length)]);
    headers.push(header);
    length += header.length;
  }
  return concat([...headers.reverse(), inside]);
}
