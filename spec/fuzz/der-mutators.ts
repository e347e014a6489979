// Changes to DER that know its structure: the lengths around what was changed stay right, unless they are the change.

import { concat } from '../../lib/base/bytes.js';
import type { SeededRandom } from '../support/random.js';
import { bytesMutators } from './bytes-mutators.js';
import { allNodes, type DerNode, nest, readTree, writeTree } from './der-tree.js';

/** What a mutator works on: one element, the list that it stands in, all of the file, and another file. */
interface Place {
  readonly node: DerNode;
  readonly siblings: DerNode[];
  readonly all: readonly { node: DerNode; siblings: DerNode[] }[];
  readonly random: SeededRandom;
  readonly other: Uint8Array;
}

/** How far a file is made to grow, in bytes. Few may be large, or they would take all the time. */
export interface Growth {
  readonly usual: number;
  readonly rare: number;
}

type DerMutator = (place: Place, growth: number) => void;

const tags = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1a, 0x1c, 0x1e, 0x1f,
  0x24, 0x30, 0x31, 0x80, 0x81, 0x82, 0x83, 0x86, 0x87, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xbf, 0x00, 0xff,
];

const derMutators: Readonly<Record<string, DerMutator>> = {
  'change a tag'({ node, random }) {
    node.tag = random.below(3) ? tags[random.below(tags.length)]! : random.below(256);
  },
  'change a length': ({ node, random }) => {
    node.form = (['padded', 'indefinite', 'huge', 'wrong'] as const)[random.below(4)]!;
  },
  'write BER lengths': ({ all, random }) => {
    for (const { node } of all)
      if (random.below(3) === 0) node.form = node.children ? 'indefinite' : 'padded';
  },
  'change content'(place) {
    const { node, random, other } = place;
    const content = node.children ? writeTree(node.children) : node.content;
    if (content.length === 0) {
      setContent(node, random.bytes(1 + random.below(4)));
      return;
    }
    const names = Object.keys(bytesMutators);
    setContent(node, bytesMutators[names[random.below(names.length)]!]!(content, random, other));
  },
  'empty an element': ({ node }) => setContent(node, new Uint8Array(0)),
  'remove an element': ({ node, siblings }) => void siblings.splice(siblings.indexOf(node), 1),
  'repeat an element'({ node, siblings, random }) {
    const at = siblings.indexOf(node);
    siblings.splice(at, 0, ...Array.from({ length: 1 + random.below(4) }, () => node));
  },
  'repeat an element thousands of times'({ node, siblings }, growth) {
    repeat(node, siblings, growth);
  },
  // What is looked for once for each of the others takes the product of both.
  'repeat two elements thousands of times'({ node, siblings, all, random }, growth) {
    const second = all[random.below(all.length)]!;
    repeat(node, siblings, growth / 2);
    if (!contains(node, second.node)) repeat(second.node, second.siblings, growth / 2);
  },
  'swap elements'({ node, siblings, random }) {
    const one = siblings.indexOf(node);
    const two = random.below(siblings.length);
    siblings[one] = siblings[two]!;
    siblings[two] = node;
  },
  'move an element elsewhere'({ node, all, random }) {
    all[random.below(all.length)]!.siblings.push(raw(writeTree([node])));
  },
  'replace with another of the file'({ node, all, random }) {
    Object.assign(node, raw(writeTree([all[random.below(all.length)]!.node])));
  },
  'replace with one of another file'({ node, random, other }) {
    const others = allNodes(readTree(other) ?? []);
    if (others.length > 0) Object.assign(node, others[random.below(others.length)]!.node);
  },
  'nest deeply'({ node, random }, growth) {
    const form = random.below(2) ? 'shortest' : 'indefinite';
    // Frames of a recursion fill the stack at some 10,000; more bytes than the readers take are for the rare cases.
    const deep = random.below(2) ? 20_000 : Math.max(1, Math.min(100_000, Math.floor(growth / 4)));
    const levels = random.below(2) ? deep : 1 + random.below(80);
    const tag = [0x30, 0x31, 0x24, 0xa0, 0xa1][random.below(5)]!;
    const tower = nest(tag, levels, writeTree([node]), form);
    // As the element itself, header and all.
    Object.assign(node, raw(tower));
  },
  'grow a value'({ node, random }, growth) {
    const content = node.children ? writeTree(node.children) : node.content;
    const pattern = random.below(2)
      ? random.bytes(1 + random.below(3))
      : (content.subarray(0, 64) as Uint8Array);
    if (pattern.length === 0) return;
    const grown = new Uint8Array(growth);
    for (let index = 0; index < growth; index++) grown[index] = pattern[index % pattern.length]!;
    setContent(node, concat([content, grown]));
  },
  'set a number'({ all, random }) {
    const numbers = all.filter(({ node }) => node.tag === 0x02);
    const chosen = numbers[random.below(Math.max(1, numbers.length))];
    if (chosen) setContent(chosen.node, edgeNumber(random));
  },
  'replace a text'({ all, random }) {
    const texts = all.filter(({ node }) =>
      [0x0c, 0x13, 0x14, 0x16, 0x1e, 0x82, 0x86, 0x81].includes(node.tag),
    );
    const chosen = texts[random.below(Math.max(1, texts.length))];
    if (chosen) setContent(chosen.node, new TextEncoder().encode(oddTexts[random.below(oddTexts.length)]!));
  },
};

