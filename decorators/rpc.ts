// @Rpc, in both dialects of decorators, which are told apart by what they pass:
//
//   standard (TC39, stage 3)               (method, context)             context.kind === 'method'
//   legacy   (`experimentalDecorators`)    (prototype, key, descriptor)  descriptor.value is the method
//
// Both end in defineRpc() with the function object. Where there are several decorators, @Rpc belongs above the
// others, which wrap the method; what is below the wrapper would silently not be reachable, so it is refused.

import { SealwireError } from '../lib/base/errors.js';
import {
  checkStillDeclared,
  defineRpc,
  designTypesOf,
  rememberDeclaration,
} from '../lib/contract/metadata.js';
import { checkOptions, type ParamsSchema, type RpcOptions } from '../lib/contract/options.js';
import { checkSecurity, Security, type SecurityFlags } from '../lib/contract/security.js';
import type { StandardSchema } from '../lib/contract/standard-schema.js';
import type { Fitting } from './fitting.js';

/** The part of a standard decorator's context that says: a public instance method with a string for a name. */
export interface RpcMethodContext {
  readonly kind: 'method';
  readonly name: string;
  readonly static: false;
  readonly private: false;
  addInitializer(initializer: (this: unknown) => void): void;
}

/**
 * What {@link Rpc} returns: a decorator for public instance methods, in either dialect, that are `Method`: without
 * schemas any method is.
 */
export interface RpcDecorator<Method = Fitting<never, never>> {
  (method: Method, context: RpcMethodContext): void;
  <Own extends Method>(prototype: object, key: string, descriptor: TypedPropertyDescriptor<Own>): void;
}

/**
 * Makes a method callable by the other side. A method without it cannot be reached, whatever its name.
 *
 * @param security the least protection that is accepted; a caller may raise it, never lower it.
 * @param options with `params` and `result` the compiler refuses methods that do not fit the schemas.
 *
 * Throws INVALID_RPC, while the class is being defined, for unknown flags or options and for anything but a public
 * instance method with a string for a name; and when an instance is made (legacy: when it is registered), if
 * another decorator has replaced the method.
 */
export function Rpc<const Params extends ParamsSchema = never, Result extends StandardSchema = never>(
  security: SecurityFlags = Security.None,
  options: RpcOptions<Params, Result> = {},
): RpcDecorator<Fitting<Params, Result>> {
  checkSecurity(security);
  checkOptions('@Rpc', security, options);
  return (subject: unknown, context: unknown, descriptor?: unknown): void => {
    if (isStandardContext(context)) declareStandard(subject, context, security, options);
    else declareLegacy(subject, context, descriptor, security, options);
  };
}

function declareStandard(
  method: unknown,
  context: DecoratorContext,
  security: SecurityFlags,
  options: RpcOptions,
): void {
  const key = context.name;
  if (context.kind !== 'method') throw unfit(key, `is a ${context.kind}, not a method`);
  if (context.static) throw unfit(key, 'is static: an RPC belongs to the instance that is registered');
  if (context.private) throw unfit(key, 'is private: an RPC is what others may call');
  if (typeof key !== 'string') throw unfit(key, 'has a symbol for a name: that cannot be sent');
  defineRpc(key, method, security, options);
  context.addInitializer(function (this: unknown) {
    checkStillDeclared(this as object, key, method);
  });
}

function declareLegacy(
  prototype: unknown,
  key: unknown,
  descriptor: unknown,
  security: SecurityFlags,
  options: RpcOptions,
): void {
  if (key === undefined) throw unfit('the class', 'is not a method: put @Rpc() on its methods');
  if (typeof descriptor === 'number') throw unfit(key, 'has @Rpc on a parameter: put it on the method');
  if (typeof prototype === 'function') {
    throw unfit(key, 'is static: an RPC belongs to the instance that is registered');
  }
  if (typeof key !== 'string') throw unfit(key, 'has a symbol for a name: that cannot be sent');
  if (typeof prototype !== 'object' || prototype === null || !isDescriptor(descriptor)) {
    throw unfit(key, 'is a field, not a method');
  }
  if (descriptor.get || descriptor.set) throw unfit(key, 'is an accessor, not a method');
  defineRpc(key, descriptor.value, security, options, designTypesOf(prototype, key));
  rememberDeclaration(prototype, key, descriptor.value);
}

function isStandardContext(context: unknown): context is DecoratorContext {
  return typeof context === 'object' && context !== null && 'kind' in context;
}

function isDescriptor(value: unknown): value is PropertyDescriptor {
  return typeof value === 'object' && value !== null;
}

function unfit(key: unknown, why: string): SealwireError {
  return new SealwireError('INVALID_RPC', `@Rpc cannot be used here: ${String(key)} ${why}`);
}
