// The reference client and the reference server talk to each other: they send the stored frames byte for byte, and
// refuse whatever an attacker in between changes, replays, drops or adds.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { type ReferenceClient, type ReferenceClientOptions, referenceClient } from './client.js';
import type { Direction } from './direction.js';
import { closeCodes, concat, text } from './notation.js';
import type { End, Peer, Turn } from './peer.js';
import { Authenticated, Both, Encrypted, frameTypes, plainFrame } from './record.js';
import { type ReferenceServer, type ReferenceServerOptions, referenceServer } from './server.js';
import { signatureAlgorithms, signContent } from './signature.js';
import { clientManifest, fixedBytes, type Identities, serverManifest } from './vectors.js';

const load = <Shape>(name: string): Shape =>
  JSON.parse(readFileSync(resolve('spec', 'vectors', name), 'utf8')) as Shape;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
const identities = load<Identities>('identities.json');

function clientOptions(change: Partial<ReferenceClientOptions> = {}): ReferenceClientOptions {
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

function serverOptions(change: Partial<ReferenceServerOptions> = {}): ReferenceServerOptions {
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

const anonymousClient = clientOptions({ signatureAlgorithms: [] });
const anonymousServer = serverOptions({ certificate: undefined });
const plainAnnouncement = { manifest: serverManifest, maxFrameBytes: 65_536 };

interface Conversation {
  client: ReferenceClient;
  server: ReferenceServer;
  frames: { from: 'client' | 'server'; frame: Uint8Array }[];
  clientEnd?: End;
  serverEnd?: End;
}

/** Carries frames to and fro until nobody has anything to say. `meddle` is the attacker on the way. */
function converse(
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

function connected(): Conversation {
  const made = converse(clientOptions(), serverOptions());
  expect([made.client.stage, made.server.stage]).to.deep.equal(['traffic', 'traffic']);
  return made;
}

function flip(bytes: Uint8Array, index: number, bits = 1): Uint8Array {
  const flipped = bytes.slice();
  flipped[index] = flipped[index]! ^ bits;
  return flipped;
}

function expectRefused(turn: Turn, reason: string, closeCode: number = closeCodes.protocolError): void {
  expect(turn.delivered).to.deep.equal([]);
  expect(turn.ended).to.deep.equal({ by: 'us', closeCode, reason });
  expect(turn.send).to.have.length(1);
}

describe('reference roles: the handshake', () => {
  interface Stored {
    // The inputs of a file are those of both roles; see spec/vectors/README.md.
    inputs: {
      clientRandom: string;
      clientPrivateKey: string;
      serverRandom: string;
      serverPrivateKey: string;
      suites: number[];
      suite: number;
      iterations: number;
      signatureAlgorithms: number[];
      serverName: string;
      transport: number;
      clientAllowed: number;
      client: ReferenceClientOptions['announcement'];
      server: ReferenceServerOptions['announcement'];
      certificate: { chain: string[]; algorithm: number; signature: string } | null;
    };
    handshakeFrames: { from: string; frame: string }[];
    trafficFrames: { from: 'client' | 'server'; type: number; flags: number; body: string; frame: string }[];
    exported: { label: string; context: string; length: number; key: string }[];
  }

  for (const name of ['p256-aesgcm', 'p384', 'ed25519-chacha', 'rsa', 'rsa-pss', 'anonymous']) {
    it(`sends and reads the frames of handshake-${name}.json`, () => {
      const { inputs, handshakeFrames, trafficFrames, exported } = load<Stored>(`handshake-${name}.json`);
      const { certificate } = inputs;
      const { client, server, frames } = converse(
        clientOptions({
          random: unhex(inputs.clientRandom),
          privateKey: unhex(inputs.clientPrivateKey),
          suites: inputs.suites,
          signatureAlgorithms: inputs.signatureAlgorithms,
          serverName: inputs.serverName,
          transport: inputs.transport,
          allowed: inputs.clientAllowed,
          announcement: inputs.client,
        }),
        serverOptions({
          random: unhex(inputs.serverRandom),
          privateKey: unhex(inputs.serverPrivateKey),
          suites: [inputs.suite],
          iterations: inputs.iterations,
          announcement: inputs.server,
          certificate: certificate
            ? {
                chain: certificate.chain.map(unhex),
                algorithm: certificate.algorithm,
                sign: () => unhex(certificate.signature),
              }
            : undefined,
        }),
      );
      expect(frames.map(({ from, frame }) => ({ from, frame: hex(frame) }))).to.deep.equal(
        handshakeFrames.map(({ from, frame }) => ({ from, frame })),
      );
      expect([client.stage, server.stage]).to.deep.equal(['traffic', 'traffic']);
      expect(client.agreement!.agreed).to.equal(0b1101);
      expect(server.agreement).to.deep.equal({ ...inputs.client, agreed: 0b1101 });
      for (const { label, context, length, key } of exported) {
        expect(hex(client.exportKey(label, unhex(context), length))).to.equal(key);
        expect(hex(server.exportKey(label, unhex(context), length))).to.equal(key);
      }
      for (const { from, type, flags, body, frame } of trafficFrames) {
        const [sender, receiver]: Peer[] = from === 'client' ? [client, server] : [server, client];
        if (type === frameTypes.close) {
          expect(receiver!.receive(unhex(frame)).ended).to.deep.include({
            by: 'peer',
            closeCode: Number(body),
          });
          break; // the connection is over; the other side's close frame has nobody to read it
        }
        const sent = type === frameTypes.keyUpdate ? sender!.updateKeys() : sender!.send(flags, unhex(body));
        expect(hex(sent)).to.equal(frame);
        const { delivered } = receiver!.receive(sent);
        const expected = type === frameTypes.messages ? [{ flags, body }] : [];
        expect(delivered.map((one) => ({ flags: one.flags, body: hex(one.body) }))).to.deep.equal(expected);
      }
    });
  }

  it('takes the sealed messages in several records', () => {
    const { client, server, frames } = converse(
      clientOptions(),
      serverOptions({ oneMessagePerRecord: true }),
    );
    expect(frames).to.have.length(1 + 1 + 4 + 1);
    expect([client.stage, server.stage]).to.deep.equal(['traffic', 'traffic']);
  });

  it('fails for the client when any byte of the hellos or the server’s flight is changed', () => {
    const { frames } = converse(anonymousClient, anonymousServer);
    for (const changed of [0, 1, 2]) {
      for (let index = 0; index < frames[changed]!.frame.length; index++) {
        const { client, server } = converse(anonymousClient, anonymousServer, (frame, at) =>
          at === changed ? flip(frame, index) : frame,
        );
        expect(client.stage, `frame ${changed}, byte ${index}`).to.equal('ended');
        expect(client.agreement).to.equal(undefined);
        expect(server.agreement).to.equal(undefined);
      }
    }
  });

  it('fails for the server when any byte of the client’s flight is changed', () => {
    const { frames } = converse(anonymousClient, anonymousServer);
    for (let index = 0; index < frames[3]!.frame.length; index++) {
      const { server, serverEnd } = converse(anonymousClient, anonymousServer, (frame, at) =>
        at === 3 ? flip(frame, index) : frame,
      );
      expect(server.agreement, `byte ${index}`).to.equal(undefined);
      expect(serverEnd!.by).to.equal('us');
    }
  });

  it('refuses the signature of another key, and one over something else', () => {
    const { chain } = identities.ed25519;
    const sign = (privateKey: string, change: (content: Uint8Array) => Uint8Array) =>
      converse(
        clientOptions(),
        serverOptions({
          certificate: {
            chain: chain.map(unhex),
            algorithm: signatureAlgorithms.ed25519,
            sign: (content) => signContent(unhex(privateKey), change(content)),
          },
        }),
      ).clientEnd;
    const wrong = { by: 'us', closeCode: closeCodes.handshakeFailed, reason: 'a wrong signature' };
    expect(sign(identities.p256.privateKey, (content) => content)).to.deep.equal(wrong);
    expect(sign(identities.ed25519.privateKey, (content) => flip(content, 64))).to.deep.equal(wrong);
    expect(sign(identities.ed25519.privateKey, (content) => content)).to.equal(undefined);
  });

  it('refuses an algorithm that does not fit the key', () => {
    const { clientEnd } = converse(
      clientOptions(),
      serverOptions({
        certificate: { ...serverOptions().certificate!, algorithm: signatureAlgorithms.ecdsaSecp256r1Sha256 },
      }),
    );
    expect(clientEnd!.reason).to.equal('an algorithm that does not fit the key');
  });

  it('refuses more iterations than the cap', () => {
    const { clientEnd } = converse(clientOptions({ maxIterations: 9 }), serverOptions({ iterations: 10 }));
    expect(clientEnd!.reason).to.equal('too many iterations');
  });

  it('tells each mismatch by its own code', () => {
    const onlyEd25519 = [signatureAlgorithms.ed25519];
    const p256 = {
      chain: identities.p256.chain.map(unhex),
      algorithm: signatureAlgorithms.ecdsaSecp256r1Sha256,
      sign: (content: Uint8Array) => signContent(unhex(identities.p256.privateKey), content),
    };
    const plainClient = clientOptions({ encryption: false });
    const plainServer = serverOptions({ encryption: false, announcement: plainAnnouncement });
    const cases: [string, ReferenceClientOptions, ReferenceServerOptions, number][] = [
      ['PlainHello to encryption', plainClient, serverOptions(), closeCodes.encryptionMismatch],
      ['ClientHello to none', clientOptions(), plainServer, closeCodes.encryptionMismatch],
      ['anonymous to signed', anonymousClient, serverOptions(), closeCodes.signatureMismatch],
      ['signed to anonymous', clientOptions(), anonymousServer, closeCodes.signatureMismatch],
      [
        'suites',
        clientOptions({ suites: [1] }),
        serverOptions({ suites: [2] }),
        closeCodes.noCommonAlgorithm,
      ],
      [
        'signatures',
        clientOptions({ signatureAlgorithms: onlyEd25519 }),
        serverOptions({ certificate: p256 }),
        closeCodes.noCommonAlgorithm,
      ],
    ];
    for (const [name, clientSettings, serverSettings, code] of cases) {
      const { frames, clientEnd } = converse(clientSettings, serverSettings);
      expect(hex(frames[1]!.frame), name).to.equal(`040${code}`);
      expect(clientEnd, name).to.deep.equal({ by: 'peer', closeCode: code, reason: 'the peer closed' });
    }
    const versionTwo = converse(clientOptions(), serverOptions(), (frame, at) =>
      at === 0 ? flip(frame, 6, 3) : frame,
    );
    expect(versionTwo.clientEnd!.closeCode).to.equal(closeCodes.versionMismatch);
  });

  it('lets no messages frame through before the handshake is over', () => {
    const server = referenceServer(serverOptions());
    expectRefused(
      server.receive(plainFrame(frameTypes.messages, text('early'))),
      'not a handshake frame',
      closeCodes.handshakeFailed,
    );
  });

  it('speaks without keys where both want that', () => {
    const { client, server } = converse(
      clientOptions({ encryption: false }),
      serverOptions({ encryption: false, announcement: plainAnnouncement }),
    );
    expect([client.stage, server.stage]).to.deep.equal(['plain', 'plain']);
    expect(client.agreement).to.deep.equal({ ...plainAnnouncement, agreed: 0b0001 });
    const { delivered } = server.receive(client.send(0, text('hello')));
    expect(delivered).to.deep.equal([{ flags: 0, body: text('hello') }]);
    expect(() => client.send(Authenticated, text('hello'))).to.throw(RangeError);
    expect(client.receive(server.close()).ended!.by).to.equal('peer');
  });
});

describe('reference roles: traffic', () => {
  for (const flags of [Authenticated, Both]) {
    it(`refuses every changed byte of a record with flags ${flags}`, () => {
      const { client, server } = converse(anonymousClient, anonymousServer);
      const frame = client.send(flags, text('pay 10 to ada'));
      for (let index = 0; index < frame.length; index++) {
        for (const bits of [1, 0x40, 0x80]) {
          const { server: victim } = converse(anonymousClient, anonymousServer);
          const { delivered } = victim.receive(flip(frame, index, bits));
          // Without its flag it is a plain frame, without its tag noise: the receiver sees which flags it had.
          const sealed = delivered.some((one) => (one.flags & Authenticated) !== 0);
          expect(sealed, `byte ${index}, bits ${bits}`).to.equal(false);
          if (index > 0) expect(victim.stage).to.equal('ended');
        }
      }
      expect(server.receive(frame).delivered).to.have.length(1);
    });
  }

  it('refuses a replay, a gap, and a record of the generation before', () => {
    const replay = connected();
    const frame = replay.client.send(Both, text('once'));
    expect(replay.server.receive(frame).ended).to.equal(undefined);
    expectRefused(replay.server.receive(frame), 'another sequence');

    const gap = connected();
    gap.client.send(Encrypted, text('lost'));
    expectRefused(gap.server.receive(gap.client.send(Encrypted, text('next'))), 'another sequence');

    const old = connected();
    old.server.receive(old.client.send(Both, text('first')));
    const update = old.client.updateKeys();
    old.server.receive(update);
    expectRefused(old.server.receive(update), 'another epoch');
  });

  it('refuses a record that was meant for the other direction', () => {
    const { client } = connected();
    expectRefused(client.receive(client.send(Both, text('echo'))), 'a wrong tag');
  });

  it('refuses a key update that is the first of its generation, has a body or lacks a flag', () => {
    const first = connected();
    expect(() => first.client.updateKeys()).to.throw(RangeError);
    const cases: [number, Uint8Array, string][] = [
      [Both, new Uint8Array(0), 'a key update as the first record of its generation'],
      [Both, text('x'), 'a key update has an empty body'],
      [Authenticated, new Uint8Array(0), 'a key update has both flags'],
    ];
    for (const [flags, body, reason] of cases) {
      const { client, server } = connected();
      expectRefused(server.receive(sealAnything(client, flags, frameTypes.keyUpdate, body)), reason);
    }
  });

  it('refuses frames where they do not belong', () => {
    const cases: [(client: ReferenceClient) => Uint8Array, string][] = [
      [() => new Uint8Array(0), 'an empty frame'],
      [() => plainFrame(5, text('x')), 'frame type 5 is unknown'],
      [() => plainFrame(frameTypes.messages, new Uint8Array(0)), 'an empty body in a messages frame'],
      [(client) => client.send(Both, new Uint8Array(0)), 'an empty body in a messages frame'],
      [() => plainFrame(frameTypes.handshake, text('x')), 'a frame that must not be plain'],
      [() => plainFrame(frameTypes.keyUpdate, new Uint8Array(0)), 'a frame that must not be plain'],
      [
        () => plainFrame(frameTypes.close, Uint8Array.of(0)),
        'a plain close frame where there are traffic keys',
      ],
      [
        (client) => sealAnything(client, Authenticated, frameTypes.close, Uint8Array.of(0)),
        'a close record has both flags',
      ],
      [
        (client) => sealAnything(client, Both, frameTypes.handshake, text('x')),
        'a handshake record after the handshake',
      ],
      [() => Uint8Array.of(0xc2, 1, 0, 0, 0, 0, 0, 0), 'no room for the tag'],
      [() => Uint8Array.of(0x82, 1, 0), '6 bytes wanted where 1 are left'],
    ];
    for (const [attack, reason] of cases) {
      const { client, server } = connected();
      expectRefused(server.receive(attack(client)), reason);
    }
  });

  it('takes frames up to what it announced, and none larger', () => {
    const { client, server } = connected();
    const body = new Uint8Array(100_000 - 8 - 16);
    expect(server.receive(client.send(Both, body)).delivered).to.have.length(1);
    const turn = server.receive(client.send(Both, concat(body, Uint8Array.of(0))));
    expectRefused(turn, 'a frame too large', closeCodes.limitExceeded);
  });

  it('tells the other side under both flags that it refused something', () => {
    const { client, server } = connected();
    const { send } = server.receive(plainFrame(frameTypes.messages, new Uint8Array(0)));
    expect(send[0]![0]).to.equal(0xc4);
    const { ended } = client.receive(send[0]!);
    expect(ended).to.deep.include({ by: 'peer', closeCode: closeCodes.protocolError });
  });

  it('keeps up with key updates over more than 256 generations, each direction on its own', () => {
    const { client, server } = connected();
    for (let generation = 1; generation <= 258; generation++) {
      expect(server.receive(client.send(Authenticated, text('tick'))).delivered).to.have.length(1);
      expect(server.receive(client.updateKeys()).ended).to.equal(undefined);
    }
    expect(client.receive(server.send(Both, text('tock'))).delivered).to.have.length(1);
  });
});

/** What the role itself would not seal. */
function sealAnything(peer: Peer, flags: number, type: number, body: Uint8Array): Uint8Array {
  return (peer as unknown as { sending: Direction }).sending.seal(flags, type, body);
}
