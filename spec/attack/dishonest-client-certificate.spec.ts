// Peers that hold the keys of the handshake and cheat about a client certificate: chains whose key they lack, proofs of
// somebody else, of another role or of nobody, messages left out or too many, calls that do not wait for the verdict;
// and servers that ask for what they may not, or say Accepted when, how and as often as they please.

import { expect } from 'chai';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import type { NetworkingManager } from '../../lib/manager/node.js';
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
import { signatureAlgorithms, signedContent } from '../reference/signature.js';
import { transcriptHash } from '../reference/transcript.js';
import { authority, clientCertificate, credentials, strangeAuthority } from '../support/authority.js';
import { startUnconnected } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type Alter, dishonestClient, dishonestServer, realClient, showing } from './dishonest.js';
import { methodId, Vault, vaultManifest } from './vault.js';

const { certificate, certificateVerify, finished, accepted } = messageTypes;
const ada = clientCertificate('ada');
const bob = clientCertificate('bob');
const codes = { handshakeFailed: 2, required: 10, rejected: 11 };

interface Inside {
  readonly suite: number;
  readonly secrets: HandshakeSecrets;
  readonly transcript: readonly Message[];
}

const inside = (peer: Peer): Inside => peer as unknown as Inside;

/** The client's flight before Finished, altered, with a Finished that fits it. `before` is what was said until then. */
type Cheat = (messages: Message[], before: readonly Message[]) => Message[];

function cheating(cheat: Cheat): Alter {
  return (peer, frame) => {
    if (frame[0] !== 0xc1) return frame;
    const { suite, secrets, transcript } = inside(peer);
    const secret = secrets.clientHandshakeTraffic;
    const own = decodeMessages(new Direction(suite, 0, secret).open(frame).body).slice(0, -1);
    // Two hellos and the server's four messages.
    const before = transcript.slice(0, 6);
    const said = cheat(own, before);
    const mac = finishedMac(secret, transcriptHash([...before, ...said]));
    const body = concat(...[...said, { type: finished, body: mac }].map(encodeMessage));
    return new Direction(suite, 0, secret).seal(3, frameTypes.handshake, body);
  };
}

const proof = (signature: Uint8Array): Message => ({
  type: certificateVerify,
  body: encodeCertificateVerify({ algorithm: signatureAlgorithms.ecdsaSecp256r1Sha256, signature }),
});
const shown = (chain: readonly Uint8Array[]): Message => ({
  type: certificate,
  body: encodeCertificate([...chain]),
});
const empty = new Uint8Array(0);
/** The record with Accepted: header, the message's own header, tag. No other is as short. */
const acceptedBytes = 8 + 4 + 16;

const cheats: readonly [what: string, Cheat, reason: string][] = [
  ['no proof', ([first, chain]) => [first!, chain!], 'unexpected-message'],
  ['no chain', ([first, , last]) => [first!, last!], 'unexpected-message'],
  ['neither, as if nobody had asked', ([first]) => [first!], 'unexpected-message'],
  ['the proof first', ([first, chain, last]) => [first!, last!, chain!], 'unexpected-message'],
  ['its chain twice', ([first, chain, last]) => [first!, chain!, chain!, last!], 'unexpected-message'],
  ['its proof twice', ([first, chain, last]) => [first!, chain!, last!, last!], 'unexpected-message'],
  ['an empty proof', ([first, chain]) => [first!, chain!, proof(empty)], 'signature'],
  ['somebody else’s chain', ([first, , last]) => [first!, shown(bob.chain), last!], 'signature'],
  [
    'somebody else’s chain before its own',
    ([first, , last]) => [first!, shown([...bob.chain, ...ada.chain]), last!],
    'signature',
  ],
  [
    'the server’s own chain and proof, reflected',
    ([first], before) => [first!, before[3]!, before[4]!],
    'signature',
  ],
  [
    'a good signature in the role of a server',
    ([first, chain], before) => {
      const hash = transcriptHash([...before, first!, chain!]);
      return [first!, chain!, proof(showing(ada).sign(signedContent('server', hash)))];
    },
    'signature',
  ],
  [
    'a good signature over another transcript',
    ([first, chain], before) => {
      const hash = transcriptHash([...before, chain!]);
      return [first!, chain!, proof(showing(ada).sign(signedContent('client', hash)))];
    },
    'signature',
  ],
  [
    'five certificates',
    ([first, , last]) => [first!, shown(Array(5).fill(ada.chain[0])), last!],
    'malformed',
  ],
  ['bytes for a certificate', ([first, , last]) => [first!, shown([new Uint8Array(9)]), last!], 'malformed'],
  [
    'an Accepted of its own',
    (messages) => [...messages, { type: accepted, body: empty }],
    'unexpected-message',
  ],
];

