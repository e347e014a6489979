// Connections that begin in the clear: who says what first, the handshake that follows later, and what it finds out.

import { expect } from 'chai';
import { type ClientHandshakeConfig, startClientHandshake } from '../../lib/handshake/client.js';
import { startOnDemandClient } from '../../lib/handshake/on-demand.js';
import { startOnDemandServer } from '../../lib/handshake/on-demand-server.js';
import { startPlainClient, startPlainServer } from '../../lib/handshake/plain.js';
import { type ServerHandshakeConfig, startServerHandshake } from '../../lib/handshake/server.js';
import type { Established } from '../../lib/handshake/state.js';
import { encodeCarried } from '../../lib/wire/carried-value.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import {
  decodePlainHello,
  encodeHelloRequest,
  encodeMessage,
  encodePlainHello,
  messageTypes,
  splitMessages,
} from '../../lib/wire/handshake-message.js';
import { purposeKeys } from '../record/purpose-keys.js';
import { type Agreed, carry, clientConfig, expectHandshakeFailed, serverConfig, thrownBy } from './roles.js';

const helloRequest = plainFrame(frameTypes.handshake, encodeHelloRequest().bytes);
const typeOf = (frame: Uint8Array | undefined): number | undefined => frame?.[1];

/** Both begin in the clear; `alter` sees the frames on their way. */
function beginPlain(
  client: Partial<ClientHandshakeConfig> = {},
  server: Partial<ServerHandshakeConfig> = {},
  alter: (frame: Uint8Array, from: 'client' | 'server') => Uint8Array = (frame) => frame,
): Agreed {
  const { handshake, send } = startOnDemandClient(clientConfig(client));
  const serving = startOnDemandServer(serverConfig(server));
  const answer = serving.receive(alter(send.slice(), 'client'));
  const end = handshake.receive(alter(answer.send[0]!.slice(), 'server'));
  const frames = [
    { from: 'client' as const, frame: send },
    { from: 'server' as const, frame: answer.send[0]! },
  ];
  return { client: end.next as Established, server: answer.next as Established, frames };
}

/** The handshake on the living connection, begun by the client. */
function secureLater({ client, server }: Agreed): Agreed {
  return carry(client.later!, client.later!.begin().send[0]!, server.later!);
}

function expectSameKeys({ client, server }: Agreed): void {
  expect(purposeKeys(client.secrets!.sending)).to.deep.equal(purposeKeys(server.secrets!.receiving));
  expect(purposeKeys(client.secrets!.receiving)).to.deep.equal(purposeKeys(server.secrets!.sending));
}

