// The two interceptors that are there to be copied, on calls of their own making; the guide runs them over a connection.

import { expect } from 'chai';
import { RpcError, SealwireError } from '../../lib/base/errors.js';
import { type Interceptor, intercept, type OutgoingCall } from '../../lib/rpc/interceptor.js';
import type { Peer } from '../../lib/rpc/peer.js';
import { CallMetrics } from '../../samples/interceptors/metrics.js';
import { retry } from '../../samples/interceptors/retry.js';
import { outcomeOf } from '../support/settled.js';

const call = (given: Partial<OutgoingCall> = {}): OutgoingCall => ({
  direction: 'outgoing',
  peer: {} as Peer,
  method: 'Shop.stock',
  security: 0,
  oneWay: false,
  streaming: false,
  idempotent: true,
  args: [],
  metadata: {},
  signal: new AbortController().signal,
  deadline: new Date(Date.now() + 60_000),
  ...given,
});

describe('samples/interceptors: retry', () => {
  const fast = { initialDelayMs: 1, maxDelayMs: 2 };

  /** How often a call that always fails is made, and what becomes of it. */
  async function attemptsAt(
    error: Error,
    given: Partial<OutgoingCall> = {},
    options = {},
  ): Promise<{ attempts: number; outcome: unknown }> {
    let attempts = 0;
    const { outgoing } = retry({ ...fast, ...options });
    const answer = intercept([outgoing!], call(given), () => {
      attempts += 1;
      throw error;
    });
    const outcome: unknown = await answer.catch((thrown: unknown) => thrown);
    return { attempts, outcome };
  }

  const busy = new RpcError('UNAVAILABLE', 'busy');

  it('makes an idempotent call again, so often and no more, and tells the last error', async () => {
    for (const error of [
      busy,
      new RpcError('RESOURCE_EXHAUSTED', 'too many'),
      new SealwireError('UNAVAILABLE', 'away'),
    ]) {
      const { attempts, outcome } = await attemptsAt(error);
      expect([attempts, outcome]).to.deep.equal([4, error]);
    }
    expect((await attemptsAt(busy, {}, { attempts: 2 })).attempts).to.equal(2);
  });

  it('leaves alone what must not run twice, or would fail again', async () => {
    async function* items(): AsyncGenerator<number> {}
    for (const given of [{ idempotent: false }, { oneWay: true }, { args: [items()] }]) {
      expect((await attemptsAt(busy, given)).attempts).to.equal(1);
    }
    for (const error of [
      new RpcError('NOT_FOUND', 'no'),
      new SealwireError('DEADLINE_EXCEEDED', 'late'),
      new Error('x'),
    ]) {
      expect((await attemptsAt(error)).attempts).to.equal(1);
    }
  });

  it('waits as long as it is asked to, whatever it is asked', async () => {
    const waited = async (data: unknown): Promise<number> => {
      const begun = performance.now();
      await attemptsAt(new RpcError('RESOURCE_EXHAUSTED', 'later', data), {}, { attempts: 2 });
      return performance.now() - begun;
    };
    expect(await waited({ retryAfterMs: 40 })).to.be.at.least(39);
    // Other things are no time, and no reason to wait for ever.
    for (const data of [
      undefined,
      null,
      7,
      { retryAfterMs: '9' },
      { retryAfterMs: -5 },
      { retryAfterMs: Number.NaN },
    ]) {
      await waited(data);
    }
    const endless = new RpcError('RESOURCE_EXHAUSTED', 'later', { retryAfterMs: Number.POSITIVE_INFINITY });
    expect((await attemptsAt(endless)).attempts).to.equal(1);
  });

  it('does not wait for what the deadline would cut off, and stops waiting when it is aborted', async () => {
    const later = new RpcError('UNAVAILABLE', 'later', { retryAfterMs: 5000 });
    const soon = await attemptsAt(later, { deadline: new Date(Date.now() + 1000) });
    expect([soon.attempts, soon.outcome]).to.deep.equal([1, later]);
    const abort = new AbortController();
    const reason = new SealwireError('CANCELLED', 'enough');
    setTimeout(() => abort.abort(reason), 5);
    const aborted = await attemptsAt(later, { signal: abort.signal });
    expect([aborted.attempts, aborted.outcome]).to.deep.equal([1, reason]);
  });
});

describe('samples/interceptors: metrics', () => {
  async function* items(): AsyncGenerator<number> {
    yield* [1, 2, 3];
  }

  it('counts calls and items by how they ended, and logs nothing else', async () => {
    const lines: string[] = [];
    const metrics = new CallMetrics((line) => lines.push(line.replace(/\d+ ms$/, 'n ms')));
    const { interceptor } = metrics;
    const secret = call({ args: ['swordfish'], metadata: { token: 'swordfish' } });
    const interceptors: readonly Interceptor[] = [interceptor];
    expect(await intercept(interceptors, secret, () => 'swordfish')).to.equal('swordfish');
    for (const error of [
      new RpcError('NOT_FOUND', 'swordfish'),
      new RpcError('NOT_FOUND', ''),
      new Error('swordfish'),
    ]) {
      const thrown = await intercept(interceptors, secret, () => {
        throw error;
      }).catch((failure: unknown) => failure);
      expect(thrown).to.equal(error);
    }
    for (const most of [99, 2]) {
      let count = 0;
      const stream = intercept(interceptors, call({ method: 'Shop.watch', streaming: true }), items);
      for await (const _ of stream) if (++count === most) break;
    }
    const failing = intercept(interceptors, call({ method: 'Shop.watch', streaming: true }), () => {
      throw new SealwireError('CONNECTION_CLOSED', 'gone');
    });
    await outcomeOf(failing[Symbol.asyncIterator]().next());
    expect(lines).to.deep.equal([
      'outgoing Shop.stock OK n ms',
      'outgoing Shop.stock NOT_FOUND n ms',
      'outgoing Shop.stock NOT_FOUND n ms',
      'outgoing Shop.stock INTERNAL n ms',
      'outgoing Shop.watch OK n ms',
      'outgoing Shop.watch CANCELLED n ms',
      'outgoing Shop.watch CONNECTION_CLOSED n ms',
    ]);
    const { ended, running } = metrics.methods.get('outgoing Shop.stock')!;
    expect([Object.fromEntries(ended), running]).to.deep.equal([{ OK: 1, NOT_FOUND: 2, INTERNAL: 1 }, 0]);
    expect(metrics.methods.get('outgoing Shop.watch')).to.include({ items: 5, running: 0 });
    const { totalMs, maxMs } = metrics.methods.get('outgoing Shop.watch')!;
    expect(totalMs).to.be.at.least(maxMs);
  });

  it('is not filled by a peer that makes up codes', async () => {
    const metrics = new CallMetrics();
    for (let code = 0; code < 100; code++) {
      await intercept([metrics.interceptor], call(), () => {
        throw new RpcError(`CODE_${code}`, '');
      }).catch(() => undefined);
    }
    const { ended } = metrics.methods.get('outgoing Shop.stock')!;
    expect([ended.size, ended.get('OTHER')]).to.deep.equal([33, 68]);
  });
});
