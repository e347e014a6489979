// Through a relay that flips each single bit of each handshake message in turn: no connection is ever established, no
// handler ever runs, the process lives. Every bit of all four frames over memory; a bit of every byte, drawn by a seed,
// over TCP for one half of the bytes and over WebSocket for the other.
//
// "Established" is judged on both sides. The client's flight is the last message: when it is damaged, the client
// has proof of the server already and believes in the connection until the server's word comes. What is asserted
// there is that the server never does, that nothing runs, and that the client's connection ends and its call fails.

import { expect } from 'chai';
import { SeededRandom } from '../support/random.js';
import { nothingUncaught } from '../support/uncaught.js';
import {
  type Attempt,
  attemptOnce,
  fixedLengths,
  handshakeFrames,
  type LaneOptions,
  recordHandshake,
} from './attempts.js';
import { attemptChanges, type Change, flip } from './frame-changes.js';
import { tried } from './stand.js';

const handshakeTimeoutMs = 5000;

describe('attack: every bit of the handshake', () => {
  nothingUncaught();

  it('leaves an untouched handshake alone, so that what fails below fails because of the flip', async () => {
    const attempt = await attemptOnce(fixedLengths('memory', handshakeTimeoutMs), ({ bytes }) => [bytes]);
    expect(attempt).to.include({ client: 'connected', server: 'connected', call: 'answered' });
    expect(attempt.handlerRuns).to.be.greaterThan(0);
  });

  it('establishes nothing over memory, whichever bit is flipped', async function () {
    this.timeout(120_000);
    const frames = await recordHandshake(fixedLengths('memory', handshakeTimeoutMs));
    const flips = handshakeFrames.flatMap((frame, which) =>
      Array.from({ length: 8 * frames[which]!.length }, (_, bit) => flip(frame, bit)),
    );
    expect(flips.length).to.be.greaterThan(6000);
    expect(await flipAll(fixedLengths('memory', handshakeTimeoutMs), flips)).to.equal(flips.length);
  });

  for (const scheme of ['tcp', 'ws'] as const) {
    it(`establishes nothing over ${scheme}, whichever of its bytes has a bit flipped`, async function () {
      this.timeout(120_000);
      const random = new SeededRandom(0x5ea1);
      const frames = await recordHandshake(fixedLengths(scheme, handshakeTimeoutMs));
      const flips = handshakeFrames.flatMap((frame, which) =>
        Array.from(frames[which]!, (_, byte) => flip(frame, 8 * byte + random.below(8))).filter((_, byte) =>
          tried(scheme, byte),
        ),
      );
      expect(await flipAll(fixedLengths(scheme, handshakeTimeoutMs), flips)).to.equal(flips.length);
    });
  }
});

/** Returns how many frames were really changed on their way. */
const flipAll = (lane: LaneOptions, flips: readonly Change[]): Promise<number> =>
  attemptChanges(lane, flips, expectNothing);

function expectNothing(attempt: Attempt, { frame, what }: Change): void {
  expect(attempt.server, what).to.equal('HANDSHAKE_FAILED');
  expect(attempt.handlerRuns, what).to.equal(0);
  expect(attempt.ms, what).to.be.lessThan(handshakeTimeoutMs);
  if (frame.name !== "the client's flight") {
    expect(attempt.client, what).to.equal('HANDSHAKE_FAILED');
    return;
  }
  expect(attempt.client, what).to.equal('connected');
  expect(attempt.call, what).to.equal('CONNECTION_CLOSED');
  expect(attempt.disconnected, what).to.equal('CONNECTION_CLOSED');
}
