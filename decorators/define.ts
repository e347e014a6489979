// RPCs declared without decorators, for tools that do not compile them: Node's own type stripping, Vite, Rolldown,
// plain JavaScript. The outcome is the same as that of @Rpc, to the byte.
//
//   class Arena { login(name: string, pin: string) { … } }
//   defineRpcs(Arena, { login: rpc(Security.Encrypted | Security.Authenticated) });

import { SealwireError } from '../lib/base/errors.js';
import { checkOptions, defineRpc, type RpcOptions } from '../lib/contract/metadata.js';
import { checkSecurity, Security, type SecurityFlags } from '../lib/contract/security.js';

/** What {@link rpc} makes, for {@link defineRpcs}. */
export class RpcDeclaration {
  readonly security: Security;
  readonly options: RpcOptions;

  constructor(security: SecurityFlags, options: RpcOptions) {
    this.security = checkSecurity(security);
    checkOptions('rpc()', security, options);
    this.options = options;
  }
}

/** The names of a class's methods. */
export type MethodName<Instance> = {
  [Key in keyof Instance & string]: Instance[Key] extends (...args: never[]) => unknown ? Key : never;
}[keyof Instance & string];

/** The arguments of `@Rpc`. Throws INVALID_RPC for unknown flags or options. */
export function rpc(security: SecurityFlags = Security.None, options: RpcOptions = {}): RpcDeclaration {
  return new RpcDeclaration(security, options);
}

/**
 * Declares methods of a class to be RPCs; those not named cannot be reached.
 *
 * Throws INVALID_RPC for a name that is not a method of this very class: an inherited one is declared on the class
 * that has it, or it would become reachable in all that inherit it.
 */
export function defineRpcs<Instance extends object>(
  rpcClass: abstract new (...args: never[]) => Instance,
  rpcs: { readonly [Key in MethodName<Instance>]?: RpcDeclaration },
): void {
  const prototype: object = rpcClass.prototype;
  for (const [key, declaration] of Object.entries(rpcs)) {
    if (!(declaration instanceof RpcDeclaration)) {
      throw new SealwireError('INVALID_RPC', `${key}: give rpc(…) to defineRpcs`);
    }
    const method: unknown = Object.getOwnPropertyDescriptor(prototype, key)?.value;
    if (typeof method !== 'function' || key === 'constructor') {
      throw new SealwireError('INVALID_RPC', `${rpcClass.name} has no method ${key} of its own to declare`);
    }
    defineRpc(key, method, declaration.security, declaration.options);
  }
}