describe('attack: a dishonest client certificate', () => {
  nothingUncaught();

  async function asking(
    clientAuthentication: 'optional' | 'required',
    config: NetworkConfig = {},
  ): Promise<{ setup: Awaited<ReturnType<typeof startUnconnected>>; vault: Vault; events: string[] }> {
    const vault = new Vault();
    const setup = await startUnconnected({
      scheme: 'memory',
      services: [vault],
      server: { ca: authority().pem.certificate, clientAuthentication, ...config },
    });
    const events: string[] = [];
    setup.server.on('clientConnected', ({ identity }) => events.push(`connected ${identity?.name}`));
    setup.server.on('encryptionFailed', ({ code, reason }) => events.push(`${code} ${reason}`));
    return { setup, vault, events };
  }

  for (const mode of ['optional', 'required'] as const) {
    for (const [what, cheat, reason] of cheats) {
      it(`with ${what} is refused where it is ${mode}, and nothing runs`, async () => {
        const { setup, vault, events } = await asking(mode);
        const change = { certificate: showing(ada) };
        const peer = await dishonestClient('memory', setup.url, { alter: cheating(cheat), change });
        await eventually('the end', () => peer.ended !== undefined);
        expect(peer.ended?.by).to.include({ by: 'peer', closeCode: codes.handshakeFailed });
        expect(events).to.deep.equal([`HANDSHAKE_FAILED ${reason}`]);
        expect(vault.runs).to.deep.equal([]);
        await setup.stop();
      });
    }

    it(`that another authority issued is refused where it is ${mode}: it does not become nobody`, async () => {
      const { setup, vault, events } = await asking(mode);
      const change = { certificate: showing(clientCertificate('ada', strangeAuthority())) };
      const peer = await dishonestClient('memory', setup.url, { change });
      await eventually('the end', () => peer.ended !== undefined);
      expect(peer.ended?.by).to.include({ by: 'peer', closeCode: codes.rejected });
      expect(events).to.deep.equal(['CERTIFICATE_REJECTED untrusted']);
      expect(vault.runs).to.deep.equal([]);
      await setup.stop();
    });
  }

  it('with a proof of nothing is refused: as such, or because there must be something', async () => {
    for (const [mode, reason, closeCode] of [
      ['optional', 'unexpected-message', codes.handshakeFailed],
      ['required', 'certificate-required', codes.required],
    ] as const) {
      const { setup, events } = await asking(mode);
      const alter = cheating(([first, , last]) => [first!, shown([]), last!]);
      const peer = await dishonestClient('memory', setup.url, {
        alter,
        change: { certificate: showing(ada) },
      });
      await eventually('the end', () => peer.ended !== undefined);
      expect(peer.ended?.by).to.include({ by: 'peer', closeCode });
      expect(events).to.deep.equal([`HANDSHAKE_FAILED ${reason}`]);
      await setup.stop();
    }
  });

  it('that is honest after all is accepted, sealed anew', async () => {
    const { setup, events } = await asking('required');
    const change = { certificate: showing(ada) };
    const peer = await dishonestClient('memory', setup.url, { alter: cheating((same) => same), change });
    peer.say(3, { kind: 'call', id: 1, method: methodId('needs3'), args: ['x'] });
    expect((await peer.answer(1)).message).to.deep.equal({ kind: 'result', id: 1, value: 'x' });
    expect(events).to.deep.equal(['connected ada']);
    peer.close();
    await setup.stop();
  });

  it('that is missing is refused where one is required', async () => {
    const { setup, events } = await asking('required');
    const peer = await dishonestClient('memory', setup.url);
    await eventually('the end', () => peer.ended !== undefined);
    expect(peer.ended?.by).to.include({ by: 'peer', closeCode: codes.required });
    expect(events).to.deep.equal(['HANDSHAKE_FAILED certificate-required']);
    await setup.stop();
  });

  it('that is not asked for is refused, whoever’s it is', async () => {
    const { setup, events } = await asking('optional', { clientAuthentication: 'none' });
    const alter = cheating(([first]) => [first!, shown(ada.chain)]);
    const peer = await dishonestClient('memory', setup.url, { alter });
    await eventually('the end', () => peer.ended !== undefined);
    expect(events).to.deep.equal(['HANDSHAKE_FAILED unexpected-message']);
    await setup.stop();
  });

  it('does not let calls through that do not wait for the verdict, whatever it will be', async () => {
    for (const flags of [0, 3]) {
      let decide: (accepted: boolean) => void = () => undefined;
      const { setup, vault, events } = await asking('required', {
        validateCertificate: () =>
          new Promise((resolve) => {
            decide = resolve;
          }),
      });
      const change = { certificate: showing(ada) };
      let asked = false;
      const hasty: Alter = (peer, frame) => {
        asked = frame[0] === 0xc1;
        if (asked) (peer as unknown as { goOver(): void }).goOver();
        return frame;
      };
      const peer = await dishonestClient('memory', setup.url, { alter: hasty, change });
      expect(asked).to.equal(true);
      peer.say(flags, { kind: 'call', id: 1, method: methodId(flags === 0 ? 'needs0' : 'needs3'), args: [] });
      await eventually('the end', () => events.length > 0);
      decide(true);
      await new Promise((resolve) => setImmediate(resolve));
      expect(events).to.deep.equal(['HANDSHAKE_FAILED unexpected-message']);
      expect([vault.runs.length, setup.server.clients.size]).to.deep.equal([0, 0]);
      await setup.stop();
    }
  });

  describe('asked for by a dishonest server', () => {
    const announcement = (
      mode: number,
      signatureAlgorithmsAsked = Object.values<number>(signatureAlgorithms),
    ) => ({
      manifest: vaultManifest,
      maxFrameBytes: 2 ** 20,
      allowed: 0b1111,
      clientCertificateRequest: { mode, signatureAlgorithms: signatureAlgorithmsAsked },
    });
    const client = (config: NetworkConfig = {}, services: readonly object[] = []): NetworkingManager =>
      realClient({ certificate: credentials(ada), ...config }, services);

    it('is not shown before the server’s own was accepted', async () => {
      const flights: Uint8Array[] = [];
      const server = await dishonestServer('memory', {
        announcement: announcement(2),
        certificate: showing(
          issueCertificate(nodeCrypto, { dnsNames: ['arena.example'], issuer: strangeAuthority() }),
        ),
        takes: (chain) => flights.push(...chain) > 0,
      });
      expect(await outcomeOf(client().startClient(server.url))).to.include({
        code: 'CERTIFICATE_REJECTED',
        reason: 'untrusted',
      });
      await eventually('the server is told', () => server.connections[0]?.ended !== undefined);
      expect(flights).to.deep.equal([]);
      await server.close();
    });

    it('in a mode that there is not, or signed by nothing that there is, ends the handshake', async () => {
      for (const [asked, reason] of [
        [announcement(0), 'malformed'],
        [announcement(3), 'malformed'],
        [announcement(1, []), 'malformed'],
        [announcement(1, [0x0a0a, 0x0401]), 'no-common-algorithm'],
      ] as const) {
        const server = await dishonestServer('memory', { announcement: asked });
        expect(await outcomeOf(client().startClient(server.url))).to.include({
          code: 'HANDSHAKE_FAILED',
          reason,
        });
        await server.close();
      }
    });

    it('anonymously ends the handshake', async () => {
      const server = await dishonestServer('memory', {
        announcement: announcement(1),
        certificate: undefined,
      });
      const anonymous = client({ signKeyExchange: false });
      expect(await outcomeOf(anonymous.startClient(server.url))).to.include({ reason: 'malformed' });
      await server.close();
    });

    it('with an Accepted that never comes, or with traffic in its place, connects nobody', async () => {
      const vault = new Vault();
      const silent = await dishonestServer('memory', { announcement: announcement(2) }, (_peer, frame) =>
        frame.length === acceptedBytes ? Uint8Array.of(0xc1) : frame,
      );
      expect(await codeOf(client({}, [vault]).startClient(silent.url))).to.equal('HANDSHAKE_FAILED');
      await silent.close();
      const calling = await dishonestServer('memory', { announcement: announcement(2) }, (peer, frame) => {
        if (frame.length !== acceptedBytes) return frame;
        const { suite, secrets } = inside(peer);
        const body = Uint8Array.of(0x93, 1, 0, 0x90);
        return new Direction(suite, 0, secrets.serverHandshakeTraffic).seal(3, frameTypes.messages, body);
      });
      expect(await codeOf(client({}, [vault]).startClient(calling.url))).to.equal('HANDSHAKE_FAILED');
      expect(vault.runs).to.deep.equal([]);
      await calling.close();
    });

    it('and taken, is what it said it was: the server has the chain and nothing else', async () => {
      const chains: Uint8Array[][] = [];
      const server = await dishonestServer('memory', {
        announcement: announcement(1),
        takes: (chain) => chains.push(chain) > 0,
      });
      const connected = client();
      await connected.startClient(server.url);
      expect(chains.map((chain) => chain.map((der) => der.length))).to.deep.equal([[ada.certificate.length]]);
      await connected.stop();
      await server.close();
    });
  });
});
