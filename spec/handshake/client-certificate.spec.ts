// The handshake with a client certificate, both roles: what a client says of itself and to whom, what proves it, and what
// each side refuses of one that holds the keys. The order of messages is in order.spec.ts.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CryptoProvider } from '../../lib/crypto/provider.js';
import { type ClientHandshakeConfig, startClientHandshake } from '../../lib/handshake/client.js';
import { type ServerHandshakeConfig, startServerHandshake } from '../../lib/handshake/server.js';
import { Established, type Handshake, PendingVerdict } from '../../lib/handshake/state.js';
import { expectWiped, watchSecrets } from '../connection/watched-crypto.js';
import { flip } from '../reference/conversation.js';
import { decodeCertificate, type Extension, type Message, messageTypes } from '../reference/messages.js';
import { signatureAlgorithms } from '../reference/signature.js';
import {
  agree,
  clientConfig,
  expectHandshakeFailed,
  identity,
  keyNames,
  only,
  serverConfig,
  thrownBy,
} from './roles.js';
import { ScriptedClient, type SignOptions } from './scripted-client.js';
import { askingExtensions, ScriptedServer, serverExtensions } from './scripted-server.js';

const [optional, required] = [1, 2];
const own = identity('client');
const { extensions, certificate, certificateVerify, finished, accepted } = messageTypes;

/** A client that has heard a server which asks. */
function asked(
  config: Partial<ClientHandshakeConfig> = {},
  list: readonly Extension[] = askingExtensions(required!),
): { handshake: Handshake; server: ScriptedServer } {
  const { handshake, send } = startClientHandshake(clientConfig({ identities: [own], ...config }));
  const server = new ScriptedServer(send);
  handshake.receive(server.helloFrame);
  expect(handshake.receive(server.seal(server.flight(list))).next).to.be.instanceOf(PendingVerdict);
  return { handshake, server };
}

/** What that client says once it has accepted the server. */
function answer(config: Partial<ClientHandshakeConfig>, list?: readonly Extension[]): Message[] {
  const { handshake, server } = asked(config, list);
  const { send, next } = handshake.accept();
  expect(send).to.have.length(1);
  expect(next).to.not.be.instanceOf(Established);
  return server.open(send[0]!);
}

/** A server that asks, and a client that has heard it. */
function asking(
  clientAuthentication: ServerHandshakeConfig['clientAuthentication'] = 'required',
  crypto: CryptoProvider = nodeCrypto,
): { handshake: Handshake; client: ScriptedClient; said: Message[] } {
  const identities = only(identity('ed25519', crypto));
  const handshake = startServerHandshake(serverConfig({ identities, clientAuthentication, crypto }));
  const client = new ScriptedClient();
  const said = client.hear(handshake.receive(client.helloFrame).send);
  return { handshake, client, said };
}

const types = (messages: readonly Message[]): number[] => messages.map(({ type }) => type);

