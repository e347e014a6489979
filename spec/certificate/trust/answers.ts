// What a validator, written in JavaScript, can answer with: what accepts, and all that looks like it and does not.

export interface Answer {
  readonly name: string;
  readonly accepts: boolean;
  /** Whether the verdict is there at once. */
  readonly atOnce: boolean;
  /** What the cause of the refusal is, where there must be one. */
  readonly cause?: unknown;
  answer(): unknown;
}

export const boom: Error = new Error('made up');

const values: readonly (readonly [string, unknown])[] = [
  ['false', false],
  ['1', 1],
  ['1n', 1n],
  ["'true'", 'true'],
  ['{}', {}],
  ['[true]', [true]],
  ['undefined', undefined],
  ['null', null],
  ['NaN', Number.NaN],
  ['a boxed true', new Boolean(true)],
  ['a symbol', Symbol('true')],
  ['an error', boom],
];

/** An object whose `then` is `get`; Object.defineProperty, because a promise must not be made of it on the way. */
function withThen(get: () => unknown): object {
  return Object.defineProperty({}, 'then', { get });
}

type Settle = (value: unknown) => void;
const thenable = (run: (fulfil: Settle, reject: Settle) => void): object => withThen(() => run);

function promiseWithHostileConstructor(): Promise<boolean> {
  return Object.defineProperty(Promise.resolve(true), 'constructor', {
    get: () => {
      throw boom;
    },
  });
}

function thenOnce(): object {
  let reads = 0;
  return withThen(() => (reads++ === 0 ? (fulfil: Settle) => fulfil(true) : undefined));
}

const accepting: readonly Answer[] = (
  [
    ['true', () => true, true],
    ['a promise of true', async () => true],
    ['a promise of a promise of true', async () => Promise.resolve(true)],
    ['true after a turn', () => new Promise((resolve) => setImmediate(resolve, true))],
    ['a thenable of true', () => thenable((fulfil) => fulfil(true))],
    // As `await` has it, so that it is all the same whether the validator is an async function.
    ['a then that is gone at the second look', thenOnce],
    ['a function with a then of true', () => Object.assign(() => false, thenOfTrue())],
  ] as const
).map(([name, answer, atOnce = false]) => ({ name, accepts: true, atOnce, answer }));

const refusing: readonly Answer[] = [
  ...values.flatMap(([name, value]): Answer[] => [
    { name, accepts: false, atOnce: true, answer: () => value },
    { name: `a promise of ${name}`, accepts: false, atOnce: false, answer: () => Promise.resolve(value) },
    {
      name: `a thenable of ${name}`,
      accepts: false,
      atOnce: false,
      answer: () => thenable((fulfil) => fulfil(value)),
    },
  ]),
  ...(
    [
      ['a function', () => () => true, true],
      ['a promise of a function', async () => () => true, false],
      ['an object without a usable then', () => withThen(() => true), true],
      ['a throw', raising(boom), true, boom],
      ['a throw of true', raising(true), true, true],
      ['a throw of undefined', raising(undefined), true],
      ['a rejection', () => Promise.reject(boom), false, boom],
      ['a rejection with true', () => Promise.reject(true), false, true],
      ['a thenable that rejects', () => thenable((_fulfil, reject) => reject(boom)), false, boom],
      ['a thenable that throws', () => thenable(raising(boom)), false, boom],
      ['a getter `then` that throws', () => withThen(raising(boom)), true, boom],
      ['a proxy that throws', () => new Proxy({}, { get: raising(boom) }), true, boom],
      ['a promise whose constructor cannot be asked for', promiseWithHostileConstructor, false, boom],
      ['a promise that its own then rejects', () => rejectingThen(), false, boom],
    ] as const
  ).map(([name, answer, atOnce, cause]): Answer => ({ name, accepts: false, atOnce, cause, answer })),
];

function raising(value: unknown): () => never {
  return () => {
    throw value;
  };
}

function thenOfTrue(): object {
  // biome-ignore lint/suspicious/noThenProperty: it is what is tried.
  return { then: (fulfil: Settle) => fulfil(true) };
}

function rejectingThen(): Promise<boolean> {
  return Object.assign(Promise.resolve(true), {
    // biome-ignore lint/suspicious/noThenProperty: it is what is tried.
    then: (_fulfil: Settle, reject: Settle) => reject(boom),
  });
}

export const answers: readonly Answer[] = [...accepting, ...refusing];
