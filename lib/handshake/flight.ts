// A side's flight: its messages behind the hellos, sealed as one record of generation 0.

import { concat } from '../base/bytes.js';
import { Sealer } from '../record/seal.js';
import type { TrafficSecret } from '../record/traffic-keys.js';
import { frameTypes } from '../wire/frame.js';
import type { HandshakeMessage } from '../wire/handshake-message.js';

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
