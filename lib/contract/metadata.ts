// Which methods are RPCs, and how they are protected. The one owner of reflect-metadata.
//
// The metadata hangs on the function object itself, not on the class or a property: so both decorator dialects and
// defineRpcs() store it alike, and whatever takes the function's place (an override, a field, another decorator's
// wrapper) is no RPC until it is declared as one. A name that a peer sends is only ever looked up in the Map that
// collectRpcs() makes, never as a property.

import 'reflect-metadata';
import { SealwireError } from '../base/errors.js';
import { frozenRequirement, type RequiredClaims } from './claims.js';
import type { RateLimit } from './limit.js';
import { methodNameFault } from './names.js';
import { type Allow, checkOptions, checkTogether, type RpcOptions } from './options.js';
import { type Parameters, readParameters } from './parameters.js';
import { checkSecurity, type Security, type SecurityFlags } from './security.js';
import { isStandardSchema, type StandardSchema } from './standard-schema.js';

/** What is known of one RPC. */
export interface RpcMetadata {
  /** The least protection that is accepted. */
  readonly security: Security;
  /** The name on the wire, without the service's. */
  readonly name: string;
  readonly oneWay: boolean;
  /** What it returns is a stream of items. */
  readonly stream: boolean;
  readonly requiresIdentity: boolean;
  /** May be tried again by a caller that does not know whether it has run. */
  readonly idempotent: boolean;
  /** What is known of the method's own parameters. */
  readonly parameters: Parameters;
  /** One for all arguments, or one for each. */
  readonly params?: StandardSchema | readonly StandardSchema[];
  readonly result?: StandardSchema;
  readonly rateLimit?: RateLimit;
  readonly channel?: string;
  readonly allow?: Allow;
  readonly claims?: RequiredClaims;
  readonly timeoutMs?: number;
}

/** An RPC of a class: `instance[key]` is the method, `metadata.name` is what callers say. */
export interface DeclaredRpc {
  readonly key: string;
  readonly metadata: RpcMetadata;
}

type Method = (...args: never[]) => unknown;

// Registered keys: a program with two copies of this package still has one contract.
const rpcKey = Symbol.for('sealwire:rpc');
const declaredKey = Symbol.for('sealwire:declared');

/**
 * Declares a method to be an RPC. Throws INVALID_RPC when `method` is no function or a generator that is not async, is
 * an RPC already, or when name, flags or options are not valid. `designTypes`: see {@link designTypesOf}.
 */
export function defineRpc(
  key: string,
  method: unknown,
  security: SecurityFlags,
  options: RpcOptions,
  designTypes?: unknown,
): void {
  if (!isMethod(method)) throw invalid(`${key} is not a method: only methods can be RPCs`);
  if (Reflect.getOwnMetadata(rpcKey, method) !== undefined)
    throw invalid(`${key} is declared as an RPC twice`);
  checkOptions(key, security, options);
  const { name = key, oneWay = false, idempotent = false, requiresIdentity = false, params } = options;
  const { timeoutMs, result, rateLimit, channel, allow, claims } = options;
  const stream = isStream(key, method, options);
  checkTogether(key, { ...options, stream });
  const fault = methodNameFault(name);
  if (fault !== undefined) throw invalid(`the RPC name ${JSON.stringify(name)} ${fault}`);
  const metadata: RpcMetadata = {
    security: checkSecurity(security),
    name,
    oneWay,
    stream,
    requiresIdentity,
    idempotent,
    parameters: readParameters(method, designTypes),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    // Copies: what is changed afterwards was not checked.
    ...(params === undefined ? {} : { params: isStandardSchema(params) ? params : [...params] }),
    ...(result === undefined ? {} : { result }),
    ...(rateLimit === undefined ? {} : { rateLimit: { ...rateLimit } }),
    ...(channel === undefined ? {} : { channel }),
    ...(allow === undefined ? {} : { allow }),
    ...(claims === undefined ? {} : { claims: frozenRequirement(claims) }),
  };
  Reflect.defineMetadata(rpcKey, Object.freeze(metadata), method);
}

/**
 * The types of a method's parameters as TypeScript leaves them for legacy decorators, with `emitDecoratorMetadata`;
 * undefined elsewhere.
 */
