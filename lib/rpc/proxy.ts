// `client.rpc<Arena>('Arena')`: an object whose methods are the methods of a service somewhere else.
//
// The type is mapped shallowly from the class, so that a large service costs the compiler little. The object itself is
// not callable and has no `then`: awaiting or printing it by mistake sends nothing.

import { collectRpcs, type RpcMetadata } from '../contract/metadata.js';
import { inTheClear } from './call-options.js';
import type { CallOptions } from './caller.js';
import type { RpcStream } from './remote-stream.js';

/**
 * The methods of `Service` as its peer sees them: the same arguments, a promise of the result, or its items where a method
 * is an async generator or returns an AsyncIterable. Of an overloaded method
 * the last signature is seen, of a generic one its constraint: TypeScript tells no more.
 */
export type RpcProxy<Service> = {
  readonly [Name in keyof Service as MethodName<Service, Name>]: Service[Name] extends (
    ...args: infer Args
  ) => infer Result
    ? (...args: Args) => RpcAnswer<Result>
    : never;
};

/** What calling a method gives that returns `Result` where it runs: a stream of its items, or a promise of its result. */
export type RpcAnswer<Result> =
  unknown extends Awaited<Result>
    ? Promise<Awaited<Result>>
    : [Awaited<Result>] extends [never]
      ? Promise<never>
      : [Awaited<Result>] extends [AsyncIterable<infer Item>]
        ? RpcStream<Item>
        : Promise<Awaited<Result>>;

/** A name that can be called through the proxy; `any` and `unknown` would pass for methods. */
type MethodName<Service, Name extends keyof Service> = Name extends NotMethod
  ? never
  : unknown extends Service[Name]
    ? never
    : Service[Name] extends UnaryMethod
      ? Name & string
      : never;

type UnaryMethod = (...args: never[]) => unknown;

/** A class that a service is an instance of, abstract or not. */
export type ServiceClass<Service> = abstract new (...args: never[]) => Service;

export type Invoke<Options extends CallOptions = CallOptions> = (
  name: string,
  args: readonly unknown[],
  options?: Options,
) => unknown;

/** Names that JavaScript itself asks objects for; a method of such a name is called through `invoke`. */
const notMethods = ['then', 'toString', 'valueOf', 'toJSON', 'constructor'] as const;
type NotMethod = (typeof notMethods)[number];

/**
 * By the name of a service, or by its class, which must have RPCs (else INVALID_RPC) and tells their wire names, and which
 * of them are idempotent, or may go in the clear.
 */
export function createProxy<Service extends object, Options extends CallOptions = CallOptions>(
  service: string | ServiceClass<Service>,
  invoke: Invoke<Options>,
  options?: Options,
): RpcProxy<Service> {
  const serviceName = typeof service === 'string' ? service : service.name;
  const declared = typeof service === 'string' ? undefined : declaredMethods(service);
  const methods = new Map<string, (...args: unknown[]) => unknown>();
  const handler: ProxyHandler<object> = {
    get(_target, key) {
      let method = methods.get(key as string);
      if (method === undefined) {
        if (typeof key !== 'string' || isNotMethod(key)) return undefined;
        const { wireName = key, own: declares } = declared?.get(key) ?? {};
        const name = `${serviceName}.${wireName}`;
        // As it stands where nothing else is said, so that most calls have nothing to plan.
        const own =
          options && declares ? { ...declares, ...options } : (options ?? (declares as Options | undefined));
        method = (...args) => invoke(name, args, own);
        methods.set(key, method);
      }
      return method;
    },
  };
  return new Proxy(Object.freeze(Object.create(null)), handler) as RpcProxy<Service>;
}

interface Declared {
  /** What it is called in the manifest: the option `name` of @Rpc may say something else than the class. */
  readonly wireName: string;
  /** What the class says about calls of it. */
  readonly own: CallOptions | undefined;
}

function declaredMethods(service: ServiceClass<object>): ReadonlyMap<string, Declared> {
  return new Map(
    [...collectRpcs(service)].map(([wireName, { key, metadata }]) => [
      key,
      { wireName, own: declaredOptions(metadata) },
    ]),
  );
}

function declaredOptions({ idempotent, security }: RpcMetadata): CallOptions | undefined {
  const isOpen = security === 0;
  if (idempotent) return isOpen ? { idempotent, inTheClear: true } : { idempotent };
  return isOpen ? inTheClear : undefined;
}

function isNotMethod(key: string): key is NotMethod {
  return (notMethods as readonly string[]).includes(key);
}
