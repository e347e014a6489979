// `client.rpc<Arena>('Arena')`: an object whose methods are the methods of a service somewhere else.
//
// The type is mapped shallowly from the class, so that a large service costs the compiler little. The object itself is
// not callable and has no `then`: awaiting or printing it by mistake sends nothing.

import type { CallOptions } from './caller.js';

/** The methods of `Service` as its peer sees them: the same arguments, a promise of the result. */
export type RpcProxy<Service> = {
  readonly [Name in keyof Service as Service[Name] extends UnaryMethod
    ? Name
    : never]: Service[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

type UnaryMethod = (...args: never[]) => unknown;

/** A class that a service is an instance of, abstract or not. */
export type ServiceClass<Service> = abstract new (...args: never[]) => Service;

export type Invoke = (name: string, args: readonly unknown[], options?: CallOptions) => Promise<unknown>;

/** Names that JavaScript itself asks objects for; a method of such a name is called through `invoke`. */
const notMethods = new Set(['then', 'toString', 'valueOf', 'toJSON', 'constructor']);

export function createProxy<Service extends object>(
  service: string,
  invoke: Invoke,
  options?: CallOptions,
): RpcProxy<Service> {
  const methods = new Map<string, (...args: unknown[]) => Promise<unknown>>();
  const handler: ProxyHandler<object> = {
    get(_target, key) {
      if (typeof key !== 'string' || notMethods.has(key)) return undefined;
      let method = methods.get(key);
      if (method === undefined) {
        method = (...args) => invoke(`${service}.${key}`, args, options);
        methods.set(key, method);
      }
      return method;
    },
  };
  return new Proxy(Object.freeze(Object.create(null)), handler) as RpcProxy<Service>;
}
