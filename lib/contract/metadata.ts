// Which methods are RPCs, and how they are protected. The one owner of reflect-metadata.
//
// The metadata hangs on the function object itself, not on the class or a property: so both decorator dialects and
// defineRpcs() store it alike, and whatever takes the function's place (an override, a field, another decorator's
// wrapper) is no RPC until it is declared as one. A name that a peer sends is only ever looked up in the Map that
// collectRpcs() makes, never as a property.

import 'reflect-metadata';
import { SealwireError } from '../base/errors.js';
import { methodNameFault } from './names.js';
import { checkSecurity, Security, type SecurityFlags, satisfies } from './security.js';

/** What may be said about an RPC beside its protection. */
export interface RpcOptions {
  /** The name on the wire; the method's own name when left out. */
  readonly name?: string;
  /** Nothing comes back, no result and no error: the caller learns that the call was sent. */
  readonly oneWay?: boolean;
  /** The longest that a call may take, in milliseconds, whatever its caller asks for. */
  readonly timeoutMs?: number;
  /**
   * Only callers that have proved who they are, by a certificate; others get UNAUTHENTICATED. The call must be
   * Security.Authenticated, or anybody on the path could make it in their name.
   */
  readonly requiresIdentity?: boolean;
  /**
   * Only callers that this lets in; others get PERMISSION_DENIED, and the method does not run. `'owner'`: who owns the
   * service, see `setOwner()`. The call must be Security.Authenticated, as with `requiresIdentity`.
   */
  readonly allow?: Allow;
}

/** Who may call: the owner of the service, or whom the function answers `true` for. */
export type Allow = 'owner' | AllowRule['decide'];

/** A method, and not a function's type, so that an application may say `(caller: Peer, args, ship: Ship) => …`. */
interface AllowRule {
  /** `caller` is the connection, a {@link Peer}; `args` are as they came; `service` is the registered object. */
  decide(caller: RpcCaller, args: readonly unknown[], service: object): boolean | Promise<boolean>;
}

/** What a rule may look at, of the connection that a call came over. */
export interface RpcCaller {
  readonly id: number;
  /** Who it has proved to be. */
  readonly identity: { readonly kind: string; readonly name: string } | undefined;
}

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
  readonly allow?: Allow;
  readonly timeoutMs?: number;
}

/** An RPC of a class: `instance[key]` is the method, `metadata.name` is what callers say. */
export interface DeclaredRpc {
  readonly key: string;
  readonly metadata: RpcMetadata;
}

type Method = (...args: never[]) => unknown;

const knownOptions: readonly string[] = [
  'name',
  'oneWay',
  'timeoutMs',
  'requiresIdentity',
  'allow',
] satisfies (keyof RpcOptions)[];

/** The longest delay that setTimeout can measure. */
const maxTimeoutMs = 2 ** 31 - 1;

// Registered keys: a program with two copies of this package still has one contract.
const rpcKey = Symbol.for('sealwire:rpc');
const declaredKey = Symbol.for('sealwire:declared');

/**
 * Declares a method to be an RPC. Throws INVALID_RPC when `method` is no function or a generator that is not async, is an RPC
 * already, or when name, flags or options are not valid.
 */
export function defineRpc(key: string, method: unknown, security: SecurityFlags, options: RpcOptions): void {
  if (!isMethod(method)) throw invalid(`${key} is not a method: only methods can be RPCs`);
  const functionKind = Object.prototype.toString.call(method);
  if (functionKind === '[object GeneratorFunction]') {
    throw invalid(`${key} is a generator: make it async to stream its items, async *${key}()`);
  }
  const stream = functionKind === '[object AsyncGeneratorFunction]';
  if (stream && options?.oneWay) {
    throw invalid(`${key} is one-way and an async generator: nobody would get its items`);
  }
  if (Reflect.getOwnMetadata(rpcKey, method) !== undefined)
    throw invalid(`${key} is declared as an RPC twice`);
  checkOptions(key, security, options);
  const metadata: RpcMetadata = {
    security: checkSecurity(security),
    name: options.name ?? key,
    oneWay: options.oneWay ?? false,
    stream,
    requiresIdentity: options.requiresIdentity ?? false,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.allow === undefined ? {} : { allow: options.allow }),
  };
  const fault = methodNameFault(metadata.name);
  if (fault !== undefined) throw invalid(`the RPC name ${JSON.stringify(metadata.name)} ${fault}`);
  Reflect.defineMetadata(rpcKey, Object.freeze(metadata), method);
}

/**
 * Throws INVALID_RPC for an option that this version does not know, or that does not go with the flags: it would be
 * believed to work.
 */
export function checkOptions(key: string, security: SecurityFlags, options: RpcOptions): void {
  if (typeof options !== 'object' || options === null)
    throw invalid(`the options of ${key} must be an object`);
  for (const option of Object.keys(options)) {
    if (!knownOptions.includes(option)) {
      throw invalid(`${key} has the unknown option ${option}; this version knows ${knownOptions.join(', ')}`);
    }
  }
  const { name, oneWay, timeoutMs, requiresIdentity, allow } = options;
  if (name !== undefined && typeof name !== 'string') throw invalid(`the name of ${key} must be a string`);
  if (oneWay !== undefined && typeof oneWay !== 'boolean')
    throw invalid(`oneWay of ${key} must be a boolean`);
  if (requiresIdentity !== undefined && typeof requiresIdentity !== 'boolean')
    throw invalid(`requiresIdentity of ${key} must be a boolean`);
  if (allow !== undefined && allow !== 'owner' && typeof allow !== 'function')
    throw invalid(`allow of ${key} must be 'owner' or a function that says who may call`);
  if ((requiresIdentity || allow !== undefined) && !satisfies(security, Security.Authenticated)) {
    throw invalid(
      `${allow === undefined ? 'requiresIdentity' : 'allow'} of ${key} needs Security.Authenticated: anybody on the path can make a call without it, in ` +
        'the name of whoever is connected',
    );
  }
  if (timeoutMs === undefined) return;
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > maxTimeoutMs) {
    throw invalid(`timeoutMs of ${key} must be a whole number of milliseconds, 1 to ${maxTimeoutMs}`);
  }
  if (oneWay) throw invalid(`${key} is one-way, nothing is waited for: leave out timeoutMs`);
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
