// Both roles of the handshake with settings that fit, and the loop that carries frames between them.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import type { Identity } from '../../lib/certificate/identity.js';
import { parseCertificate } from '../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CipherName, CryptoProvider, PrivateKey } from '../../lib/crypto/provider.js';
import { type ClientHandshakeConfig, startClientHandshake } from '../../lib/handshake/client.js';
import {
  type ServerHandshakeConfig,
  type ServerIdentities,
  startServerHandshake,
} from '../../lib/handshake/server.js';
import { Established, type Handshake, PendingVerdict, type Transition } from '../../lib/handshake/state.js';
import { fromHex, vectors } from '../support/vectors.js';

/** The keys of spec/vectors/identities.json, one of each kind that can sign a handshake. */
export const keyNames = ['p256', 'p384', 'ed25519', 'rsa', 'rsaPss'] as const;
export type KeyName = (typeof keyNames)[number];

interface StoredIdentity {
  chain: string[];
  privateKey: string;
}

/** The last is a client's. */
const stored = vectors<Record<KeyName | 'client', StoredIdentity>>('identities');

const imported = new Map<string, Identity>();

export function identity(name: KeyName | 'client', crypto: CryptoProvider = nodeCrypto): Identity {
  const known = imported.get(`${name} ${crypto.name}`);
  if (known) return known;
  const { chain, privateKey } = stored[name];
  const loaded = identityOf(chain.map(fromHex), crypto.importPrivateKey(fromHex(privateKey)));
  imported.set(`${name} ${crypto.name}`, loaded);
  return loaded;
}

/** Certificate and key need not fit: some specs want a server that shows another's certificate. */
export function identityOf(chain: readonly Uint8Array[], key: PrivateKey): Identity {
  return { chain, leaf: parseCertificate(chain[0]!), key };
}

/** A server with one identity, whatever name it is asked for; undefined for an anonymous one. */
export function only(sole: Identity): ServerIdentities {
  return { choose: () => sole };
}

/** A side without methods sends a zero byte. */
const emptyManifest = Uint8Array.of(0);

export function clientConfig(change: Partial<ClientHandshakeConfig> = {}): ClientHandshakeConfig {
  return {
    crypto: nodeCrypto,
    signed: true,
    identities: [],
    serverName: 'sealwire.test',
    transport: 3,
    allowed: 0b1111,
    manifest: emptyManifest,
    maxFrameBytes: 65_536,
    maxIterations: 10_000,
    ...change,
  };
}

export function serverConfig(change: Partial<ServerHandshakeConfig> = {}): ServerHandshakeConfig {
  return {
    crypto: nodeCrypto,
    identities: only(identity('p256')),
    clientAuthentication: 'none',
    transport: 3,
    allowed: 0b1111,
    manifest: emptyManifest,
    maxFrameBytes: 100_000,
    iterations: 1,
    ...change,
  };
}

/** `crypto` with a preference, and with nothing left to chance where that is given. */
export function fixedCrypto(
  crypto: CryptoProvider,
  fixed: { random?: Uint8Array; privateKey?: Uint8Array; cipher?: CipherName },
): CryptoProvider {
  const { random, privateKey, cipher } = fixed;
  const all: readonly CipherName[] = ['aes-256-gcm', 'chacha20-poly1305'];
  return {
    ...crypto,
    ...(cipher && { preferredCiphers: [cipher, ...all.filter((other) => other !== cipher)] }),
    ...(random && {
      randomBytes: (length: number) => {
        expect(length).to.equal(random.length);
        return random.slice();
      },
    }),
    ...(privateKey && { x25519KeyPair: () => crypto.x25519KeyPair(privateKey) }),
  };
}

export interface SaidFrame {
  readonly from: 'client' | 'server';
  readonly frame: Uint8Array;
}

export interface Agreed {
  readonly client: Established;
  readonly server: Established;
  /** Every frame as it travelled, in order. */
  readonly frames: SaidFrame[];
}

/** A whole handshake. Both sides take whatever certificate they are shown. Throws what either side throws. */
export function agree(
  client: ClientHandshakeConfig,
  server: ServerHandshakeConfig,
  connectionData?: Uint8Array,
): Agreed {
  const { handshake, send } = startClientHandshake(client);
  return carry(handshake, send, startServerHandshake(server), connectionData);
}

/** `connectionData` is what the client says of itself, as encodeCarried() makes it. */
export function carry(
  client: Handshake,
  hello: Uint8Array,
  server: Handshake,
  connectionData?: Uint8Array,
): Agreed {
  const frames: SaidFrame[] = [{ from: 'client', frame: hello }];
  let clientNext: Transition['next'] | undefined;
  let serverNext: Transition['next'] | undefined;
  for (let index = 0; index < frames.length; index++) {
    const { from, frame } = frames[index]!;
    const hearing = from === 'client' ? server : client;
    // A copy, since records are opened in place.
    let { next, send } = hearing.receive(frame.slice());
    const answers = [...send];
    if (next instanceof PendingVerdict) {
      ({ next, send } = hearing.accept(hearing === client ? connectionData : undefined));
      answers.push(...send);
    }
    if (from === 'client') serverNext = next;
    else clientNext = next;
    for (const answer of answers)
      frames.push({ from: from === 'client' ? 'server' : 'client', frame: answer });
  }
  if (!(clientNext instanceof Established && serverNext instanceof Established)) {
    throw new Error('the handshake ended before both sides had what they need');
  }
  return { client: clientNext, server: serverNext, frames };
}

/** What `act` throws, which must be a SealwireError. */
export function thrownBy(act: () => unknown): SealwireError {
  try {
    act();
  } catch (error) {
    if (error instanceof SealwireError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Throws unless `act` ends the handshake, for `reason` where one is given. */
export function expectHandshakeFailed(act: () => unknown, reason?: string, what?: string): void {
  const error = thrownBy(act);
  expect(error.code, what).to.equal('HANDSHAKE_FAILED');
  expect(error.reason, what).to.be.a('string');
  if (reason !== undefined) expect(error.reason, what).to.equal(reason);
}
