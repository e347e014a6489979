// A side's flight: its messages behind the hellos, sealed as one record of generation 0.
//
// sealFlight() makes one; SealedState is what all states that wait for the other side's have in common.

import { concat } from '../base/bytes.js';
import type { Opener } from '../record/open.js';
import { Sealer } from '../record/seal.js';
import type { TrafficSecret } from '../record/traffic-keys.js';
import { frameTypes } from '../wire/frame.js';
import type { HandshakeMessage } from '../wire/handshake-message.js';
import type { HandshakeSecrets } from './key-schedule.js';
import type { HandshakeState, Transition } from './state.js';

/** One record never reaches a limit. */
const neverRekey = {
  rekeyAfterRecords: Number.POSITIVE_INFINITY,
  rekeyAfterBytes: Number.POSITIVE_INFINITY,
  rekeyAfterMs: Number.POSITIVE_INFINITY,
};

/** Seals the flight and wipes the secret: this direction is done with its handshake keys. */
export function sealFlight(secret: TrafficSecret, messages: readonly HandshakeMessage[]): Uint8Array {
  const sealer = new Sealer(secret, neverRekey, () => 0);
  const frame = sealer.seal(3, frameTypes.handshake, concat(messages.map(({ bytes }) => bytes)));
  sealer.destroy();
  return frame;
}

/** What the states of one flight share, whichever side waits for it. */
export interface ExpectedFlight {
  /** One opener for the whole flight: it may come in several records. */
  readonly opener: Opener;
  readonly secrets: HandshakeSecrets;
}

/** Waits for a message of the other side's flight. */
export abstract class SealedState<Flight extends ExpectedFlight> implements HandshakeState {
  protected readonly flight: Flight;

  constructor(flight: Flight) {
    this.flight = flight;
  }

  get opener(): Opener {
    return this.flight.opener;
  }

  abstract handle(message: HandshakeMessage): Transition;

  destroy(): void {
    this.flight.opener.destroy();
    this.flight.secrets.destroy();
  }
}
