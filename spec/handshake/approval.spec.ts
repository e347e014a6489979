// The verdict at the end of a handshake, and what the client says of itself before it, both roles: who says what and when,
// what is refused of a peer that holds the keys, and that nothing is left of the keys. Bytes are in known-answers.spec.ts.

import { expect } from 'chai';
import { ApprovalDenied } from '../../lib/base/approval-denied.js';
import { toHex } from '../../lib/base/bytes.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { type ClientHandshakeConfig, startClientHandshake } from '../../lib/handshake/client.js';
import { startPlainClient, startPlainServer } from '../../lib/handshake/plain.js';
import { type ServerHandshakeConfig, startServerHandshake } from '../../lib/handshake/server.js';
import { Established, type Handshake, PendingVerdict } from '../../lib/handshake/state.js';
import { encodeCarried } from '../../lib/wire/carried-value.js';
import { expectWiped, watchSecrets } from '../connection/watched-crypto.js';
import { encodeValue } from '../reference/call-messages.js';
import { flip } from '../reference/conversation.js';
import {
  decodeExtensions,
  decodeRefused,
  type Extension,
  encodeRefused,
  type Message,
  messageTypes,
} from '../reference/messages.js';
import { concat, u8 } from '../reference/notation.js';
import {
  agree,
  clientConfig,
  expectHandshakeFailed,
  identity,
  identityOf,
  only,
  serverConfig,
} from './roles.js';
import { clientExtensions, ScriptedClient } from './scripted-client.js';
import {
  approvingExtensions,
  askingExtensions,
  plainHandshake,
  ScriptedServer,
  serverExtensions,
} from './scripted-server.js';

const { certificate, finished, accepted, refused } = messageTypes;
const none = new Uint8Array(0);
const ticket = encodeCarried('ticket 7', 'connectionData', 16_384);
const full = encodeRefused({ code: 'FULL', message: 'no seat', data: [12] });

/** A client that has heard a server's flight. */
function heard(
  list: readonly Extension[],
  config: Partial<ClientHandshakeConfig> = {},
): { handshake: Handshake; server: ScriptedServer } {
  const { handshake, send } = startClientHandshake(clientConfig(config));
  const server = new ScriptedServer(send);
  handshake.receive(server.helloFrame);
  const { next, send: said } = handshake.receive(server.seal(server.flight(list)));
  expect(next).to.be.instanceOf(PendingVerdict);
  expect(said).to.deep.equal([]);
  return { handshake, server };
}

/** A server that approves, and a client that has heard it. */
function approving(config: Partial<ServerHandshakeConfig> = {}): {
  handshake: Handshake;
  client: ScriptedClient;
  said: Message[];
} {
  const identities = only(identity('ed25519', config.crypto));
  const handshake = startServerHandshake(serverConfig({ identities, approves: true, ...config }));
  const client = new ScriptedClient();
  const said = client.hear(handshake.receive(client.helloFrame).send);
  return { handshake, client, said };
}

function flightWith(client: ScriptedClient, ...more: readonly Extension[]): Uint8Array {
  return client.seal([client.extensions([...clientExtensions, ...more]), client.finished()]);
}

function denialOf(act: () => unknown): ApprovalDenied {
  try {
    act();
  } catch (error) {
    if (error instanceof ApprovalDenied) return error;
    throw error;
  }
  throw new Error('nobody was denied anything');
}

