// Arguments and results against real schemas of zod and valibot, and against schemas that nobody should write.

import { expect } from 'chai';
import * as v from 'valibot';
import { z } from 'zod';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { defineRpc, type RpcMetadata, rpcMetadata } from '../../lib/contract/metadata.js';
import type { RpcOptions } from '../../lib/contract/options.js';
import type { StandardSchema } from '../../lib/contract/standard-schema.js';
import { type CallContext, callContext, runInContext } from '../../lib/rpc/call-context.js';
import { InvalidArgument } from '../../lib/rpc/invalid-argument.js';
import { runValidated, type Validated, validateArguments, validateResult } from '../../lib/rpc/validation.js';
import { SeededRandom } from '../support/random.js';
import { refusalError } from '../support/refusal.js';

type AnyMethod = (...args: never[]) => unknown;

function declare(options: RpcOptions, method: AnyMethod = () => undefined, types?: unknown): Validated {
  defineRpc('login', method, 0, options, types);
  return { fullName: 'Arena.login', metadata: rpcMetadata(method) as RpcMetadata };
}

/** A schema that says what it is told to. */
function saying(say: (value: unknown) => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'spec', validate: say as never } };
}

const refused = (method: Validated, args: unknown[], note?: string): InvalidArgument => {
  const error = refusalError('INVALID_ARGUMENT', () => validateArguments(method, args), note);
  expect(error).to.be.instanceOf(InvalidArgument);
  return error as InvalidArgument;
};

async function rejection(action: () => unknown): Promise<Error> {
  try {
    await action();
  } catch (error) {
    expect(error).to.be.instanceOf(Error);
    return error as Error;
  }
  throw new Error('it was accepted');
}

