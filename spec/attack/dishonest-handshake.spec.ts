// A peer that holds the handshake's keys and breaks its rules: messages left out, repeated, in another order or not its
// own, a signature that is somebody else's, a wrong Finished, records with other flags. Flipped bits never get that
// far, since the tag of the record stops them; this is what stands behind the tag.
//
// Where a message before it is altered, Finished is computed anew, as somebody on the path who took part in the key
// exchange would: only the check that the case is about can refuse it.

import { expect } from 'chai';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { Direction } from '../reference/direction.js';
import { finishedMac, type HandshakeSecrets } from '../reference/key-schedule.js';
import {
  decodeMessages,
  encodeCertificate,
  encodeCertificateVerify,
  encodeMessage,
  type Message,
  messageTypes,
} from '../reference/messages.js';
import { concat } from '../reference/notation.js';
import type { Peer } from '../reference/peer.js';
import { frameTypes } from '../reference/record.js';
import { signatureAlgorithms } from '../reference/signature.js';
import { transcriptHash } from '../reference/transcript.js';
import { authority, serverName } from '../support/authority.js';
import { startUnconnected } from '../support/pair.js';
import { eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { dishonestClient, dishonestServer, realClient } from './dishonest.js';
import { Vault } from './vault.js';

const { extensions, certificate, certificateVerify, finished, clientHello } = messageTypes;

interface Case {
  readonly name: string;
  /** The messages of the flight before Finished. */
  readonly alter?: (messages: Message[]) => Message[];
  /** What becomes of Finished; default: it fits what was altered. */
  readonly finish?: (right: Message) => Message[];
  readonly flags?: number;
  readonly reason: string;
}

const without =
  (...types: number[]) =>
  (messages: Message[]): Message[] =>
    messages.filter(({ type }) => !types.includes(type));
const replacing =
  (type: number, body: () => Uint8Array) =>
  (messages: Message[]): Message[] =>
    messages.map((message) => (message.type === type ? { type, body: body() } : message));
const flipped = ({ type, body }: Message): Message => ({
  type,
  body: Uint8Array.from(body, (byte, index) => (index === body.length - 1 ? byte ^ 1 : byte)),
});

const ofBoth: readonly Case[] = [
  { name: 'a wrong Finished', finish: (right) => [flipped(right)], reason: 'finished' },
  {
    name: 'a Finished of zeros',
    finish: () => [{ type: finished, body: new Uint8Array(32) }],
    reason: 'finished',
  },
  {
    name: 'a Finished cut short',
    finish: ({ body }) => [{ type: finished, body: body.subarray(0, 31) }],
    reason: 'finished',
  },
  {
    name: 'an empty Finished',
    finish: () => [{ type: finished, body: new Uint8Array(0) }],
    reason: 'finished',
  },
  { name: 'two Finished', finish: (right) => [right, right], reason: 'unexpected-message' },
  {
    name: 'a message behind Finished',
    finish: (right) => [right, { type: 99, body: new Uint8Array(0) }],
    reason: 'unexpected-message',
  },
  { name: 'Finished alone', alter: () => [], reason: 'unexpected-message' },
  { name: 'no Extensions', alter: without(extensions), reason: 'unexpected-message' },
  {
    name: 'Extensions twice',
    alter: ([first, ...rest]) => [first!, first!, ...rest],
    reason: 'unexpected-message',
  },
  {
    name: 'a hello in its flight',
    alter: (messages) => [...messages, { type: clientHello, body: new Uint8Array(0) }],
    reason: 'unexpected-message',
  },
  {
    name: 'Extensions without what is required',
    alter: replacing(extensions, () => Uint8Array.of(0, 0)),
    reason: 'malformed',
  },
  { name: 'a flight that is only Authenticated', flags: 2, reason: 'unexpected-frame' },
  { name: 'a flight that is only Encrypted', flags: 1, reason: 'unexpected-frame' },
];

let other: Uint8Array | undefined;
/** A good certificate for the same name, whose key the dishonest server does not have. */
function somebodyElses(): Uint8Array {
  other ??= issueCertificate(nodeCrypto, { dnsNames: [serverName], issuer: authority() }).certificate;
  return other;
}

const ofServers: readonly Case[] = [
  { name: 'no CertificateVerify', alter: without(certificateVerify), reason: 'unexpected-message' },
  { name: 'no Certificate', alter: without(certificate), reason: 'unexpected-message' },
  {
    name: 'neither, as an anonymous server would',
    alter: without(certificate, certificateVerify),
    reason: 'unexpected-message',
  },
  {
    name: 'CertificateVerify before Certificate',
    alter: ([first, second, third]) => [first!, third!, second!],
    reason: 'unexpected-message',
  },
  {
    name: 'a signature with a bit flipped',
    alter: (messages) => [...messages.slice(0, 2), flipped(messages[2]!)],
    reason: 'signature',
  },
  {
    name: 'an empty signature',
    alter: replacing(certificateVerify, () =>
      encodeCertificateVerify({
        algorithm: signatureAlgorithms.ecdsaSecp256r1Sha256,
        signature: new Uint8Array(0),
      }),
    ),
    reason: 'signature',
  },
  {
    name: "somebody else's certificate",
    alter: replacing(certificate, () => encodeCertificate([somebodyElses()])),
    reason: 'signature',
  },
  {
    name: 'a chain of no certificates',
    alter: replacing(certificate, () => encodeCertificate([])),
    reason: 'malformed',
  },
  {
    name: 'a chain of five certificates',
    alter: replacing(certificate, () => encodeCertificate(Array(5).fill(somebodyElses()))),
    reason: 'malformed',
  },
];

const ofClients: readonly Case[] = [
  {
    name: 'a certificate that nobody asked for',
    alter: (messages) => [...messages, { type: certificate, body: encodeCertificate([somebodyElses()]) }],
    reason: 'unexpected-message',
  },
];

describe('attack: a dishonest handshake', () => {
  nothingUncaught();

  for (const attack of [...ofBoth, ...ofServers]) {
    it(`of a server, with ${attack.name}, is refused by the client`, async () => {
      const server = await dishonestServer('memory', {}, (peer, frame) =>
        reseal(peer, frame, 'server', attack),
      );
      const vault = new Vault();
      const client = realClient({}, [vault]);
      const outcome = await outcomeOf(client.startClient(server.url));
      expect(outcome).to.include({ kind: 'failed', code: 'HANDSHAKE_FAILED', reason: attack.reason });
      await eventually('the server is told', () => server.connections[0]?.ended !== undefined);
      // Which check it was is not told.
      expect(server.connections[0]!.ended?.by).to.include({ by: 'peer', closeCode: 2 });
      expect(vault.runs).to.deep.equal([]);
      await server.close();
    });
  }

  for (const attack of [...ofBoth, ...ofClients]) {
    it(`of a client, with ${attack.name}, is refused by the server`, async () => {
      const vault = new Vault();
      const setup = await startUnconnected({ scheme: 'memory', services: [vault] });
      let connected = 0;
      const failures: (string | undefined)[] = [];
      setup.server.on('clientConnected', () => (connected += 1));
      setup.server.on('encryptionFailed', ({ reason }) => failures.push(reason));
      const peer = await dishonestClient('memory', setup.url, {
        alter: (client, frame) => reseal(client, frame, 'client', attack),
      });
      peer.say(3, { kind: 'call', id: 1, method: 5, args: [] });
      await eventually('the end', () => peer.ended !== undefined);
      expect(failures).to.deep.equal([attack.reason]);
      expect(peer.ended?.by).to.include({ by: 'peer', closeCode: 2 });
      expect([connected, vault.runs.length]).to.deep.equal([0, 0]);
      await setup.stop();
    });
  }

  it('that is not dishonest after all is accepted, sealed anew', async () => {
    const honest: Case = { name: 'nothing', reason: '' };
    const server = await dishonestServer('memory', {}, (peer, frame) =>
      reseal(peer, frame, 'server', honest),
    );
    const client = realClient();
    await client.startClient(server.url);
    await client.stop();
    await server.close();
    const setup = await startUnconnected({ scheme: 'memory', services: [new Vault()] });
    const peer = await dishonestClient('memory', setup.url, {
      alter: (reference, frame) => reseal(reference, frame, 'client', honest),
    });
    peer.say(3, { kind: 'call', id: 1, method: 5, args: ['x'] });
    expect((await peer.answer(1)).message).to.deep.equal({ kind: 'result', id: 1, value: 'x' });
    peer.close();
    await setup.stop();
  });
});

interface Inside {
  readonly suite: number;
  readonly secrets: HandshakeSecrets;
  readonly transcript: readonly Message[];
}

/** Opens a peer's own flight, alters it, and seals it again. Other frames are left alone. */
function reseal(peer: Peer, frame: Uint8Array, role: 'client' | 'server', attack: Case): Uint8Array {
  if (frame[0] !== 0xc1) return frame;
  const { suite, secrets, transcript } = peer as unknown as Inside;
  const secret = role === 'client' ? secrets.clientHandshakeTraffic : secrets.serverHandshakeTraffic;
  const flight = decodeMessages(new Direction(suite, 0, secret).open(frame).body);
  const own = flight.slice(0, -1);
  const altered = attack.alter?.(own) ?? own;
  // The server's flight stands behind the two hellos, the client's behind the server's four messages.
  const before = transcript.slice(0, role === 'server' ? 2 : 6);
  const right = { type: finished, body: finishedMac(secret, transcriptHash([...before, ...altered])) };
  const messages = [...altered, ...(attack.finish?.(right) ?? [right])];
  const body = concat(...messages.map(encodeMessage));
  return new Direction(suite, 0, secret).seal(attack.flags ?? 3, frameTypes.handshake, body);
}
