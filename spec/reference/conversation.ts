// For the specs of the roles: a reference client and a reference server with settings that fit, carried on between
// them frame by frame, with room for an attacker on the way.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { type ReferenceClient, type ReferenceClientOptions, referenceClient } from './client.js';
import type { Announcement } from './messages.js';
import { closeCodes } from './notation.js';
import type { End, Turn } from './peer.js';
import { type ReferenceServer, type ReferenceServerOptions, referenceServer } from './server.js';
import { signatureAlgorithms, signContent } from './signature.js';
import { clientManifest, fixedBytes, type Identities, serverManifest } from './vectors.js';

export const load = <Shape>(name: string): Shape =>
  JSON.parse(readFileSync(resolve('spec', 'vectors', name), 'utf8')) as Shape;
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const unhex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
export const identities: Identities = load<Identities>('identities.json');

export function clientOptions(change: Partial<ReferenceClientOptions> = {}): ReferenceClientOptions {
  return {
    encryption: true,
    random: fixedBytes('roles.spec, client random'),
    privateKey: fixedBytes('roles.spec, client private key'),
    suites: [1, 2],
    signatureAlgorithms: Object.values(signatureAlgorithms),
    serverName: 'sealwire.test',
    transport: 3,
    allowed: 0b1111,
    announcement: { manifest: clientManifest, maxFrameBytes: 65_536 },
    maxIterations: 10_000,
    ...change,
  };
}

export function serverOptions(change: Partial<ReferenceServerOptions> = {}): ReferenceServerOptions {
  const { chain, privateKey } = identities.ed25519;
  return {
    encryption: true,
    random: fixedBytes('roles.spec, server random'),
    privateKey: fixedBytes('roles.spec, server private key'),
    suites: [1, 2],
    iterations: 1,
    certificate: {
      chain: chain.map(unhex),
      algorithm: signatureAlgorithms.ed25519,
      sign: (content) => signContent(unhex(privateKey), content),
    },
    transport: 3,
    announcement: { manifest: serverManifest, maxFrameBytes: 100_000, allowed: 0b1111 },
    ...change,
  };
}

export const anonymousClient: ReferenceClientOptions = clientOptions({ signatureAlgorithms: [] });
export const anonymousServer: ReferenceServerOptions = serverOptions({ certificate: undefined });
export const plainAnnouncement: Announcement = { manifest: serverManifest, maxFrameBytes: 65_536 };

export interface Conversation {
  client: ReferenceClient;
  server: ReferenceServer;
  frames: { from: 'client' | 'server'; frame: Uint8Array }[];
  clientEnd?: End;
  serverEnd?: End;
}

/** Carries frames to and fro until nobody has anything to say. `meddle` is the attacker on the way. */
export function converse(
  clientSettings: ReferenceClientOptions,
  serverSettings: ReferenceServerOptions,
  meddle: (frame: Uint8Array, index: number) => Uint8Array = (frame) => frame,
): Conversation {
  const client = referenceClient(clientSettings);
  const server = referenceServer(serverSettings);
  const made: Conversation = { client, server, frames: [] };
  const queue: Conversation['frames'] = [{ from: 'client', frame: client.start() }];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const frame = meddle(next.frame, made.frames.length);
    made.frames.push(next);
    if (next.from === 'client') {
      const turn = server.receive(frame);
      made.serverEnd ??= turn.ended;
      queue.push(...turn.send.map((answer) => ({ from: 'server' as const, frame: answer })));
    } else {
      const turn = client.receive(frame);
      made.clientEnd ??= turn.ended;
      queue.push(...turn.send.map((answer) => ({ from: 'client' as const, frame: answer })));
    }
  }
  return made;
}

export function connected(): Conversation {
  const made = converse(clientOptions(), serverOptions());
  expect([made.client.stage, made.server.stage]).to.deep.equal(['traffic', 'traffic']);
  return made;
}

export function flip(bytes: Uint8Array, index: number, bits = 1): Uint8Array {
  const flipped = bytes.slice();
  flipped[index] = flipped[index]! ^ bits;
  return flipped;
}

export function expectRefused(
  turn: Turn,
  reason: string,
  closeCode: number = closeCodes.protocolError,
): void {
  expect(turn.delivered).to.deep.equal([]);
  expect(turn.ended).to.deep.equal({ by: 'us', closeCode, reason });
  expect(turn.send).to.have.length(1);
}