const oddTexts = [
  '',
  '*',
  '*.',
  '*.*.example',
  'arena.example',
  'arena.example\0.evil',
  '.arena.example',
  'arena.example.',
  '127.0.0.1',
  '::1',
  'a'.repeat(300),
  `${'a.'.repeat(200)}example`,
  'xn--',
  'xn--a',
  '\u202emoc',
  '\ud800',
  'A\u0301',
  ' ',
  '\r\nok: true',
  '%00',
  '*arena.example',
  'ARENA.EXAMPLE',
  'arena.example:443',
  '@arena.example',
  'http://arena.example/',
];

function edgeNumber(random: SeededRandom): Uint8Array {
  const edges = [
    [0],
    [1],
    [2],
    [3],
    [4],
    [0x7f],
    [0x80],
    [0xff],
    [0x00, 0x80],
    [0x00, 0x01],
    [0xff, 0xff],
    [0x7f, 0xff, 0xff, 0xff],
    [0x00, 0x80, 0x00, 0x00, 0x00],
    [0x00, 0xff, 0xff, 0xff, 0xff],
    [0x80, 0x00, 0x00, 0x00],
    [0x00, 0x0f, 0x42, 0x40],
    [0x1e, 0x84, 0x80],
    [0x1e, 0x84, 0x81],
    [0x5b, 0x8d, 0x80],
    [],
  ];
  return Uint8Array.from(edges[random.below(edges.length)]!);
}

function repeat(node: DerNode, siblings: DerNode[], growth: number): void {
  const copies = Math.max(1, Math.floor(growth / writeTree([node]).length));
  const after = siblings.splice(siblings.indexOf(node));
  // One by one: a call takes only so many arguments, and there may be a hundred thousand copies.
  for (let left = copies; left > 0; left--) siblings.push(node);
  for (const sibling of after) siblings.push(sibling);
}

/** Then a change of one is a change of both, and of every copy. */
function contains(node: DerNode, other: DerNode): boolean {
  return node === other || (node.children ?? []).some((child) => contains(child, other));
}

function setContent(node: DerNode, content: Uint8Array): void {
  node.children = undefined;
  node.content = content;
}

/** A node that is written as these bytes, and shares nothing: a tree that contains itself cannot be written. */
function raw(bytes: Uint8Array): DerNode {
  const first = bytes[1]!;
  const header = first === 0x80 ? 2 : first < 0x80 ? 2 : 2 + first - 0x80;
  const end = first === 0x80 ? bytes.length - 2 : bytes.length;
  return {
    tag: bytes[0]!,
    children: undefined,
    content: bytes.subarray(header, end),
    prefix: new Uint8Array(0),
    form: first === 0x80 ? 'indefinite' : 'shortest',
  };
}

export interface Mutation {
  readonly bytes: Uint8Array;
  /** What was done, in words. */
  readonly name: string;
}

/** `bytes` after one to three changes: of its structure where it has one, and blind ones now and then. */
export function mutate(bytes: Uint8Array, random: SeededRandom, other: Uint8Array, growth: Growth): Mutation {
  let changed = bytes;
  const names: string[] = [];
  for (let rounds = random.below(4) ? 1 : 1 + random.below(3); rounds > 0; rounds--) {
    const { bytes: next, name } = mutateOnce(changed, random, other, growth);
    names.push(name);
    changed = next;
  }
  return { bytes: changed, name: names.join(', ') };
}

function mutateOnce(bytes: Uint8Array, random: SeededRandom, other: Uint8Array, growth: Growth): Mutation {
  const nodes = random.below(4) === 0 || bytes.length > maxTreeBytes ? undefined : readTree(bytes);
  if (nodes === undefined || nodes.length === 0) {
    const [name, mutator] = pick(bytesMutators, random);
    return { bytes: bytes.length === 0 ? random.bytes(3) : mutator(bytes, random, other), name };
  }
  const all = allNodes(nodes);
  const { node, siblings } = all[random.below(all.length)]!;
  const [name, mutator] = pick(derMutators, random);
  // Large ones take as long as hundreds of others.
  const large = random.below(8) === 0 ? random.below(random.below(30) ? growth.usual : growth.rare) : 600;
  mutator({ node, siblings, all, random, other }, large);
  return { bytes: writeTree(nodes), name };
}

/** What a first change has made larger is not read as a tree again. */
const maxTreeBytes = 32 * 1024;

function pick<T>(from: Readonly<Record<string, T>>, random: SeededRandom): [name: string, value: T] {
  const entries = Object.entries(from);
  return entries[random.below(entries.length)]!;
}
