// The messages of the handshake: known answers both ways, round trips of whatever could be said, and what is refused.

import { expect } from 'chai';
import fc from 'fast-check';
import { toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { startClientHandshake } from '../../lib/handshake/client.js';
import { startPlainServer } from '../../lib/handshake/plain.js';
import { startServerHandshake } from '../../lib/handshake/server.js';
import type { ExtensionMap } from '../../lib/wire/extensions.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import {
  decodeCertificate,
  decodeCertificateVerify,
  decodeClientHello,
  decodeExtensionsMessage,
  decodeHelloRequest,
  decodePlainHello,
  decodeServerHello,
  decodeTransportHello,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientHello,
  encodeExtensionsMessage,
  encodeHelloRequest,
  encodeMessage,
  encodePlainHello,
  encodeServerHello,
  encodeTransportHello,
  type HandshakeMessage,
  maxCertificateBytes,
  messageTypes,
  splitMessages,
} from '../../lib/wire/handshake-message.js';
import {
  decodeAccepted,
  decodeRefused,
  encodeAccepted,
  encodeRefused,
} from '../../lib/wire/verdict-message.js';
import { clientConfig, expectHandshakeFailed, serverConfig } from '../handshake/roles.js';
import { fromHex, vectors } from '../support/vectors.js';

interface HexExtension {
  type: number;
  data: string;
}
interface MessageVector {
  name: string;
  fields: unknown;
  body: string;
}
const { handshakeMessages, refused } = vectors<{
  handshakeMessages: MessageVector[];
  refused: { what: string; why: string; body: string }[];
}>('messages');

const hexExtensions = (extensions: ExtensionMap): HexExtension[] =>
  [...extensions].map(([type, data]) => ({ type, data: toHex(data) }));

/** Takes a body apart and puts it together again: its fields in the words of the vectors, and the message. */
const codecs: Record<string, (body: Uint8Array) => { fields: unknown; again: HandshakeMessage | undefined }> =
  {
    ClientHello(body) {
      const hello = decodeClientHello(body);
      const fields = {
        ...hello,
        random: toHex(hello.random),
        keyShares: hello.keyShares.map(({ group, key }) => ({ group, key: toHex(key) })),
        extensions: hexExtensions(hello.extensions),
      };
      return { fields, again: encodeClientHello(hello) };
    },
    ServerHello(body) {
      const { random, suite, keyShare, iterations, ...rest } = decodeServerHello(body);
      const fields = {
        random: toHex(random),
        suite,
        group: keyShare.group,
        keyShare: toHex(keyShare.key),
        iterations,
        extensions: [],
      };
      return { fields, again: encodeServerHello({ random, suite, keyShare, iterations, ...rest }) };
    },
    serverExtensions: extensions,
    clientExtensions: extensions,
    clientCertificate(body) {
      const chain = decodeCertificate(body, 0);
      return { fields: chain.map(toHex), again: encodeCertificate(chain) };
    },
    Accepted(body) {
      decodeAccepted(body);
      return { fields: '', again: encodeAccepted() };
    },
    Refused(body) {
      const refusal = decodeRefused(body);
      const { code = '', message, data } = refusal;
      const fields = { code, message, ...(data !== undefined && { data: hexBytes(data) }) };
      return { fields, again: encodeRefused(refusal) };
    },
    Certificate(body) {
      const chain = decodeCertificate(body, 1);
      return { fields: chain.map(toHex), again: encodeCertificate(chain) };
    },
    CertificateVerify(body) {
      const verify = decodeCertificateVerify(body);
      const fields = { algorithm: verify.algorithm, signature: toHex(verify.signature) };
      return { fields, again: encodeCertificateVerify(verify) };
    },
    Finished: (body) => ({ fields: toHex(body), again: encodeMessage(messageTypes.finished, body) }),
    PlainHello(body) {
      const hello = decodePlainHello(body);
      const fields = { transport: hello.transport, extensions: hexExtensions(hello.extensions) };
      return { fields, again: encodePlainHello(hello) };
    },
    TransportHello(body) {
      const hello = decodeTransportHello(body);
      return { fields: { ...hello, binding: toHex(hello.binding) }, again: encodeTransportHello(hello) };
    },
    HelloRequest(body) {
      decodeHelloRequest(body);
      return { fields: '', again: encodeHelloRequest() };
    },
  };

/** Binary as the vectors have it. */
function hexBytes(value: unknown): unknown {
  return value instanceof Uint8Array ? { $bytes: toHex(value) } : value;
}

