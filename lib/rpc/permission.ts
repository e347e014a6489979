// Who may call a method: the option `allow` of @Rpc, enforced where the method is.
//
//   'owner'      the caller owns the service: Owners knows who that is, it is told on the receiving side alone
//   a function   (caller, args, service) decides, now or later
//
// What counts is the connection that the call came over, and the identity that it has proved; never anything that the
// message says. Both are only worth something under Security.Authenticated, which `allow` therefore needs. An error that
// the function throws refuses, too: the call fails as if the method had thrown it.

import { RpcError } from '../base/errors.js';
import type { Allow } from '../contract/options.js';
import { type CallContext, callContext, runInContext } from './call-context.js';
import type { Peer } from './peer.js';

/** A connection; or the name of an identity, whichever connection has proved it. */
export type Owner = Peer | string;

/** The owners of services, by the names of these. */
export class Owners {
  readonly #owners = new Map<string, Owner>();

  /** Undefined: nobody's. */
  set(service: string, owner: Owner | undefined): void {
    if (owner === undefined) this.#owners.delete(service);
    else this.#owners.set(service, owner);
  }

  isOwner(service: string, caller: Peer): boolean {
    const owner = this.#owners.get(service);
    if (owner === undefined) return false;
    return typeof owner === 'string' ? caller.identity?.name === owner : caller === owner;
  }

  /** What a connection owned is nobody's when it has ended. */
  release(peer: Peer): void {
    for (const [service, owner] of this.#owners) if (owner === peer) this.#owners.delete(service);
  }
}

/** A refusal by `allow`, PERMISSION_DENIED. It does not say who would have been let in. */
export class PermissionDenied extends RpcError {
  constructor() {
    super('PERMISSION_DENIED', 'this connection may not call this method');
  }
}

/** A method behind its rule. */
export interface Guarded {
  readonly allow: Allow;
  /** The name of the service that it belongs to, and the object. */
  readonly serviceName: string;
  readonly service: object;
  readonly owners: Owners;
}

/**
 * Runs a method, in the context of its call, if its rule lets the caller in; else throws PERMISSION_DENIED. Where the
 * rule takes its time, the method begins later, in the same context, unless the call is over by then.
 */
export function runIfAllowed(rule: Guarded, args: readonly unknown[], run: () => unknown): unknown {
  const context = callContext();
  const verdict = judge(rule, context.client, args);
  if (typeof verdict === 'boolean') return enter(verdict, run);
  return Promise.resolve(verdict).then((allowed) => runLater(context, () => enter(allowed, run)));
}

function judge(
  { allow, serviceName, service, owners }: Guarded,
  caller: Peer,
  args: readonly unknown[],
): boolean | Promise<boolean> {
  return allow === 'owner' ? owners.isOwner(serviceName, caller) : allow(caller, args, service);
}

function enter(allowed: boolean, run: () => unknown): unknown {
  // True alone: what a rule gives by mistake, such as the row of a database, lets nobody in.
  if (allowed !== true) throw new PermissionDenied();
  return run();
}

function runLater(context: CallContext, run: () => unknown): unknown {
  context.signal.throwIfAborted();
  return runInContext(context, run);
}