describe('handshake, on demand', () => {
  describe('the opening', () => {
    it('is two hellos in the clear where both sides want it so', () => {
      const { client, server } = beginPlain();
      for (const side of [client, server]) {
        expect(side).to.include({ protection: 'none', allowed: 0b0001, secrets: undefined });
        expect(side.later).to.not.equal(undefined);
        expect(side.peer.onDemand).to.equal(true);
      }
    });

    it('is a handshake at once where the server answers with a HelloRequest', () => {
      const { handshake, send } = startOnDemandClient(clientConfig());
      const agreed = carry(handshake, send, startServerHandshake(serverConfig()));
      expect(agreed.frames.map(({ from, frame }) => [from, typeOf(frame)]).slice(0, 3)).to.deep.equal([
        ['client', messageTypes.plainHello],
        ['server', messageTypes.helloRequest],
        ['client', messageTypes.clientHello],
      ]);
      expect([agreed.client.protection, agreed.server.protection]).to.deep.equal(['signed', 'signed']);
      expect([agreed.client.later, agreed.server.later]).to.deep.equal([undefined, undefined]);
      expectSameKeys(agreed);
    });

    it('is a handshake at once where the client wants one', () => {
      const { handshake, send } = startClientHandshake(clientConfig());
      const agreed = carry(handshake, send, startOnDemandServer(serverConfig()));
      expect(agreed.server.later).to.equal(undefined);
      expectSameKeys(agreed);
    });

    it('asks once, and only whoever would be secured later', () => {
      const server = startServerHandshake(serverConfig());
      const hello = startOnDemandClient(clientConfig()).send;
      expect(typeOf(server.receive(hello).send[0])).to.equal(messageTypes.helloRequest);
      expectHandshakeFailed(() => server.receive(hello), 'unexpected-message');
      const off = startPlainClient(clientConfig()).send;
      expectHandshakeFailed(() => startServerHandshake(serverConfig()).receive(off), 'encryption-mismatch');
    });

    it('fails where the other side has encryption off, or somebody took on_demand out', () => {
      const cases: [string, () => unknown][] = [
        [
          'a server that is off',
          () => startPlainServer(serverConfig()).receive(startOnDemandClient(clientConfig()).send),
        ],
        [
          'a client that is off',
          () => startOnDemandServer(serverConfig()).receive(startPlainClient(clientConfig()).send),
        ],
        [
          'a reply of a server of old',
          () => beginPlain({}, {}, (frame, from) => (from === 'server' ? without(frame) : frame)),
        ],
        [
          'a hello of a client of old',
          () => beginPlain({}, {}, (frame, from) => (from === 'client' ? without(frame) : frame)),
        ],
        [
          'a reply to a client that is off',
          () => startPlainClient(clientConfig()).handshake.receive(beginPlain().frames[1]!.frame),
        ],
      ];
      for (const [what, act] of cases) expectHandshakeFailed(act, 'encryption-mismatch', what);
    });

    it('refuses a HelloRequest that is none, another transport, and a verdict in the clear', () => {
      const client = () => startOnDemandClient(clientConfig()).handshake;
      const full = plainFrame(
        frameTypes.handshake,
        encodeMessage(messageTypes.helloRequest, Uint8Array.of(0)).bytes,
      );
      expectHandshakeFailed(() => client().receive(full), 'malformed');
      expectHandshakeFailed(() => beginPlain({ transport: 1 }), 'transport');
      expectHandshakeFailed(() => beginPlain({}, { approves: true }), 'malformed');
    });

    it('has the HelloRequest, and what it answers, in what is agreed', () => {
      // To the server the client said ClientHello first.
      const { handshake, send } = startOnDemandClient(clientConfig());
      expect(typeOf(send)).to.equal(messageTypes.plainHello);
      const hello = handshake.receive(helloRequest).send[0]!;
      expectHandshakeFailed(() => carry(handshake, hello, startServerHandshake(serverConfig())), 'tag');
    });
  });

  describe('the handshake on a living connection', () => {
    it('comes to the same keys, whoever begins', () => {
      expectSameKeys(secureLater(beginPlain()));
      const asked = beginPlain();
      const [request] = asked.server.later!.begin().send;
      const [hello] = asked.client.later!.receive(request!).send;
      expectSameKeys(carry(asked.client.later!, hello!, asked.server.later!));
      const anonymous = secureLater(beginPlain({ signed: false }, { identities: undefined }));
      expectSameKeys(anonymous);
      expect(anonymous.client.protection).to.equal('anonymous');
    });

    it('takes a HelloRequest that crosses the ClientHello, and none later', () => {
      const { client, server } = beginPlain();
      const hello = client.later!.begin().send[0]!;
      const request = server.later!.begin().send[0]!;
      const { send } = server.later!.receive(hello);
      expect(client.later!.receive(request).send).to.deep.equal([]);
      client.later!.receive(send[0]!.slice());
      expectHandshakeFailed(() => client.later!.receive(request), 'unexpected-frame');
    });

    it('takes one ClientHello', () => {
      const { client, server } = beginPlain();
      const hello = client.later!.begin().send[0]!;
      expect(thrownBy(() => client.later!.begin()).reason).to.equal('internal');
      server.later!.receive(hello);
      expectHandshakeFailed(() => server.later!.receive(hello), 'unexpected-frame');
    });

    it('finds out every bit that was changed in the clear', () => {
      const { frames } = beginPlain({ manifest }, { manifest });
      let found = 0;
      let survived = 0;
      for (const { from, frame } of frames) {
        for (let bit = 0; bit < frame.length * 8; bit++) {
          const alter = (bytes: Uint8Array, sender: string): Uint8Array =>
            sender === from ? flipped(bytes, bit) : bytes;
          try {
            const begun = beginPlain({ manifest }, { manifest }, alter);
            survived += 1;
            expectHandshakeFailed(() => secureLater(begun), 'tag', `${from}, bit ${bit}`);
          } catch (error) {
            // Found before anything could be called.
            if ((error as { code?: string }).code !== 'HANDSHAKE_FAILED') throw error;
          }
          found += 1;
        }
      }
      expect(found).to.equal((frames[0]!.frame.length + frames[1]!.frame.length) * 8);
      // Names, flags, sizes: most of it looks as good as what it was.
      expect(survived).to.be.greaterThan(100);
    });

    it('fails where a side vouches for another manifest, or other sizes, than it told in the clear', () => {
      const other = Uint8Array.of(1, 1, 0x43, 0, 1, 1, 0x6d, 3);
      const cases: [object, object, string][] = [
        [{}, { manifest: other }, 'manifest-changed'],
        [{}, { maxFrameBytes: 200_000 }, 'limits-changed'],
        [{}, { maxMessageBytes: 200_000 }, 'limits-changed'],
        [{}, { approves: true }, 'malformed'],
        [{}, { clientAuthentication: 'optional' }, 'malformed'],
        [{ manifest: other }, {}, 'manifest-changed'],
        [{ maxFrameBytes: 200_000 }, {}, 'limits-changed'],
      ];
      for (const [client, server, reason] of cases)
        expectHandshakeFailed(() => changingTheirMinds(client, server), reason, reason);
      const said = encodeCarried('ada', 'connectionData', 100);
      expectHandshakeFailed(() => changingTheirMinds({}, {}, said), 'malformed');
      expectSameKeys(changingTheirMinds({}, {}));
    });

    it('agrees on other keys than a handshake at the opening with the same hellos', () => {
      const { client, server } = beginPlain();
      const hello = client.later!.begin().send[0]!;
      expectHandshakeFailed(() => carry(client.later!, hello, startServerHandshake(serverConfig())), 'tag');
      server.destroy();
    });
  });
});

