// The delays between attempts, and which ends are worth one.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import {
  Backoff,
  isWorthRetrying,
  type ReconnectOptions,
  reconnectSettings,
} from '../../lib/manager/reconnect.js';
import { refusal } from '../support/refusal.js';

function backoff(options: ReconnectOptions, random: () => number): Backoff {
  return new Backoff(reconnectSettings(options)!, random);
}

describe('manager: backoff', () => {
  it('grows by its factor up to its most, all of it random by default', () => {
    const highest = backoff({ initialDelayMs: 100, maxDelayMs: 1000, factor: 3 }, () => 1);
    expect([1, 2, 3, 4, 5].map(() => highest.next())).to.deep.equal([100, 300, 900, 1000, 1000]);
    const lowest = backoff({ initialDelayMs: 100 }, () => 0);
    expect([lowest.next(), lowest.next()]).to.deep.equal([0, 0]);
  });

  it('has only a share of it random, where that is asked for', () => {
    const shares = [0, 0.5, 0.5];
    const some = backoff({ initialDelayMs: 100, maxDelayMs: 400, jitter: 0.5 }, () => shares.shift()!);
    expect([some.next(), some.next(), some.next()]).to.deep.equal([50, 150, 300]);
  });

  it('gives up after so many failures in a row, and counts anew after a connection', () => {
    const twice = backoff({ maxAttempts: 2 }, () => 0);
    expect([twice.next(), twice.next(), twice.next()]).to.deep.equal([0, 0, undefined]);
    twice.connected(1);
    expect([twice.next(), twice.next(), twice.next()]).to.deep.equal([0, 0, undefined]);
  });

  it('starts over after a connection that stood, and not after one that was cut at once', () => {
    const delays = backoff({ initialDelayMs: 100, maxDelayMs: 1000 }, () => 1);
    expect([delays.next(), delays.next()]).to.deep.equal([100, 200]);
    delays.connected(999);
    expect(delays.next()).to.equal(400);
    delays.connected(1000);
    expect(delays.next()).to.equal(100);
  });

  for (const [code, reason, worth] of [
    ['CONNECTION_CLOSED', 'going-away', true],
    ['CONNECTION_CLOSED', 'transport-closed', true],
    ['CONNECTION_CLOSED', 'normal', false],
    ['CONNECTION_CLOSED', 'closed-here', false],
    ['CONNECT_FAILED', 'refused', true],
    ['CONNECT_FAILED', 'timeout', true],
    ['HANDSHAKE_TIMEOUT', undefined, true],
    ['HANDSHAKE_FAILED', 'transport-closed', true],
    ['HANDSHAKE_FAILED', 'going-away', true],
    ['HANDSHAKE_FAILED', 'certificate-required', false],
    ['HANDSHAKE_FAILED', 'encryption-mismatch', false],
    ['HANDSHAKE_FAILED', 'version-mismatch', false],
    ['RECORD_REJECTED', undefined, true],
    ['PROTOCOL_ERROR', undefined, true],
    ['CERTIFICATE_REJECTED', 'untrusted', false],
    ['POLICY_MISMATCH', undefined, false],
    ['INVALID_CONFIG', undefined, false],
  ] as const) {
    it(`${worth ? 'tries again after' : 'is done after'} ${code} ${reason ?? ''}`, () => {
      expect(isWorthRetrying(new SealwireError(code, '', { ...(reason && { reason }) }))).to.equal(worth);
    });
  }

  it('is off by default, and on with its defaults', () => {
    expect(reconnectSettings(undefined)).to.equal(undefined);
    expect(reconnectSettings(false)).to.equal(undefined);
    expect(reconnectSettings(true)).to.include({
      initialDelayMs: 500,
      maxDelayMs: 30_000,
      whileAway: 'wait',
    });
    expect(reconnectSettings({ maxAttempts: 3 })).to.include({ maxAttempts: 3, factor: 2, jitter: 1 });
  });

  for (const [wrong, message] of [
    [null, /true, false or an object/],
    ['yes', /true, false or an object/],
    [{ delayMs: 1 }, /reconnect\.delayMs does not exist/],
    [{ initialDelayMs: 0 }, /initialDelayMs/],
    [{ initialDelayMs: 10, maxDelayMs: 9 }, /maxDelayMs/],
    [{ maxDelayMs: Number.POSITIVE_INFINITY }, /maxDelayMs/],
    [{ factor: 0.5 }, /factor/],
    [{ jitter: 1.1 }, /jitter/],
    [{ jitter: Number.NaN }, /jitter/],
    [{ maxAttempts: 0 }, /maxAttempts/],
    [{ maxAttempts: 1.5 }, /maxAttempts/],
    [{ whileAway: 'drop' }, /whileAway/],
    [{ maxWaitingCalls: -1 }, /maxWaitingCalls/],
  ] as const) {
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      expect(refusal('INVALID_CONFIG', () => reconnectSettings(wrong as never))).to.match(message);
    });
  }
});
