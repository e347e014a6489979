import { spawnSync } from 'node:child_process';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { concat, utf8 } from '../../lib/base/bytes.js';
import { defaultLimits } from '../../lib/base/limits.js';
import { encodeMessage, type PackedMessage, readMessages } from '../../lib/wire/payload.js';

const limits = { maxDepth: 32, maxValues: 65_536 };

function decode(body: Uint8Array, within = limits): unknown[][] {
  return readMessages(body, within).map((message) => message.unpack());
}

function expectUnsendable(value: unknown, message: string | RegExp): void {
  expect(() => encodeMessage([value], defaultLimits, ['argument']))
    .to.throw(message as string)
    .with.property('code', 'INVALID_ARGUMENT');
}

/** Whatever can be sent, and comes back as it was. -0 is not among it. */
const text = fc.string({ unit: 'grapheme', maxLength: 90 }).filter((value) => !value.startsWith('\ufeff'));
const key = text.filter((value) => !['__proto__', 'constructor', 'prototype'].includes(value));
const { value: sendable } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger().map((value) => value + 0),
    fc.double().map((value) => value + 0),
    fc.bigInt(2n ** 53n + 1n, 2n ** 64n - 1n),
    fc.bigInt(-(2n ** 63n), -(2n ** 53n) - 1n),
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(key, tie('value'), { maxKeys: 12, noNullPrototype: true }),
  ),
}));
const message = fc.array(sendable, { maxLength: 6 });