/** A service with one method under both flags, as a manifest. */
const manifest = Uint8Array.of(1, 1, 0x41, 0, 2, 1, 0x6d, 3, 1, 0x6e, 0);

function flipped(frame: Uint8Array, bit: number): Uint8Array {
  const changed = frame.slice();
  changed[bit >> 3]! ^= 1 << (bit & 7);
  return changed;
}

/** The same PlainHello without on_demand. */
function without(frame: Uint8Array): Uint8Array {
  const { transport, extensions } = decodePlainHello(frame.subarray(5));
  const rest = new Map([...extensions].filter(([type]) => type !== 8));
  expect(rest.size).to.equal(extensions.size - 1);
  return plainFrame(frameTypes.handshake, encodePlainHello({ transport, extensions: rest }).bytes);
}

/** Both begin alike in the clear; what they say under keys is changed. */
function changingTheirMinds(
  client: Partial<ClientHandshakeConfig>,
  server: Partial<ServerHandshakeConfig>,
  connectionData?: Uint8Array,
): Agreed {
  const { frames, ...begun } = beginPlain();
  const said = frames.map(({ frame }) => splitMessages(frame.subarray(1))[0]!);
  const { handshake, send } = startClientHandshake(
    clientConfig({ ...client, preamble: { said, peer: begun.client.peer } }),
  );
  const serving = startServerHandshake(
    serverConfig({ ...server, preamble: { said, peer: begun.server.peer } }),
  );
  return carry(handshake, send, serving, connectionData);
}
