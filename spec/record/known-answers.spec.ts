// The record layer against the vectors of the second implementation (spec/vectors/records.json, key-update.json).

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CipherName, CryptoProvider } from '../../lib/crypto/provider.js';
import { writeNonce } from '../../lib/record/generation.js';
import { Opener } from '../../lib/record/open.js';
import { Sealer } from '../../lib/record/seal.js';
import { TrafficSecret } from '../../lib/record/traffic-keys.js';
import { type FrameType, frameTypes, recordHeaderBytes, writeRecordHeader } from '../../lib/wire/frame.js';
import { fromHex, vectors } from '../support/vectors.js';
import { purposeKeys } from './purpose-keys.js';

interface Keys {
  both: string;
  authenticated: string;
  encrypted: string;
  iv: string;
}
interface GenerationVector {
  generation: number;
  epoch: number;
  trafficSecret: string;
  keys: Keys;
}
interface RecordVector {
  suite: 1 | 2;
  flags: number;
  type: FrameType;
  epoch: number;
  sequence: number;
  generation: number;
  nonce: string;
  body: string;
  frame: string;
}
interface StreamVector {
  suite: 1 | 2;
  frames: {
    type: FrameType;
    flags: number;
    generation: number;
    sequence: number;
    body: string;
    frame: string;
  }[];
}

const ciphers: Record<number, CipherName> = { 1: 'aes-256-gcm', 2: 'chacha20-poly1305' };
const noRekey = { rekeyAfterRecords: 2 ** 23, rekeyAfterBytes: 2 ** 36, rekeyAfterMs: 3_600_000 };
const backends: CryptoProvider[] = [nodeCrypto, nobleCrypto];

for (const crypto of backends) {
  describe(`records, known answers, ${crypto.name}`, () => {
    const { generations, records } = vectors<{ generations: GenerationVector[]; records: RecordVector[] }>(
      'records',
    );
    const updates = vectors<{ generations: GenerationVector[]; streams: StreamVector[] }>('key-update');

    const secretOf = (generation: GenerationVector, suite: number) =>
      new TrafficSecret(crypto, ciphers[suite]!, fromHex(generation.trafficSecret), generation.generation);
    const generationOf = (number: number) => generations.find(({ generation }) => generation === number)!;

    it('derives the keys of every generation, and each generation from the one before', () => {
      let secret = secretOf(updates.generations[0]!, 1);
      for (const expected of updates.generations) {
        const at = generations.find(({ generation }) => generation === expected.generation);
        while (secret.generation < expected.generation) secret = secret.next();
        const keys = purposeKeys(secret);
        expect(toHex(keys.both)).to.equal(expected.keys.both);
        expect(toHex(keys.authenticated)).to.equal(expected.keys.authenticated);
        expect(toHex(keys.encrypted)).to.equal(expected.keys.encrypted);
        expect(toHex(keys.iv)).to.equal(expected.keys.iv);
        if (at) expect(at.keys).to.deep.equal(expected.keys);
      }
      expect(secret.generation).to.equal(257);
    });

    it('makes every header and nonce, up to the last sequences', () => {
      const nonce = new Uint8Array(12);
      for (const record of records) {
        const header = new Uint8Array(recordHeaderBytes);
        writeRecordHeader(header, record.flags, record.type, record.generation, record.sequence);
        expect(toHex(header)).to.equal(record.frame.slice(0, 2 * recordHeaderBytes));
        writeNonce(nonce, fromHex(generationOf(record.generation).keys.iv), record.sequence);
        expect(toHex(nonce)).to.equal(record.nonce);
      }
      expect(records.some(({ sequence }) => sequence === 2 ** 48 - 2)).to.equal(true);
    });

    it('seals and opens every record whose sequence can be reached', () => {
      let compared = 0;
      for (const record of records.filter(({ sequence }) => sequence <= 1)) {
        const generation = generationOf(record.generation);
        const sealer = new Sealer(secretOf(generation, record.suite), noRekey, () => 0);
        const opener = new Opener(secretOf(generation, record.suite));
        while (sealer.sequence < record.sequence) {
          opener.open(sealer.seal(2, frameTypes.messages, Uint8Array.of(1)));
        }
        const frame = sealer.seal(record.flags, record.type, fromHex(record.body));
        expect(toHex(frame)).to.equal(record.frame);
        const opened = opener.open(frame);
        expect(toHex(opened.body)).to.equal(record.body);
        expect(opened).to.include({ flags: record.flags, type: record.type });
        compared += 1;
      }
      expect(compared).to.equal(48);
    });

    it('goes through key updates as the other implementation does, sealing and opening', () => {
      for (const { suite, frames } of updates.streams) {
        const [first] = updates.generations;
        const sealer = new Sealer(secretOf(first!, suite), noRekey, () => 0);
        const opener = new Opener(secretOf(first!, suite));
        for (const expected of frames) {
          const frame =
            expected.type === frameTypes.keyUpdate
              ? sealer.rekey()
              : sealer.seal(expected.flags, expected.type, fromHex(expected.body));
          expect(toHex(frame)).to.equal(expected.frame);
          expect(toHex(opener.open(frame).body)).to.equal(expected.body);
        }
        expect(sealer.generation).to.equal(opener.generation).and.be.greaterThan(3);
      }
    });
  });
}
