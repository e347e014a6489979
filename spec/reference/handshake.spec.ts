// The two roles shake hands: they send the stored frames byte for byte, fail at every byte that is changed on the
// way, and tell each mismatch by its code. What is inside the sealed flights is in flights.spec.ts.

import { expect } from 'chai';
import type { Value } from './call-messages.js';
import { type ReferenceClientOptions, referenceClient } from './client.js';
import {
  anonymousClient,
  anonymousServer,
  clientOptions,
  converse,
  expectRefused,
  flip,
  hex,
  identities,
  load,
  plainAnnouncement,
  serverOptions,
  unhex,
} from './conversation.js';
import type { Direction } from './direction.js';
import { encodeMessage, encodeRefused, messageTypes } from './messages.js';
import { closeCodes, text } from './notation.js';
import type { Peer } from './peer.js';
import { Authenticated, Both, frameTypes, plainFrame } from './record.js';
import { type ReferenceServerOptions, referenceServer } from './server.js';
import { signatureAlgorithms, signContent } from './signature.js';

describe('reference roles: the handshake', () => {
  interface StoredCertificate {
    chain: string[];
    algorithm: number;
    signature: string;
  }
  const showing = ({ chain, algorithm, signature }: StoredCertificate) => ({
    chain: chain.map(unhex),
    algorithm,
    sign: () => unhex(signature),
  });
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
      certificate: StoredCertificate | null;
      clientCertificate?: StoredCertificate;
    };
    handshakeFrames: { from: string; frame: string }[];
    trafficFrames: { from: 'client' | 'server'; type: number; flags: number; body: string; frame: string }[];
    exported: { label: string; context: string; length: number; key: string }[];
  }

  const files = ['p256-aesgcm', 'p384', 'ed25519-chacha', 'rsa', 'rsa-pss', 'anonymous'];
  for (const name of [...files, 'client-certificate', 'no-client-certificate']) {
    it(`sends and reads the frames of handshake-${name}.json`, () => {
      const { inputs, handshakeFrames, trafficFrames, exported } = load<Stored>(`handshake-${name}.json`);
      const { certificate, clientCertificate } = inputs;
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
          ...(clientCertificate && { certificate: showing(clientCertificate) }),
        }),
        serverOptions({
          random: unhex(inputs.serverRandom),
          privateKey: unhex(inputs.serverPrivateKey),
          suites: [inputs.suite],
          iterations: inputs.iterations,
          transport: inputs.transport,
          announcement: inputs.server,
          certificate: certificate ? showing(certificate) : undefined,
        }),
      );
      expect(frames.map(({ from, frame }) => ({ from, frame: hex(frame) }))).to.deep.equal(
        handshakeFrames.map(({ from, frame }) => ({ from, frame })),
      );
      expect([client.stage, server.stage]).to.deep.equal(['traffic', 'traffic']);
      expect(server.clientCertificates.map(hex)).to.deep.equal(clientCertificate?.chain ?? []);
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

  it('fails for the client when a byte of the hellos or the server’s flight is changed', () => {
    const { frames } = converse(anonymousClient, anonymousServer);
    for (const changed of [0, 1, 2]) {
      // Steps of 3 and 5 meet every field and keep this fast.
      for (let index = 0; index < frames[changed]!.frame.length; index += changed === 2 ? 5 : 3) {
        const { client, server } = converse(anonymousClient, anonymousServer, (frame, at) =>
          at === changed ? flip(frame, index) : frame,
        );
        expect(client.stage, `frame ${changed}, byte ${index}`).to.equal('ended');
        expect(client.agreement).to.equal(undefined);
        expect(server.agreement).to.equal(undefined);
      }
    }
  });

  it('fails for the server when a byte of the client’s flight is changed', () => {
    const { frames } = converse(anonymousClient, anonymousServer);
    for (let index = 0; index < frames[3]!.frame.length; index += 5) {
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

  describe('with client certificates', () => {
    const { ed25519 } = signatureAlgorithms;
    const asks = (mode: number, change: Partial<ReferenceServerOptions> = {}) =>
      serverOptions({
        announcement: {
          ...serverOptions().announcement,
          clientCertificateRequest: { mode, signatureAlgorithms: [ed25519] },
        },
        ...change,
      });
    const shows = (change: (content: Uint8Array) => Uint8Array = (content) => content) =>
      clientOptions({
        certificate: {
          chain: identities.client.chain.map(unhex),
          algorithm: ed25519,
          sign: (content) => signContent(unhex(identities.client.privateKey), change(content)),
        },
      });

    it('takes a client whose certificate is taken, and waits for Accepted', () => {
      const chains: string[][] = [];
      const takes = (chain: Uint8Array[]) => chains.push(chain.map(hex)) > 0;
      const { client, server, frames } = converse(shows(), asks(2, { takes }));
      expect(frames.map(({ from }) => from)).to.deep.equal([
        'client',
        'server',
        'server',
        'client',
        'server',
      ]);
      expect([client.stage, server.stage]).to.deep.equal(['traffic', 'traffic']);
      expect(chains).to.deep.equal([identities.client.chain]);
    });

    it('sends nothing before Accepted, and takes no plain close behind it', () => {
      const client = referenceClient(shows());
      const server = referenceServer(asks(2));
      const [hello, flight] = server.receive(client.start()).send;
      client.receive(hello!);
      const [own] = client.receive(flight!).send;
      expect(client.stage).to.equal('handshake');
      expect(() => client.send(0, text('early'))).to.throw(RangeError);
      const [accepted] = server.receive(own!).send;
      client.receive(accepted!);
      expect(client.stage).to.equal('traffic');
      expectRefused(
        client.receive(plainFrame(frameTypes.close, Uint8Array.of(closeCodes.certificateRejected))),
        'a plain close frame where there are traffic keys',
      );
    });

    it('tells a client by their codes that it needs a certificate, or a better one', () => {
      const code = (clientSettings: ReferenceClientOptions, serverSettings: ReferenceServerOptions) =>
        converse(clientSettings, serverSettings).clientEnd;
      const told = (closeCode: number) => ({ by: 'peer', closeCode, reason: 'the peer closed' });
      expect(code(clientOptions(), asks(2))).to.deep.equal(told(closeCodes.certificateRequired));
      for (const mode of [1, 2]) {
        const end = code(shows(), asks(mode, { takes: () => false }));
        expect(end).to.deep.equal(told(closeCodes.certificateRejected));
      }
      expect(code(clientOptions(), asks(1))).to.equal(undefined);
    });

    it('refuses a signature over something else, the server’s own among it', () => {
      const end = (change: (content: Uint8Array) => Uint8Array) => converse(shows(change), asks(1)).serverEnd;
      const wrong = { by: 'us', closeCode: closeCodes.handshakeFailed, reason: 'a wrong signature' };
      const asServer = (content: Uint8Array) => {
        const changed = content.slice();
        changed.set(text('server'), 64 + 'sealwire 1, '.length);
        return changed;
      };
      expect(end((content) => flip(content, 64))).to.deep.equal(wrong);
      expect(end(asServer)).to.deep.equal(wrong);
      expect(end((content) => content)).to.equal(undefined);
    });

    it('ends at once where the server could not check what the client would sign', () => {
      const request = { mode: 1, signatureAlgorithms: [signatureAlgorithms.ecdsaSecp256r1Sha256] };
      const announcement = { ...serverOptions().announcement, clientCertificateRequest: request };
      const { clientEnd } = converse(shows(), serverOptions({ announcement }));
      expect(clientEnd).to.include({ by: 'us', closeCode: closeCodes.noCommonAlgorithm });
    });

    it('refuses the request of a server that does not sign', () => {
      const { clientEnd } = converse(anonymousClient, asks(1, { certificate: undefined }));
      expect(clientEnd!.reason).to.equal('a request for a certificate from a server that does not sign');
    });
  });

  describe('with a verdict', () => {
    const judges = (change: Partial<ReferenceServerOptions> = {}) =>
      serverOptions({
        announcement: { ...serverOptions().announcement, verdictFollows: true },
        ...change,
      });
    const says = (connectionData: Value) =>
      clientOptions({ announcement: { ...clientOptions().announcement, connectionData } });
    const full = { code: 'FULL', message: 'no seat', data: [12] };
    const refused = { by: 'peer', closeCode: closeCodes.normal, reason: 'the server refused', refusal: full };

    it('lets in by what the client says, sealed, or refuses it with a reason', () => {
      const heard: (Value | undefined)[] = [];
      const refuses = (data: Value | undefined) => {
        heard.push(data);
        return data === 'ticket' ? undefined : full;
      };
      const letIn = converse(says('ticket'), judges({ refuses }));
      expect([letIn.client.stage, letIn.server.stage]).to.deep.equal(['traffic', 'traffic']);
      expect(letIn.frames.map(({ frame }) => frame[0])).to.deep.equal([1, 1, 0xc1, 0xc1, 0xc1]);
      const turnedAway = converse(says(['guess']), judges({ refuses }));
      expect(turnedAway.clientEnd).to.deep.equal(refused);
      expect([turnedAway.client.stage, turnedAway.server.stage]).to.deep.equal(['ended', 'ended']);
      expect(turnedAway.frames).to.have.length(5);
      converse(clientOptions(), judges({ refuses }));
      expect(heard).to.deep.equal(['ticket', ['guess'], undefined]);
    });

    it('is as plain as everything else without keys', () => {
      const announcement = { ...plainAnnouncement, verdictFollows: true as const };
      const server = (refuses: () => typeof full | undefined) =>
        serverOptions({ encryption: false, announcement, refuses });
      const client = clientOptions({ encryption: false });
      const taken = converse(
        client,
        server(() => undefined),
      );
      expect([taken.client.stage, taken.server.stage]).to.deep.equal(['plain', 'plain']);
      const turnedAway = converse(
        client,
        server(() => full),
      );
      expect(turnedAway.clientEnd).to.deep.equal(refused);
      expect(turnedAway.frames.map(({ frame }) => frame[0])).to.deep.equal([1, 1, 1]);
    });

    it('is taken from nobody who did not announce it', () => {
      const asking = { mode: 1, signatureAlgorithms: [signatureAlgorithms.ed25519] };
      const announcement = { ...serverOptions().announcement, clientCertificateRequest: asking };
      const server = referenceServer(serverOptions({ announcement }));
      const client = referenceClient(clientOptions());
      const [hello, flight] = server.receive(client.start()).send;
      client.receive(hello!);
      client.receive(flight!);
      const { sealing } = server as unknown as { sealing: Direction };
      const message = encodeMessage({ type: messageTypes.refused, body: encodeRefused(full) });
      expectRefused(
        client.receive(sealing.seal(Both, frameTypes.handshake, message)),
        'another message than the one expected',
        closeCodes.handshakeFailed,
      );
    });
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
