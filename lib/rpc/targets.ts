// Many clients as one: whom a call is for, and what became of it for each.
//
//   server.group('red').except(7).rpc<Hud>('Hud').damage(5)
//
//   1. resolve   who is in, when the call is made; each client once
//   2. encode    once for all (wire/shared-message.ts), in the turn of the call: so each client gets calls in the order
//                in which they were made, whichever targets they went through
//   3. send      to each under the flags that its own manifest and this call ask for
//   4. settle    each on its own: whoever fails, leaves or reads too slowly holds up nobody
//
// A call for many never rejects because of one of them. It rejects for what is wrong with the call itself, before
// anything is sent: arguments that cannot be sent, options that do not exist.

import { RpcError, SealwireError } from '../base/errors.js';
import { SharedMessage } from '../wire/shared-message.js';
import { type CallOptions, handedOver } from './caller.js';
import { type Peer, sessionOf } from './peer.js';
import { createProxy, type RpcProxy, type ServiceClass } from './proxy.js';
import type { Session } from './session.js';

/** Options of a call for many: the same flags, the same patience and the same signal for all. */
export interface TargetsOptions extends CallOptions {
  /**
   * What becomes of a client whose send buffer is full (`limits.maxSendBufferBytes`). It misses this call either way,
   * and its outcome says so. `'report'`, the default: no more than that. `'disconnect'`: it is cut off, for clients that
   * must miss nothing.
   */
  readonly onFull?: 'report' | 'disconnect';
}

/** What became of a call for one of many. */
export type TargetOutcome<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly error: SealwireError };

export interface TargetsResult<Result> {
  /** By the id of each client that was there when the call was made. */
  readonly settled: ReadonlyMap<number, TargetOutcome<Result>>;
  /** How many of them are `ok`: they have answered or, if the method is one-way, the call was handed over. */
  readonly succeeded: number;
}

/** The methods of `Service` as many see them. Methods that stream are called on one client. */
export type TargetsProxy<Service> = {
  readonly [Name in keyof RpcProxy<Service> as RpcProxy<Service>[Name] extends UnaryCall
    ? Name
    : never]: RpcProxy<Service>[Name] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Promise<TargetsResult<Result>>
    : never;
};

type UnaryCall = (...args: never[]) => Promise<unknown>;

/** Where the clients are. */
export interface Audience {
  /** Those that are connected now, by id. */
  readonly clients: ReadonlyMap<number, Peer>;
  /** A call that nobody waits for was not handed over to a client that is there. */
  deliveryFailed(client: Peer, method: string, error: SealwireError): void;
}

/** Resolved when a call is made, not before: keep it, and it is always up to date. */
export class Targets {
  readonly #audience: Audience;
  readonly #select: () => Iterable<Peer>;

  constructor(audience: Audience, select: () => Iterable<Peer>) {
    this.#audience = audience;
    this.#select = select;
  }

  /** Who is in at this moment, each once. */
  get clients(): readonly Peer[] {
    return [...new Set(this.#select())];
  }

  /** These and those. */
  and(...others: readonly Targets[]): Targets {
    const all: readonly Targets[] = [this, ...others];
    return new Targets(this.#audience, () => all.flatMap(({ clients }) => clients));
  }

  /** These without those. */
  except(...others: readonly (Targets | Peer | number)[]): Targets {
    return new Targets(this.#audience, () => {
      const out = new Set<Peer | number>();
      for (const other of others) {
        if (other instanceof Targets) for (const client of other.clients) out.add(client);
        else out.add(other);
      }
      return this.clients.filter((client) => !out.has(client) && !out.has(client.id));
    });
  }

  /**
   * A service that the clients offer, by name or by class; `options` apply to every call made through it. With a class,
   * the outcome of a client that protects its methods less than the class declares is POLICY_MISMATCH.
   */
  rpc<Service extends object>(
    service: string | ServiceClass<Service>,
    options?: TargetsOptions,
  ): TargetsProxy<Service> {
    const check = typeof service === 'string' ? undefined : policyCheck(service);
    return createProxy<Service, TargetsOptions>(
      service,
      (name, args, callOptions) => this.#call(name, args, callOptions, check),
      options,
    ) as unknown as TargetsProxy<Service>;
  }

  /** Calls `Service.method` of each. */
  invoke<Result = unknown>(
    name: string,
    args: readonly unknown[] = [],
    options?: TargetsOptions,
  ): Promise<TargetsResult<Result>> {
    return this.#call(name, args, options) as Promise<TargetsResult<Result>>;
  }

  async #call(
    name: string,
    args: readonly unknown[],
    options?: TargetsOptions,
    check?: PolicyCheck,
  ): Promise<TargetsResult<unknown>> {
    const { onFull, ...callOptions } = checkOptions(options);
    checkArguments(args);
    const shared = new SharedMessage();
    const { clients } = this;
    const failed = (client: Peer, thrown: unknown): TargetOutcome<unknown> => {
      const error = asSealwireError(thrown);
      // From this side it is the fault of the call, and the same for all of them.
      if (error.code === 'INVALID_ARGUMENT' && !(error instanceof RpcError)) throw error;
      this.#settleFailed(client, name, error, onFull);
      return { ok: false, error };
    };
    // Nothing is awaited between the first client and the last.
    const outcomes = clients.map((client) => {
      try {
        const session = sessionOf(client);
        check?.(session);
        checkAnswer(session, name);
        const answer = session.invoke(name, args, callOptions, shared);
        if (answer === handedOver) return delivered;
        return answer.then(
          (value): TargetOutcome<unknown> => ({ ok: true, value }),
          (thrown: unknown) => failed(client, thrown),
        );
      } catch (thrown) {
        return failed(client, thrown);
      }
    });
    // Where nobody answers there is nothing to wait for.
    return summary(clients, outcomes.every(isOutcome) ? outcomes : await Promise.all(outcomes));
  }

  #settleFailed(client: Peer, name: string, error: SealwireError, onFull: TargetsOptions['onFull']): void {
    // Who has left has its own event, and who cancels knows.
    if (error instanceof RpcError || error.code === 'CONNECTION_CLOSED' || error.code === 'CANCELLED') return;
    const session = sessionOf(client);
    if (!answers(session, name)) this.#audience.deliveryFailed(client, name, error);
    if (onFull === 'disconnect' && error.reason === 'send-buffer') session.disconnect('limit-exceeded');
  }
}

