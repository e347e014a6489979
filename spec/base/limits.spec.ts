// Limits: on by default, changed one by one, and never beyond what protocol and platform allow.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { defaultLimits, type Limits, resolveLimits } from '../../lib/base/limits.js';

const kib64 = 64 * 1024;

/** Least and most, from docs/protocol.md and from what setTimeout can measure. */
const bounded: Partial<Record<keyof Limits, readonly [number, number]>> = {
  maxFrameBytes: [kib64, 2 ** 30],
  maxMessageBytes: [kib64, 2 ** 30],
  fragmentTimeoutMs: [1, 2 ** 31 - 1],
  maxHandshakeFrameBytes: [4096, kib64],
  handshakeTimeoutMs: [1, 2 ** 31 - 1],
  maxCallMs: [1, 2 ** 31 - 1],
  maxBatchBytes: [1, kib64],
  maxDepth: [1, 32],
  maxValues: [1, 65_536],
  rekeyAfterRecords: [1, 2 ** 23],
  rekeyAfterBytes: [1, 2 ** 36],
  rekeyAfterMs: [1, 24 * 3_600_000],
};
const names = Object.keys(defaultLimits) as (keyof Limits)[];

function expectRefused(overrides: object, mentions: string): void {
  expect(() => resolveLimits(overrides as Partial<Limits>), mentions)
    .to.throw(SealwireError, mentions)
    .with.property('code', 'INVALID_CONFIG');
}

describe('limits', () => {
  it('are those of the defaults where nothing is said', () => {
    expect(resolveLimits()).to.deep.equal(defaultLimits);
    expect(resolveLimits({})).to.deep.equal(defaultLimits);
  });

  it('change one by one, and leave the defaults alone', () => {
    const before = { ...defaultLimits };
    for (const name of names) {
      const value = defaultLimits[name] - 1 || 1;
      const least = bounded[name]?.[0] ?? 1;
      if (value < least) continue;
      expect(resolveLimits({ [name]: value })).to.deep.equal({ ...defaultLimits, [name]: value });
    }
    expect(defaultLimits).to.deep.equal(before);
  });

  it('stay within their bounds', () => {
    for (const [name, [least, most]] of Object.entries(bounded)) {
      for (const value of [least, most]) {
        expect(resolveLimits({ [name]: value })[name as keyof Limits]).to.equal(value);
      }
      for (const value of [least - 1, most + 1]) {
        expectRefused({ [name]: value }, `limits.${name} must be a whole number from ${least} to ${most}`);
      }
    }
  });

  it('are positive whole numbers, all of them', () => {
    for (const name of names) {
      for (const value of [
        0,
        -1,
        1.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        2 ** 53,
        '100000',
        null,
        undefined,
        5n,
      ]) {
        expectRefused({ [name]: value }, `limits.${name}`);
      }
    }
  });

  it('that do not exist are refused: a limit that is believed to protect and does nothing is worse than none', () => {
    expectRefused({ maxFrameByte: 100_000 }, 'limits.maxFrameByte does not exist');
    for (const name of ['toString', 'constructor', 'hasOwnProperty']) {
      expectRefused({ [name]: 1 }, `limits.${name} does not exist`);
    }
    expectRefused(JSON.parse('{"__proto__": 1}'), 'limits.__proto__ does not exist');
  });

  it('change keys long before the hard limits of RFC 9846 §5.5', () => {
    expect(defaultLimits.rekeyAfterRecords).to.be.below(2 ** 24.5);
    expect(defaultLimits).to.include({ rekeyAfterRecords: 2 ** 23, rekeyAfterBytes: 2 ** 36 });
  });
});
