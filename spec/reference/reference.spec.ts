// Holds the reference to the RFCs' own vectors and the stored vectors to the reference. The two roles are in
// handshake.spec.ts, flights.spec.ts and traffic.spec.ts.

import { createCipheriv, pbkdf2Sync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { decodeCallMessages } from './call-messages.js';
import { chacha20 } from './chacha20.js';
import { expand, extract, pbkdf2 } from './key-schedule.js';
import { decodeManifest } from './manifest.js';
import { jsonOf } from './message-vectors.js';
import {
  decodeAccepted,
  decodeCertificate,
  decodeCertificateVerify,
  decodeClientHello,
  decodeClose,
  decodeExtensions,
  decodeFinished,
  decodeHelloRequest,
  decodeMessages,
  decodePlainHello,
  decodeRefused,
  decodeServerHello,
  decodeTransportHello,
  readAnnouncement,
} from './messages.js';
import { Refused, text } from './notation.js';
import { aeadSeal, decodeRecordHeader, keyStreamXor, openRecord, suites } from './record.js';
import { signatureFits, signContent } from './signature.js';
import { fixedBytes, hexOf, type Identities, makeVectors } from './vectors.js';
import { x25519, x25519PublicKey } from './x25519.js';

const folder = resolve('spec', 'vectors');
const load = <Shape>(name: string): Shape => JSON.parse(readFileSync(resolve(folder, name), 'utf8')) as Shape;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
const countingUp = (from: number, length: number) => Uint8Array.from({ length }, (_, index) => from + index);

const sunscreen = text(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);

describe('reference: the vectors of the RFCs', () => {
  it('HKDF-SHA256, RFC 5869 A.1', () => {
    const prk = extract(countingUp(0, 13), new Uint8Array(22).fill(0x0b));
    expect(hex(prk)).to.equal('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
    expect(hex(expand(prk, countingUp(0xf0, 10), 42))).to.equal(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
  });

  it('HKDF-SHA256 over several blocks, RFC 5869 A.2', () => {
    const prk = extract(countingUp(0x60, 80), countingUp(0, 80));
    expect(hex(expand(prk, countingUp(0xb0, 80), 82))).to.equal(
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09' +
        'da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    );
  });

  it('PBKDF2-HMAC-SHA256, RFC 7914 §11, and as node:crypto has it', () => {
    expect(hex(pbkdf2(text('passwd'), text('salt'), 1, 64))).to.equal(
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc' +
        '49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    );
    const password = fixedBytes('a password');
    const salt = fixedBytes('a salt');
    const theirs = pbkdf2Sync(password, salt, 1000, 32, 'sha256');
    expect(hex(pbkdf2(password, salt, 1000, 32))).to.equal(theirs.toString('hex'));
  });

  it('X25519, RFC 7748 §6.1', () => {
    const alice = unhex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    const bob = unhex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const aliceShare = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a';
    const bobShare = 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f';
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(hex(x25519PublicKey(alice))).to.equal(aliceShare);
    expect(hex(x25519PublicKey(bob))).to.equal(bobShare);
    expect(hex(x25519(alice, unhex(bobShare)))).to.equal(shared);
    expect(hex(x25519(bob, unhex(aliceShare)))).to.equal(shared);
  });

  it('refuses shares of small order, RFC 7748 §6.1', () => {
    const one = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0));
    for (const share of [new Uint8Array(32), one]) {
      expect(() => x25519(fixedBytes('a private key'), share)).to.throw(Refused, 'small order');
    }
  });

  it('ChaCha20, RFC 8439 §2.4.2', () => {
    const sealed = chacha20(countingUp(0, 32), 1, unhex('000000000000004a00000000'), sunscreen);
    expect(hex(sealed)).to.equal(
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357' +
        '1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736' +
        '5af90bbf74a35be6b40b8eedf2785e42874d',
    );
  });

  it('ChaCha20-Poly1305, RFC 8439 §2.8.2', () => {
    const nonce = unhex('070000004041424344454647');
    const associatedData = unhex('50515253c0c1c2c3c4c5c6c7');
    const key = countingUp(0x80, 32);
    expect(hex(aeadSeal(suites.chacha20Poly1305, key, nonce, associatedData, sunscreen))).to.equal(
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b' +
        '1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc' +
        '3ff4def08e4b7a9de576d26586cec64b6116' +
        '1ae10b594f09e26a7e902ecbd0600691',
    );
  });

  it('the key stream of AES-256-CTR, as node:crypto has it', () => {
    const key = fixedBytes('a key');
    const nonce = fixedBytes('a nonce').slice(0, 12);
    const body = countingUp(0, 1000);
    const firstBlock = Buffer.concat([nonce, Buffer.alloc(4)]);
    const theirs = createCipheriv('aes-256-ctr', key, firstBlock).update(body);
    expect(hex(keyStreamXor(suites.aes256Gcm, key, nonce, body))).to.equal(theirs.toString('hex'));
  });
});

interface StoredHandshake {
  inputs: { certificate: { signature: string; chain: string[]; privateKey: string } | null };
  signedContent: string | null;
}

describe('reference: the stored vectors', () => {
  const identities = load<Identities>('identities.json');
  const stored = readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'identities.json');
  let made: Record<string, object>;
  before(() => {
    made = makeVectors(identities, (file, identity, content) => {
      const signature = unhex(load<StoredHandshake>(file).inputs.certificate!.signature);
      expect(signatureFits(unhex(identity.chain[0]!), signature, content), `signature in ${file}`).to.equal(
        true,
      );
      return signature;
    });
  });

  it('are all the files that the reference makes', () => {
    expect(Object.keys(made)).to.have.members(stored);
  });

  for (const name of stored) {
    it(`${name} is what the reference makes`, () => {
      expect(JSON.parse(JSON.stringify(made[name]))).to.deep.equal(load(name));
    });
  }

  it('the signature of Ed25519 comes out the same again', () => {
    const { inputs, signedContent } = load<StoredHandshake>('handshake-ed25519-chacha.json');
    const signature = signContent(unhex(identities.ed25519.privateKey), unhex(signedContent!));
    expect(hex(signature)).to.equal(inputs.certificate!.signature);
  });

  it('records.json opens again, and no record opens under other keys, suite or flags', () => {
    interface Case {
      suite: number;
      generation: number;
      flags: number;
      epoch: number;
      sequence: number;
      body: string;
      frame: string;
    }
    type Keys = Record<'both' | 'authenticated' | 'encrypted' | 'iv', string>;
    const { generations, records } = load<{
      generations: { generation: number; keys: Keys }[];
      records: Case[];
    }>('records.json');
    const keysOf = (wanted: number) => {
      const { both, authenticated, encrypted, iv } = generations.find((g) => g.generation === wanted)!.keys;
      return {
        both: unhex(both),
        authenticated: unhex(authenticated),
        encrypted: unhex(encrypted),
        iv: unhex(iv),
      };
    };
    for (const record of records) {
      const frame = unhex(record.frame);
      const { flags, epoch, sequence } = decodeRecordHeader(frame);
      expect({ flags, epoch, sequence }).to.deep.equal({
        flags: record.flags,
        epoch: record.epoch,
        sequence: record.sequence,
      });
      expect(hex(openRecord(record.suite, keysOf(record.generation), frame))).to.equal(record.body);
      const otherGeneration = record.generation === 1 ? 2 : 1;
      const withOtherKeys = () => hex(openRecord(record.suite, keysOf(otherGeneration), frame));
      // Without a tag there is nothing to refuse: it opens as noise.
      if (record.flags === 1) expect(withOtherKeys()).to.not.equal(record.body);
      else expect(withOtherKeys).to.throw(Refused, 'a wrong tag');
    }
  });
});

describe('reference: messages.json, read back', () => {
  interface Messages {
    handshakeMessages: { name: string; fields: unknown; body: string }[];
    manifests: { services: unknown; data: string }[];
    closes: { body: string; code: number }[];
    closesReadAsNormal: { body: string }[];
    callMessages: { messages: unknown; body: string }[];
    callMessagesInOtherForms: { messages: unknown; body: string }[];
    refused: { what: string; why: string; body: string }[];
  }
  const vectors = load<Messages>('messages.json');

  const decoders: Record<string, (body: Uint8Array) => unknown> = {
    ClientHello: decodeClientHello,
    ServerHello: decodeServerHello,
    Certificate: (body) => decodeCertificate(body, 1),
    clientCertificate: (body) => decodeCertificate(body, 0),
    CertificateVerify: decodeCertificateVerify,
    Finished: decodeFinished,
    Accepted: (body) => {
      decodeAccepted(body);
      return body;
    },
    Refused: (body) => {
      const { data, ...rest } = decodeRefused(body);
      return data === undefined ? rest : { ...rest, data: jsonOf(data) };
    },
    serverExtensions: (body) => {
      const extensions = decodeExtensions(body);
      readAnnouncement(extensions, { ofServer: true, sealed: true });
      return extensions;
    },
    clientExtensions: (body) => {
      const extensions = decodeExtensions(body);
      readAnnouncement(extensions, { ofServer: false, sealed: true });
      return extensions;
    },
    PlainHello: (body) => {
      const hello = decodePlainHello(body);
      readAnnouncement(hello.extensions, { ofServer: false, sealed: false });
      return hello;
    },
    TransportHello: decodeTransportHello,
    HelloRequest: (body) => {
      decodeHelloRequest(body);
      return body;
    },
    handshakeFrameBody: decodeMessages,
    manifest: decodeManifest,
    close: decodeClose,
    callMessages: decodeCallMessages,
  };

  it('handshake messages, manifests and closes', () => {
    for (const { name, fields, body } of vectors.handshakeMessages) {
      expect(hexOf(decoders[name]!(unhex(body))), name).to.deep.equal(fields);
    }
    for (const { services, data } of vectors.manifests) {
      expect(decodeManifest(unhex(data))).to.deep.equal(services);
    }
    for (const { body, code } of vectors.closes) expect(decodeClose(unhex(body))).to.equal(code);
    for (const { body } of vectors.closesReadAsNormal) expect(decodeClose(unhex(body))).to.equal(0);
  });

  it('call messages, in the shortest form and in others', () => {
    for (const { messages, body } of [...vectors.callMessages, ...vectors.callMessagesInOtherForms]) {
      expect(decodeCallMessages(unhex(body)).map(jsonOf)).to.deep.equal(messages);
    }
  });

  for (const { what, why, body } of vectors.refused) {
    it(`refuses ${what}: ${why}`, () => {
      expect(() => decoders[what]!(unhex(body))).to.throw(Refused);
    });
  }

  it('counts levels and values up to the limits of section 9, and no further', () => {
    const head = [0x93, 1, 0, 0x91];
    // The message is level 1 and its args level 2.
    const levels = (count: number) => Uint8Array.from([...head, ...new Array(count - 3).fill(0x91), 0x90]);
    expect(decodeCallMessages(levels(32))).to.have.length(1);
    expect(() => decodeCallMessages(levels(33))).to.throw(Refused, 'levels');
    // The message, its kind, method, args and their one array are 5 values.
    const values = (count: number) => {
      const size = [(count - 5) >> 8, (count - 5) & 0xff];
      return Uint8Array.from([...head, 0xdc, ...size, ...new Array(count - 5).fill(0xc0)]);
    };
    expect(decodeCallMessages(values(65_536))).to.have.length(1);
    expect(() => decodeCallMessages(values(65_537))).to.throw(Refused, 'values');
  });
});