/** A client by id or as it is, if it is connected: after a restart, ids begin again. */
export function findClient(clients: ReadonlyMap<number, Peer>, client: Peer | number): Peer | undefined {
  if (typeof client === 'number') return clients.get(client);
  return clients.get(client.id) === client ? client : undefined;
}

/** Throws POLICY_MISMATCH; a manifest never changes, so each session is looked at once. */
type PolicyCheck = (session: Session) => void;

function policyCheck(service: ServiceClass<object>): PolicyCheck {
  const passed = new WeakSet<Session>();
  return (session) => {
    if (passed.has(session)) return;
    session.checkPolicy(service);
    passed.add(session);
  };
}

/** Streams of many would have to be read by somebody, each at its own pace. */
function checkAnswer(session: Session, name: string): void {
  if (!session.remoteMethod(name)?.stream) return;
  throw new SealwireError(
    'UNIMPLEMENTED',
    `${name} answers with a stream: call each client of targets.clients on its own`,
  );
}

/** Whether somebody learns from the answer what became of a call. */
function answers(session: Session, name: string): boolean {
  try {
    return session.remoteMethod(name)?.oneWay === false;
  } catch {
    // The connection has ended by now.
    return false;
  }
}

/** Of a one-way call. */
const delivered: TargetOutcome<unknown> = Object.freeze({ ok: true, value: undefined });

type Later<Outcome> = Outcome | Promise<Outcome>;

function isOutcome(outcome: Later<TargetOutcome<unknown>>): outcome is TargetOutcome<unknown> {
  return !(outcome instanceof Promise);
}

function summary(
  clients: readonly Peer[],
  outcomes: readonly TargetOutcome<unknown>[],
): TargetsResult<unknown> {
  let settled: ReadonlyMap<number, TargetOutcome<unknown>> | undefined;
  let succeeded = 0;
  for (const { ok } of outcomes) if (ok) succeeded += 1;
  return {
    // Made when it is asked for: most calls for many are events, and nobody asks.
    get settled() {
      settled ??= new Map(outcomes.map((outcome, index) => [clients[index]!.id, outcome]));
      return settled;
    },
    succeeded,
  };
}

function checkOptions(options: TargetsOptions = {}): TargetsOptions {
  if (typeof options !== 'object' || options === null) {
    throw new SealwireError('INVALID_ARGUMENT', 'the options of a call must be an object');
  }
  const { onFull } = options;
  if (onFull !== undefined && onFull !== 'report' && onFull !== 'disconnect') {
    throw new SealwireError('INVALID_ARGUMENT', "onFull must be 'report' or 'disconnect'");
  }
  return options;
}

/** Each of many would take a part of what is in a stream. */
function checkArguments(args: readonly unknown[]): void {
  if (!Array.isArray(args) || !args.some(isStream)) return;
  throw new SealwireError(
    'INVALID_ARGUMENT',
    'a stream cannot be an argument of a call for many: call each client of targets.clients with a stream of its own',
  );
}

function isStream(argument: unknown): boolean {
  return typeof argument === 'object' && argument !== null && Symbol.asyncIterator in argument;
}

function asSealwireError(thrown: unknown): SealwireError {
  if (thrown instanceof SealwireError) return thrown;
  // An interceptor may throw anything.
  return new SealwireError('INTERNAL', 'the call was ended by what is no SealwireError: see cause', {
    cause: thrown,
  });
}
