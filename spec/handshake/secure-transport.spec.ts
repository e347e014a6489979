// The handshake over TLS: two ends of one session agree on nothing more, two ends of two sessions run the whole handshake,
// and nobody in between makes the ones look like the others.

import { createHmac, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { concat, toHex } from '../../lib/base/bytes.js';
import { type ClientHandshakeConfig, startClientHandshake } from '../../lib/handshake/client.js';
import { startOnDemandServer } from '../../lib/handshake/on-demand-server.js';
import { plainHello as plainHelloOf, startPlainClient, startPlainServer } from '../../lib/handshake/plain.js';
import { startSecureClient } from '../../lib/handshake/secure-transport-client.js';
import { type ServerHandshakeConfig, startServerHandshake } from '../../lib/handshake/server.js';
import { Established, type Handshake, PendingVerdict } from '../../lib/handshake/state.js';
import type { SecureChannel } from '../../lib/transport/secure-channel.js';
import { encodeCarried } from '../../lib/wire/carried-value.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import {
  encodeHelloRequest,
  encodeMessage,
  encodeTransportHello,
  type HandshakeMessage,
  messageTypes,
} from '../../lib/wire/handshake-message.js';
import { purposeKeys } from '../record/purpose-keys.js';
import {
  type Agreed,
  carry,
  clientConfig,
  expectHandshakeFailed,
  identity,
  serverConfig,
  thrownBy,
} from './roles.js';

/** The two ends of a session of TLS. */
function session(change: Partial<SecureChannel> = {}): SecureChannel {
  const secret = randomBytes(32);
  return {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    askedClient: false,
    peerChain: [],
    exportKey(label, bytes, context) {
      const key = createHmac('sha512', secret)
        .update(`${label} ${bytes} ${toHex(context)}`)
        .digest();
      return new Uint8Array(key).slice(0, bytes);
    },
    ...change,
  };
}

const frameOf = ({ bytes }: HandshakeMessage): Uint8Array => plainFrame(frameTypes.handshake, bytes);
const typesOf = ({ frames }: Agreed): [string, number | undefined][] =>
  frames.map(({ from, frame }) => [from, frame[0] === frameTypes.handshake ? frame[1] : undefined]);
const manifest = Uint8Array.of(1, 1, 0x41, 0, 1, 1, 0x61, 0);

function meet(
  ends: { client: SecureChannel; server: SecureChannel | undefined },
  client: Partial<ClientHandshakeConfig> = {},
  server: Partial<ServerHandshakeConfig> = {},
  connectionData?: Uint8Array,
): Agreed {
  const { handshake, send } = startSecureClient(clientConfig({ manifest, ...client }), ends.client);
  const serving = startServerHandshake(serverConfig({ manifest, secure: ends.server, ...server }));
  return carry(handshake, send, serving, connectionData);
}

const { transportHello, plainHello, helloRequest, clientHello, accepted, refused } = messageTypes;

