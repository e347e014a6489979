// Type tests of declarations, as an application writes them: @Rpc on members that cannot be called, defineRpcs for names
// that are no methods. spec/decorators/types.ts has the same for the decorator dialects.

import { defineRpcs, Rpc, type RpcOptions, rpc, Security } from '../../lib/index.js';

export function decorations(): unknown {
  abstract class Arena {
    @Rpc()
    plain(): void {}

    @Rpc(Security.Encrypted | Security.Authenticated, { name: 'signIn', timeoutMs: 5 })
    async login(name: string, ...pins: string[]): Promise<string> {
      return name + pins.length;
    }

    @Rpc(Security.Authenticated, { requiresIdentity: true })
    ban(name: string): void {
      void name;
    }

    // @ts-expect-error yes or no
    @Rpc(Security.Authenticated, { requiresIdentity: 'admin' })
    unban(): void {}

    @Rpc(Security.Authenticated, { oneWay: true })
    move<Step extends number>(x: Step): void {
      void x;
    }

    // @ts-expect-error a decorator that was not called
    @Rpc
    uncalled(): void {}

    // @ts-expect-error a word is no flag
    @Rpc('Encrypted')
    named(): void {}

    // @ts-expect-error options come second
    @Rpc({ oneWay: true })
    options(): void {}

    // @ts-expect-error a field that holds a function is no method
    @Rpc()
    arrow = () => undefined;

    // @ts-expect-error a setter
    @Rpc()
    set setter(value: number) {
      void value;
    }

    // @ts-expect-error an accessor of the new kind
    @Rpc()
    accessor state = 1;
  }
  // @ts-expect-error a class is no method
  @Rpc()
  class Whole {}
  return [Arena, Whole];
}

export function declarations(): void {
  abstract class Arena {
    score = 0;
    protected readonly seed: number;
    constructor(seed: number) {
      this.seed = seed;
    }
    get total(): number {
      return this.score;
    }
    login(name: string): string {
      return name;
    }
    abstract run(): Promise<void>;
    protected rank(): number {
      return this.secret();
    }
    private secret(): number {
      return this.seed;
    }
    static start(): void {}
  }
  defineRpcs(Arena, { login: rpc(), run: rpc(Security.Encrypted, { timeoutMs: 5 } satisfies RpcOptions) });
  // @ts-expect-error an accessor is no method
  defineRpcs(Arena, { total: rpc() });
  // @ts-expect-error protected
  defineRpcs(Arena, { rank: rpc() });
  // @ts-expect-error private
  defineRpcs(Arena, { secret: rpc() });
  // @ts-expect-error static
  defineRpcs(Arena, { start: rpc() });
  // @ts-expect-error flags alone are no declaration
  defineRpcs(Arena, { login: Security.Encrypted });
  // @ts-expect-error an instance is no class
  defineRpcs({ login() {} }, { login: rpc() });
  // @ts-expect-error a limit of time is a number
  rpc(Security.None, { timeoutMs: '5s' });
}
