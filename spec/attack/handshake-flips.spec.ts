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
  altering,
  fixedLengths,
  type HandshakeFrame,
  handshakeFrames,
  Lane,
  type LaneOptions,
  overLanes,
  recordHandshake,
} from './attempts.js';
import { tried } from './stand.js';

const handshakeTimeoutMs = 5000;

interface Flip {
  readonly frame: HandshakeFrame;
  readonly bit: number;
}

describe('attack: every bit of the handshake', () => {
  nothingUncaught();

  it('leaves an untouched handshake alone, so that what fails below fails because of the flip', async () => {
    const lane = await Lane.open(fixedLengths('memory', handshakeTimeoutMs));
    const attempt = await lane.attempt(({ bytes }) => [bytes]);
    await lane.close();
    expect(attempt).to.include({ client: 'connected', server: 'connected', call: 'answered' });
    expect(attempt.handlerRuns).to.be.greaterThan(0);
  });

  it('establishes nothing over memory, whichever bit is flipped', async function () {
    this.timeout(120_000);
    const frames = await recordHandshake(fixedLengths('memory', handshakeTimeoutMs));
    const flips = handshakeFrames.flatMap((frame, which) =>
      Array.from({ length: 8 * frames[which]!.length }, (_, bit): Flip => ({ frame, bit })),
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
        Array.from(frames[which]!, (_, byte): Flip => ({ frame, bit: 8 * byte + random.below(8) })).filter(
          ({ bit }) => tried(scheme, bit >> 3),
        ),
      );
      expect(await flipAll(fixedLengths(scheme, handshakeTimeoutMs), flips)).to.equal(flips.length);
    });
  }
});

/** Returns how many frames were really changed on their way. */
async function flipAll(lane: LaneOptions, flips: readonly Flip[]): Promise<number> {
  let flipped = 0;
  await overLanes(8, lane, flips, async (attempts, { frame, bit }) => {
    const attempt = await attempts.attempt(
      altering(frame, ({ bytes }) => {
        flipped += 1;
        bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
        return [bytes];
      }),
    );
    expectNothing(attempt, frame, `bit ${bit} of ${frame.name}`);
  });
  return flipped;
}

function expectNothing(attempt: Attempt, frame: HandshakeFrame, what: string): void {
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
