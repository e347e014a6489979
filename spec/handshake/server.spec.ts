// What a server refuses of a client, and what it answers: hellos that do not fit its settings, extensions and
// Finished that do not fit what was said. The order of messages is in order.spec.ts.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CryptoProvider } from '../../lib/crypto/provider.js';
import {
  type ServerHandshakeConfig,
  type ServerIdentities,
  startServerHandshake,
} from '../../lib/handshake/server.js';
import { Established, type Handshake } from '../../lib/handshake/state.js';
import { flip } from '../reference/conversation.js';
import {
  type ClientHello,
  decodeCertificate,
  decodeServerHello,
  type Extension,
  type Message,
  messageTypes,
} from '../reference/messages.js';
import { u8, u16, u32 } from '../reference/notation.js';
import { signatureAlgorithms } from '../reference/signature.js';
import { expectHandshakeFailed, fixedCrypto, identity, keyNames, only, serverConfig } from './roles.js';
import { clientExtensions, clientHello, ScriptedClient } from './scripted-client.js';

interface Meeting {
  readonly handshake: Handshake;
  readonly client: ScriptedClient;
  /** What the server said in its flight. */
  readonly flight: Message[];
}

const ed25519 = { identities: only(identity('ed25519')) };

function meet(config: Partial<ServerHandshakeConfig> = {}, hello: Partial<ClientHello> = {}): Meeting {
  const handshake = startServerHandshake(serverConfig({ ...ed25519, ...config }));
  const client = new ScriptedClient(hello);
  const { send, next } = handshake.receive(client.helloFrame);
  expect(send).to.have.length(2);
  expect(next).to.not.be.instanceOf(Established);
  return { handshake, client, flight: client.hear(send) };
}

function expectHelloRefused(
  hello: Partial<ClientHello>,
  reason: string,
  config: Partial<ServerHandshakeConfig> = {},
): void {
  const handshake = startServerHandshake(serverConfig({ ...ed25519, ...config }));
  expectHandshakeFailed(() => handshake.receive(new ScriptedClient(hello).helloFrame), reason);
}

