// What a client refuses of a server that holds the keys: hellos, shares, signatures, Finished and extensions that do
// not fit, each the only thing that is wrong. The order of messages is in order.spec.ts.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import type { ClientHandshakeConfig } from '../../lib/handshake/client.js';
import { startClientHandshake } from '../../lib/handshake/client.js';
import { Established, type Handshake, PendingVerdict } from '../../lib/handshake/state.js';
import { flip } from '../reference/conversation.js';
import { decodeClientHello, type Extension, type Message, type ServerHello } from '../reference/messages.js';
import { u8, u16, u32 } from '../reference/notation.js';
import { signatureAlgorithms } from '../reference/signature.js';
import { clientConfig, expectHandshakeFailed, identity, type KeyName } from './roles.js';
import { plainHandshake, ScriptedServer, type SignOptions, serverExtensions } from './scripted-server.js';

interface Meeting {
  readonly handshake: Handshake;
  readonly server: ScriptedServer;
}

function meet(config: Partial<ClientHandshakeConfig> = {}, hello: Partial<ServerHello> = {}): Meeting {
  const { handshake, send } = startClientHandshake(clientConfig(config));
  return { handshake, server: new ScriptedServer(send, hello) };
}

/** The client has taken the hello. */
function greeted(config: Partial<ClientHandshakeConfig> = {}): Meeting {
  const meeting = meet(config);
  meeting.handshake.receive(meeting.server.helloFrame);
  return meeting;
}

function verdictOf({ handshake, server }: Meeting, messages: Message[]): PendingVerdict {
  const { next, send } = handshake.receive(server.seal(messages));
  expect(send).to.deep.equal([]);
  expect(next).to.be.instanceOf(PendingVerdict);
  return next as PendingVerdict;
}