export function designTypesOf(prototype: object, key: string): unknown {
  return Reflect.getOwnMetadata('design:paramtypes', prototype, key);
}

/** An async generator is one; other methods are where they say so. */
function isStream(key: string, method: Method, { stream }: RpcOptions): boolean {
  const kind = Object.prototype.toString.call(method);
  if (kind === '[object GeneratorFunction]') {
    throw invalid(`${key} is a generator: make it async to stream its items, async *${key}()`);
  }
  const isGenerator = kind === '[object AsyncGeneratorFunction]';
  if (isGenerator && stream === false)
    throw invalid(`${key} is an async generator, its result is a stream: leave out stream`);
  return isGenerator || stream === true;
}

/**
 * Remembers that a legacy decorator declared `prototype[key]`, so that {@link collectRpcs} notices when another
 * decorator has put a function of its own there.
 */
export function rememberDeclaration(prototype: object, key: string, method: unknown): void {
  const declared = declarationsOf(prototype) ?? new Map<string, unknown>();
  Reflect.defineMetadata(declaredKey, declared.set(key, method), prototype);
}

/**
 * Throws INVALID_RPC when `method`, declared in the class of `instance` or above it, is not its property `key` there:
 * then another decorator has replaced it. Standard decorators learn of it when an instance is made.
 */
export function checkStillDeclared(instance: object, key: string, method: unknown): void {
  for (const level of levels(Object.getPrototypeOf(instance))) {
    if (Object.getOwnPropertyDescriptor(level, key)?.value === method) return;
  }
  throw replaced(key);
}

/**
 * The RPCs of a class, or of an instance, by their names on the wire. At each level of the prototype chain only
 * own properties count, and the nearest one wins: a method that is overridden without being declared is no RPC.
 *
 * Throws INVALID_RPC when there is none, or when two have one name.
 */
export function collectRpcs(target: object): Map<string, DeclaredRpc> {
  const isClass = typeof target === 'function';
  const className = isClass ? target.name : (target.constructor?.name ?? 'the object');
  const start: unknown = isClass ? target.prototype : target;
  const rpcs = new Map<string, DeclaredRpc>();
  const shadowed = new Set<string>(['constructor']);
  for (const level of levels(start)) {
    for (const [key, method] of declarationsOf(level) ?? []) {
      if (Object.getOwnPropertyDescriptor(level, key)?.value !== method) throw replaced(key);
    }
    for (const key of Object.getOwnPropertyNames(level)) {
      if (shadowed.has(key)) continue;
      shadowed.add(key);
      // The descriptor, and not level[key]: that would run a getter.
      const metadata = rpcMetadata(Object.getOwnPropertyDescriptor(level, key)?.value);
      if (metadata === undefined) continue;
      const other = rpcs.get(metadata.name);
      if (other) {
        throw invalid(
          `${className} has two RPCs named ${metadata.name}: its methods ${other.key} and ${key}`,
        );
      }
      rpcs.set(metadata.name, { key, metadata });
    }
  }
  if (rpcs.size === 0) {
    throw invalid(
      `${className} has no RPC: put @Rpc(…) on the methods that may be called. If it is there, the build tool ` +
        'dropped or ignored the decorators (Vite and Rolldown pass standard ones through): compile with tsc, ' +
        `esbuild or swc, or declare them with defineRpcs(${className}, { … })`,
    );
  }
  return rpcs;
}

/** The metadata of a function; undefined for anything that is no RPC. */
export function rpcMetadata(method: unknown): RpcMetadata | undefined {
  return isMethod(method) ? Reflect.getOwnMetadata(rpcKey, method) : undefined;
}

function declarationsOf(prototype: object): Map<string, unknown> | undefined {
  return Reflect.getOwnMetadata(declaredKey, prototype);
}

/** An object and its prototypes, without Object.prototype. */
function* levels(start: unknown): Generator<object> {
  let level = start;
  while (typeof level === 'object' && level !== null && level !== Object.prototype) {
    yield level;
    level = Object.getPrototypeOf(level);
  }
}

function isMethod(value: unknown): value is Method {
  return typeof value === 'function';
}

function replaced(key: string): SealwireError {
  return invalid(
    `another decorator has replaced the RPC ${key}: write @Rpc above it, so that it is applied last`,
  );
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_RPC', message);
}
