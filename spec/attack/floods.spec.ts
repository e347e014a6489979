// A client that keeps no limit: it is refused, then cut, and the server tells so without writing a book; another client is served
// all the while. How long that takes, and what the other one notices of it, is measured by bench/abuse.ts.

import { expect } from 'chai';
import type { NetworkConfig } from '../../lib/manager/config.js';
import type { LimitReport } from '../../lib/rpc/limit-report.js';
import { type Scheme, startUnconnected } from '../support/pair.js';
import { eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { dishonestClient } from './dishonest.js';
import { floods, Target } from './floods.js';

const rateLimit = { perSecond: 100, burst: 400 };
const limits: NetworkConfig['limits'] = {
  maxRefusedCalls: 700,
  maxStrayBytes: 64 * 1000,
  maxStreams: 4,
  maxCallsInFlight: 8,
};

/** What a flood is stopped by, and what was told before that. */
const expected: Readonly<Record<string, readonly string[]>> = {
  calls: ['methodRateLimit refuse', 'rateLimit refuse', 'refusedCalls disconnect'],
  'calls that never return': ['callsInFlight refuse', 'refusedCalls disconnect'],
  'calls with less protection': ['refusedCalls disconnect'],
  'calls of a method that is not': ['refusedCalls disconnect'],
  'one-way calls': ['rateLimit refuse', 'refusedCalls disconnect'],
  streams: ['streams refuse', 'refusedCalls disconnect'],
  'large arguments': ['methodRateLimit refuse', 'refusedCalls disconnect'],
  metadata: ['methodRateLimit refuse', 'rateLimit refuse', 'refusedCalls disconnect'],
  'fragments of messages that never end': ['frames disconnect'],
  cancellations: ['strayMessages disconnect'],
  pings: ['strayMessages disconnect'],
  'answers to nothing': ['strayMessages disconnect'],
  'items of no stream': ['strayMessages disconnect'],
};

describe('a client that keeps no limit', () => {
  nothingUncaught();

  it('is tried with every kind of flood', () => {
    expect(Object.keys(expected)).to.deep.equal(Object.keys(floods));
  });

  for (const [index, [kind, flood]] of Object.entries(floods).entries()) {
    const scheme: Scheme = index % 2 === 0 ? 'tcp' : 'ws';
    it(`is refused, then cut, while another one is served: ${kind} (${scheme})`, async () => {
      const target = new Target();
      const setup = await startUnconnected({
        scheme,
        services: [target],
        server: { keyStretching: { iterations: 1 }, rateLimit, limits },
      });
      const story: string[] = [];
      const reports: LimitReport[] = [];
      setup.server
        .on('limitExceeded', (_peer, report) => {
          reports.push(report);
          const told = `${report.limit} ${report.action}`;
          if (!story.includes(told)) story.push(told);
        })
        .on('clientDisconnected', (_peer, { code }) => story.push(code));
      await setup.connect();
      const peer = await dishonestClient(scheme, setup.url);
      await eventually('both are in', () => setup.server.clients.size === 2);
      peer.deaf = true;

      let served = 0;
      let id = 1;
      while (!story.includes('LIMIT_EXCEEDED')) {
        if (peer.queuedBytes < 2 ** 20 && peer.ended === undefined) id += flood(peer, id);
        served += 1;
        // Slowly, so that it keeps within its own rate.
        expect(await setup.client.invokeServerRpc('Target.probe', [served])).to.equal(served);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      // Refusals that were too many to be told one by one are counted, too, before or behind.
      const limitsTold = story.filter(
        (entry) => entry !== 'refusedCalls refuse' && entry !== 'LIMIT_EXCEEDED',
      );
      expect(limitsTold.filter((entry) => expected[kind]!.includes(entry))).to.deep.equal(expected[kind]);
      expect(story.indexOf('LIMIT_EXCEEDED')).to.be.greaterThan(story.indexOf(expected[kind]!.at(-1)!) - 1);
      // A handful of reports for hundreds of calls.
      expect(reports.length).to.be.below(40);
      expect(setup.server.clients.size).to.equal(1);
      expect(await setup.client.invokeServerRpc('Target.probe', [0])).to.equal(0);
      peer.close();
      await setup.stop();
    });
  }
});