describe('handshake, client', () => {
  it('says in its hello what docs/protocol.md section 4.1 lists, its own settings among it', () => {
    const { server } = meet({ serverName: 'müller.example', transport: 2, allowed: 0b1101 });
    const hello = decodeClientHello(server.clientHello.body);
    expect(hello).to.deep.include({
      suites: [1, 2],
      groups: [0x001d],
      signatureAlgorithms: Object.values(signatureAlgorithms).sort((a, b) => a - b),
      serverName: 'müller.example',
      transport: 2,
      allowed: 0b1101,
      extensions: [],
    });
    const another = decodeClientHello(meet().server.clientHello.body);
    expect(toHex(another.random)).to.not.equal(toHex(hello.random));
    expect(toHex(another.keyShares[0]!.key)).to.not.equal(toHex(hello.keyShares[0]!.key));
  });

  it('offers no signature algorithm where it wants no signature', () => {
    expect(
      decodeClientHello(meet({ signed: false }).server.clientHello.body).signatureAlgorithms,
    ).to.deep.equal([]);
  });

  describe('ServerHello', () => {
    const cases: [string, Partial<ServerHello>, string][] = [
      ['a share that gives an all-zero secret', { keyShare: new Uint8Array(32) }, 'key-share'],
      ['a point of small order', { keyShare: smallOrder() }, 'key-share'],
      ['a share of 31 bytes', { keyShare: new Uint8Array(31).fill(9) }, 'key-share'],
      ['a share of 33 bytes', { keyShare: new Uint8Array(33).fill(9) }, 'key-share'],
      ['a group that was not offered', { group: 0x0017 }, 'no-common-algorithm'],
      ['a suite that nobody knows', { suite: 3 }, 'no-common-algorithm'],
      ['suite 0', { suite: 0 }, 'no-common-algorithm'],
      ['iterations above the cap', { iterations: 10_001 }, 'key-stretching'],
      ['as many iterations as fit', { iterations: 2 ** 32 - 1 }, 'key-stretching'],
      ['no iterations', { iterations: 0 }, 'malformed'],
      ['an extension that nobody asked for', { extensions: [{ type: 0xfafa, data: u8(0) }] }, 'malformed'],
    ];
    for (const [what, change, reason] of cases) {
      it(`refuses ${what}`, () => {
        const { handshake, server } = meet({}, change);
        expectHandshakeFailed(() => handshake.receive(server.helloFrame), reason);
      });
    }

    it('is refused when anything shares its frame: what follows must be sealed', () => {
      const { handshake, server } = meet({ signed: false });
      const messages = [server.hello, server.extensions()].map(({ type, body }) =>
        Buffer.concat([u8(type), u8(0), u16(body.length), body]),
      );
      const frame = new Uint8Array(Buffer.concat([u8(1), ...messages]));
      expectHandshakeFailed(() => handshake.receive(frame), 'unexpected-message');
    });

    it('refuses a suite that is known and was not offered', () => {
      const { crypto } = clientConfig();
      const oneSuite = { ...crypto, preferredCiphers: ['aes-256-gcm'] as const };
      const { handshake, server } = meet({ crypto: oneSuite }, { suite: 2 });
      expect(decodeClientHello(server.clientHello.body).suites).to.deep.equal([1]);
      expectHandshakeFailed(() => handshake.receive(server.helloFrame), 'no-common-algorithm');
    });

    it('refuses another version, whatever else is in it', () => {
      const { handshake, server } = meet();
      expectHandshakeFailed(() => handshake.receive(flip(server.helloFrame, 6, 3)), 'version-mismatch');
      const second = meet().handshake;
      const short = plainHandshake({ type: 2, body: u16(2) });
      expectHandshakeFailed(() => second.receive(short), 'version-mismatch');
    });

    it('takes as many iterations as its cap, and no more', () => {
      for (const [iterations, taken] of [
        [7, true],
        [8, false],
      ] as const) {
        const { handshake, server } = meet({ maxIterations: 7 }, { iterations });
        if (!taken) expectHandshakeFailed(() => handshake.receive(server.helloFrame), 'key-stretching');
        else {
          handshake.receive(server.helloFrame);
          verdictOf({ handshake, server }, server.flight());
        }
      }
    });
  });

  describe('flight', () => {
    const keys: Record<KeyName, number> = {
      p256: signatureAlgorithms.ecdsaSecp256r1Sha256,
      p384: signatureAlgorithms.ecdsaSecp384r1Sha384,
      rsa: signatureAlgorithms.rsaPssRsaeSha256,
      rsaPss: signatureAlgorithms.rsaPssPssSha256,
      ed25519: signatureAlgorithms.ed25519,
    };
    const names = Object.keys(keys) as KeyName[];

    function signedFlight(server: ScriptedServer, certificate: KeyName, verify: SignOptions): Message[] {
      return [
        server.extensions(),
        server.certificate(certificate),
        server.certificateVerify(verify),
        server.finished(),
      ];
    }

    for (const key of names) {
      it(`takes the signature of a ${key} key under the algorithm that fits it, and under no other`, () => {
        for (const algorithm of [...Object.values(keys), 0x0401, 0x0000]) {
          const meeting = greeted();
          const flight = signedFlight(meeting.server, key, { key, algorithm });
          if (algorithm === keys[key]) {
            const chain = verdictOf(meeting, flight).peerChain;
            expect(chain.map(toHex)).to.deep.equal(identity(key).chain.map(toHex));
          } else {
            const receive = () => meeting.handshake.receive(meeting.server.seal(flight));
            expectHandshakeFailed(receive, 'signature', `0x${algorithm.toString(16)}`);
          }
        }
      });

      it(`refuses a signature that another key made, where the certificate is of a ${key} key`, () => {
        for (const other of names.filter((name) => name !== key)) {
          const { handshake, server } = greeted();
          const flight = signedFlight(server, key, { key: other, algorithm: keys[key] });
          expectHandshakeFailed(() => handshake.receive(server.seal(flight)), 'signature', other);
        }
      });
    }

    it('refuses a signature over anything but this transcript, in this role', () => {
      const changes: Record<string, (content: Uint8Array) => Uint8Array> = {
        'another transcript': (content) => flip(content, content.length - 1),
        'a shorter padding': (content) => content.slice(1),
        'the role of a client': (content) =>
          new Uint8Array(
            Buffer.from(Buffer.from(content).toString('latin1').replace('server', 'client'), 'latin1'),
          ),
        'another version': (content) => flip(content, 64 + 'sealwire '.length, 3),
        'the hash alone': (content) => content.slice(-32),
        nothing: () => new Uint8Array(0),
      };
      for (const [what, content] of Object.entries(changes)) {
        const { handshake, server } = greeted();
        const flight = signedFlight(server, 'ed25519', { content });
        expectHandshakeFailed(() => handshake.receive(server.seal(flight)), 'signature', what);
      }
    });

    it('refuses the signature of another connection, replayed', () => {
      const recorded = greeted().server;
      const [, , verify] = recorded.flight();
      const { handshake, server } = greeted();
      const flight = [
        server.extensions(),
        server.certificate(),
        server.say(verify!.type, verify!.body),
        server.finished(),
      ];
      expectHandshakeFailed(() => handshake.receive(server.seal(flight)), 'signature');
    });

    it('refuses a certificate that is none, and an empty chain', () => {
      for (const body of ['000000', '0002ffff', '0005000330000a', '0000']) {
        const { handshake, server } = greeted();
        const certificate = server.say(11, new Uint8Array(Buffer.from(body, 'hex')));
        const flight = [server.extensions(), certificate, server.certificateVerify(), server.finished()];
        expectHandshakeFailed(() => handshake.receive(server.seal(flight)), undefined, body);
      }
    });

    it('refuses a Finished with any bit wrong, too short, too long or empty', () => {
      const wrong: ((mac: Uint8Array) => Uint8Array)[] = [
        (mac) => mac.slice(0, 31),
        (mac) => new Uint8Array([...mac, 0]),
        () => new Uint8Array(0),
        () => new Uint8Array(32),
      ];
      for (let byte = 0; byte < 32; byte++) wrong.push((mac) => flip(mac, byte, 1 << (byte % 8)));
      for (const change of wrong) {
        const { handshake, server } = greeted({ signed: false });
        const flight = [server.extensions(), server.finished(change)];
        expectHandshakeFailed(() => handshake.receive(server.seal(flight)), 'finished');
      }
    });

    it('takes its messages in one record, in one each, and in any other cut between them', () => {
      for (let cuts = 0; cuts < 8; cuts++) {
        const { handshake, server } = greeted();
        const records: Message[][] = [[]];
        server.flight().forEach((message, index) => {
          if (index > 0 && cuts & (1 << (index - 1))) records.push([]);
          records.at(-1)!.push(message);
        });
        const nexts = records.map((record) => handshake.receive(server.seal(record)).next);
        expect(nexts.at(-1), `cut ${cuts}`).to.be.instanceOf(PendingVerdict);
        expect(nexts.slice(0, -1).some((next) => next instanceof PendingVerdict)).to.equal(false);
      }
    });

    it('refuses a message that is cut in two by the end of a record, wherever it is cut', () => {
      const length = 4 + greeted().server.extensions().body.length;
      for (let cut = 1; cut < length; cut++) {
        const { handshake, server } = greeted();
        const message = server.extensions();
        const bytes = [u8(message.type), u8(0), u16(message.body.length), message.body];
        const whole = new Uint8Array(Buffer.concat(bytes));
        const first = server.sealing.seal(3, 1, whole.slice(0, cut));
        expectHandshakeFailed(() => handshake.receive(first), 'malformed', `cut at ${cut}`);
      }
    });

    it('refuses whatever stands behind Finished in its record', () => {
      for (const signed of [true, false]) {
        for (const extra of [
          (server: ScriptedServer) => server.finished(),
          (server: ScriptedServer) => server.extensions(),
        ]) {
          const { handshake, server } = greeted({ signed });
          const flight = signed ? server.flight() : [server.extensions(), server.finished()];
          const record = server.seal([...flight, extra(server)]);
          expectHandshakeFailed(() => handshake.receive(record), 'unexpected-message');
        }
      }
    });

    it('refuses trailing bytes behind Finished', () => {
      const { handshake, server } = greeted({ signed: false });
      const finished = [server.extensions(), server.finished()];
      const bytes = finished.map(({ type, body }) =>
        Buffer.concat([u8(type), u8(0), u16(body.length), body]),
      );
      const record = server.sealing.seal(3, 1, new Uint8Array(Buffer.concat([...bytes, Uint8Array.of(0)])));
      expectHandshakeFailed(() => handshake.receive(record), 'malformed');
    });

    it('refuses a repeated, a skipped and a changed record', () => {
      const twice = greeted();
      const extensions = twice.server.seal([twice.server.extensions()]);
      twice.handshake.receive(extensions.slice());
      expectHandshakeFailed(() => twice.handshake.receive(extensions), 'sequence');

      const skipped = greeted();
      skipped.server.seal([skipped.server.extensions()]);
      const second = skipped.server.seal([skipped.server.certificate()]);
      expectHandshakeFailed(() => skipped.handshake.receive(second), 'sequence');

      const changed = greeted();
      const record = changed.server.seal([changed.server.extensions()]);
      expectHandshakeFailed(() => changed.handshake.receive(flip(record, 12)), 'tag');
    });
  });

  describe('extensions of the server', () => {
    const [manifest, maxFrameBytes, allowed] = serverExtensions as [Extension, Extension, Extension];
    const unknown: Extension = { type: 0xfafa, data: new Uint8Array(300) };

    function flightWith(list: readonly Extension[]): () => Established {
      const { handshake, server } = greeted({ signed: false });
      const record = server.seal([server.extensions(list), server.finished()]);
      return () => handshake.receive(record).next as Established;
    }

    const refused: [string, readonly Extension[]][] = [
      ['no manifest', [maxFrameBytes, allowed]],
      ['no max_frame_bytes', [manifest, allowed]],
      ['no allowed', [manifest, maxFrameBytes]],
      ['none at all', []],
      ['the manifest twice', [manifest, maxFrameBytes, allowed, manifest]],
      ['an unknown one twice', [manifest, maxFrameBytes, allowed, unknown, unknown]],
      ['max_frame_bytes below 65,536', [manifest, { type: 2, data: u32(65_535) }, allowed]],
      ['max_frame_bytes of 3 bytes', [manifest, { type: 2, data: new Uint8Array(3) }, allowed]],
      ['max_frame_bytes of 5 bytes', [manifest, { type: 2, data: new Uint8Array(5).fill(1) }, allowed]],
      ['an empty mask', [manifest, maxFrameBytes, { type: 3, data: u8(0) }]],
      ['a mask without bit 3', [manifest, maxFrameBytes, { type: 3, data: u8(0b0111) }]],
      ['a mask with bit 4', [manifest, maxFrameBytes, { type: 3, data: u8(0b11000) }]],
      ['a mask of no bytes', [manifest, maxFrameBytes, { type: 3, data: new Uint8Array(0) }]],
      ['a mask of two bytes', [manifest, maxFrameBytes, { type: 3, data: u16(0x0f0f) }]],
      [
        '17 extensions',
        [
          ...serverExtensions,
          ...Array.from({ length: 14 }, (_, type) => ({ type: 100 + type, data: u8(0) })),
        ],
      ],
    ];
    for (const [what, list] of refused) {
      it(`refuses ${what}`, () => expectHandshakeFailed(flightWith(list), 'malformed'));
    }

    it('takes them in any order, and ignores unknown ones', () => {
      const { peer, allowed: agreed } = flightWith([unknown, allowed, maxFrameBytes, manifest])();
      expect(peer).to.deep.equal({
        manifest: manifest.data,
        maxFrameBytes: 100_000,
        allowed: 0b1111,
        certificateRequest: undefined,
      });
      expect(agreed).to.equal(0b1111);
    });

    it('agrees on what both sides accept', () => {
      for (const mask of [0b1000, 0b1001, 0b1010, 0b1100, 0b1110, 0b1111]) {
        const { handshake, server } = greeted({ signed: false, allowed: 0b1011 });
        const list = [manifest, maxFrameBytes, { type: 3, data: u8(mask) }];
        const record = server.seal([server.extensions(list), server.finished()]);
        expect((handshake.receive(record).next as Established).allowed).to.equal(mask & 0b1011);
      }
    });
  });

  describe('verdict', () => {
    it('sends nothing before the certificate was accepted, and then its flight', () => {
      const meeting = greeted();
      verdictOf(meeting, meeting.server.flight());
      const { next, send } = meeting.handshake.accept();
      expect(send).to.have.length(1);
      expect(next).to.include({ protection: 'signed', allowed: 0b1111 });
    });

    it('takes no frame while the verdict is open', () => {
      const meeting = greeted();
      verdictOf(meeting, meeting.server.flight());
      const record = meeting.server.seal([meeting.server.extensions()]);
      expectHandshakeFailed(() => meeting.handshake.receive(record), 'unexpected-message');
    });
  });
});

/** RFC 7748 §6.1 warns of these: u = 1 has order 4. */
function smallOrder(): Uint8Array {
  return new Uint8Array(32).fill(1, 0, 1);
}
