import { expect } from 'chai';
import fc from 'fast-check';
import { concat, toHex, utf8 } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { encodeMessage, readMessages } from '../../lib/wire/payload.js';
import { scanMessages } from '../../lib/wire/payload-scan.js';
import { timesAsCostly } from '../support/cost.js';
import { referenceDecode } from './reference-decoder.js';

const limits = { maxDepth: 32, maxValues: 65_536 };
const maxFrameBytes = 1024 * 1024;

/**
 * What one hostile body may cost, whatever its length, in times of what a quarter of a MiB of honest calls does, in the same process
 * and at the same time: so the speed of the machine has no say in it. The dearest is a map of 30,000 keys, 9 times (measured: most of it is
 * the object with 30,000 members that is asked for). Where a key is searched for among all others it is 300 to 600 times.
 */
const mostTimesHonest = 25;

function hex(...parts: string[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));
}

/** `bytes` over and over. */
function repeated(bytes: Uint8Array, total: number): Uint8Array {
  const body = new Uint8Array(total);
  for (let offset = 0; offset < total; offset++) body[offset] = bytes[offset % bytes.length] as number;
  return body;
}

/** A message that holds one map with the given keys, each with the value 1. */
function mapWith(...keys: (string | Uint8Array)[]): Uint8Array {
  const count = keys.length < 16 ? [0x80 | keys.length] : [0xde, keys.length >> 8, keys.length & 0xff];
  const parts: Uint8Array[] = [Uint8Array.of(0x91, ...count)];
  for (const key of keys) {
    const bytes = typeof key === 'string' ? utf8(key) : key;
    parts.push(Uint8Array.of(0xd9, bytes.length), bytes, Uint8Array.of(1));
  }
  return concat(parts);
}

function string(bytes: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(0x91, 0xda, bytes.length >> 8, bytes.length & 0xff), bytes]);
}

function expectRefused(body: Uint8Array, message: RegExp, within = limits): void {
  expect(() => scanMessages(body, within), toHex(body.subarray(0, 40)))
    .to.throw(message)
    .with.property('code', 'PROTOCOL_ERROR');
}

function expectAccepted(body: Uint8Array, within = limits): void {
  expect(scanMessages(body, within).at(-1), toHex(body.subarray(0, 40))).to.equal(-body.length);
}

function isTaken(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}

/** Whether the body was taken; anything but PROTOCOL_ERROR, or a changed prototype, fails the test. */
function survives(body: Uint8Array): boolean {
  try {
    for (const message of readMessages(body, limits)) message.unpack();
    return true;
  } catch (error) {
    expect(error).to.be.instanceOf(SealwireError).with.property('code', 'PROTOCOL_ERROR');
    return false;
  }
}

