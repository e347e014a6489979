// What happens at the limits of a connection, limit by limit, and what can happen there at all.
//
// Not everything makes sense everywhere. An answer cannot be refused, since its caller would learn of it by an answer; a
// call that this side makes is not dropped behind the back of whoever makes it (volatile calls are); and what already
// leads to nothing is dropped in any case.

import { SealwireError } from '../base/errors.js';
import type { LimitAction } from '../contract/limit.js';

/** What happens to what is too much, as far as `NetworkConfig.onLimit` chooses it; {@link LimitAction} says what that is. */
export interface OnLimit {
  /** A call beyond `limits.maxCallsInFlight`; default `refuse`. */
  readonly callsInFlight?: LimitAction;
  /** A call beyond `limits.maxStreams`; default `refuse`. */
  readonly streams?: LimitAction;
  /** A call that is refused beyond `limits.maxRefusedCalls`; default `disconnect`. With `refuse` there is no such limit. */
  readonly refusedCalls?: LimitAction;
  /** A message beyond `limits.maxStrayBytes`; default `disconnect`. With `drop` there is no such limit. */
  readonly strayMessages?: 'drop' | 'disconnect';
  /** An answer, or an end of a stream, beyond `limits.maxSendBufferBytes`: the peer does not read. Default `disconnect`. */
  readonly unreadAnswers?: 'drop' | 'disconnect';
  /** A call of this side to the peer beyond `limits.maxSendBufferBytes`; default `refuse`: it fails, here. */
  readonly unreadCalls?: 'refuse' | 'disconnect';
}

export type LimitActions = Required<OnLimit>;

export const defaultLimitActions: LimitActions = {
  callsInFlight: 'refuse',
  streams: 'refuse',
  refusedCalls: 'disconnect',
  strayMessages: 'disconnect',
  unreadAnswers: 'disconnect',
  unreadCalls: 'refuse',
};

const possible: { readonly [Name in keyof LimitActions]: readonly LimitActions[Name][] } = {
  callsInFlight: ['refuse', 'drop', 'disconnect'],
  streams: ['refuse', 'drop', 'disconnect'],
  refusedCalls: ['refuse', 'drop', 'disconnect'],
  strayMessages: ['drop', 'disconnect'],
  unreadAnswers: ['drop', 'disconnect'],
  unreadCalls: ['refuse', 'disconnect'],
};

/** Why something that is possible elsewhere is not possible here. */
const impossible: Readonly<Record<string, string>> = {
  'strayMessages refuse': 'nobody waits for an answer to them',
  'unreadAnswers refuse': 'it would take an answer to say so, and the peer reads none',
  'unreadCalls drop': 'whoever calls would wait for nothing; calls with volatile: true are dropped',
};

/** Fills in the defaults; throws INVALID_CONFIG for limits that do not exist and for what makes no sense at one. */
export function resolveLimitActions(onLimit: OnLimit = {}): LimitActions {
  if (typeof onLimit !== 'object' || onLimit === null)
    throw invalid("onLimit must be an object, as in { callsInFlight: 'disconnect' }");
  for (const [name, action] of Object.entries(onLimit)) {
    if (!Object.hasOwn(possible, name))
      throw invalid(`onLimit.${name} does not exist; known are: ${Object.keys(possible).join(', ')}`);
    const choice: readonly unknown[] = possible[name as keyof LimitActions];
    if (choice.includes(action)) continue;
    const why = impossible[`${name} ${String(action)}`];
    const words = choice.map((one) => `'${String(one)}'`).join(' or ');
    throw invalid(`onLimit.${name} must be ${words}${why === undefined ? '' : `: ${why}`}`);
  }
  return { ...defaultLimitActions, ...onLimit };
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