describe('handshake, client certificates', () => {
  describe('a client', () => {
    it('says what it has: its chain and a proof, or that it has none', () => {
      const shown = answer({});
      expect(types(shown)).to.deep.equal([extensions, certificate, certificateVerify, finished]);
      expect(decodeCertificate(shown[1]!.body, 0).map(toHex)).to.deep.equal(own.chain.map(toHex));
      const none = answer({ identities: [] }, askingExtensions(optional!));
      expect(types(none)).to.deep.equal([extensions, certificate, finished]);
      expect(decodeCertificate(none[1]!.body, 0)).to.deep.equal([]);
    });

    it('says nothing of it to a server that does not ask', () => {
      const { handshake, server } = asked({}, serverExtensions);
      const { send, next } = handshake.accept();
      expect(next).to.be.instanceOf(Established).and.to.include({ confirmed: false });
      expect(types(server.open(send[0]!))).to.deep.equal([extensions, finished]);
    });

    it('shows the first of several that the server can verify, and ends rather than show none', () => {
      const identities = [identity('rsa'), identity('p256'), own];
      const asks = (...codes: number[]) => askingExtensions(optional!, codes);
      const chainFor = (...codes: number[]) =>
        decodeCertificate(answer({ identities }, asks(...codes))[1]!.body, 1).map(toHex);
      const { ed25519, ecdsaSecp256r1Sha256, ecdsaSecp384r1Sha384 } = signatureAlgorithms;
      expect(chainFor(0x0a0a, ed25519, ecdsaSecp256r1Sha256)).to.deep.equal(
        identity('p256').chain.map(toHex),
      );
      expect(chainFor(ed25519)).to.deep.equal(own.chain.map(toHex));
      const { handshake } = asked({ identities }, asks(ecdsaSecp384r1Sha384, 0x0a0a));
      expectHandshakeFailed(() => handshake.accept(), 'no-common-algorithm');
    });

    it('fails before it has said anything where it has none and one is required', () => {
      const { handshake } = asked({ identities: [] });
      const error = thrownBy(() => handshake.accept());
      expect(error).to.include({ code: 'HANDSHAKE_FAILED', reason: 'certificate-required' });
      expect(error.message).to.match(/set certificate in the client's configuration/);
    });

    it('can give its verdict once, and only where one is due', () => {
      const { handshake } = asked();
      handshake.accept();
      expectHandshakeFailed(() => handshake.accept(), 'internal');
      const early = startClientHandshake(clientConfig()).handshake;
      expectHandshakeFailed(() => early.accept(), 'internal');
    });

    it('has its keys when Accepted has come, alone in its record and empty', () => {
      const { handshake, server } = asked();
      handshake.accept();
      const { next, send } = handshake.receive(server.seal([server.accepted()]));
      expect(send).to.deep.equal([]);
      expect(next).to.be.instanceOf(Established).and.to.include({ confirmed: true, protection: 'signed' });

      const cases: [string, (server: ScriptedServer) => Uint8Array, string][] = [
        ['a byte in it', (peer) => peer.seal([peer.accepted(Uint8Array.of(0))]), 'malformed'],
        ['another behind it', (peer) => peer.seal([peer.accepted(), peer.accepted()]), 'unexpected-message'],
        [
          'Extensions before it',
          (peer) => peer.seal([peer.extensions(), peer.accepted()]),
          'unexpected-message',
        ],
        ['a changed tag', (peer) => flip(peer.seal([peer.accepted()]), 20), 'tag'],
        ['Encrypted alone', (peer) => peer.seal([peer.accepted()], 1), 'unexpected-frame'],
        ['Authenticated alone', (peer) => peer.seal([peer.accepted()], 2), 'unexpected-frame'],
        ['generation 1', (peer) => peer.traffic().seal(3, 1, Uint8Array.of(accepted, 0, 0, 0)), 'epoch'],
      ];
      for (const [what, record, reason] of cases) {
        const meeting = asked();
        meeting.handshake.accept();
        expectHandshakeFailed(() => meeting.handshake.receive(record(meeting.server)), reason, what);
      }
    });

    it('takes no Accepted before its own flight, nor one that is the server’s flight again', () => {
      const early = asked();
      const record = early.server.seal([early.server.accepted()]);
      expectHandshakeFailed(() => early.handshake.receive(record), 'unexpected-message');

      const { handshake, send } = startClientHandshake(clientConfig({ identities: [own] }));
      const server = new ScriptedServer(send);
      handshake.receive(server.helloFrame);
      const flight = server.seal(server.flight(askingExtensions(optional!)));
      handshake.receive(flight.slice());
      handshake.accept();
      expectHandshakeFailed(() => handshake.receive(flight), 'sequence');
    });

    it('refuses the request of a server that shows no certificate itself, and one that makes no sense', () => {
      const { handshake, send } = startClientHandshake(clientConfig({ signed: false }));
      const server = new ScriptedServer(send);
      handshake.receive(server.helloFrame);
      const record = server.seal([server.extensions(askingExtensions(optional!)), server.finished()]);
      expectHandshakeFailed(() => handshake.receive(record), 'malformed');
      for (const data of [[], [0, 2, 8, 7], [3, 2, 8, 7], [1, 0], [1, 1, 8], [1, 2, 8, 7, 0]]) {
        const list = [...serverExtensions, { type: 4, data: Uint8Array.from(data) }];
        const meeting = startClientHandshake(clientConfig());
        const peer = new ScriptedServer(meeting.send);
        meeting.handshake.receive(peer.helloFrame);
        const flight = peer.seal(peer.flight(list));
        expectHandshakeFailed(() => meeting.handshake.receive(flight), 'malformed', String(data));
      }
    });
  });

  describe('a server', () => {
    it('asks where it should, and says what it can verify', () => {
      for (const [mode, clientAuthentication] of [
        ['01', 'optional'],
        ['02', 'required'],
      ] as const) {
        const { said } = asking(clientAuthentication);
        expect(toHex(said[0]!.body)).to.match(
          new RegExp(`0004000c${mode}0a04030503080408070809$`),
          clientAuthentication,
        );
      }
      expect(toHex(asking('none').said[0]!.body)).to.match(/000300010f$/);
    });

    it('cannot ask where it is anonymous', () => {
      for (const clientAuthentication of ['optional', 'required'] as const) {
        expect(() => startServerHandshake(serverConfig({ identities: undefined, clientAuthentication })))
          .to.throw(SealwireError)
          .with.property('code', 'INVALID_CONFIG');
      }
    });

    for (const crypto of [nodeCrypto, nobleCrypto]) {
      it(`says that it has accepted, once it has, and not before (${crypto.name})`, () => {
        const { handshake, client } = asking('required', crypto);
        const { next, send } = handshake.receive(client.seal(client.flight()));
        expect(send).to.deep.equal([]);
        expect(next).to.be.instanceOf(PendingVerdict);
        expect((next as PendingVerdict).peerChain.map(toHex)).to.deep.equal(own.chain.map(toHex));
        const verdict = handshake.accept();
        expect(verdict.next).to.be.instanceOf(Established).and.to.include({ confirmed: true });
        expect((verdict.next as Established).peerChain.map(toHex)).to.deep.equal(own.chain.map(toHex));
        expect(verdict.send.map((record) => client.open(record.slice()))).to.deep.equal([
          [{ type: accepted, body: new Uint8Array(0) }],
        ]);
      });
    }

    it('takes nothing more while the verdict is open, calls least of all', () => {
      const frames: ((client: ScriptedClient) => Uint8Array)[] = [
        (client) => client.traffic().seal(3, 2, Uint8Array.of(0x93, 1, 0, 0x90)),
        () => Uint8Array.of(2, 0x93, 1, 0, 0x90),
        (client) => client.seal([client.finished()]),
        (client) => client.helloFrame,
      ];
      for (const frame of frames) {
        const { handshake, client } = asking();
        handshake.receive(client.seal(client.flight()));
        expectHandshakeFailed(() => handshake.receive(frame(client)));
        expectHandshakeFailed(() => handshake.accept());
      }
    });

    it('lets a client without one in where it is optional, with an Accepted, and tells why not where it is required', () => {
      const { handshake, client } = asking('optional');
      const flight = [client.extensions(), client.certificate([]), client.finished()];
      const { next, send } = handshake.receive(client.seal(flight));
      expect(next).to.be.instanceOf(Established).and.to.include({ protection: 'signed' });
      expect((next as Established).peerChain).to.deep.equal([]);
      expect(send.map((record) => types(client.open(record.slice())))).to.deep.equal([[accepted]]);

      const strict = asking('required');
      const none = [strict.client.extensions(), strict.client.certificate([]), strict.client.finished()];
      expectHandshakeFailed(() => strict.handshake.receive(strict.client.seal(none)), 'certificate-required');
    });

    it('refuses a chain without a proof, and a proof without a chain', () => {
      for (const mode of ['optional', 'required'] as const) {
        const first = asking(mode);
        const unproved = [first.client.extensions(), first.client.certificate(), first.client.finished()];
        expectHandshakeFailed(
          () => first.handshake.receive(first.client.seal(unproved)),
          'unexpected-message',
        );
      }
      const { handshake, client } = asking('optional');
      const flight = [
        client.extensions(),
        client.certificate([]),
        client.certificateVerify(),
        client.finished(),
      ];
      expectHandshakeFailed(() => handshake.receive(client.seal(flight)), 'unexpected-message');
    });

    it('refuses messages that it did not ask for', () => {
      const { handshake, client } = asking('none');
      expectHandshakeFailed(() => handshake.receive(client.seal(client.flight())), 'unexpected-message');
    });

    it('refuses a client that asks for a certificate', () => {
      const { handshake, client } = asking('none');
      const list = askingExtensions(optional!).filter(({ type }) => type !== 3);
      const record = client.seal([client.extensions(list), client.finished()]);
      expectHandshakeFailed(() => handshake.receive(record), 'malformed');
    });

    function expectNoProof(options: SignOptions, what: string, chain?: readonly Uint8Array[]): void {
      const { handshake, client } = asking('optional');
      const flight = [
        client.extensions(),
        client.certificate(chain),
        client.certificateVerify(options),
        client.finished(),
      ];
      expectHandshakeFailed(() => handshake.receive(client.seal(flight)), 'signature', what);
    }

    it('refuses a signature over anything but this transcript, in this role', () => {
      const changes: Record<string, SignOptions> = {
        'the role of a server': { signer: 'server' },
        'another transcript': { content: (content) => flip(content, content.length - 1) },
        'a shorter padding': { content: (content) => content.slice(1) },
        'another version': { content: (content) => flip(content, 64 + 'sealwire '.length, 3) },
        'the hash alone': { content: (content) => content.slice(-32) },
        nothing: { content: () => new Uint8Array(0) },
        'another algorithm': { algorithm: signatureAlgorithms.ecdsaSecp256r1Sha256 },
        'an unknown algorithm': { algorithm: 0 },
      };
      for (const [what, options] of Object.entries(changes)) expectNoProof(options, what);
    });

    it('refuses a chain whose key the client lacks', () => {
      expectNoProof({}, 'the certificate of the server', identity('ed25519').chain);
      for (const name of keyNames) expectNoProof({}, name, identity(name).chain);
      expectNoProof({}, 'its own behind another', [...identity('ed25519').chain, ...own.chain]);
    });

    it('refuses its own proof, reflected', () => {
      const { handshake, client, said } = asking('optional');
      const [, shown, proof] = said;
      const flight = [
        client.extensions(),
        client.say(shown!.type, shown!.body),
        client.say(proof!.type, proof!.body),
        client.finished(),
      ];
      expectHandshakeFailed(() => handshake.receive(client.seal(flight)), 'signature');
    });

    it('refuses the proof of another connection, replayed', () => {
      const recorded = asking().client;
      const [, , proof] = recorded.flight();
      const { handshake, client } = asking();
      const flight = [
        client.extensions(),
        client.certificate(),
        client.say(proof!.type, proof!.body),
        client.finished(),
      ];
      expectHandshakeFailed(() => handshake.receive(client.seal(flight)), 'signature');
    });

    it('checks the Finished behind a good proof', () => {
      const { handshake, client } = asking();
      const flight = [
        client.extensions(),
        client.certificate(),
        client.certificateVerify(),
        client.finished((mac) => flip(mac, 3)),
      ];
      expectHandshakeFailed(() => handshake.receive(client.seal(flight)), 'finished');
    });

    it('refuses a chain that is none, five of them, and more bytes than may be', () => {
      const bodies: [string, Uint8Array][] = [
        ['a certificate that is none', Uint8Array.of(0, 7, 0, 5, 0x30, 3, 2, 1, 0)],
        ['an empty certificate', Uint8Array.of(0, 2, 0, 0)],
        ['a length that runs out', Uint8Array.of(0, 9, 0, 7)],
      ];
      for (const [what, body] of bodies) {
        const { handshake, client } = asking('optional');
        const flight = [client.extensions(), client.say(certificate, body), client.certificateVerify()];
        expectHandshakeFailed(() => handshake.receive(client.seal(flight)), 'malformed', what);
      }
      for (const chain of [Array<Uint8Array>(5).fill(own.chain[0]!), [new Uint8Array(16_385).fill(0x30)]]) {
        const { handshake, client } = asking('optional');
        const record = client.seal([client.extensions(), client.certificate(chain)]);
        expectHandshakeFailed(() => handshake.receive(record), 'malformed');
      }
    });
  });

  it('is agreed by both roles with every kind of key, and both come to the same keys', () => {
    for (const name of keyNames) {
      const { client, server, frames } = agree(
        clientConfig({ identities: [identity(name)] }),
        serverConfig({ clientAuthentication: 'required' }),
      );
      expect(frames.map(({ from }) => from)).to.deep.equal([
        'client',
        'server',
        'server',
        'client',
        'server',
      ]);
      expect(server.peerChain.map(toHex)).to.deep.equal(identity(name).chain.map(toHex));
      const key = (side: Established) =>
        toHex(side.secrets!.exporter.export('a label', 32, new Uint8Array(0)));
      expect(key(client)).to.equal(key(server));
      expect([client.confirmed, server.confirmed]).to.deep.equal([true, true]);
    }
  });

  it('wipes what it holds when the client’s key fails to sign, and when a verdict is never given', () => {
    const { key, ...rest } = own;
    const broken = {
      kind: key.kind,
      publicKey: key.publicKey,
      export: () => key.export(),
      sign: () => {
        throw new Error('the device does not answer');
      },
    };
    const failing = watchSecrets(nodeCrypto);
    const { handshake: unable } = asked({ identities: [{ ...rest, key: broken }], crypto: failing.crypto });
    expectHandshakeFailed(() => unable.accept(), 'internal');
    expectWiped(failing, 8);

    const waiting = watchSecrets(nodeCrypto);
    const { handshake: unanswered } = asked({ crypto: waiting.crypto });
    unanswered.accept();
    unanswered.destroy();
    expectWiped(waiting, 8);

    const pending = watchSecrets(nodeCrypto);
    const { handshake, client } = asking('required', pending.crypto);
    handshake.receive(client.seal(client.flight()));
    expect(pending.alive.size).to.equal(2);
    handshake.destroy();
    expectWiped(pending, 10);
  });
});