describe('wire/payload-scan', () => {
  const prototypeKeys = Reflect.ownKeys(Object.prototype);

  afterEach('no prototype has changed', () => {
    expect(Reflect.ownKeys(Object.prototype)).to.deep.equal(prototypeKeys);
    expect(Reflect.ownKeys({})).to.deep.equal([]);
  });

  it('tells where the fields of each message begin, and where it ends', () => {
    const body = hex('90', '9101', '92a16180', '91c40100', '9391c0819101');
    expect(() => scanMessages(body, limits)).to.throw('not a string');
    expect(
      scanMessages(hex('90', '9101', '92a16180', '91c40100', '939192c00181a1610102'), limits),
    ).to.deep.equal([-1, 2, -3, 4, 6, -7, 8, -11, 12, 16, 20, -21]);
  });

  it('finds what is wrong in long text wherever it stands, and nothing where all is well', () => {
    for (const length of [255, 256, 257, 258, 259, 300]) {
      for (let at = 0; at < length; at++) {
        const text = new Uint8Array(length).fill(0x61);
        // Of a body that begins anywhere in its buffer.
        const body = string(text);
        const moved = new Uint8Array(body.length + 4).subarray(at % 4, (at % 4) + body.length);
        moved.set(body);
        expectAccepted(moved);
        moved[4 + at] = 0x80;
        expectRefused(moved, /not valid UTF-8/);
      }
    }
  });

  it('refuses a body without a message, and messages that are no arrays', () => {
    expectRefused(hex(''), /holds no message/);
    for (const token of ['80', 'a161', 'c0', 'c3', '01', 'ff', 'cb0000000000000000', 'c40100', '9001']) {
      expectRefused(hex(token), /not an array/);
    }
  });

  it('refuses a body that is cut anywhere', () => {
    const body = encodeMessage([
      1,
      -1000,
      70_000,
      2 ** 40,
      2n ** 63n,
      0.5,
      'text',
      'é'.repeat(40),
      'x'.repeat(300),
      'y'.repeat(70_000),
      new Uint8Array(5),
      new Uint8Array(300),
      new Uint8Array(70_000),
      { a: { b: [null, true] } },
      Array(20).fill(1),
      Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, index])),
    ]);
    expectAccepted(body);
    for (let length = 1; length < 900; length++) expectRefused(body.subarray(0, length), /middle of a value/);
    for (let length = 900; length < body.length; length += 997) {
      expectRefused(body.subarray(0, length), /middle of a value/);
    }
    for (const token of [
      'c4',
      'c5',
      'c6',
      'd9',
      'da',
      'db',
      'dc',
      'dd',
      'de',
      'df',
      'ca',
      'cb',
      'cf',
      'd3',
    ]) {
      expectRefused(hex('91', token), /middle of a value/);
    }
  });

  it('believes no count that the bytes are not there for', () => {
    const counts = ['dcffff', 'ddffffffff', 'deffff', 'dfffffffff', '9f', '8f', 'dfffffffff80', 'dd80000000'];
    for (const count of counts) expectRefused(hex('92', count, '01'), /middle of a value/);
    for (const length of [
      'd9ff',
      'daffff',
      'dbffffffff',
      'bf',
      'c4ff',
      'c5ffff',
      'c6ffffffff',
      'db80000000',
    ]) {
      expectRefused(hex('92', length, '01'), /middle of a value/);
    }
    expectRefused(hex('81a16101'), /not an array/);
    expectRefused(hex('91', '82', 'a16101'), /middle of a value/);
  });

  it('bounds the depth', () => {
    const nested = (levels: number): Uint8Array => concat([repeated(Uint8Array.of(0x91), levels), hex('01')]);
    expectAccepted(nested(32));
    expectRefused(nested(33), /deeper than 32/);
    expectRefused(concat([repeated(Uint8Array.of(0x91), 32), hex('90')]), /deeper than 32/);
    expectRefused(concat([repeated(Uint8Array.of(0x91), 32), hex('80')]), /deeper than 32/);
    expectAccepted(hex('9191c0'), { maxDepth: 2, maxValues: 9 });
    expectRefused(hex('919191c0'), /deeper than 2/, { maxDepth: 2, maxValues: 9 });
    // More depth than any scan before it, and less again.
    expectAccepted(nested(500), { maxDepth: 500, maxValues: 9999 });
    expectRefused(nested(33), /deeper than 32/);
  });

  it('bounds the values of a body, keys and containers included', () => {
    expectAccepted(hex('91', '82', 'a16101', 'a16202', '90'), { maxDepth: 9, maxValues: 7 });
    expectRefused(hex('91', '82', 'a16101', 'a16202', '90'), /more than 6 values/, {
      maxDepth: 9,
      maxValues: 6,
    });
    expectAccepted(repeated(Uint8Array.of(0x90), 65_536));
    expectRefused(repeated(Uint8Array.of(0x90), 65_537), /more than 65536 values/);
  });

  it('refuses extension types and the byte that is never used', () => {
    const extensions = ['c70100ff', 'c8000100ff', 'c90000000100ff', 'd4ffff', 'd5ffffff', 'd6ff00000000'];
    extensions.push(
      'd7ff0000000000000000',
      `d8ff${'00'.repeat(16)}`,
      'd47290',
      'd40000',
      'c70c00ffffff',
      'd46500',
    );
    for (const extension of extensions) expectRefused(hex('91', extension), /extension type/);
    for (const extension of extensions) expectRefused(hex('9181a161', extension), /extension type/);
    expectRefused(hex('91c1'), /0xc1/);
  });

  it('takes strings alone for the keys of a map', () => {
    for (const key of ['01', 'c0', 'c3', 'c40161', '90', '80', 'cb0000000000000000', 'd4ffff', 'c1']) {
      expectRefused(hex('9181', key, '01'), /key of a map/);
    }
    // The second key, and one behind a value that is a container.
    expectRefused(hex('9182', 'a16191a162', '01', '01'), /key of a map/);
    expectRefused(hex('9182', 'a161', '81a16201', '01', '01'), /key of a map/);
  });

  it('refuses keys that reach into the prototype, however they are written, and no others', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      expectRefused(mapWith(key), /into the prototype/);
      expectRefused(mapWith('a', key), /into the prototype/);
      const bytes = utf8(key);
      for (const header of [
        Uint8Array.of(0xa0 | bytes.length),
        Uint8Array.of(0xda, 0, bytes.length),
        Uint8Array.of(0xdb, 0, 0, 0, bytes.length),
      ]) {
        expectRefused(concat([hex('9181'), header, bytes, hex('01')]), /into the prototype/);
      }
      const many = Array.from({ length: 20 }, (_, index) => `k${index}`);
      expectRefused(mapWith(...many, key), /into the prototype/);
      expectAccepted(mapWith(`${key}x`, key.slice(1), key.toUpperCase()));
      expectAccepted(string(utf8(key)));
    }
    expectAccepted(mapWith('toString', 'hasOwnProperty', 'valueOf', '__proto_'));
  });

  it('refuses a key that stands twice in one map, and takes it in different ones', () => {
    for (const count of [2, 3, 8, 9, 10, 15, 16, 40, 1000]) {
      const keys = Array.from({ length: count }, (_, index) => `k${index}`);
      expectAccepted(mapWith(...keys));
      for (const index of [0, count >> 2, count - 2]) {
        expectRefused(mapWith(...keys.slice(0, -1), keys[index] as string), /same key twice/);
      }
    }
    expectRefused(mapWith('', ''), /same key twice/);
    // The same key in another width of its length.
    expectRefused(hex('9182', 'a16101', 'd9016101'), /same key twice/);
    expectAccepted(hex('92', '81a16101', '81a16101'));
    expectAccepted(hex('9181', 'a161', '81', 'a161', '81', 'a161', '01'));
    expectAccepted(hex('9182', 'a161', '82', 'a16101', 'a16201', 'a162', '82', 'a16101', 'a16201'));
    expectRefused(hex('9182', 'a161', '82', 'a16101', 'a16201', 'a161', '01'), /same key twice/);
    // A long map in a long map, and one after another.
    const keys = Array.from({ length: 12 }, (_, index) => `k${index}`);
    const long = Object.fromEntries(
      keys.map((key) => [key, Object.fromEntries(keys.map((inner) => [inner, 1]))]),
    );
    expectAccepted(encodeMessage([long, long]));
  });

  it('takes valid UTF-8 alone, as the strict TextDecoder of the platform does', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const same = (bytes: Uint8Array): void => {
      const valid = isTaken(() => strict.decode(bytes));
      if (valid && strict.decode(bytes).startsWith('\ufeff')) return;
      if (isTaken(() => scanMessages(string(bytes), limits)) !== valid) expect.fail(toHex(bytes));
    };
    for (let lead = 0; lead < 256; lead++) {
      same(Uint8Array.of(lead));
      for (let second = 0x70; second < 0xd0; second += 3) same(Uint8Array.of(lead, second));
    }
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    for (let lead = 0xdf; lead < 0xf6; lead++) {
      for (const second of edges) {
        for (const third of [0x7f, 0x80, 0xbf, 0xc0]) {
          same(Uint8Array.of(lead, second, third));
          for (const fourth of [0x7f, 0x80, 0xbf, 0xc0])
            same(Uint8Array.of(0x61, lead, second, third, fourth));
        }
      }
    }
    // A character must not be completed by the bytes behind its string.
    expectRefused(hex('92', 'a1c3', 'a9'), /UTF-8/);
    expectRefused(hex('92', 'a2e282', 'ac'), /UTF-8/);
    expectRefused(hex('9181', 'a1ff', '01'), /UTF-8/);
  });

  it('refuses a byte order mark in front of a string: decoders disagree on it', () => {
    expectRefused(string(utf8('\ufeff')), /byte order mark/);
    expectRefused(string(utf8(`\ufeff${'x'.repeat(100)}`)), /byte order mark/);
    expectRefused(mapWith('\ufeffa', 'a'), /byte order mark/);
    expectAccepted(string(utf8('a\ufeff\ufeff')));
    expectAccepted(string(utf8('\ufffe\ufefe')));
  });

  describe('against the slow twin', () => {
    const key = fc.oneof(
      fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '1', '0', '\ufeff'),
      fc.string({ maxLength: 20 }),
    );
    const scalar = fc.oneof(
      fc.integer({ min: 0, max: 255 }).map((token) => Uint8Array.of(token)),
      fc.uint8Array({ minLength: 9, maxLength: 9 }).map((bytes) => {
        bytes[0] = 0xca + ((bytes[0] as number) % 10);
        return bytes.subarray(0, [5, 9, 2, 3, 5, 9, 2, 3, 5, 9][bytes[0] - 0xca]);
      }),
      key.map((text) => concat([Uint8Array.of(0xd9, utf8(text).length), utf8(text)])),
      fc
        .string({ unit: 'grapheme', minLength: 60, maxLength: 90 })
        .map((text) => string(utf8(text)).subarray(1)),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => concat([Uint8Array.of(0xc4, bytes.length), bytes])),
      fc.uint8Array({ maxLength: 6 }).map((bytes) => concat([Uint8Array.of(0xa0 | bytes.length), bytes])),
    );
    const { value } = fc.letrec<{ value: Uint8Array; pair: Uint8Array }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        scalar,
        fc
          .array(tie('value'), { maxLength: 4 })
          .map((all) => concat([Uint8Array.of(0x90 | all.length), ...all])),
        fc
          .array(tie('pair'), { maxLength: 4 })
          .map((all) => concat([Uint8Array.of(0x80 | all.length), ...all])),
        fc
          .array(tie('pair'), { maxLength: 4 })
          .map((all) => concat([Uint8Array.of(0xde, 0, all.length), ...all])),
      ),
      pair: fc
        .tuple(key, tie('value'))
        .map(([text, one]) => concat([Uint8Array.of(0xa0 | (utf8(text).length & 31)), utf8(text), one])),
    }));
    const structured = fc
      .array(
        fc.array(value, { maxLength: 5 }).map((all) => concat([Uint8Array.of(0x90 | all.length), ...all])),
        { minLength: 1, maxLength: 3 },
      )
      .map((all) => concat(all));
    const valid = encodeMessage([
      3,
      'login',
      { name: 'ada', tags: ['x', 'é'], at: { x: 1.5, y: -3 }, big: 2n ** 60n },
      Uint8Array.of(1, 2, 3),
      Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`k${index}`, index])),
      'long enough to be decoded in another way: é è ê ë ē ĕ ė ę ě, and so on',
    ]);
    const mutated = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
      .map((changes) => {
        const bytes = valid.slice();
        for (const [offset, byte] of changes) bytes[offset] = byte;
        return bytes;
      });

    function agrees(body: Uint8Array, within = limits): boolean {
      let expected: unknown[] | undefined;
      try {
        expected = referenceDecode(body, within);
      } catch {
        expectRefused(body, /./, within);
        return false;
      }
      const messages = readMessages(body, within).map((message) => message.unpack());
      expect(messages, toHex(body.subarray(0, 200))).to.deep.equal(expected);
      return true;
    }

    for (const [name, bodies, runs] of [
      ['values put together at random', structured, 600],
      ['a valid body with some bytes changed', mutated, 1500],
      ['random bytes', fc.uint8Array({ maxLength: 100 }), 1000],
    ] as const) {
      it(`takes the same of ${name}, and msgpackr makes the same of it`, () => {
        let taken = 0;
        fc.assert(
          fc.property(bodies, (body) => {
            if (agrees(body)) taken++;
          }),
          { numRuns: runs },
        );
        if (bodies === structured || bodies === mutated)
          expect(taken).to.be.within(runs / 20, (runs * 19) / 20);
      });
    }

    it('agrees on where the limits stand', () => {
      fc.assert(
        fc.property(
          structured,
          fc.integer({ min: 1, max: 5 }),
          fc.integer({ min: 1, max: 20 }),
          (body, depth, values) => {
            agrees(body, { maxDepth: depth, maxValues: values });
          },
        ),
        { numRuns: 400 },
      );
    });
  });

  describe('hostile bodies', () => {
    const random = fc.sample(fc.uint8Array({ minLength: 65_536, maxLength: 65_536 }), {
      seed: 7,
      numRuns: 3,
    });
    const keys = (count: number, name: (index: number) => string): Uint8Array =>
      mapWith(...Array.from({ length: count }, (_, index) => name(index)));
    const bodies: [string, () => Uint8Array, boolean][] = [
      ['9,000 bytes of nested dc ff ff', () => repeated(hex('dcffff'), 9000), false],
      ['1 MiB of nested dc ff ff', () => repeated(hex('dcffff'), maxFrameBytes), false],
      ['1 MiB of 0x91', () => repeated(hex('91'), maxFrameBytes), false],
      ['1 MiB of 0x81 a1 61', () => concat([hex('91'), repeated(hex('81a161'), maxFrameBytes)]), false],
      ['1 MiB of 0x90', () => repeated(hex('90'), maxFrameBytes), false],
      ['65,536 empty messages', () => repeated(hex('90'), 65_536), true],
      ['an array of 2^32 - 1', () => hex('ddffffffff'), false],
      ['a map of 2^31 values that wrap', () => hex('91df80000000'), false],
      ['a string of 1 MiB', () => concat([hex('91db000fff00'), repeated(utf8('x'), 0xfff00)]), true],
      ['1 MiB of three-byte text', () => concat([hex('91db000fffff'), repeated(utf8('€'), 0xfffff)]), true],
      [
        '1 MiB of text with a fault at its end',
        () => concat([hex('91db000fff00'), repeated(utf8('x'), 0xfff00 - 1), hex('ff')]),
        false,
      ],
      ['a map of 30,000 keys', () => keys(30_000, (index) => `key ${index}`), true],
      ['a map of 30,000 numeric keys', () => keys(30_000, (index) => String(index * 65_536)), true],
      [
        'a map of 30,000 keys, the last one again',
        () => keys(30_000, (index) => `key ${Math.min(index, 29_998)}`),
        false,
      ],
      [
        '4,000 maps of 8 keys of 7 bytes',
        () =>
          encodeMessage(
            Array.from({ length: 3800 }, () =>
              Object.fromEntries('abcdefgh'.split('').map((letter) => [`aaaaaa${letter}`, 1])),
            ),
          ),
        true,
      ],
      [
        '3 maps with keys of 100,000 bytes that differ at their end',
        () =>
          encodeMessage(
            Array.from({ length: 3 }, () => ({
              [`${'k'.repeat(100_000)}a`]: 1,
              [`${'k'.repeat(100_000)}b`]: 1,
              [`${'k'.repeat(100_000)}c`]: 1,
            })),
          ),
        true,
      ],
      ...random.map((bytes, index): [string, () => Uint8Array, boolean] => [
        `random bytes ${index}`,
        () => concat([hex('dcffff'), bytes]),
        false,
      ]),
    ];

    /** 3,500 calls, as a game makes them. */
    const honest = concat(
      Array.from({ length: 3500 }, (_, id) => {
        const move = { id, name: 'a ship of the line', pos: { x: 1.5 + id, y: -2.25, z: 1024.125 } };
        return encodeMessage([0, id, 3, [move]]);
      }),
    );

    for (const [name, make, taken] of bodies) {
      it(`${name}: ${taken ? 'taken' : 'refused'} at less than ${mostTimesHonest} times the cost of honest calls`, () => {
        const body = make();
        expect(body.length).to.be.at.most(maxFrameBytes + 8);
        const times = timesAsCostly(
          () => expect(survives(body)).to.equal(taken),
          () => expect(survives(honest)).to.equal(true),
          mostTimesHonest,
        );
        expect(times).to.be.below(mostTimesHonest);
      });
    }

    it('random bytes behind any first byte: nothing but PROTOCOL_ERROR', () => {
      fc.assert(
        fc.property(fc.nat(15), fc.uint8Array({ maxLength: 400 }), (count, bytes) => {
          survives(concat([Uint8Array.of(0x90 | count), bytes]));
        }),
        { numRuns: 1500 },
      );
    });
  });
});
