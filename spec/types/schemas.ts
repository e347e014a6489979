// Type tests of schemas without decorators: defineRpcs refuses methods that do not fit. For decorators, in both dialects,
// spec/decorators/dialects/schemas.ts has the same.

import * as v from 'valibot';
import { z } from 'zod';
import {
  defineRpcs,
  isRpcError,
  RpcCode,
  type RpcError,
  type RpcOptions,
  rpc,
  type SchemaInput,
  type SchemaOutput,
  Security,
} from '../../lib/index.js';
import { type Equal, expectType } from './equal.js';

declare class Arena {
  login(name: string, pin: string): Promise<{ level: number }>;
  jump(height?: number): void;
  watch(match: string): AsyncGenerator<number>;
}

export function declarations(options: RpcOptions): void {
  defineRpcs(Arena, {
    login: rpc(Security.None, {
      params: [z.string(), v.string()],
      result: z.object({ level: z.number() }),
      rateLimit: { perSecond: 5, burst: 10, onExceeded: 'disconnect' },
      idempotent: true,
      channel: 'accounts',
    }),
    jump: rpc(Security.None, { params: [z.number().default(1)] }),
    watch: rpc(Security.None, { params: z.tuple([z.string()]), result: z.number() }),
  });
  // Of options whose schemas are not known nothing can be said.
  defineRpcs(Arena, { login: rpc(Security.None, options), jump: rpc(), watch: rpc(Security.Encrypted) });
  // @ts-expect-error the pin is text
  defineRpcs(Arena, { login: rpc(Security.None, { params: [z.string(), z.number()] }) });
  // @ts-expect-error the result has more
  defineRpcs(Arena, { login: rpc(Security.None, { result: z.object({ level: z.string() }) }) });
  // @ts-expect-error the items are numbers
  defineRpcs(Arena, { watch: rpc(Security.None, { result: v.string() }) });
  // @ts-expect-error a function is no Standard Schema
  rpc(Security.None, { params: [(value: unknown) => typeof value === 'string'] });
}

export function inferred(): void {
  const level = z.string().transform(Number);
  expectType<Equal<[SchemaInput<typeof level>, SchemaOutput<typeof level>], [string, number]>>(true);
  const flag = v.optional(v.boolean(), false);
  expectType<Equal<[SchemaInput<typeof flag>, SchemaOutput<typeof flag>], [boolean | undefined, boolean]>>(
    true,
  );
}

export function errors(caught: unknown): void {
  if (isRpcError<{ retryAfterMs: number }>(caught, RpcCode.RESOURCE_EXHAUSTED)) {
    expectType<Equal<typeof caught, RpcError<{ retryAfterMs: number }>>>(true);
    expectType<Equal<typeof caught.data, { retryAfterMs: number } | undefined>>(true);
  }
  if (isRpcError(caught)) expectType<Equal<typeof caught.data, unknown>>(true);
  void isRpcError(caught, 'NO_SUCH_MATCH');
  // @ts-expect-error no such code
  void RpcCode.NO_SUCH_MATCH;
}
