// The services that this side offers, and the table from a method's number to the function that serves it.
//
// The manifest is made once, at start; after that nothing can be added, since both sides have agreed on it. Methods
// are found by number in an array, never by a name that came over the wire.

import { SealwireError } from '../base/errors.js';
import type { RequiredClaims } from '../contract/claims.js';
import type { RateLimit } from '../contract/limit.js';
import { buildManifest, encodeManifest } from '../contract/manifest.js';
import { collectRpcs } from '../contract/metadata.js';
import { reservedServiceName } from '../contract/names.js';
import { type Owner, Owners, runIfAllowed } from './permission.js';
import { runValidated } from './validation.js';

/** A method as the dispatcher needs it. */
export interface ServedMethod {
  /** `Arena.move` */
  readonly fullName: string;
  /** The least flags with which a call is accepted. */
  readonly security: number;
  readonly oneWay: boolean;
  /** What it returns is an AsyncIterable, or a promise of one: its items are the answer. */
  readonly stream: boolean;
  /** The channel that answers go on, whatever the caller asks for. */
  readonly channel?: string | undefined;
  /** Only for callers that have proved who they are. */
  readonly requiresIdentity: boolean;
  /** Only for callers of whom this is known. */
  readonly claims?: RequiredClaims | undefined;
  /** Sealwire's own: what its calls carry, credentials and tokens, is nobody else's business. */
  readonly isReserved?: boolean;
  /** Longest that one call may take, in milliseconds; undefined: the connection's limit. */
  readonly timeoutMs: number | undefined;
  /** How often one peer may call it; undefined: as often as it likes. */
  readonly rateLimit?: RateLimit | undefined;
  /** Throws InvalidArgument and PermissionDenied for calls that it does not run. */
  invoke(args: readonly unknown[]): unknown;
}

/** What is served, fixed. */
export interface Services {
  /** By id: the position in the manifest. */
  readonly methods: readonly ServedMethod[];
  /** The manifest as it travels in the handshake. */
  readonly manifest: Uint8Array;
}

export class Registry {
  /** Who owns which service, for methods with `allow: 'owner'`. */
  readonly owners: Owners = new Owners();
  readonly #targets = new Map<string, object>();

  /** Adds an object with RPC methods under `name`. Throws INVALID_RPC when it has none or the name is taken. */
  register(name: string, target: object): void {
    if (name === reservedServiceName) {
      throw new SealwireError(
        'INVALID_RPC',
        `the name ${name} is Sealwire's own; give this service another one`,
      );
    }
    if (this.#targets.has(name)) {
      throw new SealwireError(
        'INVALID_RPC',
        `a service named ${name} is registered already; give this one another name`,
      );
    }
    buildManifest([{ name, target }]); // says now, not at start, what is wrong with the class
    this.#targets.set(name, target);
  }

  /** Throws NOT_FOUND for a service that is not registered. */
  setOwner(name: string, owner: Owner | undefined): void {
    if (!this.#targets.has(name)) throw new SealwireError('NOT_FOUND', `no service is named ${name}`);
    this.owners.set(name, owner);
  }

  /** The services as they are now, and Sealwire's own where there is one. */
  services(reserved?: object): Services {
    const targets = [...this.#targets].map(([name, target]) => ({ name, target }));
    if (reserved !== undefined) targets.push({ name: reservedServiceName, target: reserved });
    const manifest = buildManifest(targets);
    const methods = manifest.services.flatMap((service) => {
      const { target } = targets.find(({ name }) => name === service.name)!;
      const rpcs = collectRpcs(target);
      return service.methods.map(({ name, security, oneWay, stream }): ServedMethod => {
        const { key, metadata } = rpcs.get(name)!;
        const method = Reflect.get(target, key) as (...args: unknown[]) => unknown;
        const { allow } = metadata;
        const rule = allow && { allow, serviceName: service.name, service: target, owners: this.owners };
        const fullName = `${service.name}.${name}`;
        const declared = { fullName, metadata };
        const apply = (args: readonly unknown[]) => Reflect.apply(method, target, args);
        const run = (args: readonly unknown[]) => runValidated(declared, args, apply);
        return {
          fullName,
          security,
          oneWay,
          stream,
          channel: metadata.channel,
          requiresIdentity: metadata.requiresIdentity,
          claims: metadata.claims,
          isReserved: service.name === reservedServiceName,
          timeoutMs: metadata.timeoutMs,
          rateLimit: metadata.rateLimit,
          invoke: rule ? (args) => runIfAllowed(rule, args, () => run(args)) : run,
        };
      });
    });
    return { methods, manifest: encodeManifest(manifest) };
  }
}