describe('handshake, approval', () => {
  describe('a client', () => {
    it('says its connection data in its sealed Extensions, once the server is accepted, or nothing', () => {
      for (const [data, typesSaid] of [
        [ticket, [1, 2, 5]],
        [undefined, [1, 2]],
      ] as const) {
        const { handshake, server } = heard(approvingExtensions);
        const [record] = handshake.accept(data).send;
        expect(Buffer.from(record!).includes('ticket 7')).to.equal(false);
        const [first, last] = server.open(record!);
        const said = decodeExtensions(first!.body);
        expect(said.map(({ type }) => type)).to.deep.equal(typesSaid);
        if (data !== undefined) expect(said.at(-1)!.data).to.deep.equal(encodeValue(['ticket 7']));
        expect(last!.type).to.equal(finished);
      }
    });

    it('says nothing before it is told to where it is anonymous and has something to say', () => {
      for (const saysConnectionData of [true, false]) {
        const { handshake, send } = startClientHandshake(clientConfig({ signed: false, saysConnectionData }));
        const server = new ScriptedServer(send);
        handshake.receive(server.helloFrame);
        const { next, send: said } = handshake.receive(
          server.seal([server.extensions(approvingExtensions), server.finished()]),
        );
        expect(next instanceof PendingVerdict).to.equal(saysConnectionData);
        expect(said).to.have.length(saysConnectionData ? 0 : 1);
        if (saysConnectionData) expect((next as PendingVerdict).peerChain).to.deep.equal([]);
      }
    });

    it('waits for the verdict where one is announced, and for none where none is', () => {
      const waiting = heard(approvingExtensions);
      expect(waiting.handshake.accept().next).to.not.be.instanceOf(Established);
      const { next } = waiting.handshake.receive(waiting.server.seal([waiting.server.accepted()]));
      expect(next).to.be.instanceOf(Established).and.to.include({ confirmed: true });
      const { next: atOnce } = heard(serverExtensions).handshake.accept();
      expect(atOnce).to.be.instanceOf(Established).and.to.include({ confirmed: false });
    });

    it('ends with what Refused says, and takes nothing more', () => {
      const { handshake, server } = heard(approvingExtensions);
      handshake.accept(ticket);
      const body = encodeRefused({ code: 'FULL', message: 'no seat\n\u001b[2J\u202e', data: ['a', null] });
      const denied = denialOf(() => handshake.receive(server.seal([server.refused(body)])));
      expect(denied).to.deep.include({ code: 'APPROVAL_DENIED', reason: 'FULL', data: ['a', null] });
      expect(denied.text).to.equal('no seat\\u{a}\\u{1b}[2J\\u{202e}');
      expect(denied.message).to.equal(`the server did not let this client in: FULL, ${denied.text}`);
      expectHandshakeFailed(() => handshake.receive(server.seal([server.accepted()])));
    });

    it('reads a Refused that says as little as there is', () => {
      const { handshake, server } = heard(approvingExtensions);
      handshake.accept();
      const body = encodeRefused({ code: '', message: '' });
      const denied = denialOf(() => handshake.receive(server.seal([server.refused(body)])));
      expect(denied).to.include({ reason: undefined, text: '', data: undefined });
      expect(denied.message).to.equal('the server did not let this client in');
    });

    it('takes a verdict only as it must be', () => {
      const cases: [string, (server: ScriptedServer) => Uint8Array, string][] = [
        ['a Refused of nothing', (peer) => peer.seal([peer.refused(none)]), 'malformed'],
        ['a byte left over', (peer) => peer.seal([peer.refused(concat(full, u8(0)))]), 'malformed'],
        ['a changed tag', (peer) => flip(peer.seal([peer.refused(full)]), 20), 'tag'],
        ['Encrypted alone', (peer) => peer.seal([peer.refused(full)], 1), 'unexpected-frame'],
        ['Authenticated alone', (peer) => peer.seal([peer.refused(full)], 2), 'unexpected-frame'],
        ['in the clear', (peer) => plainHandshake(peer.refused(full)), 'unexpected-frame'],
        ['generation 1', (peer) => peer.traffic().seal(3, 1, concat(u8(refused), none)), 'epoch'],
        [
          'Accepted, then Refused',
          (peer) => peer.seal([peer.accepted(), peer.refused(full)]),
          'unexpected-message',
        ],
        ['Extensions', (peer) => peer.seal([peer.extensions()]), 'unexpected-message'],
      ];
      for (const [what, record, reason] of cases) {
        const { handshake, server } = heard(approvingExtensions);
        handshake.accept();
        expectHandshakeFailed(() => handshake.receive(record(server)), reason, what);
      }
    });

    it('takes no Refused that was not announced: before its flight, and where only a certificate was asked for', () => {
      for (const list of [serverExtensions, askingExtensions(1), approvingExtensions]) {
        const { handshake, send } = startClientHandshake(clientConfig());
        const server = new ScriptedServer(send);
        handshake.receive(server.helloFrame);
        const early = server.seal([...server.flight(list), server.refused(full)]);
        expectHandshakeFailed(() => handshake.receive(early), 'unexpected-message');
      }
      const { handshake, server } = heard(askingExtensions(1));
      handshake.accept();
      const record = server.seal([server.refused(full)]);
      expectHandshakeFailed(() => handshake.receive(record), 'unexpected-message');
    });

    it('refuses a server that says connection data, and one whose announcement has something in it', () => {
      for (const extension of [
        { type: 5, data: ticket },
        { type: 6, data: u8(1) },
      ]) {
        const { handshake, send } = startClientHandshake(clientConfig());
        const server = new ScriptedServer(send);
        handshake.receive(server.helloFrame);
        const flight = server.seal(server.flight([...serverExtensions, extension]));
        expectHandshakeFailed(() => handshake.receive(flight), 'malformed', String(extension.type));
      }
    });
  });

  describe('a server', () => {
    it('announces its verdict, and only where it gives one', () => {
      const announced = (said: Message[]) => decodeExtensions(said[0]!.body).some(({ type }) => type === 6);
      expect(announced(approving().said)).to.equal(true);
      expect(announced(approving({ approves: false }).said)).to.equal(false);
    });

    for (const crypto of [nodeCrypto, nobleCrypto]) {
      it(`gives out what the client says of itself, and says Accepted when it is (${crypto.name})`, () => {
        const { handshake, client } = approving({ crypto });
        const { next, send } = handshake.receive(flightWith(client, { type: 5, data: ticket }));
        expect(send).to.deep.equal([]);
        expect(next).to.be.instanceOf(PendingVerdict);
        expect((next as PendingVerdict).peerChain).to.deep.equal([]);
        expect(toHex((next as PendingVerdict).peer.connectionData!)).to.equal(toHex(ticket));
        const verdict = handshake.accept();
        expect(verdict.next).to.be.instanceOf(Established).and.to.include({ confirmed: true });
        expect(verdict.send.map((record) => client.open(record.slice()))).to.deep.equal([
          [{ type: accepted, body: none }],
        ]);
      });

      it(`says Refused in its place, sealed, and nothing more (${crypto.name})`, () => {
        const { handshake, client } = approving({ crypto });
        handshake.receive(flightWith(client));
        const denied = new ApprovalDenied({ code: 'FULL', text: 'no seat', data: [12] });
        const record = handshake.refuse(denied)!;
        expect(record[0]).to.equal(0xc1);
        expect(Buffer.from(record).includes('no seat')).to.equal(false);
        const [message, ...others] = client.open(record.slice());
        expect(others).to.deep.equal([]);
        expect(message!.type).to.equal(refused);
        expect(decodeRefused(message!.body)).to.deep.equal({ code: 'FULL', message: 'no seat', data: [12] });
        expectHandshakeFailed(() => handshake.accept());
        expectHandshakeFailed(() => handshake.refuse(denied));
      });
    }

    it('has no word for it where it has announced none', () => {
      const { handshake, client } = approving({ approves: false, clientAuthentication: 'required' });
      const { next } = handshake.receive(client.seal(client.flight()));
      expect(next).to.be.instanceOf(PendingVerdict);
      expect(handshake.refuse(new ApprovalDenied({}))).to.equal(undefined);
    });

    it('takes nothing more while the verdict is open, calls least of all', () => {
      const frames: ((client: ScriptedClient) => Uint8Array)[] = [
        (client) => client.traffic().seal(3, 2, Uint8Array.of(0x93, 1, 0, 0x90)),
        () => Uint8Array.of(2, 0x93, 1, 0, 0x90),
        (client) => client.seal([client.extensions([...clientExtensions, { type: 5, data: ticket }])]),
        (client) => client.helloFrame,
      ];
      for (const frame of frames) {
        const { handshake, client } = approving();
        handshake.receive(flightWith(client, { type: 5, data: ticket }));
        expectHandshakeFailed(() => handshake.receive(frame(client)), 'unexpected-message');
        expectHandshakeFailed(() => handshake.accept());
      }
    });

    const malformed: readonly (readonly [string, readonly Extension[]])[] = [
      ['of no bytes', [{ type: 5, data: none }]],
      ['that are no array', [{ type: 5, data: encodeValue('x') }]],
      ['of two entries', [{ type: 5, data: encodeValue([1, 2]) }]],
      ['of an extension type', [{ type: 5, data: Uint8Array.of(0x91, 0xd4, 1, 1) }]],
      ['of one byte too many', [{ type: 5, data: encodeValue([new Uint8Array(16_381)]) }]],
      ['twice', [5, 5].map((type) => ({ type, data: ticket }))],
    ];
    for (const approves of [true, false]) {
      for (const [what, list] of malformed) {
        it(`refuses connection data ${what}, whether it reads them or not (${approves})`, () => {
          const { handshake, client } = approving({ approves });
          expectHandshakeFailed(() => handshake.receive(flightWith(client, ...list)), 'malformed');
        });
      }
    }

    it('refuses a client that announces a verdict, and one that says its data in a message of its own', () => {
      const announcing = approving();
      const flight = flightWith(announcing.client, { type: 6, data: none });
      expectHandshakeFailed(() => announcing.handshake.receive(flight), 'malformed');
      const { handshake, client } = approving();
      const twice = client.seal([
        client.extensions(),
        client.extensions([...clientExtensions, { type: 5, data: ticket }]),
        client.finished(),
      ]);
      expectHandshakeFailed(() => handshake.receive(twice), 'unexpected-message');
    });

    it('asks about nobody whose Finished is wrong', () => {
      const { handshake, client } = approving();
      const record = client.seal([client.extensions(), client.finished((mac) => flip(mac, 3))]);
      expectHandshakeFailed(() => handshake.receive(record), 'finished');
    });
  });

  it('carries the largest that each side may say, in as few records as will do', () => {
    const own = identity('client');
    const [leaf] = own.chain;
    const rest = new Uint8Array(16_384 - leaf!.length).fill(0x30);
    const large = {
      manifest: new Uint8Array(40_960).fill(7),
      connectionData: encodeCarried(new Uint8Array(16_380), 'connectionData', 16_384),
    };
    const { server, frames } = agree(
      clientConfig({ manifest: large.manifest, identities: [identityOf([leaf!, rest], own.key)] }),
      serverConfig({ manifest: large.manifest, approves: true, clientAuthentication: 'required' }),
      large.connectionData,
    );
    expect(frames.map(({ from }) => from)).to.deep.equal([
      'client',
      'server',
      'server',
      'client',
      'client',
      'server',
    ]);
    for (const { frame } of frames) expect(frame.length).to.be.at.most(65_536);
    expect(server.peer.connectionData).to.deep.equal(large.connectionData);
    expect(server.peerChain.map(({ length }) => length)).to.deep.equal([leaf!.length, rest.length]);
  });

  describe('without keys', () => {
    const config = { transport: 3, manifest: u8(0), maxFrameBytes: 65_536 };

    function greeted(approves = true): { client: Handshake; server: Handshake } {
      const { handshake: client, send } = startPlainClient(config);
      const server = startPlainServer({ ...config, approves });
      const { send: said } = server.receive(send);
      for (const frame of said) client.receive(frame.slice());
      return { client, server };
    }

    it('takes nothing more while the verdict is open', () => {
      for (const frame of [Uint8Array.of(2, 0x93, 1, 0, 0x90), startPlainClient(config).send]) {
        const { server } = greeted();
        expectHandshakeFailed(() => server.receive(frame), 'unexpected-message');
      }
    });

    it('takes a verdict only as it must be', () => {
      const cases: [string, Uint8Array, string][] = [
        ['a call', Uint8Array.of(2, 0x93, 1, 0, 0x90), 'unexpected-frame'],
        ['a hello', startPlainClient(config).send, 'unexpected-message'],
        ['a byte in Accepted', plainHandshake({ type: accepted, body: u8(0) }), 'malformed'],
        ['a Refused of nothing', plainHandshake({ type: refused, body: none }), 'malformed'],
        ['a certificate', plainHandshake({ type: certificate, body: none }), 'unexpected-message'],
      ];
      for (const [what, frame, reason] of cases) {
        const { client } = greeted();
        expectHandshakeFailed(() => client.receive(frame), reason, what);
      }
    });

    it('refuses a client that announces a verdict, or says connection data', () => {
      for (const extension of [
        { type: 6, data: none },
        { type: 5, data: ticket },
      ]) {
        const [manifest, maxFrameBytes] = clientExtensions;
        const list = [manifest!, maxFrameBytes!, extension].flatMap(({ type, data }) => [
          ...[type >> 8, type & 255, data.length >> 8, data.length & 255],
          ...data,
        ]);
        const hello = {
          type: messageTypes.plainHello,
          body: Uint8Array.of(0, 1, 3, 0, list.length, ...list),
        };
        expectHandshakeFailed(
          () => startPlainServer(config).receive(plainHandshake(hello)),
          'malformed',
          String(extension.type),
        );
      }
    });
  });

  it('wipes what either side holds when a client is refused, and when a verdict is never given', () => {
    for (const refuses of [true, false]) {
      const secrets = [watchSecrets(nodeCrypto), watchSecrets(nodeCrypto)];
      const { handshake: client, send } = startClientHandshake(clientConfig({ crypto: secrets[0]!.crypto }));
      const server = startServerHandshake(serverConfig({ crypto: secrets[1]!.crypto, approves: true }));
      for (const frame of server.receive(send.slice()).send) client.receive(frame.slice());
      for (const frame of client.accept(ticket).send) server.receive(frame.slice());
      if (refuses) {
        const record = server.refuse(new ApprovalDenied({}))!;
        denialOf(() => client.receive(record.slice()));
      } else {
        for (const each of secrets) expect(each.alive.size).to.be.greaterThan(0);
        client.destroy();
        server.destroy();
      }
      for (const each of secrets) expectWiped(each, 10);
    }
  });
});
