import { expect } from 'chai';
import { readParameters } from '../../lib/contract/parameters.js';

type AnyMethod = (...args: never[]) => unknown;

class Arena {
  none() {}
  two(_a: number, _b: number) {}
  async later(_a: number) {}
  async *stream(_a: number, _$ä: number) {}
  async() {}
  withDefault(_a: number, _b = 2) {}
  rest(_a: number, ..._b: number[]) {}
  pattern({ a }: { a: number }) {
    return a;
  }
  reads() {
    // biome-ignore lint/complexity/noArguments: it is what must be noticed
    return arguments.length;
  }
  [`comp${'uted'}`](_a: number) {}
}

const most = (method: AnyMethod): number | undefined => readParameters(method, undefined).most;

describe('contract/parameters', () => {
  it('knows the number of plain names, and never promises a limit where there may be more', () => {
    const arena = Arena.prototype;
    const methods = [arena.none, arena.two, arena.later, arena.stream, arena.async] as AnyMethod[];
    expect(methods.map(most)).to.deep.equal([0, 2, 1, 2, 0]);
    const open = [
      arena.withDefault,
      arena.rest,
      arena.pattern,
      arena.reads,
      (arena as unknown as Record<string, AnyMethod>).computed!,
    ] as AnyMethod[];
    expect(open.map(most)).to.deep.equal([undefined, undefined, undefined, undefined, undefined]);
    expect(open.map((method) => readParameters(method, undefined).least)).to.deep.equal([1, 1, 1, 0, 1]);
  });

  it('knows nothing of functions that hide their parameters', () => {
    // biome-ignore lint/complexity/useArrowFunction: its text is what matters
    const plain = function (_a: number) {};
    expect(most(plain)).to.equal(1);
    const hidden: AnyMethod[] = [
      plain.bind(undefined),
      Math.max,
      (_a: number) => 1,
      new Function('return 1') as AnyMethod,
    ];
    expect(hidden.map(most)).to.deep.equal([undefined, undefined, undefined, 0]);
  });

  it('reads the primitive types that the compiler left, and nothing into anything else', () => {
    const read = (types: unknown) => readParameters(() => {}, types).types;
    expect(read([String, Number, Boolean, Uint8Array, Array, Object, Date, undefined, 'x'])).to.deep.equal([
      'a string',
      'a number',
      'a boolean',
      'bytes',
      'an array',
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    for (const garbage of [undefined, null, 7, 'types', {}]) expect(read(garbage)).to.deep.equal([]);
  });
});
