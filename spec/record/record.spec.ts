// Sealing and opening, and everything that is not opened: strict order, flags, limits, wiping.

import { expect } from 'chai';
import fc from 'fast-check';
import { concat, sameBytes, totalBytes } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CryptoProvider } from '../../lib/crypto/provider.js';
import { Generation, maxBytesPerGeneration, maxRecordsPerGeneration } from '../../lib/record/generation.js';
import { Opener } from '../../lib/record/open.js';
import { type RekeyLimits, recordBytes, recordOverheadBytes, Sealer } from '../../lib/record/seal.js';
import { TrafficSecret } from '../../lib/record/traffic-keys.js';
import { frameTypes } from '../../lib/wire/frame.js';

const combinations = [1, 2, 3];
const noRekey: RekeyLimits = {
  rekeyAfterRecords: 2 ** 23,
  rekeyAfterBytes: 2 ** 36,
  rekeyAfterMs: 3_600_000,
};

function secret(crypto: CryptoProvider = nodeCrypto, fill = 7): TrafficSecret {
  return new TrafficSecret(crypto, 'aes-256-gcm', new Uint8Array(32).fill(fill), 1);
}

function pair(
  limits: RekeyLimits = noRekey,
  now: () => number = () => 0,
): { sealer: Sealer; opener: Opener } {
  return { sealer: new Sealer(secret(), limits, now), opener: new Opener(secret()) };
}

function refusal(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(SealwireError);
    return (error as SealwireError).reason ?? (error as SealwireError).code;
  }
  return undefined;
}

