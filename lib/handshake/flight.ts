// A side's flight: its messages behind the hellos, sealed as one record of generation 0 where they fit one, and the
// server's verdict, which goes out under the same keys as a record of its own.
//
// SealedState is what all states that wait for such records have in common.

import { bothFlags } from '../contract/security.js';
import type { Opener } from '../record/open.js';
import { recordOverheadBytes, Sealer } from '../record/seal.js';
import type { TrafficSecret } from '../record/traffic-keys.js';
import { minAnnouncedFrameBytes } from '../wire/extensions.js';
import { frameTypes } from '../wire/frame.js';
import type { HandshakeMessage } from '../wire/handshake-message.js';
import type { HandshakeSecrets } from './key-schedule.js';
import type { HandshakeState, Transition } from './state.js';

/** A few records never reach a limit. */
const neverRekey = {
  rekeyAfterRecords: Number.POSITIVE_INFINITY,
  rekeyAfterBytes: Number.POSITIVE_INFINITY,
  rekeyAfterMs: Number.POSITIVE_INFINITY,
};

/** Takes the secret of generation 0 over: it is wiped with the sealer. */
export function handshakeSealer(secret: TrafficSecret): Sealer {
  return new Sealer(secret, neverRekey, () => 0);
}

/** What a handshake record has room for; no message is larger. */
const maxRecordBodyBytes = minAnnouncedFrameBytes - recordOverheadBytes;

/** As few records as will do, cut between messages: the largest manifest, connection data and chain need two. */
export function sealFlight(sealer: Sealer, messages: readonly HandshakeMessage[]): Uint8Array[] {
  const records: Uint8Array[][] = [];
  let room = 0;
  for (const { bytes } of messages) {
    if (bytes.length > room) {
      records.push([]);
      room = maxRecordBodyBytes;
    }
    records.at(-1)!.push(bytes);
    room -= bytes.length;
  }
  return records.map((parts) => sealer.sealGathered(bothFlags, frameTypes.handshake, parts));
}

/** A message that is alone in its record. */
export function sealMessage(sealer: Sealer, { bytes }: HandshakeMessage): Uint8Array {
  return sealer.seal(bothFlags, frameTypes.handshake, bytes);
}

/** What the states of one flight share, whichever side waits for it. */
export interface ExpectedFlight {
  /** One opener for the whole flight: it may come in several records. */
  readonly opener: Opener;
  /** Only where this side has more to say under the keys of its flight. */
  readonly sealer?: Sealer | undefined;
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
    this.flight.sealer?.destroy();
    this.flight.secrets.destroy();
  }
}
