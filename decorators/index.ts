// The front door of `sealwire/decorators`: how a class says which of its methods are RPCs. It knows the contract and
// nothing else, so shared code can declare RPCs without the rest of Sealwire.

export type { LimitAction, RateLimit } from '../lib/contract/limit.js';
export type { ParamsSchema, RpcOptions } from '../lib/contract/options.js';
export { Security, type SecurityFlags } from '../lib/contract/security.js';
export type { SchemaInput, SchemaOutput, StandardSchema } from '../lib/contract/standard-schema.js';
export { defineRpcs, type MethodName, type RpcDeclaration, rpc } from './define.js';
export { Rpc, type RpcDecorator, type RpcMethodContext } from './rpc.js';