describe('records', () => {
  it('open as what was sealed, under any flags, on either backend', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...combinations),
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        (flags, body) => {
          const sealer = new Sealer(secret(nodeCrypto), noRekey, () => 0);
          const opener = new Opener(secret(nobleCrypto));
          const frame = sealer.seal(flags, frameTypes.messages, body);
          expect(frame.length).to.be.at.most(body.length + recordOverheadBytes);
          const opened = opener.open(frame);
          expect([...opened.body]).to.deep.equal([...body]);
          expect(opened.flags).to.equal(flags);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('are the same wherever in a larger memory they are sealed, and leave alone what is in front', () => {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      const [one, other] = [0, 1].map(() => new Sealer(secret(crypto), noRekey, () => 0));
      for (const flags of combinations) {
        for (const [at, ...lengths] of [
          [0, 1],
          [4, 5, 70],
          [8, 1, 20_000],
          [14, 70_000],
        ]) {
          const parts = lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
          const frame = one!.sealGathered(flags, frameTypes.messages, parts);
          const memory = new Uint8Array(at! + recordBytes(flags, totalBytes(parts))).fill(0xaa);
          other!.sealInto(memory, at!, flags, frameTypes.messages, parts);
          expect(sameBytes(memory.subarray(at), frame)).to.equal(true);
          expect(memory.subarray(0, at).every((byte) => byte === 0xaa)).to.equal(true);
          expect(other!.sequence).to.equal(one!.sequence);
        }
      }
    }
  });

  it('are the same in pieces as in a row, count the same, and open', () => {
    const { sealer, opener } = pair();
    const { sealer: other } = pair();
    for (const lengths of [[5, 70_000], [20_000, 20_000, 1], [1]]) {
      const parts = lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
      const pieces = sealer.sealApart(3, frameTypes.fragment, parts)!;
      const frame = concat(pieces);
      const gathered = other.sealGathered(3, frameTypes.fragment, parts);
      expect(sameBytes(frame, gathered)).to.equal(true);
      expect(sealer.sequence).to.equal(other.sequence);
      expect(sameBytes(opener.open(frame).body, concat(parts))).to.equal(true);
    }
  });

  it('open into memory of their own where the cipher makes it anyway, and leave the frame as it was', () => {
    const { sealer, opener } = pair();
    const body = new Uint8Array(20_000).map((_, index) => index);
    const frame = sealer.seal(3, frameTypes.messages, body);
    const before = frame.slice();
    const opened = opener.open(frame);
    expect(sameBytes(opened.body, body)).to.equal(true);
    expect(opened.body.buffer).not.to.equal(frame.buffer);
    expect(opened.body.buffer.byteLength, 'and nothing else is in it').to.equal(body.length);
    expect(sameBytes(frame, before)).to.equal(true);

    for (const at of [8, 10_000, frame.length - 1]) {
      const changed = before.slice();
      changed[at]! ^= 1;
      const other = pair().opener;
      expect(refusal(() => other.open(changed))).to.equal('tag');
      expect(sameBytes(other.open(before.slice()).body, body), 'nothing was counted').to.equal(true);
    }
    const short = sealer.seal(3, frameTypes.messages, body.subarray(0, 1000));
    expect(opener.open(short).body.buffer, 'a copy costs less').to.equal(short.buffer);
  });

  it('are not made in pieces under one flag, nor by a backend that would have to copy; nothing is counted then', () => {
    const { sealer } = pair();
    const parts = [new Uint8Array(20_000)];
    for (const flags of [1, 2])
      expect(sealer.sealApart(flags, frameTypes.messages, parts)).to.equal(undefined);
    const noble = new Sealer(secret(nobleCrypto), noRekey, () => 0);
    expect(noble.sealApart(3, frameTypes.messages, parts)).to.equal(undefined);
    expect([sealer.sequence, noble.sequence]).to.deep.equal([0, 0]);
    sealer.destroy();
    expect(refusal(() => sealer.sealApart(3, frameTypes.messages, parts))).to.equal('INVALID_STATE');
  });

  it('are refused when any single bit is flipped, or are no longer vouched for', () => {
    for (const flags of combinations) {
      const body = Uint8Array.from({ length: 20 }, (_, index) => index);
      const { sealer } = pair();
      const frame = sealer.seal(flags, frameTypes.messages, body);
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const changed = frame.slice();
        changed[bit >>> 3]! ^= 1 << (bit & 7);
        const { opener } = pair();
        let opened: ReturnType<Opener['open']> | undefined;
        const reason = refusal(() => {
          opened = opener.open(changed);
        });
        if (reason !== undefined) continue;
        // Nothing vouches for what is Encrypted alone, and what is moved there opens as noise, never as it was.
        expect(opened!.flags, `flags ${flags}, bit ${bit}`).to.equal(1);
        if (flags !== 1) expect([...opened!.body]).not.to.deep.equal([...body]);
        else expect(bit < 6 || bit >= 64, `bit ${bit}`).to.equal(true);
      }
    }
  });

  it('are refused when replayed, reordered or dropped, under every combination of flags', () => {
    for (const flags of combinations) {
      const { sealer, opener } = pair();
      const frames = [1, 2, 3].map((byte) => sealer.seal(flags, frameTypes.messages, Uint8Array.of(byte)));
      expect(refusal(() => opener.open(frames[1]!.slice()))).to.equal('sequence'); // the first was dropped
      opener.open(frames[0]!.slice());
      expect(refusal(() => opener.open(frames[0]!.slice()))).to.equal('sequence'); // replayed
      expect(refusal(() => opener.open(frames[2]!.slice()))).to.equal('sequence'); // reordered
      expect([...opener.open(frames[1]!.slice()).body]).to.deep.equal([2]); // and none of that changed anything
    }
  });

  it('are refused when moved to other flags, or open as noise where nothing vouches for them', () => {
    const flagBits: Record<number, number> = { 1: 0x80, 2: 0x40, 3: 0xc0 };
    const body = new Uint8Array(40).fill(0x5a);
    for (const from of combinations) {
      for (const to of combinations.filter((flags) => flags !== from)) {
        const { sealer, opener } = pair();
        const frame = sealer.seal(from, frameTypes.messages, body);
        frame[0] = flagBits[to]! | frameTypes.messages;
        if (to & 2) expect(refusal(() => opener.open(frame))).to.equal('tag');
        else
          expect(Buffer.from(opener.open(frame).body).includes(Buffer.from(body.subarray(0, 8)))).to.equal(
            false,
          );
      }
    }
  });

  it('are refused when they come from another direction, another generation or another connection', () => {
    const { sealer } = pair();
    const frame = sealer.seal(3, frameTypes.messages, Uint8Array.of(1));
    const other = new Opener(secret(nodeCrypto, 8));
    expect(refusal(() => other.open(frame.slice()))).to.equal('tag');
    const later = new Opener(secret().next());
    expect(refusal(() => later.open(frame.slice()))).to.equal('epoch');
  });

  it('are refused when cut anywhere', () => {
    for (const flags of combinations) {
      const { sealer } = pair();
      const frame = sealer.seal(flags, frameTypes.messages, new Uint8Array(24).fill(1));
      for (let length = 0; length < frame.length; length++) {
        const { opener } = pair();
        const reason = refusal(() => opener.open(frame.slice(0, length)));
        if (flags !== 1 || length < 8) expect(reason, `${flags}, ${length}`).to.be.a('string');
      }
    }
  });

  it('leave no plaintext behind when they are refused', () => {
    const body = new Uint8Array(32).fill(0x77);
    const { sealer, opener } = pair();
    const frame = sealer.seal(3, frameTypes.messages, body);
    frame[frame.length - 1]! ^= 1;
    expect(refusal(() => opener.open(frame))).to.equal('tag');
    expect(frame.subarray(8).every((byte) => byte !== 0x77)).to.equal(true);
  });

  it('never seal two bodies under one nonce and key', () => {
    const { sealer } = pair();
    const same = new Uint8Array(16).fill(3);
    const seen = new Set(
      Array.from({ length: 200 }, () =>
        Buffer.from(sealer.seal(3, frameTypes.messages, same).subarray(8)).toString('hex'),
      ),
    );
    expect(seen.size).to.equal(200);
  });
});