/** Unknown types mean nothing, so they are not given out, and such a message is not put together again. */
function extensions(body: Uint8Array): { fields: HexExtension[]; again: HandshakeMessage | undefined } {
  const peer = decodeExtensionsMessage(body);
  const fields = [
    { type: 1, data: toHex(peer.manifest) },
    { type: 2, data: peer.maxFrameBytes.toString(16).padStart(8, '0') },
  ];
  if (peer.allowed !== undefined) fields.push({ type: 3, data: peer.allowed.toString(16).padStart(2, '0') });
  if (peer.certificateRequest !== undefined) {
    const { required, signatureAlgorithms } = peer.certificateRequest;
    const codes = signatureAlgorithms.map((code) => code.toString(16).padStart(4, '0'));
    const length = (2 * codes.length).toString(16).padStart(2, '0');
    fields.push({ type: 4, data: [required ? '02' : '01', length, ...codes].join('') });
  }
  if (peer.connectionData !== undefined) fields.push({ type: 5, data: toHex(peer.connectionData) });
  if (peer.verdictFollows) fields.push({ type: 6, data: '' });
  return { fields, again: encodeExtensionsMessage(peer) };
}

function expectMalformed(act: () => unknown, what?: string): void {
  expect(act, what).to.throw(SealwireError).with.property('code', 'PROTOCOL_ERROR');
}

