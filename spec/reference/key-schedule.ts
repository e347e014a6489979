// Section 5 of docs/protocol.md, formula by formula: from the shared secret to every key of a connection.
// HKDF is written out from the text of RFC 5869 §2 and PBKDF2 from RFC 8018 §5.2, on HMAC-SHA256 alone, so that
// neither shares more than the hash with lib/. Nothing is wiped and nothing is fast.

import { createHash, createHmac } from 'node:crypto';
import { concat, text, u8, u16, u32, vec8 } from './notation.js';

export function sha256(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHash('sha256')
      .update(concat(...parts))
      .digest(),
  );
}

export function hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHmac('sha256', key)
      .update(concat(...parts))
      .digest(),
  );
}

/** RFC 5869 §2.2 */
export function extract(salt: Uint8Array, inputKeyingMaterial: Uint8Array): Uint8Array {
  return hmac(salt, inputKeyingMaterial);
}

/** RFC 5869 §2.3: T(i) = HMAC(PRK, T(i-1) ‖ info ‖ i), from T(0) = "" on. */
export function expand(pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * 32) throw new RangeError('HKDF-Expand gives at most 255 blocks');
  let output = new Uint8Array(0) as Uint8Array;
  let block = new Uint8Array(0) as Uint8Array;
  for (let counter = 1; output.length < length; counter++) {
    block = hmac(pseudorandomKey, block, info, u8(counter));
    output = concat(output, block);
  }
  return output.slice(0, length);
}

/** RFC 8018 §5.2: T(i) = U1 xor … xor Uc, U1 = HMAC(P, S ‖ INT(i)), Uj = HMAC(P, Uj-1). */
export function pbkdf2(
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Uint8Array {
  let output = new Uint8Array(0) as Uint8Array;
  for (let index = 1; output.length < length; index++) {
    let round = hmac(password, salt, u32(index));
    let block = round;
    for (let iteration = 2; iteration <= iterations; iteration++) {
      round = hmac(password, round);
      block = xor(block, round);
    }
    output = concat(output, block);
  }
  return output.slice(0, length);
}

export function xor(left: Uint8Array, right: Uint8Array): Uint8Array {
  return left.map((byte, index) => byte ^ right[index]!);
}

// Section 5.1

export function expandLabel(
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return expand(secret, concat(u16(length), vec8(text('sealwire1 '), text(label)), vec8(context)), length);
}

export function derive(secret: Uint8Array, label: string, hash: Uint8Array): Uint8Array {
  return expandLabel(secret, label, hash, 32);
}

const nothing = new Uint8Array(0);
const none = sha256(nothing);
const zeros = new Uint8Array(32);

export interface HandshakeSecrets {
  stretched: Uint8Array;
  early: Uint8Array;
  handshake: Uint8Array;
  clientHandshakeTraffic: Uint8Array;
  serverHandshakeTraffic: Uint8Array;
  main: Uint8Array;
}

/** `th1` is the transcript hash of ClientHello, ServerHello. */
export function handshakeSecrets(
  sharedSecret: Uint8Array,
  iterations: number,
  th1: Uint8Array,
): HandshakeSecrets {
  const stretched = pbkdf2(sharedSecret, th1, iterations, 32);
  const early = extract(zeros, zeros);
  const handshake = extract(derive(early, 'derived', none), stretched);
  const clientHandshakeTraffic = derive(handshake, 'c hs traffic', th1);
  const serverHandshakeTraffic = derive(handshake, 's hs traffic', th1);
  const main = extract(derive(handshake, 'derived', none), zeros);
  return { stretched, early, handshake, clientHandshakeTraffic, serverHandshakeTraffic, main };
}

export interface TrafficSecrets {
  /** Generation 1. */
  clientTraffic: Uint8Array;
  /** Generation 1. */
  serverTraffic: Uint8Array;
  exporter: Uint8Array;
}

/** `th2` is the transcript hash of ClientHello … the server's Finished. */
export function trafficSecrets(main: Uint8Array, th2: Uint8Array): TrafficSecrets {
  return {
    clientTraffic: derive(main, 'c ap traffic', th2),
    serverTraffic: derive(main, 's ap traffic', th2),
    exporter: derive(main, 'exp master', th2),
  };
}

// Section 5.2

export interface DirectionKeys {
  both: Uint8Array;
  authenticated: Uint8Array;
  encrypted: Uint8Array;
  iv: Uint8Array;
}

export function directionKeys(trafficSecret: Uint8Array): DirectionKeys {
  return {
    both: expandLabel(trafficSecret, 'key both', nothing, 32),
    authenticated: expandLabel(trafficSecret, 'key authenticated', nothing, 32),
    encrypted: expandLabel(trafficSecret, 'key encrypted', nothing, 32),
    iv: expandLabel(trafficSecret, 'iv', nothing, 12),
  };
}

// Section 5.3

export function nextTrafficSecret(trafficSecret: Uint8Array): Uint8Array {
  return expandLabel(trafficSecret, 'traffic upd', nothing, 32);
}

/** The secret of `generation`, where `first` is that of generation 1. */
export function trafficSecretOf(first: Uint8Array, generation: number): Uint8Array {
  let secret = first;
  for (let reached = 1; reached < generation; reached++) secret = nextTrafficSecret(secret);
  return secret;
}

// Section 5.4

export function exportKey(
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return expandLabel(derive(exporterSecret, label, none), 'exporter', sha256(context), length);
}

// Section 4.3

export function finishedKey(handshakeTrafficSecret: Uint8Array): Uint8Array {
  return expandLabel(handshakeTrafficSecret, 'finished', nothing, 32);
}

export function finishedMac(handshakeTrafficSecret: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  return hmac(finishedKey(handshakeTrafficSecret), transcriptHash);
}
