// Type tests: tsc fails when one of these lines is accepted after all. Nothing here is run.

import { defineRpcs, Rpc, rpc, Security } from '../../decorators/index.js';

export function refusedDecorations(): unknown {
  abstract class Refused {
    // @ts-expect-error static methods
    @Rpc()
    static ping(): void {}

    // @ts-expect-error fields
    @Rpc()
    field = 1;

    // @ts-expect-error accessors
    @Rpc()
    get accessor(): number {
      return 1;
    }

    // @ts-expect-error private names
    @Rpc()
    #hidden(): void {}

    callHidden(): void {
      this.#hidden();
    }

    // @ts-expect-error symbols for names
    @Rpc()
    [Symbol.iterator](): void {}

    // @ts-expect-error options that this version does not know
    @Rpc(Security.None, { rateLimit: 5 })
    limited(): void {}
  }
  return Refused;
}

export function refusedDeclarations(): void {
  class Arena {
    score = 0;
    login(): void {}
  }
  defineRpcs(Arena, { login: rpc(Security.Encrypted | Security.Authenticated) });
  // @ts-expect-error a field is no method
  defineRpcs(Arena, { score: rpc() });
  // @ts-expect-error no such method
  defineRpcs(Arena, { missing: rpc() });
}