describe('handshake, over TLS', () => {
  describe('between its two ends', () => {
    it('proves that they are, and needs no keys', () => {
      const tls = session();
      const agreed = meet({ client: tls, server: tls });
      expect(typesOf(agreed)).to.deep.equal([
        ['client', transportHello],
        ['server', transportHello],
        ['server', plainHello],
        ['client', plainHello],
      ]);
      for (const side of [agreed.client, agreed.server]) {
        expect(side).to.include({
          protection: 'transport',
          allowed: 0b1000,
          secrets: undefined,
          confirmed: true,
        });
        expect(side.later).to.equal(undefined);
        expect(side.transport?.cipher).to.equal('TLS_AES_256_GCM_SHA384');
        expect(side.peer.manifest).to.deep.equal(manifest);
      }
    });

    it('gives the application keys of its own, apart from the bindings', () => {
      const tls = session();
      const agreed = meet({ client: tls, server: tls });
      const key = (side: Established, label: string, context = new Uint8Array(0)) =>
        toHex(side.exporter!.export(label, 32, context));
      expect(key(agreed.client, 'a')).to.equal(key(agreed.server, 'a'));
      const said = agreed.frames.map(({ frame }) => toHex(frame)).join();
      // A label and a context never run into one another.
      const all = [
        key(agreed.client, 'a'),
        key(agreed.client, 'ab'),
        key(agreed.client, 'a', Uint8Array.of(0x62)),
      ];
      expect(new Set(all).size).to.equal(3);
      for (const exported of all) expect(said).to.not.include(exported);
      for (const [label, length] of [
        ['', 32],
        ['a'.repeat(246), 32],
        ['a', 0],
        ['a', 8161],
        ['a', 1.5],
      ] as const) {
        expect(
          thrownBy(() => agreed.client.exporter!.export(label, length, new Uint8Array(0))).code,
        ).to.equal('INVALID_ARGUMENT');
      }
    });

    it('carries connection data, and the verdict of a server that approves', () => {
      const tls = session();
      const data = encodeCarried({ ticket: 'x' }, 'data', 1000);
      const { handshake, send } = startSecureClient(clientConfig(), tls);
      const server = startServerHandshake(serverConfig({ secure: tls, approves: true }));
      const [hello, plain] = server.receive(send).send;
      handshake.receive(hello!);
      expect(handshake.receive(plain!).next).to.be.instanceOf(PendingVerdict);
      const answer = handshake.accept(data);
      expect(answer.next).to.not.be.instanceOf(Established);
      const judged = server.receive(answer.send[0]!).next as PendingVerdict;
      expect(judged.peer.connectionData).to.deep.equal(data);
      expect(judged.protection).to.equal('transport');
      const word = server.accept();
      expect(word.next).to.be.instanceOf(Established);
      expect(word.send[0]![1]).to.equal(accepted);
      expect(handshake.receive(word.send[0]!).next).to.be.instanceOf(Established);
    });

    it('tells a client that it is refused', () => {
      const tls = session();
      const { handshake, send } = startSecureClient(clientConfig(), tls);
      const server = startServerHandshake(serverConfig({ secure: tls, approves: true }));
      for (const frame of server.receive(send).send) handshake.receive(frame);
      server.receive(handshake.accept().send[0]!);
      const denied = server.refuse({ reason: 'FULL', text: 'no room', data: undefined } as never)!;
      expect(denied[1]).to.equal(refused);
      expect(thrownBy(() => handshake.receive(denied))).to.include({
        code: 'APPROVAL_DENIED',
        reason: 'FULL',
      });
    });

    it('hands up the certificates that TLS was shown, where it was to ask for one', () => {
      const { chain } = identity('client');
      const server = session({ askedClient: true, peerChain: chain });
      const client: SecureChannel = { ...server, askedClient: false, peerChain: identity('p256').chain };
      for (const clientAuthentication of ['optional', 'required'] as const) {
        const agreed = meet({ client, server }, {}, { clientAuthentication });
        expect(agreed.server.peerChain).to.deep.equal(chain);
        expect(agreed.client.peerChain).to.deep.equal(identity('p256').chain);
        expect(typesOf(agreed).at(-1)).to.deep.equal(['server', accepted]);
      }
      // Whoever configured TLS so: this server has not asked.
      expect(meet({ client, server }).server.peerChain).to.deep.equal([]);
    });

    it('lets a client in without a certificate where it may have none, and ends where it must have one', () => {
      const tls = session({ askedClient: true });
      const agreed = meet({ client: tls, server: tls }, {}, { clientAuthentication: 'optional' });
      expect(agreed.server).to.deep.include({ protection: 'transport', peerChain: [] });
      expectHandshakeFailed(
        () => meet({ client: tls, server: tls }, {}, { clientAuthentication: 'required' }),
        'certificate-required',
      );
    });

    it('asks in the handshake where TLS has not asked', () => {
      const tls = session();
      const agreed = meet(
        { client: tls, server: tls },
        { identities: [identity('client')] },
        { clientAuthentication: 'required' },
      );
      expect(agreed.server).to.deep.include({ protection: 'signed', peerChain: identity('client').chain });
    });
  });

  describe('between two sessions', () => {
    const opening = [
      ['client', transportHello],
      ['server', helloRequest],
      ['client', clientHello],
    ];

    for (const [what, server] of [
      ['the server is behind somebody who ends TLS and speaks in the clear', undefined],
      ['the server is behind somebody who ends TLS and begins it anew', session()],
    ] as const) {
      it(`is the whole handshake where ${what}`, () => {
        const agreed = meet({ client: session(), server });
        expect(typesOf(agreed).slice(0, 3)).to.deep.equal(opening);
        for (const side of [agreed.client, agreed.server]) {
          expect(side).to.include({ protection: 'signed', transport: undefined, allowed: 0b1111 });
        }
        expect(purposeKeys(agreed.client.secrets!.sending)).to.deep.equal(
          purposeKeys(agreed.server.secrets!.receiving),
        );
      });
    }

    it('is the whole handshake where the server would begin in the clear', () => {
      const { handshake, send } = startSecureClient(clientConfig(), session());
      const agreed = carry(handshake, send, startOnDemandServer(serverConfig({ secure: session() })));
      expect(typesOf(agreed).slice(0, 3)).to.deep.equal(opening);
      expect(agreed.server.later).to.equal(undefined);
    });

    it('is the whole handshake for a client that does not let TLS count, or sees nothing of it', () => {
      const tls = session();
      const { handshake, send } = startClientHandshake(clientConfig());
      expect(
        carry(handshake, send, startServerHandshake(serverConfig({ secure: tls }))).server.protection,
      ).to.equal('signed');
    });

    it('has said nothing of either side by then', () => {
      const { frames } = meet({ client: session(), server: session() });
      const name = toHex(manifest);
      // What follows the hellos is sealed.
      for (const { frame } of frames.slice(0, 4)) expect(toHex(frame)).to.not.include(name);
      expect(frames[0]!.frame).to.have.length(1 + 4 + 2 + 1 + 32);
    });

    it('finds out whoever changes what was said first', () => {
      const { handshake, send } = startSecureClient(clientConfig(), session());
      const server = startServerHandshake(serverConfig());
      const changed = send.slice();
      changed[20]! ^= 1;
      const [request] = server.receive(changed).send;
      const hello = handshake.receive(request!).send[0]!;
      expectHandshakeFailed(() => carry(handshake, hello, server), 'tag');
    });

    it('finds out whoever makes one side believe that the other had asked', () => {
      const { handshake } = startSecureClient(clientConfig(), session());
      const hello = handshake.receive(frameOf(encodeHelloRequest())).send[0]!;
      expectHandshakeFailed(() => carry(handshake, hello, startServerHandshake(serverConfig())), 'tag');
    });
  });

  describe('against somebody in between', () => {
    it('fails at a client whose words are sent back to it, or whose server is at another session', () => {
      const tls = session();
      const { send } = startSecureClient(clientConfig(), tls);
      const client = () => startSecureClient(clientConfig(), tls).handshake;
      expectHandshakeFailed(() => client().receive(send), 'channel-binding', 'an echo');
      const other = session();
      const otherHello = startServerHandshake(serverConfig({ secure: other })).receive(
        startSecureClient(clientConfig(), other).send,
      ).send[0]!;
      expectHandshakeFailed(() => client().receive(otherHello), 'channel-binding', 'of another session');
      const random = encodeTransportHello({ transport: 3, binding: new Uint8Array(randomBytes(32)) });
      expectHandshakeFailed(() => client().receive(frameOf(random)), 'channel-binding', 'made up');
    });

    it('tells nobody a server’s half who has not the client’s: replayed, of another session, sent back', () => {
      const tls = session();
      const server = () => startServerHandshake(serverConfig({ secure: tls }));
      const honest = server().receive(startSecureClient(clientConfig(), tls).send).send;
      const elsewhere = startSecureClient(clientConfig(), session()).send;
      for (const frame of [elsewhere, honest[0]!]) {
        const { send } = server().receive(frame);
        expect(send.map((sent) => sent[1])).to.deep.equal([helloRequest]);
      }
    });

    it('takes no other message in the place of any', () => {
      const tls = session();
      const { send } = startSecureClient(clientConfig(), tls);
      const server = (): Handshake => startServerHandshake(serverConfig({ secure: tls }));
      const client = (): Handshake => startSecureClient(clientConfig(), tls).handshake;
      const [hello, plain] = server().receive(send).send as [Uint8Array, Uint8Array];
      const off = startPlainClient(clientConfig()).send;
      const greeted = (): Handshake => {
        const handshake = client();
        handshake.receive(hello);
        return handshake;
      };
      const answered = (): Handshake => {
        const handshake = server();
        handshake.receive(send);
        return handshake;
      };
      const cases: [string, () => unknown, string][] = [
        ['the server’s PlainHello alone', () => client().receive(plain), 'unexpected-message'],
        ['a second TransportHello of the server', () => greeted().receive(hello), 'unexpected-message'],
        [
          'a HelloRequest behind a TransportHello',
          () => greeted().receive(frameOf(encodeHelloRequest())),
          'unexpected-message',
        ],
        ['a PlainHello without a TransportHello', () => server().receive(off), 'encryption-mismatch'],
        ['a second TransportHello of the client', () => answered().receive(send), 'unexpected-message'],
        [
          'a ClientHello behind a TransportHello that fits',
          () => answered().receive(startClientHandshake(clientConfig()).send),
          'unexpected-message',
        ],
        [
          'a TransportHello where encryption is off',
          () => startPlainServer(serverConfig()).receive(send),
          'encryption-mismatch',
        ],
        [
          'a TransportHello behind a HelloRequest',
          () => {
            const handshake = startServerHandshake(serverConfig());
            handshake.receive(send);
            handshake.receive(send);
          },
          'unexpected-message',
        ],
        [
          'two messages in a frame',
          () =>
            client().receive(
              plainFrame(frameTypes.handshake, concat([hello.subarray(1), plain.subarray(1)])),
            ),
          'unexpected-message',
        ],
        [
          'another transport in the PlainHello',
          () => answered().receive(startPlainClient(clientConfig({ transport: 1 })).send),
          'transport',
        ],
      ];
      for (const [what, act, reason] of cases) expectHandshakeFailed(act, reason, what);
    });

    it('refuses what has no place in these hellos, and another transport in any of them', () => {
      const tls = session();
      const data = encodeCarried('data', 'data', 1000);
      const onDemand = frameOf(plainHelloOf(clientConfig(), true));
      const withData = frameOf(plainHelloOf(serverConfig(), false, data));
      const { send } = startSecureClient(clientConfig(), tls);
      const [hello] = startServerHandshake(serverConfig({ secure: tls })).receive(send).send;
      const client = (): Handshake => {
        const { handshake } = startSecureClient(clientConfig(), tls);
        handshake.receive(hello!);
        return handshake;
      };
      const server = (): Handshake => {
        const handshake = startServerHandshake(serverConfig({ secure: tls }));
        handshake.receive(send);
        return handshake;
      };
      expectHandshakeFailed(() => client().receive(onDemand), 'malformed', 'on_demand to a client');
      expectHandshakeFailed(() => server().receive(onDemand), 'malformed', 'on_demand to a server');
      expectHandshakeFailed(() => client().receive(withData), 'malformed', 'connection data to a client');
      const elsewhere = startPlainClient(clientConfig({ transport: 1 })).send;
      expectHandshakeFailed(() => client().receive(elsewhere), 'transport', 'to a client');
      const otherHello = hello!.slice();
      otherHello[7] = 1;
      expectHandshakeFailed(
        () => startSecureClient(clientConfig(), tls).handshake.receive(otherHello),
        'channel-binding',
        'a TransportHello to a client',
      );
      const otherSend = send.slice();
      otherSend[7] = 1;
      const answer = startServerHandshake(serverConfig({ secure: tls })).receive(otherSend).send;
      expect(answer.map((frame) => frame[1])).to.deep.equal([helloRequest]);
    });

    it('refuses a TransportHello that is not made as it must be, on both sides, with TLS and without', () => {
      const tls = session();
      const good = startSecureClient(clientConfig(), tls).send.subarray(5);
      const version = good.slice();
      version[1] = 2;
      for (const [body, reason] of [
        [good.subarray(0, -1), 'malformed'],
        [concat([good, Uint8Array.of(0)]), 'malformed'],
        [new Uint8Array(0), 'malformed'],
        [version, 'version-mismatch'],
      ] as const) {
        const frame = frameOf(encodeMessage(transportHello, body));
        for (const receive of [
          () => startSecureClient(clientConfig(), tls).handshake.receive(frame.slice()),
          () => startServerHandshake(serverConfig({ secure: tls })).receive(frame.slice()),
          () => startServerHandshake(serverConfig()).receive(frame.slice()),
        ]) {
          expectHandshakeFailed(receive, reason);
        }
      }
    });
  });
});
