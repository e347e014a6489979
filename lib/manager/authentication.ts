// Credentials and tokens between client and server: Sealwire's own service, as docs/protocol.md section 10 has it.
//
//   authenticate(scheme, credentials, proof)   client to server, where that has hooks       ─▸ Admitted
//   present(token, proof)                      client to server, where that knows tokens    ─▸ Admitted
//   token(Admitted)                            server to client, one-way: a fresh one, before the old one runs out
//
// All three are Encrypted and Authenticated, or they are not at all. Who calls them are server-authentication.ts and
// client-authentication.ts; here is what both agree on.

import { SealwireError } from '../base/errors.js';
import { defineRpc } from '../contract/metadata.js';
import { reservedServiceName } from '../contract/names.js';
import type { RpcOptions } from '../contract/options.js';
import { bothFlags } from '../contract/security.js';
import type { BindingProof } from '../token/binding.js';
import type { Json } from '../token/json.js';

export const reservedMethods: { readonly [Name in keyof ReservedMethods]-?: string } = {
  authenticate: `${reservedServiceName}.authenticate`,
  present: `${reservedServiceName}.present`,
  token: `${reservedServiceName}.token`,
};

/** What a client is told when it is known, and when it gets a fresh token. */
export interface Admitted {
  /** The part of what is known that the client may see. */
  readonly public: Json;
  /** Null where the server issues none. */
  readonly token: string | null;
  /** Until the token runs out, in milliseconds; 0 without one. By span, since clocks differ. */
  readonly expiresInMs: number;
}

/** The methods that this side has; each gets what the peer sent, whatever it is. */
export interface ReservedMethods {
  readonly authenticate?: (scheme: unknown, credentials: unknown, proof: unknown) => Promise<Admitted>;
  readonly present?: (token: unknown, proof: unknown) => Promise<Admitted>;
  readonly token?: (admitted: unknown) => void;
}

const options: { readonly [Name in keyof ReservedMethods]-?: RpcOptions } = {
  // Against guessing. A hook that asks somebody else has that long; then the client may try again.
  authenticate: { timeoutMs: 30_000, rateLimit: { perSecond: 0.5, burst: 5 } },
  present: { timeoutMs: 30_000, rateLimit: { perSecond: 1, burst: 10 } },
  token: { oneWay: true },
};

type Name = keyof ReservedMethods;

/** What each service does. */
const servedBy = new WeakMap<object, ReservedMethods>();

/** Declared once for all services: that takes longer than the rest of making a client. */
const declared: { readonly [Method in Name]-?: (...args: never[]) => unknown } = {
  authenticate: declare('authenticate'),
  present: declare('present'),
  token: declare('token'),
};

function declare(name: Name): (...args: never[]) => unknown {
  function own(this: object, ...args: never[]): unknown {
    return Reflect.apply(servedBy.get(this)![name]!, undefined, args);
  }
  defineRpc(name, own, bothFlags, options[name]);
  return own;
}

/** To be offered beside what the application registers; undefined where there is nothing to offer. */
export function reservedService(methods: ReservedMethods): object | undefined {
  const service: Record<string, unknown> = {};
  for (const name of ['authenticate', 'present', 'token'] as const) {
    if (methods[name] !== undefined) service[name] = declared[name];
  }
  if (Object.keys(service).length === 0) return undefined;
  servedBy.set(service, methods);
  return service;
}

/** What a server sent. Throws PROTOCOL_ERROR for what none says. */
export function readAdmitted(value: unknown): Admitted {
  if (typeof value === 'object' && value !== null) {
    const { public: told = null, token = null, expiresInMs = 0 } = value as Partial<Admitted>;
    const isSpan = typeof expiresInMs === 'number' && expiresInMs >= 0 && expiresInMs <= longestMs;
    if (isSpan && (token === null || isToken(token))) return { public: told, token, expiresInMs };
  }
  throw new SealwireError('PROTOCOL_ERROR', 'the server told of a token in a way that none is told of');
}

/** What a client proves; undefined where it sent none. Throws INVALID_ARGUMENT for what cannot be one. */
export function readProof(value: unknown): BindingProof | undefined {
  if (value === null || value === undefined) return undefined;
  const { publicKey, signature } = value as Partial<BindingProof>;
  if (publicKey instanceof Uint8Array && signature instanceof Uint8Array) return { publicKey, signature };
  throw new SealwireError('INVALID_ARGUMENT', 'the proof of a key is { publicKey, signature }, both bytes');
}

/** The longest text that is taken for a token, in characters: what servers issue is no longer. */
const maxTokenLength = 8192;
/** 30 days, which is the longest life of a token; twice that, for whoever counts in another way. */
const longestMs = 2 * 30 * 86_400_000;

function isToken(token: unknown): boolean {
  return typeof token === 'string' && token.length > 0 && token.length <= maxTokenLength;
}