describe('handshake messages', () => {
  describe('known answers', () => {
    for (const [index, { name, fields, body }] of handshakeMessages.entries()) {
      it(`reads and says ${name} (${index})`, () => {
        const known = name.endsWith('Extensions')
          ? (fields as HexExtension[]).filter(({ type }) => type <= 6)
          : fields;
        const { fields: read, again } = codecs[name]!(fromHex(body));
        expect(read).to.deep.equal(known);
        if (known !== fields && (fields as HexExtension[]).length > (known as HexExtension[]).length) return;
        expect(toHex(again!.body)).to.equal(body);
        expect(again!.bytes).to.have.length(4 + again!.body.length);
      });
    }

    it('are there for every message', () => {
      expect(new Set(handshakeMessages.map(({ name }) => name))).to.deep.equal(new Set(Object.keys(codecs)));
    });
  });

  describe('what is refused', () => {
    // What a hello or a Finished is refused for may be its meaning, so the states get it; the rest by its decoder.
    const feeds: Partial<Record<string, (body: Uint8Array) => () => unknown>> = {
      ClientHello: (body) => () =>
        startServerHandshake(serverConfig({ transport: 1 })).receive(hello(messageTypes.clientHello, body)),
      ServerHello: (body) => {
        const { handshake } = startClientHandshake(clientConfig());
        return () => handshake.receive(hello(messageTypes.serverHello, body));
      },
      handshakeFrameBody: (body) => () =>
        startServerHandshake(serverConfig()).receive(plainFrame(frameTypes.handshake, body)),
      PlainHello: (body) => () =>
        startPlainServer({ transport: 1, manifest: Uint8Array.of(0), maxFrameBytes: 65_536 }).receive(
          hello(messageTypes.plainHello, body),
        ),
    };
    const decoders: Partial<Record<string, (body: Uint8Array) => unknown>> = {
      ClientHello: decodeClientHello,
      ServerHello: decodeServerHello,
      Certificate: (body) => decodeCertificate(body, 1),
      serverExtensions(body) {
        // That it must be there is for the client to say; see handshake/client.spec.ts.
        const { allowed, connectionData } = decodeExtensionsMessage(body);
        if (allowed === undefined || connectionData !== undefined)
          throw new SealwireError('PROTOCOL_ERROR', 'allowed, or connection data');
      },
      clientExtensions(body) {
        // That a client asks for nothing is for the server to say; see handshake/server.spec.ts.
        const { certificateRequest, verdictFollows } = decodeExtensionsMessage(body);
        if (certificateRequest !== undefined || verdictFollows)
          throw new SealwireError('PROTOCOL_ERROR', 'a request, or a verdict');
      },
      clientCertificate: (body) => decodeCertificate(body, 0),
      Accepted: decodeAccepted,
      HelloRequest: decodeHelloRequest,
      TransportHello: decodeTransportHello,
      Refused: decodeRefused,
    };
    /** What is well-formed, and refused by the state that looks at what it means. */
    const meaning = ['a share of X25519 of 31 bytes', 'a share of 33 bytes', 'transport 0', 'transport 4'];
    // handshake/client.spec.ts has Finished; contract and wire have specs of their own for the rest.
    const elsewhere = ['Finished', 'manifest', 'close', 'callMessages'];

    for (const { what, why, body } of refused) {
      if (elsewhere.includes(what)) continue;
      it(`${what}: ${why}`, () => {
        const feed = feeds[what];
        const decode = decoders[what];
        expect(feed ?? decode).to.be.a('function');
        if (decode && !meaning.includes(why)) expectMalformed(() => decode(fromHex(body)));
        if (feed)
          expectHandshakeFailed(feed(fromHex(body)), why === 'version 2' ? 'version-mismatch' : undefined);
      });
    }

    it('is wrong in nothing else: the good ones of the same kinds get further', () => {
      const good = handshakeMessages.find(({ name }) => name === 'ClientHello')!;
      const server = startServerHandshake(serverConfig({ transport: 1, crypto: nodeCrypto }));
      expect(server.receive(hello(messageTypes.clientHello, fromHex(good.body))).send).to.have.length(2);
      const serverHello = handshakeMessages.find(({ name }) => name === 'ServerHello')!;
      const { handshake } = startClientHandshake(clientConfig());
      handshake.receive(hello(messageTypes.serverHello, fromHex(serverHello.body)));
      const plainHello = handshakeMessages.find(({ name }) => name === 'PlainHello')!;
      const config = { transport: 2, manifest: Uint8Array.of(0), maxFrameBytes: 65_536 };
      const plain = startPlainServer(config).receive(
        hello(messageTypes.plainHello, fromHex(plainHello.body)),
      );
      expect(plain.send).to.have.length(1);
    });
  });

  describe('every body', () => {
    for (const { name, body } of handshakeMessages) {
      if (name === 'Finished') continue;
      it(`of ${name} is refused when it is cut short anywhere or goes on`, () => {
        const bytes = fromHex(body);
        const decode = codecs[name]!;
        // Certificates and signatures are long and all of one byte: each place in them is like the next.
        const step = Math.max(1, Math.floor(bytes.length / 300));
        for (let end = 0; end < bytes.length; end += step) {
          expectMalformed(() => decode(bytes.subarray(0, end)), `${end} of ${bytes.length}`);
        }
        expectMalformed(() => decode(new Uint8Array([...bytes, 0])));
      });
    }

    it('of noise is refused or decodes, and does nothing else', () => {
      const decoders = Object.entries(codecs).filter(([name]) => name !== 'Finished');
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
          for (const bytes of [noise, new Uint8Array([0, 1, ...noise])]) {
            for (const [name, decode] of decoders) {
              try {
                decode(bytes);
              } catch (error) {
                expect(error, name).to.be.instanceOf(SealwireError).with.property('code', 'PROTOCOL_ERROR');
              }
            }
          }
        }),
        { numRuns: 300 },
      );
    });
  });

  describe('frames', () => {
    it('are split into their messages, with all bytes of each', () => {
      const messages = [1, 0, 300].map((length, type) =>
        encodeMessage(type, new Uint8Array(length).fill(type)),
      );
      const body = new Uint8Array(messages.flatMap(({ bytes }) => [...bytes]));
      expect(splitMessages(body)).to.deep.equal(messages);
    });

    it('hold whole messages, one at least', () => {
      const body = new Uint8Array([20, 0, 0, 1, 5, 20, 0, 0, 0]);
      for (const end of [0, 1, 3, 4, 6, 8]) expectMalformed(() => splitMessages(body.subarray(0, end)));
      expect(splitMessages(body.subarray(0, 5))).to.have.length(1);
      expect(splitMessages(body)).to.have.length(2);
    });
  });

  describe('certificates', () => {
    it('are 1 to 4, of 1 to 16,384 bytes in all', () => {
      const bodyOf = (...lengths: number[]) =>
        encodeCertificate(lengths.map((length) => new Uint8Array(length).fill(1))).body;
      expect(decodeCertificate(bodyOf(maxCertificateBytes), 1)).to.have.length(1);
      expect(decodeCertificate(bodyOf(4096, 4096, 4096, 4096), 1)).to.have.length(4);
      for (const lengths of [[], [maxCertificateBytes + 1], [8192, 8193], [1, 1, 1, 1, 1], [0], [10, 0]]) {
        expectMalformed(() => decodeCertificate(bodyOf(...lengths), 1), lengths.join());
      }
    });
  });
});

function hello(type: number, body: Uint8Array): Uint8Array {
  return plainFrame(frameTypes.handshake, encodeMessage(type, body).bytes);
}
