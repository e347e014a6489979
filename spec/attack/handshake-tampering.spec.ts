// What a relay can do to whole frames of the handshake: cut them at every byte, make them longer, send them twice, drop
// them, swap them, put others in their place. Nothing is ever established, nothing hangs for longer than the time for
// the handshake, nothing is thrown where nobody catches it. Cuts: at every byte over memory, and at each byte over one of
// the two kinds of sockets.
//
// As with flipped bits, what happens to the client's flight leaves the client believing until the server's word comes.
// What is dropped or comes too late can only be noticed by the clock: there the error is HANDSHAKE_TIMEOUT.

import { expect } from 'chai';
import type { Intercept, RelayedFrame } from '../../samples/tour/relay.js';
import { type Scheme, schemes } from '../support/pair.js';
import { SeededRandom } from '../support/random.js';
import { nothingUncaught } from '../support/uncaught.js';
import {
  type Attempt,
  altering,
  attemptOnce,
  fixedLengths,
  type HandshakeFrame,
  handshakeFrames,
  overLanes,
  recordHandshake,
} from './attempts.js';
import { tried } from './stand.js';

const handshakeTimeoutMs = 250;
const farOffMs = 5000;
/** What a busy machine adds to a timer and to closing. */
const slackMs = 2000;
const refusals = ['HANDSHAKE_FAILED', 'PROTOCOL_ERROR', 'LIMIT_EXCEEDED'];
const timedOut = [...refusals, 'HANDSHAKE_TIMEOUT'];
const last = handshakeFrames[3];

