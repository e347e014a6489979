// Opening: a record becomes its flags, type and body, or the connection ends. The mirror image of seal.ts.
//
//   1. long enough for header and tag      4. check the tag, decrypt in place
//   2. the current epoch, the next sequence 5. only now: count it, change keys after a key update
//   3. not past the hard limits
//
// This is the rule of ordered transports: a record carries exactly the next number (docs/protocol.md section 2).
// Everything refused here is RECORD_REJECTED with the reason in `reason`, for the local log; the peer learns
// `protocol-error` and no more.

import { SealwireError } from '../base/errors.js';
import { bothFlags } from '../contract/security.js';
import { tagBytes } from '../crypto/provider.js';
import {
  type FrameType,
  frameTypes,
  readFirstByte,
  readRecordHeader,
  recordHeaderBytes,
} from '../wire/frame.js';
import { Generation } from './generation.js';
import type { TrafficSecret } from './traffic-keys.js';

export type RejectionReason = 'too-short' | 'epoch' | 'sequence' | 'exhausted' | 'tag' | 'key-update';

export interface OpenedRecord {
  readonly flags: number;
  readonly type: FrameType;
  /** A view into the frame, decrypted in place; or memory of its own, where the cipher makes some anyway. */
  readonly body: Uint8Array;
}

/** Shorter bodies are always opened in place: a copy costs less than memory of their own. */
const leastApartBytes = 12 * 1024;

/** One for all: it is written anew for each record, and used before anything else happens. */
const header: Uint8Array = new Uint8Array(recordHeaderBytes);

/** The receiving side of one direction, strictly in order. */
export class Opener {
  #generation: Generation;

  constructor(secret: TrafficSecret) {
    this.#generation = new Generation(secret);
  }

  get generation(): number {
    return this.#generation.number;
  }

  /** Opens a record, whose first byte has a flag. The frame may be changed; after a throw it holds no plaintext. */
  open(frame: Uint8Array): OpenedRecord {
    const { flags, type } = readFirstByte(frame);
    const tagged = (flags & 2) !== 0;
    if (flags === 0 || frame.length < recordHeaderBytes + (tagged ? tagBytes : 0))
      throw rejected('too-short');

    const generation = this.#generation;
    const { epoch, sequence } = readRecordHeader(frame);
    if (epoch !== (generation.number & 0xff)) throw rejected('epoch');
    if (sequence !== generation.sequence) throw rejected('sequence');

    const bodyEnd = frame.length - (tagged ? tagBytes : 0);
    const bodyBytes = bodyEnd - recordHeaderBytes;
    if (generation.exhausted(bodyBytes)) throw rejected('exhausted');
    if (type === frameTypes.keyUpdate && (flags !== bothFlags || bodyBytes > 0 || sequence === 0)) {
      throw rejected('key-update');
    }

    let body = frame.subarray(recordHeaderBytes, bodyEnd);
    if (flags === bothFlags) {
      const { aead } = generation;
      for (let index = 0; index < recordHeaderBytes; index++) header[index] = frame[index]!;
      const apart =
        bodyBytes >= leastApartBytes
          ? aead.openApart?.(generation.nonce(), header, frame, recordHeaderBytes)
          : undefined;
      if (apart !== undefined) {
        if (apart === false) throw rejected('tag');
        body = apart;
      } else {
        const isRight =
          aead.openFrom?.(generation.nonce(), header, frame, recordHeaderBytes, body) ??
          aead.open(generation.nonce(), header, frame.subarray(recordHeaderBytes), body);
        if (!isRight) throw rejected('tag');
      }
    } else if (flags === 2) {
      if (!generation.mac.verify(frame.subarray(0, bodyEnd), frame.subarray(bodyEnd))) throw rejected('tag');
    } else {
      generation.stream.apply(generation.nonce(), body, body);
    }
    generation.advance(bodyBytes);
    if (type === frameTypes.keyUpdate) this.#generation = generation.next();
    return { flags, type, body };
  }

  destroy(): void {
    this.#generation.destroy();
  }
}

function rejected(reason: RejectionReason): SealwireError {
  return new SealwireError('RECORD_REJECTED', 'a record was refused: forged, replayed, reordered or cut', {
    reason,
  });
}