describe('wire/payload', () => {
  it('gives back what was sent', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decode(encodeMessage(sent))).to.deep.equal([sent]);
      }),
      { numRuns: 600 },
    );
  });

  it('gives back several messages of a body in their order', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), (sent) => {
        expect(decode(concat(sent.map((one) => encodeMessage(one))))).to.deep.equal(sent);
      }),
      { numRuns: 150 },
    );
  });

  it('is plain MessagePack, byte for byte', () => {
    const hex = (value: unknown): string =>
      Buffer.from(encodeMessage([value]))
        .toString('hex')
        .slice(2);
    expect(hex(null)).to.equal('c0');
    expect(hex(undefined)).to.equal('c0');
    expect(hex(true)).to.equal('c3');
    expect(hex(127)).to.equal('7f');
    expect(hex(-32)).to.equal('e0');
    expect(hex(2 ** 32 - 1)).to.equal('ceffffffff');
    expect(hex(2 ** 32)).to.equal('cb41f0000000000000');
    expect(hex(0.1)).to.equal('cb3fb999999999999a');
    expect(hex(2n ** 63n)).to.equal('cf8000000000000000');
    expect(hex(-1n)).to.equal('d3ffffffffffffffff');
    expect(hex('é')).to.equal('a2c3a9');
    expect(hex(Uint8Array.of(1, 2))).to.equal('c4020102');
    expect(hex({ a: [1] })).to.equal('81a16191' + '01');
    expect(hex({})).to.equal('80');
  });

  it('makes numbers of integers up to 2^53, and bigint of larger ones', () => {
    const [[...values]] = decode(
      encodeMessage([
        2n ** 53n,
        -(2n ** 53n),
        5n,
        2n ** 53n + 1n,
        -(2n ** 53n) - 1n,
        2n ** 64n - 1n,
        -(2n ** 63n),
      ]),
    ) as [unknown[]];
    expect(values).to.deep.equal([
      2 ** 53,
      -(2 ** 53),
      5,
      2n ** 53n + 1n,
      -(2n ** 53n) - 1n,
      2n ** 64n - 1n,
      -(2n ** 63n),
    ]);
  });

  it('leaves undefined out of objects, and makes null of it in arrays', () => {
    expect(
      decode(encodeMessage([{ a: undefined, b: 1, c: undefined }, [undefined, 1], undefined])),
    ).to.deep.equal([[{ b: 1 }, [null, 1], null]]);
    expect(decode(encodeMessage([{ a: 1, b: undefined, c: 2 }, [1, { d: undefined }]]))).to.deep.equal([
      [{ a: 1, c: 2 }, [1, {}]],
    ]);
    const sparse: unknown[] = [];
    sparse[2] = 1;
    expect(decode(encodeMessage([sparse]))).to.deep.equal([[[null, null, 1]]]);
  });

  it('sends class instances as plain objects of their own fields, and does not call toJSON', () => {
    class Point {
      x = 1;
      y: unknown = [new Inner()];
      #secret = 7;
      toJSON(): unknown {
        throw new Error(`must not be called ${this.#secret}`);
      }
      get length(): number {
        return 2;
      }
    }
    class Inner {
      readonly [Symbol.toStringTag] = 'Tagged';
      z = 1;
    }
    const point = new Point();
    expect(decode(encodeMessage([point, Object.assign(Object.create(null), { n: 1 })]))).to.deep.equal([
      [{ x: 1, y: [{ z: 1 }] }, { n: 1 }],
    ]);
    expect(point.y).to.deep.equal([new Inner()]);
    const noMethod = Object.assign(Object.create(null), { toJSON: 1 });
    expect(decode(encodeMessage([1, noMethod, new Inner()]))).to.deep.equal([[1, { toJSON: 1 }, { z: 1 }]]);
    class List extends Array<number> {}
    expect(decode(encodeMessage([List.of(1, 2)]))).to.deep.equal([[[1, 2]]]);
  });

  it('takes objects of another realm, as tests in jsdom have them', () => {
    const foreign = runInNewContext(
      '({ list: [1], bytes: new Uint8Array([1, 2]), plain: { a: 1 } })',
    ) as object;
    expect(decode(encodeMessage([foreign]))).to.deep.equal([
      [{ list: [1], bytes: Uint8Array.of(1, 2), plain: { a: 1 } }],
    ]);
    expectUnsendable(runInNewContext('new Date(0)'), 'argument is a Date');
  });

  it('gives bytes as plain Uint8Array that share nothing with the body', () => {
    const body = Buffer.from(encodeMessage([Buffer.from('abc'), 'text', Uint8Array.of(9)]));
    const [[bytes]] = decode(body) as [[Uint8Array]];
    expect(Object.getPrototypeOf(bytes)).to.equal(Uint8Array.prototype);
    body.fill(0);
    expect([...bytes]).to.deep.equal([...utf8('abc')]);
    expect(bytes.buffer.byteLength).to.equal(3);
    expect(Object.keys(body)).to.deep.equal([...body.keys()].map(String));
    expect(Object.getPrototypeOf(encodeMessage([1]))).to.equal(Uint8Array.prototype);
  });

  for (const length of [255, 256, 4094, 4095, 65_535, 65_536, 300_000]) {
    it(`gives ${length} bytes as a field with nothing around them, of nobody else`, () => {
      const sent = Uint8Array.from({ length }, (_, index) => (index * 7 + 1) % 251);
      const body = concat([encodeMessage([1]), encodeMessage(['before', sent, 'behind'])]);
      const bytes = readMessages(body, limits)[1]!.field(1) as Uint8Array;
      body.fill(0);
      expect(Object.getPrototypeOf(bytes)).to.equal(Uint8Array.prototype);
      expect(bytes.buffer.byteLength).to.equal(length);
      expect(Buffer.compare(bytes, sent)).to.equal(0);
    });
  }

  it('encodes into memory of its own, which later messages do not touch', () => {
    const first = encodeMessage(['a'.repeat(20)]);
    const copy = first.slice();
    for (let index = 0; index < 1000; index++) encodeMessage(['b'.repeat(20)]);
    expect(first).to.deep.equal(copy);
  });

  it('may be used again while a message is being handled or read', () => {
    const inner = encodeMessage([[1, { a: 'x'.repeat(200) }]]);
    const seen: unknown[] = [];
    for (const message of readMessages(concat([encodeMessage([1]), encodeMessage([2])]), limits)) {
      seen.push(message.unpack(), ...decode(inner));
    }
    expect(seen).to.deep.equal([[1], [[1, { a: 'x'.repeat(200) }]], [2], [[1, { a: 'x'.repeat(200) }]]]);
    const nested = {
      get field(): number {
        return encodeMessage([{ a: 1 }]).length;
      },
      after: 1,
    };
    expect(decode(encodeMessage([nested]))).to.deep.equal([[{ field: 5, after: 1 }]]);
  });

  describe('refuses to send', () => {
    it('what is no data, with the path and with what to send instead', () => {
      const bad: [unknown, string][] = [
        [new Date(0), 'argument is a Date; send a number or a string'],
        [new Map(), 'argument is a Map; send an array of pairs, or a plain object'],
        [new Set(), 'argument is a Set; send an array'],
        [/x/, 'argument is a RegExp; send its source as a string'],
        [new TypeError('x'), 'argument is an Error; send its message, or throw an RpcError'],
        [Promise.resolve(), 'argument is a Promise; await it first'],
        [new ArrayBuffer(1), 'argument is an ArrayBuffer; send new Uint8Array(buffer)'],
        [new Float32Array(1), 'argument is a Float32Array; send its bytes as a Uint8Array'],
        [new Uint8ClampedArray(1), 'argument is a Uint8ClampedArray; send its bytes as a Uint8Array'],
        [new DataView(new ArrayBuffer(1)), 'argument is a DataView; send its bytes as a Uint8Array'],
        [new WeakMap(), 'argument is a WeakMap'],
        [new URL('ws://a/'), 'argument is a URL; send what matters of it as a string'],
        [new String('x'), 'argument is a String; send the string itself'],
        [Object(1), 'argument is a Number; send the number itself'],
        [() => 1, 'argument is a function; only data can be sent'],
        [class {}, 'argument is a function; only data can be sent'],
        [Symbol('x'), 'argument is a symbol; send a string'],
        [2n ** 64n, 'argument is a bigint that does not fit 64 bits'],
        [-(2n ** 63n) - 1n, 'argument is a bigint that does not fit 64 bits'],
        ['\ud800', 'argument is not well-formed text'],
        ['a\udc00b', 'argument is not well-formed text'],
        ['\ufeffname,score', 'argument starts with a byte order mark'],
      ];
      for (const [value, message] of bad) expectUnsendable(value, message);
    });

    it('with the whole path, in the words of the caller', () => {
      const call = [0, 7, 3, [1, { user: { birthday: new Date(0) } }]];
      const fields = ['kind', 'id', 'method', 'argument'];
      expect(() => encodeMessage(call, defaultLimits, fields)).to.throw(
        'argument[1].user.birthday is a Date; send a number or a string',
      );
      expect(() => encodeMessage(call)).to.throw('message[3][1].user.birthday is a Date');
      expectUnsendable({ 'a b': [{ '': new Set() }] }, 'argument["a b"][0][""] is a Set');
      expectUnsendable({ ['k'.repeat(1000)]: 1n << 99n }, `argument["${'k'.repeat(40)}"] is a bigint`);
    });

    it('keys that reach into a prototype, or are no text', () => {
      expectUnsendable(
        JSON.parse('{"a":{"__proto__":1}}'),
        'argument.a.__proto__ is a key that cannot be sent',
      );
      expectUnsendable({ constructor: 1 }, 'argument.constructor is a key that cannot be sent');
      expectUnsendable([{ prototype: 1 }], 'argument[0].prototype is a key that cannot be sent');
      expectUnsendable({ '\ud800': 1 }, 'is not well-formed text');
    });

    it('cycles, naming the object that contains itself', () => {
      const cycle: Record<string, unknown> = { name: 'x' };
      cycle.child = { parent: [cycle] };
      expectUnsendable(
        { deep: [cycle] },
        /^argument\.deep\[0\]\.child\.parent contains itself; only trees can be sent$/,
      );
      const list: unknown[] = [];
      list.push(1, list);
      expectUnsendable(list, /^argument contains itself/);
      const shared = { a: 1 };
      expect(decode(encodeMessage([shared, shared]))).to.deep.equal([[shared, shared]]);
    });

    it('what is nested too deeply: the other side would refuse it', () => {
      const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
      expect(decode(encodeMessage([nested(31)]))).to.have.length(1);
      expectUnsendable(nested(32), /nested deeper than 32 levels/);
      let object: object = {};
      for (let level = 1; level < 31; level++) object = { a: object };
      expect(decode(encodeMessage([object]))).to.have.length(1);
      expectUnsendable({ a: object }, /nested deeper than 32 levels/);
      expect(() => encodeMessage([[[]]], { ...defaultLimits, maxDepth: 2 })).to.throw(
        /message\[0\]\[0\] is nested deeper than 2/,
      );
    });

    it('too many values, before it looks at them', () => {
      expect(decode(encodeMessage(Array(defaultLimits.maxValues - 1).fill(1)))[0]).to.have.length(65_535);
      expect(() => encodeMessage(Array(defaultLimits.maxValues).fill(1))).to.throw(/past 65536 values/);
      expectUnsendable(new Array(2 ** 32 - 1), /past 65536 values/);
      expect(() => encodeMessage([{ a: 1 }, 1], { ...defaultLimits, maxValues: 4 })).to.throw(
        /past 4 values/,
      );
      expect(encodeMessage([{ a: 1 }, 1], { ...defaultLimits, maxValues: 5 })).to.have.length(6);
    });
  });

  it('does what it does for any value without any other error', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.anything({
            withBigInt: true,
            withDate: true,
            withMap: true,
            withSet: true,
            withTypedArray: true,
            withSparseArray: true,
            withNullPrototype: true,
            withBoxedValues: true,
            stringUnit: 'binary',
          }),
        ),
        (value) => {
          let body: Uint8Array;
          try {
            body = encodeMessage(value);
          } catch (error) {
            expect(error).to.have.property('code', 'INVALID_ARGUMENT');
            return;
          }
          expect(decode(body)).to.have.length(1);
        },
      ),
      { numRuns: 120 },
    );
  });

  it('gives no message of a body that has a fault behind them', () => {
    const body = concat([encodeMessage([1]), encodeMessage([2]), Uint8Array.of(0x91, 0xc1)]);
    expect(() => readMessages(body, limits))
      .to.throw()
      .with.property('code', 'PROTOCOL_ERROR');
  });

  it('gives the fields of a message one by one, as they are in the whole', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), (sent) => {
        const packed = readMessages(concat(sent.map((one) => encodeMessage(one))), limits);
        expect(packed.map(({ byteLength }) => byteLength)).to.deep.equal(
          sent.map((one) => encodeMessage(one).length),
        );
        for (const [index, one] of packed.entries()) {
          const fields = Array.from({ length: one.length }, (_, field) => one.field(field));
          expect(fields).to.deep.equal(sent[index]);
          expect(one.field(one.length)).to.equal(undefined);
          expect(fields.map((_, field) => one.isArray(field))).to.deep.equal(fields.map(Array.isArray));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('finds nil in an array without making values of what stands in front of it', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(null), sendable), { maxLength: 8 }), (list) => {
        const [packed] = readMessages(encodeMessage([0, list, 1]), limits) as [PackedMessage];
        const found = Array.from({ length: list.length + 2 }, (_, index) => packed.hasNil(1, index));
        expect(found).to.deep.equal([...list.map((value) => value === null), false, false]);
        expect(packed.hasNil(0, 0) || packed.hasNil(3, 0)).to.equal(false);
      }),
      { numRuns: 400 },
    );
  });

  it('ignores what the application registers with msgpackr, in both directions', () => {
    const url = new URL('../../lib/wire/payload.js', import.meta.url).href;
    const { stdout, stderr } = runModule(`
      import { addExtension, Packr } from 'msgpackr';
      import { encodeMessage, readMessages } from '${url}';
      class Point { x = 1 }
      class List extends Array {}
      addExtension({ Class: List, type: 6, write: () => [2], read: () => new List() });
      addExtension({ Class: Point, type: 5, write: () => [1], read: () => new Point() });
      const shared = new Packr();
      shared.useBuffer(Buffer.alloc(8192));
      const body = encodeMessage([new Point(), List.of(3), 'é'.repeat(200), { key: 'v' }]);
      shared.useBuffer(Buffer.alloc(8192));
      shared.pack('overwrites what was in the pool, if anything of ours was');
      for (const message of readMessages(body, { maxDepth: 32, maxValues: 100 })) console.log(JSON.stringify(message.unpack()));
    `);
    expect(stdout, stderr).to.equal(`[{"x":1},[3],"${'é'.repeat(200)}",{"key":"v"}]\n`);
  });

  it('generates no code: it runs where eval is forbidden, as a strict page does', () => {
    const url = new URL('../../lib/wire/payload.js', import.meta.url).href;
    const { stdout, stderr } = runModule(
      `
      import { encodeMessage, readMessages } from '${url}';
      let forbidden = false;
      try { new Function('return 1')(); } catch { forbidden = true; }
      const body = encodeMessage([{ a: 1, b: [{ c: 'text' }, { c: 'more' }] }]);
      for (let index = 0; index < 100; index++) readMessages(body, { maxDepth: 32, maxValues: 100 })[0].unpack();
      console.log(forbidden);
    `,
      '--disallow-code-generation-from-strings',
    );
    expect(stdout, stderr).to.equal('true\n');
  });
});

function runModule(source: string, ...flags: string[]): { stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', source], {
    encoding: 'utf8',
  });
}