for (const scheme of schemes) {
  describe(`attack: frames of the handshake over ${scheme}`, () => {
    nothingUncaught();

    it('cut at every byte, establish nothing and hang nobody', async function () {
      this.timeout(60_000);
      const frames = await recordHandshake(fixedLengths(scheme, farOffMs));
      const cuts = handshakeFrames.flatMap((frame, which) =>
        Array.from(frames[which]!, (_, bytes) => ({ frame, bytes })).filter(({ bytes }) =>
          tried(scheme, bytes),
        ),
      );
      let cut = 0;
      // With the time for a handshake far off, so that whatever waits for it shows.
      await overLanes(8, fixedLengths(scheme, farOffMs), cuts, async (lane, { frame, bytes }) => {
        const attempt = await lane.attempt(
          altering(frame, (whole) => {
            if (whole.bytes.length > bytes) cut += 1;
            return [whole.bytes.subarray(0, bytes)];
          }),
        );
        expectNothing(attempt, frame, `${frame.name} cut to ${bytes} bytes`, refusals);
        expect(attempt.ms).to.be.lessThan(farOffMs);
      });
      expect(cut).to.equal(cuts.length);
    });

    it('made longer by a byte, establish nothing', async () => {
      const random = new SeededRandom(7);
      for (const frame of handshakeFrames) {
        for (const extra of [0, random.below(256)]) {
          const attempt = await once(
            scheme,
            altering(frame, ({ bytes }) => [Uint8Array.of(...bytes, extra)]),
          );
          expectNothing(attempt, frame, `${frame.name} with ${extra} behind it`, refusals);
        }
      }
    });

    it('sent twice, end the connection at the second one', async () => {
      const [clientHello, serverHello, serverFlight, clientFlight] = handshakeFrames;
      const twice = (frame: HandshakeFrame) =>
        once(
          scheme,
          altering(frame, ({ bytes }) => [bytes, bytes]),
        );
      // The server answers the first hello before it sees the second, so the client may have its proof already.
      const first = await twice(clientHello);
      expect(first).to.include({ server: 'HANDSHAKE_FAILED', handlerRuns: 0 });
      expect(first.call).to.not.equal('answered');
      expectNothing(await twice(serverHello), serverHello, 'ServerHello twice', refusals);
      // These two handshakes were good; the copy is a record of keys that are gone.
      expect((await twice(serverFlight)).disconnected).to.equal('RECORD_REJECTED');
      const final = await twice(clientFlight);
      expect(final.server).to.equal('connected');
      expect(final.disconnected).to.equal('CONNECTION_CLOSED');
      expect(final.call).to.equal('CONNECTION_CLOSED');
    });

    it('dropped, end at the time limit', async () => {
      for (const frame of handshakeFrames) {
        const attempt = await once(
          scheme,
          altering(frame, () => []),
        );
        expectNothing(attempt, frame, `${frame.name} dropped`, timedOut);
        expect(attempt.ms, frame.name).to.be.lessThan(handshakeTimeoutMs + slackMs);
      }
    });

    it('in another order, establish nothing', async () => {
      const [clientHello, serverHello, serverFlight] = handshakeFrames;
      let held: Uint8Array | undefined;
      const swapped = await once(scheme, (frame) => {
        if (!is(frame, serverHello)) return is(frame, serverFlight) ? [frame.bytes, held!] : [frame.bytes];
        held = frame.bytes;
        return [];
      });
      expectNothing(swapped, serverFlight, 'ServerHello behind the flight', refusals);

      const early = await once(
        scheme,
        altering(clientHello, ({ bytes }) => [Uint8Array.of(0xc1, ...new Uint8Array(80)), bytes]),
      );
      expectNothing(early, clientHello, 'a flight before ClientHello', refusals);

      const calling = await once(
        scheme,
        altering(clientHello, ({ bytes }) => [Uint8Array.of(2, 0x94, 0, 1, 2, 0x90), bytes]),
      );
      expectNothing(calling, clientHello, 'a plain call before ClientHello', refusals);

      const hasty = await once(
        scheme,
        altering(clientHello, ({ bytes }) => [bytes, Uint8Array.of(2, 0x94, 0, 1, 2, 0x90)]),
      );
      expect(hasty).to.include({ server: 'HANDSHAKE_FAILED', handlerRuns: 0 });

      const callback = await once(
        scheme,
        altering(serverFlight, ({ bytes }) => [Uint8Array.of(2, 0x94, 0, 1, 2, 0x90), bytes]),
      );
      expectNothing(callback, serverFlight, "a plain call before the server's flight", refusals);
    });

    it('of an earlier handshake, in place of those of this one, establish nothing', async () => {
      const earlier = await recordHandshake(fixedLengths(scheme, handshakeTimeoutMs));
      for (const [which, frame] of handshakeFrames.entries()) {
        const attempt = await once(
          scheme,
          altering(frame, () => [earlier[which]!]),
        );
        expectNothing(attempt, frame, `${frame.name} of an earlier handshake`, refusals);
      }
    });

    it('reflected to their sender, establish nothing', async () => {
      let hello: Uint8Array | undefined;
      const toClient = await once(scheme, (frame) => {
        if (frame.from === 'client') hello ??= frame.bytes;
        else return frame.index === 0 ? [hello!] : [];
        return [frame.bytes];
      });
      expectNothing(toClient, handshakeFrames[1], 'ClientHello reflected', refusals);

      let flight: Uint8Array | undefined;
      const toServer = await once(scheme, (frame) => {
        if (is(frame, handshakeFrames[2])) flight = frame.bytes;
        return is(frame, last) ? [flight!] : [frame.bytes];
      });
      expectNothing(toServer, last, "the server's flight reflected", refusals);
    });

    it('cut off with their connection, fail at once', async () => {
      for (const frame of handshakeFrames) {
        const attempt = await once(
          scheme,
          altering(frame, () => 'cut'),
        );
        expectNothing(attempt, frame, `the way cut at ${frame.name}`, refusals);
      }
    });
  });
}

function is(frame: RelayedFrame, { from, index }: HandshakeFrame): boolean {
  return frame.from === from && frame.index === index;
}

function once(scheme: Scheme, meddle: Intercept): Promise<Attempt> {
  return attemptOnce(fixedLengths(scheme, handshakeTimeoutMs), meddle);
}

function expectNothing(
  attempt: Attempt,
  frame: HandshakeFrame,
  what: string,
  codes: readonly string[],
): void {
  expect(attempt.server, what).to.be.oneOf(codes);
  expect(attempt.handlerRuns, what).to.equal(0);
  if (frame !== last) {
    expect(attempt.client, what).to.be.oneOf(codes);
    return;
  }
  expect(attempt.client, what).to.equal('connected');
  expect(attempt.call, what).to.equal('CONNECTION_CLOSED');
  expect(attempt.disconnected, what).to.equal('CONNECTION_CLOSED');
}
