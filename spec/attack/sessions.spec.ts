// The same session recorded twice shares no key, share, random or ciphertext.
//
// Compared is every window of eight bytes of: both randoms, both key shares, and the sealed bodies of all records of
// one session with all of the other's, and with one another's. Left out are the fixed fields of the protocol: first
// bytes, message headers, versions, lists of suites, groups and algorithms, server name, masks, iterations, and the
// eight header bytes of each record. Authenticated records are left out too, but for their tags: their bodies
// are meant to be readable, and the same call has the same bytes.

import { expect } from 'chai';
import { decodeClientHello, decodeServerHello } from '../reference/messages.js';
import { type Scheme, schemes, startPair } from '../support/pair.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Vault } from './vault.js';

const windowBytes = 8;

interface Session {
  /** What must be unlike anything else, by name. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  readonly exported: Uint8Array;
}

for (const scheme of schemes) {
  describe(`attack: two recordings of one session over ${scheme}`, () => {
    nothingUncaught();

    it('have nothing in common, and their exported keys differ', async () => {
      const sessions = [await record(scheme), await record(scheme)];
      const windows = new Map<string, string>();
      let compared = 0;
      for (const [index, { secrets }] of sessions.entries()) {
        for (const [name, bytes] of secrets) {
          for (let at = 0; at + windowBytes <= bytes.length; at++) {
            const window = Buffer.from(bytes.subarray(at, at + windowBytes)).toString('hex');
            const here = `session ${index}, ${name} at ${at}`;
            expect(windows.get(window), here).to.equal(undefined);
            windows.set(window, here);
            compared += 1;
          }
        }
      }
      expect(compared).to.be.greaterThan(2000);
      expect(sessions[0]!.secrets.size).to.equal(sessions[1]!.secrets.size);
      expect(sessions[0]!.secrets.size).to.be.greaterThan(12);
      expect(sessions[0]!.exported).to.not.deep.equal(sessions[1]!.exported);
    });
  });
}

describe('attack: keys of many connections', () => {
  nothingUncaught();

  it('have 2 × 100 different public shares and randoms in 100 connections, with no byte that stays', async () => {
    // The private key of MLAPI had 7 bits: 128 shares in all. A repetition among 200 would be certain there.
    const shares: Uint8Array[] = [];
    const randoms: Uint8Array[] = [];
    const pair = await startPair({
      scheme: 'memory',
      server: { keyStretching: { iterations: 1 } },
      intercept({ from, index, bytes }) {
        if (index > 0) return [bytes];
        const body = bytes.slice(5);
        if (from === 'client') {
          const hello = decodeClientHello(body);
          shares.push(hello.keyShares[0]!.key);
          randoms.push(hello.random);
        } else {
          const hello = decodeServerHello(body);
          shares.push(hello.keyShare);
          randoms.push(hello.random);
        }
        return [bytes];
      },
    });
    for (let connection = 1; connection < 100; connection++) {
      await pair.client.stop();
      await pair.client.startClient(pair.relay!.url);
    }
    await pair.stop();
    for (const values of [shares, randoms]) {
      expect(values).to.have.length(200);
      expect(new Set(values.map((value) => Buffer.from(value).toString('hex'))).size).to.equal(200);
      for (let at = 0; at < 32; at++) {
        const different = new Set(values.map((value) => value[at]));
        // 200 draws of 256 show 139 different values on average; the top bit of a share is always clear.
        expect(different.size, `byte ${at}`).to.be.greaterThan(60);
      }
    }
  });
});

/** One session with the same calls each time. */
async function record(scheme: Scheme): Promise<Session> {
  const frames: { from: string; index: number; bytes: Uint8Array }[] = [];
  const pair = await startPair({
    scheme,
    services: [new Vault()],
    clientServices: [new Vault()],
    intercept({ from, index, bytes }) {
      frames.push({ from, index, bytes: bytes.slice() });
      return [bytes];
    },
  });
  for (const security of [1, 2, 3]) {
    const options = { security };
    await pair.client.invokeServerRpc('Vault.needs0', ['the same words every time, over and over'], options);
    await pair.peer.invoke('Vault.needs0', ['and the same words on the way back as well'], options);
  }
  const exported = pair.client.connection!.exportKey('spec', 32);
  expect(pair.peer.exportKey('spec', 32)).to.deep.equal(exported);
  await pair.stop();

  const secrets = new Map<string, Uint8Array>();
  for (const { from, index, bytes } of frames) {
    const name = `frame ${index} of the ${from}`;
    if (index > 0) {
      // The body of an Authenticated record is readable on purpose; its tag is the last 16 bytes.
      const readable = (bytes[0]! & 0xc0) === 0x40;
      secrets.set(name, readable ? bytes.subarray(bytes.length - 16) : bytes.subarray(8));
    } else if (from === 'client') {
      const { random, keyShares } = decodeClientHello(bytes.slice(5));
      secrets.set(`${name}: random`, random).set(`${name}: share`, keyShares[0]!.key);
    } else {
      const { random, keyShare } = decodeServerHello(bytes.slice(5));
      secrets.set(`${name}: random`, random).set(`${name}: share`, keyShare);
    }
  }
  return { secrets, exported };
}