describe('key updates', () => {
  it('are due after so many records, so many bytes, or so much time, and never before the first record', () => {
    let now = 0;
    const limits = { rekeyAfterRecords: 4, rekeyAfterBytes: 100, rekeyAfterMs: 1000 };
    const { sealer } = pair(limits, () => now);
    now = 5000;
    expect(sealer.needsRekey(1)).to.equal(false);
    for (let record = 0; record < 3; record++) {
      now = 0;
      expect(sealer.needsRekey(1), `record ${record}`).to.equal(false);
      sealer.seal(2, frameTypes.messages, Uint8Array.of(1));
    }
    expect(sealer.needsRekey(1)).to.equal(true);
    sealer.rekey();
    expect(sealer.generation).to.equal(2);
    sealer.seal(2, frameTypes.messages, new Uint8Array(60));
    expect(sealer.needsRekey(40)).to.equal(false);
    expect(sealer.needsRekey(41)).to.equal(true);
    now += 999;
    expect(sealer.needsRekey(1)).to.equal(false);
    now += 1;
    expect(sealer.needsRekey(1)).to.equal(true);
  });

  it('carry on for thousands of generations, past the one byte that the header has for them', () => {
    const { sealer, opener } = pair();
    for (let generation = 1; generation <= 600; generation++) {
      opener.open(sealer.seal(3, frameTypes.messages, Uint8Array.of(1)));
      opener.open(sealer.rekey());
    }
    expect(opener.generation).to.equal(601);
  });

  it('are refused as the first record of a generation, with a body, or with other flags', () => {
    const first = pair();
    expect(
      refusal(() => first.opener.open(first.sealer.seal(3, frameTypes.keyUpdate, new Uint8Array(0)))),
    ).to.equal('key-update');
    for (const [flags, body] of [
      [3, Uint8Array.of(1)],
      [2, new Uint8Array(0)],
      [1, new Uint8Array(0)],
    ] as const) {
      const { sealer, opener } = pair();
      opener.open(sealer.seal(3, frameTypes.messages, Uint8Array.of(1)));
      expect(refusal(() => opener.open(sealer.seal(flags, frameTypes.keyUpdate, body)))).to.equal(
        'key-update',
      );
    }
  });

  it('have a hard limit behind them, on both sides', () => {
    const records = new Generation(secret());
    for (let record = 0; record < 3; record++) records.advance(0);
    expect(records.exhausted(0)).to.equal(false);
    const worn = new Generation(secret());
    worn.advance(maxBytesPerGeneration - 10);
    expect(worn.exhausted(10)).to.equal(false);
    expect(worn.exhausted(11)).to.equal(true);
    const counted = new Generation(secret());
    for (let record = 0; record < maxRecordsPerGeneration; record++) counted.advance(0);
    expect(counted.exhausted(0)).to.equal(true);
  });

  it('leave no nonce behind, which all of them write in one place', () => {
    const generation = new Generation(secret());
    const nonce = generation.nonce();
    expect(new Generation(secret()).nonce()).to.equal(nonce);
    expect(nonce.every((byte) => byte === 0)).to.equal(false);
    generation.destroy();
    expect(nonce.every((byte) => byte === 0)).to.equal(true);
  });

  it('wipe what they leave behind', () => {
    const bytes = new Uint8Array(32).fill(9);
    const old = new TrafficSecret(nodeCrypto, 'aes-256-gcm', bytes, 1);
    const sealer = new Sealer(old, noRekey, () => 0);
    sealer.seal(3, frameTypes.messages, Uint8Array.of(1));
    sealer.rekey();
    expect(bytes.every((byte) => byte === 0)).to.equal(true);
    expect(() => sealer.seal(3, frameTypes.messages, Uint8Array.of(1))).not.to.throw();
    sealer.destroy();
    expect(() => sealer.seal(3, frameTypes.messages, Uint8Array.of(1))).to.throw();
  });

  it('derive nothing from what is wiped: keys of one flag, which are made when they are first used', () => {
    for (const flags of [1, 2, 3]) {
      const sealer = new Sealer(secret(), noRekey, () => 0);
      sealer.destroy();
      expect(() => sealer.seal(flags, frameTypes.messages, Uint8Array.of(1)), `flags ${flags}`)
        .to.throw()
        .with.property('code', 'INVALID_STATE');
    }
  });
});