describe('rpc/validation', () => {
  describe('without a schema', () => {
    it('counts: too many are refused where no default and no rest can take them, too few may be meant', () => {
      const two = declare({}, (_a: unknown, _b: unknown) => undefined);
      const args = [1, 2];
      expect(validateArguments(two, args)).to.equal(args);
      expect(validateArguments(two, [1])).to.deep.equal([1]);
      class Arena {
        exact(_a: unknown) {}
        open(_a: unknown, _b = 1) {}
        rest(..._a: unknown[]) {}
      }
      const exact = declare({}, Arena.prototype.exact as AnyMethod);
      expect(validateArguments(exact, [1])).to.deep.equal([1]);
      expect(refused(exact, [1, 2]).message).to.equal(
        'Arena.login: the arguments: the method takes 1, got 2',
      );
      const open = declare({}, Arena.prototype.open as AnyMethod);
      for (const good of [[], [1], [1, 2], [1, 2, 3]]) expect(validateArguments(open, good)).to.equal(good);
      const many = Array.from({ length: 500 }, () => 1);
      expect(validateArguments(declare({}, Arena.prototype.rest as AnyMethod), many)).to.equal(many);
    });

    it('holds primitive types to what the compiler left', () => {
      const cases: [unknown, unknown[], unknown[], string][] = [
        [String, ['', 'x'], [1, null, undefined, {}, ['x'], new Uint8Array()], 'a string'],
        [Number, [0, NaN], ['1', null, true, 1n, {}], 'a number'],
        [Boolean, [true, false], [0, 'true', null], 'a boolean'],
        [Uint8Array, [new Uint8Array()], [[], 'x', null, {}], 'bytes'],
        [Array, [[], [1]], [{ length: 1 }, 'x', new Uint8Array(), null], 'an array'],
      ];
      for (const [type, good, bad, name] of cases) {
        const method = declare({}, (_a: unknown, _b: unknown) => undefined, [Object, type]);
        for (const value of good) expect(validateArguments(method, [1, value])).to.deep.equal([1, value]);
        for (const value of bad) {
          const error = refused(method, [1, value], `${name} ${String(value)}`);
          expect(error.message).to.equal(`Arena.login: argument 2: expected ${name}`);
          expect(error.data).to.deep.equal({
            issues: [{ argument: 1, path: [], message: `expected ${name}` }],
          });
        }
      }
    });

    it('lets behind a default be left out, and be nothing, and no more', () => {
      const method = declare({}, (_a: string, _b = 1) => undefined, [String, Number]);
      for (const args of [['x'], ['x', 2], ['x', null], ['x', undefined]])
        expect(validateArguments(method, args)).to.equal(args);
      for (const args of [['x', '2'], [null, 2], [undefined]]) refused(method, args);
    });
  });

  describe('with schemas', () => {
    const each: [string, RpcOptions][] = [
      ['zod', { params: [z.string().min(2), z.object({ level: z.coerce.number() })] }],
      [
        'valibot',
        {
          params: [
            v.pipe(v.string(), v.minLength(2)),
            v.object({ level: v.pipe(v.unknown(), v.transform(Number), v.number()) }),
          ],
        },
      ],
    ];
    for (const [vendor, options] of each) {
      it(`gives the method what they make, and tells which argument is wrong, where and why (${vendor})`, () => {
        const method = declare(options);
        expect(validateArguments(method, ['ada', { level: '7', more: 1 }])).to.deep.equal([
          'ada',
          { level: 7 },
        ]);
        const { message, data } = refused(method, ['a', { level: {} }]);
        expect(message).to.match(/^Arena\.login: argument 1: .+; argument 2 at level: .+/);
        expect(data!.issues.map(({ argument, path }) => ({ argument, path }))).to.deep.equal([
          { argument: 0, path: [] },
          { argument: 1, path: ['level'] },
        ]);
        expect(refused(method, ['ada', { level: 1 }, 3]).message).to.include('takes 2, got 3');
        expect(refused(method, []).data!.issues.map(({ argument }) => argument)).to.deep.equal([0, 1]);
      });
    }

    const whole: [string, RpcOptions][] = [
      ['zod', { params: z.tuple([z.string(), z.array(z.object({ name: z.string() }))]) }],
      ['valibot', { params: v.tuple([v.string(), v.array(v.object({ name: v.string() }))]) }],
    ];
    for (const [vendor, options] of whole) {
      it(`takes one for all of them (${vendor})`, () => {
        const method = declare(options);
        expect(validateArguments(method, ['x', [{ name: 'ada' }]])).to.deep.equal(['x', [{ name: 'ada' }]]);
        const error = refused(method, ['x', [{ name: 'ada' }, { name: 5 }]]);
        expect(error.message).to.match(/^Arena\.login: argument 2 at 1\.name: /);
        expect(error.data!.issues[0]).to.deep.include({ argument: 1, path: [1, 'name'] });
        refused(method, []);
      });
    }

    it('fills in defaults, for arguments that did not come, too', () => {
      const method = declare({ params: [z.string().default('all'), v.optional(v.number(), 5)] });
      expect(validateArguments(method, [])).to.deep.equal(['all', 5]);
      expect(validateArguments(method, ['x'])).to.deep.equal(['x', 5]);
    });

    it('waits for those that take their time, one after the other, and gathers what they say', async () => {
      const taken = z.string().refine(async (name) => name !== 'ada', 'it is taken');
      const method = declare({
        params: [
          taken,
          v.pipeAsync(
            v.number(),
            v.checkAsync(async (level) => level > 0, 'too low'),
          ),
        ],
      });
      expect(await validateArguments(method, ['bob', 1])).to.deep.equal(['bob', 1]);
      const error = await rejection(() => validateArguments(method, ['ada', 0]));
      expect(error.message).to.equal('Arena.login: argument 1: it is taken; argument 2: too low');
      expect(error).to.be.instanceOf(InvalidArgument);
    });

    it('tells the first four issues alone, cut and fit for a log, whatever is in them', () => {
      const path = ['__proto__', { key: 'constructor' }, Symbol('s'), 3, ...'abcdefgh', 'k'.repeat(500)];
      const issues = [
        { message: `\u001b[31m${'x'.repeat(5000)}\ud800\u202e\n`, path },
        { message: 7, path: 'no path' },
        null,
        { path: [{ key: 'q'.repeat(100) }] },
        ...Array.from({ length: 100_000 }, () => ({ message: 'more' })),
      ];
      for (const params of [[saying(() => ({ issues }))], saying(() => ({ issues })) as never]) {
        const { message, data } = refused(declare({ params }), [1]);
        expect(message.length).to.be.below(1200);
        expect(message).not.to.match(/[\p{C}\p{Zl}]/u);
        expect(message).to.include('\\u{1b}[31mxxx').and.to.include('it is not valid');
        expect(data!.issues).to.have.length(4);
        for (const issue of data!.issues) {
          expect(issue.path.length).to.be.at.most(8);
          expect(issue.message.length).to.be.at.most(220);
          for (const key of issue.path) expect(String(key).length).to.be.at.most(50);
        }
        expect(data!.issues[0]!.path.slice(0, 4)).to.deep.equal(['__proto__', 'constructor', 'Symbol(s)', 3]);
      }
      expect(Object.prototype).not.to.have.property('message');
    });

    it('keeps own values out of what it says of types', () => {
      const method = declare({}, (_pin: string) => undefined, [String]);
      expect(JSON.stringify([refused(method, [271828]).message])).not.to.include('271828');
    });

    it('is at fault itself when a schema throws, or answers with garbage', async () => {
      const garbage: unknown[] = [
        undefined,
        null,
        5,
        'ok',
        true,
        {},
        [],
        { issues: 'none' },
        { issues: 7, value: 1 },
      ];
      for (const answer of garbage) {
        const error = refusalError('INTERNAL', () =>
          validateArguments(declare({ params: [saying(() => answer)] }), [1]),
        );
        expect(error.message).to.equal(
          'the params schema of argument 1 of Arena.login gave neither a value nor issues',
        );
        expect(error).not.to.be.instanceOf(RpcError);
        const later = declare({ params: saying(async () => answer) as never });
        expect(await rejection(() => validateArguments(later, [1]))).to.have.property('code', 'INTERNAL');
      }
      const boom = new Error('boom');
      const throwing = saying(() => {
        throw boom;
      });
      expect(() => validateArguments(declare({ params: [throwing] }), [1])).to.throw(boom);
      // A promise that nobody would look at any more, and a schema behind it that throws.
      const late = saying(() => Promise.reject(new Error('late')));
      const both = declare({ params: [late, throwing] });
      expect((await rejection(() => validateArguments(both, [1]))).message).to.equal('late');
      const sly = saying(() => ({
        issues: [
          {
            get message() {
              throw boom;
            },
          },
        ],
      }));
      expect(() => validateArguments(declare({ params: [sly] }), [1])).to.throw(boom);
      expect(() =>
        validateArguments(declare({ params: saying(() => ({ value: { length: 1 } })) as never }), [1]),
      )
        .to.throw('the params schema of Arena.login made no array')
        .with.property('code', 'INTERNAL');
      expect(refused(declare({ params: [saying(() => ({ issues: [] }))] }), [1]).data).to.deep.equal({
        issues: [{ argument: 0, path: [], message: 'it is not valid' }],
      });
    });

    it('lets a schema say with an RpcError why, as a method may', async () => {
      const denied = new RpcError('PERMISSION_DENIED', 'not you');
      const method = declare({
        params: [
          z.string().refine(() => {
            throw denied;
          }),
        ],
      });
      expect(await rejection(() => validateArguments(method, ['x']))).to.equal(denied);
    });

    it('answers any arguments with arguments, INVALID_ARGUMENT or INTERNAL', () => {
      const random = new SeededRandom(40);
      const values = [
        undefined,
        null,
        0,
        -1,
        NaN,
        1n,
        '',
        '__proto__',
        '\ud800',
        [],
        {},
        new Uint8Array(3),
        [[[]]],
        JSON.parse('{"__proto__": {"level": 1}, "constructor": 5}'),
      ];
      const answers = [
        ...values,
        { value: 1 },
        { value: [] },
        { issues: values },
        { issues: [{ path: values }] },
      ];
      const pick = <Value>(list: readonly Value[]): Value => list[random.below(list.length)]!;
      const schemas = [
        z.string(),
        v.object({ level: v.number() }),
        z.record(z.string(), z.number()),
        z.looseObject({}),
        z.union([z.number(), z.array(z.any())]),
        v.any(),
        saying(() => pick(answers)),
      ];
      const seen = new Set<string>();
      for (let run = 0; run < 3000; run++) {
        const params =
          random.below(4) === 0
            ? pick(schemas)
            : Array.from({ length: random.below(4) }, () => pick(schemas));
        const method = declare({ params: params as never });
        try {
          const checked = validateArguments(
            method,
            Array.from({ length: random.below(5) }, () => pick(values)),
          );
          expect(checked).to.be.an('array');
          seen.add('taken');
        } catch (error) {
          expect(error).to.be.instanceOf(SealwireError);
          const { code, message } = error as SealwireError;
          expect(message.length).to.be.below(1200);
          seen.add(code);
        }
      }
      expect([...seen]).to.have.members(['taken', 'INVALID_ARGUMENT', 'INTERNAL']);
      expect(({} as Record<string, unknown>).level).to.equal(undefined);
    });
  });

  describe('of results', () => {
    it('sends what the schema makes, and calls what it refuses our own fault', async () => {
      const method = declare({ result: z.object({ name: z.string() }) });
      expect(validateResult(method, { name: 'ada', pin: '1234' })).to.deep.equal({ name: 'ada' });
      const error = refusalError('INTERNAL', () => validateResult(method, { name: 5 }));
      expect(error.message).to.match(/^Arena\.login returned what its result schema refuses: .*at name: /);
      expect(error).not.to.be.instanceOf(RpcError);
      const later = declare({ result: z.number().refine(async (value) => value > 0) });
      expect(await validateResult(later, 1)).to.equal(1);
      expect(await rejection(() => validateResult(later, 0))).to.have.property('code', 'INTERNAL');
      expect(validateResult(declare({}), later)).to.equal(later);
    });
  });

  describe('around a method', () => {
    const abort = new AbortController();
    const context = { security: 3, signal: abort.signal } as CallContext;
    const run = (method: Validated, args: unknown[], body: AnyMethod): unknown =>
      runInContext(context, () => runValidated(method, args, (checked) => body(...(checked as never[]))));

    it('runs in the turn and context of its call where no schema takes its time', () => {
      const method = declare({ params: [z.coerce.number()], result: z.number() });
      expect(run(method, ['4'], (x: number) => (callContext() === context ? x * 2 : 0))).to.equal(8);
      expect(() => run(method, ['four'], () => expect.fail('it ran'))).to.throw(InvalidArgument);
      expect(run(declare({}), [], () => 'as it is')).to.equal('as it is');
    });

    it('begins later in the same context where one does, unless the call is over by then', async () => {
      const method = declare({ params: [z.number().refine(async () => true)], result: z.string() });
      const result = run(method, [1], async (x: number) => `${callContext() === context}${x}`);
      expect(await result).to.equal('true1');
      expect(() => callContext()).to.throw();
      const own = new AbortController();
      let ran = false;
      const waiting = runInContext({ ...context, signal: own.signal }, () =>
        runValidated(method, [1], () => {
          ran = true;
        }),
      );
      const gone = new SealwireError('CANCELLED', 'gone');
      own.abort(gone);
      expect(await rejection(() => waiting)).to.equal(gone);
      expect(ran).to.equal(false);
    });

    it('checks what promises and thenables bring', async () => {
      const method = declare({ result: z.number() });
      expect(await run(method, [], async () => 5)).to.equal(5);
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      const thenable = { then: (resolve: (value: unknown) => void) => resolve('x') };
      expect(await rejection(() => run(method, [], () => thenable))).to.have.property('code', 'INTERNAL');
    });

    describe('that streams', () => {
      const items = async (stream: unknown): Promise<unknown[]> => {
        const taken: unknown[] = [];
        for await (const item of stream as AsyncIterable<unknown>) taken.push(item);
        return taken;
      };

      it('checks each item, and ends the stream with the first that is wrong', async () => {
        const method = declare({ result: z.coerce.number() });
        let cleaned = 0;
        async function* body(values: unknown[]): AsyncGenerator<unknown> {
          try {
            yield* values;
          } finally {
            cleaned++;
          }
        }
        expect(await items(run(method, [], () => body(['1', 2])))).to.deep.equal([1, 2]);
        const wrong = run(method, [], () => body([1, 'x', 2]));
        expect(await rejection(() => items(wrong))).to.have.property('code', 'INTERNAL');
        expect(cleaned).to.equal(2);
        for await (const item of run(method, [], () => body([7, 8])) as AsyncIterable<unknown>) {
          expect(item).to.equal(7);
          break;
        }
        expect(cleaned).to.equal(3);
      });

      it('begins the generator in the context of its call', async () => {
        const method = declare({ result: z.boolean() });
        async function* body(): AsyncGenerator<boolean> {
          yield callContext() === context;
        }
        const stream = run(method, [], body) as AsyncIterable<unknown>;
        const iterator = stream[Symbol.asyncIterator]();
        const first = runInContext(context, () => iterator.next());
        expect(await first).to.deep.equal({ done: false, value: true });
        expect(await iterator.next()).to.deep.equal({ done: true, value: undefined });
      });
    });
  });
});