describe('handshake, server', () => {
  describe('ClientHello', () => {
    const x25519 = (key: Uint8Array): Partial<ClientHello> => ({ keyShares: [{ group: 0x001d, key }] });
    const cases: [string, Partial<ClientHello>, string][] = [
      ['a share that gives an all-zero secret', x25519(new Uint8Array(32)), 'key-share'],
      ['a point of small order', x25519(new Uint8Array(32).fill(1, 0, 1)), 'key-share'],
      ['a share of 31 bytes', x25519(new Uint8Array(31).fill(9)), 'key-share'],
      [
        'no share of X25519',
        { groups: [23, 29], keyShares: [{ group: 23, key: u8(4) }] },
        'no-common-algorithm',
      ],
      ['no suite that is known', { suites: [3, 0, 0x1301] }, 'no-common-algorithm'],
      ['no signature algorithm that fits', { signatureAlgorithms: [0x0403, 0x0804] }, 'no-common-algorithm'],
      ['another transport', { transport: 1 }, 'transport'],
      ['an unknown transport', { transport: 0 }, 'transport'],
      ['a mask without bit 3', { allowed: 0b0111 }, 'malformed'],
      ['a mask with bit 4', { allowed: 0b11111 }, 'malformed'],
      ['an extension twice', { extensions: [1, 2].map(() => ({ type: 99, data: u8(0) })) }, 'malformed'],
      ['an extension that belongs elsewhere', { extensions: [{ type: 1, data: u8(0) }] }, 'malformed'],
      ['no signature algorithms, where it signs', { signatureAlgorithms: [] }, 'signature-mismatch'],
    ];
    for (const [what, hello, reason] of cases) {
      it(`refuses ${what}`, () => expectHelloRefused(hello, reason));
    }

    it('computes nothing for what a look refuses, and stretches nothing for a share of no use', () => {
      const computed: string[] = [];
      const crypto: CryptoProvider = {
        ...nodeCrypto,
        x25519KeyPair: (known) => {
          computed.push('key pair');
          return nodeCrypto.x25519KeyPair(known);
        },
        pbkdf2: (...stretched) => {
          computed.push('stretching');
          return nodeCrypto.pbkdf2(...stretched);
        },
      };
      for (const [what, hello, reason] of cases) {
        computed.length = 0;
        expectHelloRefused(hello, reason, { crypto });
        const isPoint = what.startsWith('a share that') || what.startsWith('a point');
        expect(computed, what).to.deep.equal(isPoint ? ['key pair'] : []);
      }
      computed.length = 0;
      meet({ crypto });
      expect(computed).to.deep.equal(['key pair', 'stretching']);
    });

    it('refuses signature algorithms where it does not sign', () => {
      expectHelloRefused({}, 'signature-mismatch', { identities: undefined });
    });

    it('lets the certificate be chosen by server name and by what the client can read', () => {
      const [p256, rsa] = [identity('p256'), identity('rsa')];
      const asked: unknown[] = [];
      const choose: ServerIdentities['choose'] = (serverName, canSign) => {
        asked.push(serverName, canSign(p256), canSign(rsa));
        return rsa;
      };
      const hello = {
        serverName: 'second.test',
        signatureAlgorithms: [0x9999, signatureAlgorithms.rsaPssRsaeSha256],
      };
      const { flight } = meet({ identities: { choose } }, hello);
      expect(asked).to.deep.equal(['second.test', false, true]);
      expect(decodeCertificate(flight[1]!.body, 1).map(toHex)).to.deep.equal(rsa.chain.map(toHex));

      // Whoever chooses badly, or nothing, gets no connection, and no signature of another kind.
      for (const chosen of [p256, undefined]) {
        const identities = { choose: () => chosen };
        expectHelloRefused(hello, 'no-common-algorithm', { identities });
      }
    });

    it('refuses another version, whatever else is in it', () => {
      const { helloFrame } = new ScriptedClient();
      const handshake = () => startServerHandshake(serverConfig());
      expectHandshakeFailed(() => handshake().receive(flip(helloFrame, 6, 3)), 'version-mismatch');
      const short = new Uint8Array([1, 1, 0, 0, 2, 0, 2]);
      expectHandshakeFailed(() => handshake().receive(short), 'version-mismatch');
    });

    it('refuses a hello that is sealed, shares its frame, is empty or is of another type of frame', () => {
      const { helloFrame } = new ScriptedClient();
      const body = helloFrame.slice(1);
      const frames: [Uint8Array, string][] = [
        [new Uint8Array([0xc1, ...body]), 'unexpected-frame'],
        [new Uint8Array([0x41, ...body]), 'unexpected-frame'],
        [new Uint8Array([0x81, ...body]), 'unexpected-frame'],
        [new Uint8Array([...helloFrame, ...body]), 'unexpected-message'],
        [Uint8Array.of(1), 'malformed'],
        [new Uint8Array([2, ...body]), 'unexpected-frame'],
        [new Uint8Array([3, ...body]), 'unexpected-frame'],
        [new Uint8Array([4, ...body]), 'unexpected-frame'],
        [new Uint8Array([5, ...body]), 'unexpected-frame'],
        [new Uint8Array([6, ...body]), 'malformed'],
        [new Uint8Array(0), 'malformed'],
      ];
      for (const [frame, reason] of frames) {
        const handshake = startServerHandshake(serverConfig());
        expectHandshakeFailed(() => handshake.receive(frame), reason, toHex(frame.slice(0, 4)));
        expectHandshakeFailed(() => handshake.receive(helloFrame), 'unexpected-message');
      }
    });

    it('is refused with the client’s Extensions in its frame: they must be sealed', () => {
      const client = new ScriptedClient();
      const { type, body } = client.extensions();
      const frame = Buffer.concat([client.helloFrame, u8(type), u8(0), u16(body.length), body]);
      const handshake = startServerHandshake(serverConfig(ed25519));
      expectHandshakeFailed(() => handshake.receive(new Uint8Array(frame)), 'unexpected-message');
    });

    it('ignores what it does not know: suites, groups, shares, signature algorithms, extensions', () => {
      const { client } = meet(
        {},
        {
          suites: [0x0a0a, 1],
          groups: [0x11ec, 0x001d],
          keyShares: [{ group: 0x11ec, key: new Uint8Array(1216) }, ...clientHello().keyShares],
          signatureAlgorithms: [0x0a0a, signatureAlgorithms.ed25519],
          extensions: [{ type: 0xfafa, data: u8(0) }],
        },
      );
      expect(decodeServerHello(client.transcript[1]!.body)).to.deep.include({ suite: 1, group: 0x001d });
    });

    it('answers with the client’s first suite, or with ChaCha20 where it prefers that', () => {
      const { crypto } = serverConfig();
      const chaCha = fixedCrypto(crypto, { cipher: 'chacha20-poly1305' });
      const answers = [
        { suites: [1, 2], crypto, suite: 1 },
        { suites: [2, 1], crypto, suite: 2 },
        { suites: [1, 2], crypto: chaCha, suite: 2 },
        { suites: [1], crypto: chaCha, suite: 1 },
      ];
      for (const { suites, suite, ...config } of answers) {
        const { client } = meet(config, { suites });
        expect(decodeServerHello(client.transcript[1]!.body).suite).to.equal(suite);
      }
    });
  });

  describe('flight', () => {
    it('tells its settings, and signs with the algorithm of its key', () => {
      const codes = { p256: 0x0403, p384: 0x0503, rsa: 0x0804, ed25519: 0x0807, rsaPss: 0x0809 };
      for (const key of keyNames) {
        const { flight, client } = meet({ identities: only(identity(key)), iterations: 3, allowed: 0b1001 });
        expect(flight.map(({ type }) => type)).to.deep.equal([8, 11, 15, 20]);
        expect(toHex(flight[2]!.body.slice(0, 2))).to.equal(toHex(u16(codes[key])));
        expect(toHex(flight[0]!.body)).to.match(/0003000109$/);
        expect(decodeServerHello(client.transcript[1]!.body).iterations).to.equal(3);
      }
    });

    it('has no certificate where the exchange is anonymous', () => {
      const { flight, client, handshake } = meet({ identities: undefined }, { signatureAlgorithms: [] });
      expect(flight.map(({ type }) => type)).to.deep.equal([messageTypes.extensions, messageTypes.finished]);
      const { next } = handshake.receive(client.seal([client.extensions(), client.finished()]));
      expect(next).to.include({ protection: 'anonymous', allowed: 0b1111 });
    });

    it('says another random and another share each time', () => {
      const hellos = [meet(), meet()].map(({ client }) => decodeServerHello(client.transcript[1]!.body));
      expect(toHex(hellos[0]!.random)).to.not.equal(toHex(hellos[1]!.random));
      expect(toHex(hellos[0]!.keyShare)).to.not.equal(toHex(hellos[1]!.keyShare));
    });

    it('wipes the keys when the private key fails to sign', () => {
      const made: Uint8Array[] = [];
      const { crypto } = serverConfig();
      const watched = {
        ...crypto,
        hkdfExpand(key: Uint8Array, info: Uint8Array, length: number) {
          const secret = crypto.hkdfExpand(key, info, length);
          if (/hs traffic/.test(Buffer.from(info).toString('latin1'))) made.push(secret);
          return secret;
        },
      };
      const { key, ...rest } = identity('ed25519');
      const broken = {
        kind: key.kind,
        publicKey: key.publicKey,
        export: () => key.export(),
        sign: () => {
          throw new Error('the device does not answer');
        },
      };
      const handshake = startServerHandshake(
        serverConfig({ crypto: watched, identities: only({ ...rest, key: broken }) }),
      );
      expectHandshakeFailed(() => handshake.receive(new ScriptedClient().helloFrame), 'internal');
      expect(made).to.have.length(2);
      expect(made.filter((secret) => secret.some((byte) => byte !== 0))).to.deep.equal([]);
    });
  });

  describe('Finished', () => {
    it('is what gives the server its keys, in one record or in two', () => {
      for (const together of [true, false]) {
        const { handshake, client } = meet();
        const flight = [client.extensions(), client.finished()];
        const records = together ? [flight] : flight.map((message) => [message]);
        const turns = records.map((record) => handshake.receive(client.seal(record)));
        expect(turns.at(-1)!.next).to.be.instanceOf(Established);
        expect(turns.flatMap(({ send }) => send)).to.deep.equal([]);
      }
    });

    it('is refused with any byte wrong, too short, too long, empty, or the server’s own', () => {
      const wrong: ((mac: Uint8Array, meeting: Meeting) => Uint8Array)[] = [
        (mac) => mac.slice(0, 31),
        (mac) => new Uint8Array([...mac, 0]),
        () => new Uint8Array(0),
        (_, { flight }) => flight.at(-1)!.body,
      ];
      for (let byte = 0; byte < 32; byte += 3) wrong.push((mac) => flip(mac, byte, 1 << (byte % 8)));
      for (const change of wrong) {
        const meeting = meet();
        const { handshake, client } = meeting;
        const record = client.seal([client.extensions(), client.finished((mac) => change(mac, meeting))]);
        expectHandshakeFailed(() => handshake.receive(record), 'finished');
      }
    });

    it('is refused over another transcript than the one that was said', () => {
      const { handshake, client } = meet();
      const extensions = client.extensions();
      client.transcript[0] = { ...client.hello, body: flip(client.hello.body, 2) };
      expectHandshakeFailed(
        () => handshake.receive(client.seal([extensions, client.finished()])),
        'finished',
      );
    });

    it('is refused with anything behind it in its record', () => {
      const { handshake, client } = meet();
      const record = client.seal([client.extensions(), client.finished(), client.extensions()]);
      expectHandshakeFailed(() => handshake.receive(record), 'unexpected-message');
    });
  });

  describe('extensions of the client', () => {
    const [manifest, maxFrameBytes] = clientExtensions as [Extension, Extension];
    const refused: [string, Extension[]][] = [
      ['no manifest', [maxFrameBytes]],
      ['no max_frame_bytes', [manifest]],
      ['the server’s mask', [manifest, maxFrameBytes, { type: 3, data: u8(0b1111) }]],
      ['one of them twice', [manifest, maxFrameBytes, maxFrameBytes]],
      ['max_frame_bytes below 65,536', [manifest, { type: 2, data: u32(4096) }]],
    ];
    for (const [what, list] of refused) {
      it(`refuses ${what}`, () => {
        const { handshake, client } = meet();
        const record = client.seal([client.extensions(list), client.finished()]);
        expectHandshakeFailed(() => handshake.receive(record), 'malformed');
      });
    }

    it('takes them in any order, and ignores unknown ones', () => {
      const { handshake, client } = meet({ allowed: 0b1101 }, { allowed: 0b1011 });
      const unknown = { type: 0xfafa, data: new Uint8Array(9) };
      const record = client.seal([client.extensions([unknown, maxFrameBytes, manifest]), client.finished()]);
      const { peer, allowed } = handshake.receive(record).next as Established;
      expect(peer).to.deep.equal({
        manifest: manifest.data,
        maxFrameBytes: 65_536,
        allowed: undefined,
        certificateRequest: undefined,
      });
      expect(allowed).to.equal(0b1001);
    });
  });
});
