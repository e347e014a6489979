// Type tests of schemas and methods that do not fit them. Compiled in both dialects: every line below `@ts-expect-error`
// must be refused in both. Nothing here is run.

import * as v from 'valibot';
import { z } from 'zod';
import { Rpc, Security } from '../../../decorators/index.js';

const name = z.string();
const level = v.number();

export class Fitting {
  @Rpc(Security.None, { params: [name, level] })
  each(_name: string, _level: number): void {}

  @Rpc(Security.None, { params: [name, level] })
  fewer(_name: string): void {}

  @Rpc(Security.None, { params: [name, level] })
  wider(_name: string | undefined, _level?: number): void {}

  @Rpc(Security.None, { params: z.tuple([z.string(), z.coerce.number()]) })
  tuple(_name: string, _level: number): void {}

  @Rpc(Security.None, { params: v.tuple([v.pipe(v.string(), v.transform(Number))]) })
  transformed(_level: number): void {}

  @Rpc(Security.None, { params: z.tuple([z.string()]).rest(z.number()) })
  rest(_name: string, ..._levels: number[]): void {}

  @Rpc(Security.None, { params: z.array(z.string()) })
  words(..._words: string[]): void {}

  @Rpc(Security.None, { result: z.object({ level: z.number() }) })
  async result(): Promise<{ level: number; secret: string }> {
    return { level: 1, secret: 'x' };
  }

  @Rpc(Security.None, { result: v.number() })
  async *stream(): AsyncGenerator<number> {}

  @Rpc(Security.None, { timeoutMs: 5 })
  anything(_anything: Map<string, symbol>): void {}
}

export class Unfit {
  // @ts-expect-error the schema makes strings
  @Rpc(Security.None, { params: [name, level] })
  each(_name: number, _level: number): void {}

  // @ts-expect-error nobody gives the third
  @Rpc(Security.None, { params: [name, level] })
  more(_name: string, _level: number, _third: string): void {}

  // @ts-expect-error behind the transform it is a number
  @Rpc(Security.None, { params: v.tuple([v.pipe(v.string(), v.transform(Number))]) })
  transformed(_level: string): void {}

  // @ts-expect-error a tuple of the wrong kind
  @Rpc(Security.None, { params: z.tuple([z.string(), z.string()]) })
  tuple(_name: string, _level: number): void {}

  // @ts-expect-error the schema of one argument is none of all arguments
  @Rpc(Security.None, { params: z.string() })
  single(_name: string): void {}

  // @ts-expect-error it returns something else
  @Rpc(Security.None, { result: z.number() })
  async result(): Promise<string> {
    return 'x';
  }

  // @ts-expect-error its items are something else
  @Rpc(Security.None, { result: z.number() })
  async *stream(): AsyncGenerator<string> {}

  // @ts-expect-error one of three words
  @Rpc(Security.None, { rateLimit: { perSecond: 5, onExceeded: 'wait' } })
  limit(): void {}
}
