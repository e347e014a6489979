// RPCs declared without decorators, for tools that do not compile them: Node's own type stripping, Vite, Rolldown,
// plain JavaScript. The outcome is the same as that of @Rpc, to the byte.
//
//   class Arena { login(name: string, pin: string) { … } }
//   defineRpcs(Arena, { login: rpc(Security.Encrypted | Security.Authenticated) });

import { SealwireError } from '../lib/base/errors.js';
import { defineRpc } from '../lib/contract/metadata.js';
import { checkOptions, type ParamsSchema, type RpcOptions } from '../lib/contract/options.js';
import { checkSecurity, Security, type SecurityFlags } from '../lib/contract/security.js';
import type { StandardSchema } from '../lib/contract/standard-schema.js';
import type { Fitting } from './fitting.js';

/** What {@link rpc} makes, for {@link defineRpcs}; methods that are `Method` can be declared with it. */
export class RpcDeclaration<Method = Fitting<never, never>> {
  readonly security: Security;
  readonly options: RpcOptions;
  /** For the compiler alone: never set. */
  declare readonly fits?: (method: Method) => void;

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

/** The arguments of `@Rpc`, and its types. Throws INVALID_RPC for unknown flags or options. */
export function rpc<const Params extends ParamsSchema = never, Result extends StandardSchema = never>(
  security: SecurityFlags = Security.None,
  options: RpcOptions<Params, Result> = {},
): RpcDeclaration<Fitting<Params, Result>> {
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
  rpcs: { readonly [Key in MethodName<Instance>]?: RpcDeclaration<Instance[Key]> },
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
