// Logging and metrics: how often each method was called, how that ended, and how long it took, on either side. Copy it, and
// hand the numbers to whatever collects yours.
//
//   const metrics = new CallMetrics((line) => console.log(line));
//   manager.use(metrics.interceptor);
//
// Of a call it tells direction, method, code and time. Arguments, results, metadata and messages of errors are whoever's
// secrets, and stay out of it.

import { type InterceptedCall, type Interceptor, type Next, SealwireError } from 'sealwire';

/** Of one method in one direction. */
export interface MethodMetrics {
  readonly direction: InterceptedCall['direction'];
  /** `Arena.move` */
  readonly method: string;
  /** Under way at this moment. */
  readonly running: number;
  /** By the code with which they ended: `OK`, `CANCELLED` (a stream that was left early, too), `NOT_FOUND`, … */
  readonly ended: ReadonlyMap<string, number>;
  /** Of streams. */
  readonly items: number;
  /** Of those that ended, all together and the longest; in milliseconds. */
  readonly totalMs: number;
  readonly maxMs: number;
}

type Entry = { -readonly [Name in keyof MethodMetrics]: MethodMetrics[Name] } & {
  ended: Map<string, number>;
};

/** Codes are the other side's to choose: nobody may fill the memory with them. */
const mostCodes = 32;

export class CallMetrics {
  readonly #entries = new Map<string, Entry>();
  readonly #log: ((line: string) => void) | undefined;

  /** `log` gets a line for each call that ends, such as `incoming Arena.move OK 3 ms`. */
  constructor(log?: (line: string) => void) {
    this.#log = log;
  }

  /** For use(): the first one sees calls as their callers do, one behind retries each attempt. */
  readonly interceptor: Interceptor = (call, next) => {
    const entry = this.#entry(call);
    entry.running += 1;
    const begun = performance.now();
    const ended = (code: string): void => this.#ended(entry, code, performance.now() - begun);
    return call.streaming ? watchItems(entry, next, ended) : watchResult(next, ended);
  };

  /** The methods that were called, by direction and name. */
  get methods(): ReadonlyMap<string, MethodMetrics> {
    return this.#entries;
  }

  #entry({ direction, method }: InterceptedCall): Entry {
    const name = `${direction} ${method}`;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { direction, method, running: 0, ended: new Map(), items: 0, totalMs: 0, maxMs: 0 };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #ended(entry: Entry, code: string, tookMs: number): void {
    const { direction, method, ended } = entry;
    const counted = ended.has(code) || ended.size < mostCodes ? code : 'OTHER';
    ended.set(counted, (ended.get(counted) ?? 0) + 1);
    entry.running -= 1;
    entry.totalMs += tookMs;
    entry.maxMs = Math.max(entry.maxMs, tookMs);
    this.#log?.(`${direction} ${method} ${code} ${Math.round(tookMs)} ms`);
  }
}

async function watchResult(next: Next, ended: (code: string) => void): Promise<unknown> {
  try {
    const result = await next();
    ended('OK');
    return result;
  } catch (error) {
    ended(codeOf(error));
    throw error;
  }
}

async function* watchItems(entry: Entry, next: Next, ended: (code: string) => void): AsyncGenerator<unknown> {
  // Where nothing else is said, the reader has left.
  let code = 'CANCELLED';
  try {
    for await (const item of next()) {
      entry.items += 1;
      yield item;
    }
    code = 'OK';
  } catch (error) {
    code = codeOf(error);
    throw error;
  } finally {
    ended(code);
  }
}

/** What a method throws by accident, its caller sees as INTERNAL. */
function codeOf(error: unknown): string {
  return error instanceof SealwireError ? error.code : 'INTERNAL';
}
