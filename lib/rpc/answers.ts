// The way of an answer: what a method gave or threw becomes a message, under the flags and on the channel of its call.
//
// Of an RpcError the caller learns all, of anything else that went wrong nothing but an incident, by which the log of
// this side has the reason. Nothing here throws: it runs where nobody would catch it.

import { isErrorCode, RpcError, SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { type ErrorFields, encodeError, encodeResult } from '../wire/call-message.js';
import type { CallObserver } from './call-observer.js';
import { incidentMessage, newIncident } from './incident.js';
import { InvalidArgument } from './invalid-argument.js';
import type { LimitGuard } from './limit-guard.js';
import { isNotRead, type Outgoing } from './outgoing.js';
import type { Peer } from './peer.js';
import { PermissionDenied } from './permission.js';
import type { ServedMethod } from './registry.js';
import { isAsyncIterable } from './streamed-argument.js';

export interface AnswersOptions extends Pick<Outgoing, 'send'> {
  readonly peer: Peer;
  readonly limits: Limits;
  readonly guard: LimitGuard;
  /** An answer could not be sent. */
  fail(error: SealwireError): void;
  readonly observer: CallObserver;
}

/** A call, as far as its answer goes. */
export interface Answerable {
  /** Undefined for a one-way call: nobody waits for its answer. */
  readonly id: number | undefined;
  readonly flags: number;
  readonly channel: string | undefined;
}

export class Answers {
  readonly #options: AnswersOptions;
  #closed = false;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** From now on nobody gets an answer. */
  close(): void {
    this.#closed = true;
  }

  result(method: ServedMethod, to: Answerable, value: unknown): void {
    if (to.id === undefined) return;
    let message: Uint8Array;
    try {
      if (isAsyncIterable(value))
        throw new TypeError(
          `${method.fullName} returned a stream: declare it as one (async *, or stream: true)`,
        );
      message = encodeResult(to.id, value, this.#options.limits);
    } catch (error) {
      // The method returned what cannot be sent: its author must know, the caller need not.
      this.error(to, this.explain(method, error));
      return;
    }
    this.say(to, message);
  }

  error(to: Answerable, error: SealwireError): void {
    const { code, message } = error;
    this.refuse(to, { code, message, data: error instanceof RpcError ? error.data : undefined });
  }

  refuse(to: Answerable, { code, message: text, data }: ErrorFields): void {
    const { id } = to;
    if (id === undefined) return;
    const { limits } = this.#options;
    let message: Uint8Array | undefined;
    try {
      // JavaScript may have put anything there; the caller would hang up on a message that is no text.
      if (typeof text === 'string') message = encodeError(id, code, text, data, limits);
    } catch {
      // The code alone, then.
    }
    message ??= encodeError(id, code, 'the details of this error cannot be sent', undefined, limits);
    this.say(to, message);
  }

  /** What the caller learns of what a method threw: all of an RpcError, nothing of anything else. */
  explain(method: ServedMethod, error: unknown): SealwireError {
    if (error instanceof PermissionDenied || error instanceof InvalidArgument) {
      this.#options.guard.refuse(error.code, method.fullName, 0);
      return error;
    }
    if (error instanceof RpcError && hasValidCode(error) && !method.oneWay) return error;
    return new SealwireError('INTERNAL', incidentMessage(this.report(method, error)));
  }

  /** Tells whoever runs this side; the incident is for the caller. */
  report({ fullName }: ServedMethod, error: unknown): string {
    const incident = newIncident();
    this.#options.observer.failed(this.#options.peer, fullName, error, incident);
    return incident;
  }

  /** Sends any message that belongs to the answer of a call. */
  say(to: Answerable, message: Uint8Array): void {
    if (this.#closed || to.id === undefined) return;
    const { fail, guard, limits } = this.#options;
    try {
      this.#options.send(to.flags, message, to.channel);
    } catch (cause) {
      if (isTooLarge(cause)) {
        const { code, message: text } = tooLarge('the answer');
        this.say(to, encodeError(to.id, code, text, undefined, limits));
      } else if (isNotRead(cause)) {
        guard.exceeded('unreadAnswers', guard.actions.unreadAnswers, 'does not read its answers');
      } else {
        fail(new SealwireError('INTERNAL', 'an answer could not be sent', { cause }));
      }
    }
  }
}

export function isTooLarge(error: unknown): boolean {
  return error instanceof SealwireError && error.reason === 'message-size';
}

export function tooLarge(what: string): SealwireError {
  return new SealwireError('RESOURCE_EXHAUSTED', `${what} is larger than the caller accepts`);
}

function hasValidCode({ code }: { readonly code: unknown }): boolean {
  return typeof code === 'string' && isErrorCode(code);
}
