// What a relay can do to the two frames that a client certificate adds to: the client's flight, and the server's Accepted.
// Over memory every bit of Accepted and of headers, and a bit of every other byte; over sockets a bit of some; cuts,
// repetitions, drops. (handshake-flips.spec.ts flips every bit of a flight.)
//
// Unlike a flight without a certificate, this one leaves nobody believing: the client waits for Accepted, so whatever
// happens to its flight fails on both sides. Accepted is the last frame: the server stands by its word, and the client,
// which never hears it, does not connect.

import { expect } from 'chai';
import type { Intercept } from '../../samples/tour/relay.js';
import { schemes } from '../support/pair.js';
import { SeededRandom } from '../support/random.js';
import { nothingUncaught } from '../support/uncaught.js';
import {
  type Attempt,
  altering,
  attemptOnce,
  certificateFrames,
  fixedLengths,
  type HandshakeFrame,
  type LaneOptions,
  recordHandshake,
  withClientCertificate,
} from './attempts.js';
import { attemptChanges, type Change, cut, flip } from './frame-changes.js';
import { tried } from './stand.js';

const [flight, accepted] = certificateFrames;
const farOffMs = 5000;
const slackMs = 2000;
const refusals = ['HANDSHAKE_FAILED', 'PROTOCOL_ERROR', 'LIMIT_EXCEEDED'];

function expectNothing(attempt: Attempt, { frame, what }: Change, codes = refusals): void {
  expect(attempt.client, what).to.be.oneOf(codes);
  expect(attempt.call, what).to.equal(undefined);
  expect(attempt.handlerRuns, what).to.equal(0);
  if (frame === accepted) expect(attempt.server, what).to.equal('connected');
  else expect(attempt.server, what).to.be.oneOf(codes);
}

/** Returns how many frames were really changed on their way. */
function expectAllRefused(options: LaneOptions, changes: readonly Change[]): Promise<number> {
  return attemptChanges(options, changes, (attempt, change) => {
    expectNothing(attempt, change);
    expect(attempt.ms, change.what).to.be.lessThan(farOffMs);
  });
}

describe('attack: the frames of a client certificate', () => {
  nothingUncaught();
  const far = (scheme: LaneOptions['scheme']) => withClientCertificate(fixedLengths(scheme, farOffMs));

  it('establish nothing over memory, whichever byte is changed and wherever they are cut', async function () {
    this.timeout(60_000);
    const random = new SeededRandom(0xce27);
    const frames = await recordHandshake(far('memory'), certificateFrames);
    const changes = certificateFrames.flatMap((frame, which) => {
      const { length } = frames[which]!;
      const bytes = Array.from({ length }, (_, byte) => byte);
      const every = Array.from({ length: frame === accepted ? 8 * length : 64 }, (_, bit) => bit);
      return [
        ...every.map((bit) => flip(frame, bit)),
        ...bytes.map((byte) => flip(frame, 8 * byte + random.below(8))),
        ...bytes.filter((byte) => byte < 40 || byte % 3 === 0).map((byte) => cut(frame, byte)),
      ];
    });
    expect(changes.length).to.be.greaterThan(900);
    expect(await expectAllRefused(far('memory'), changes)).to.equal(changes.length);
  });

  for (const scheme of ['tcp', 'ws'] as const) {
    it(`establish nothing over ${scheme} when they are changed or cut`, async function () {
      this.timeout(60_000);
      const random = new SeededRandom(0xce27);
      const frames = await recordHandshake(far(scheme), certificateFrames);
      const changes = certificateFrames.flatMap((frame, which) =>
        Array.from(frames[which]!, (_, byte) => byte)
          .filter((byte) => tried(scheme, byte) && (frame === accepted || byte % 8 < 2))
          .flatMap((byte) => [flip(frame, 8 * byte + random.below(8)), cut(frame, byte)]),
      );
      expect(await expectAllRefused(far(scheme), changes)).to.equal(changes.length);
    });
  }

  for (const scheme of schemes) {
    const once = (meddle: Intercept, handshakeTimeoutMs = 250): Promise<Attempt> =>
      attemptOnce(withClientCertificate(fixedLengths(scheme, handshakeTimeoutMs)), meddle);

    it(`leave an untouched handshake alone (${scheme})`, async () => {
      const attempt = await once(({ bytes }) => [bytes], farOffMs);
      expect(attempt).to.include({ client: 'connected', server: 'connected', call: 'answered' });
    });

    it(`establish nothing when they are longer by a byte, or of an earlier handshake (${scheme})`, async () => {
      const earlier = await recordHandshake(far(scheme), certificateFrames);
      for (const [which, frame] of certificateFrames.entries()) {
        const longer: Change = {
          frame,
          what: `${frame.name} with a byte behind it`,
          alter: (bytes) => [Uint8Array.of(...bytes, 0)],
        };
        const old: Change = { frame, what: `an earlier ${frame.name}`, alter: () => [earlier[which]!] };
        for (const change of [longer, old]) {
          expectNothing(
            await once(
              altering(frame, ({ bytes }) => change.alter(bytes)),
              farOffMs,
            ),
            change,
          );
        }
      }
    });

    it(`end the connection when they come twice (${scheme})`, async () => {
      const twice = (frame: HandshakeFrame) =>
        once(
          altering(frame, ({ bytes }) => [bytes, bytes]),
          farOffMs,
        );
      // The server may have accepted by then, or not yet; in no case does it go on.
      const flights = await twice(flight);
      expect(flights.call).to.not.equal('answered');
      expect((await twice(accepted)).disconnected).to.equal('RECORD_REJECTED');
    });

    it(`end at the time limit when they are dropped (${scheme})`, async () => {
      for (const frame of certificateFrames) {
        const attempt = await once(altering(frame, () => []));
        const dropped: Change = { frame, what: `${frame.name} dropped`, alter: () => [] };
        expectNothing(attempt, dropped, [...refusals, 'HANDSHAKE_TIMEOUT']);
        expect(attempt.ms).to.be.lessThan(250 + slackMs);
      }
    });

    it(`are no Accepted when they are the server’s flight again, or what nobody sealed (${scheme})`, async () => {
      let server: Uint8Array | undefined;
      const repeated = await once((frame) => {
        if (frame.from === 'server' && frame.index === 1) server = frame.bytes;
        return frame.from === 'server' && frame.index === 2 ? [server!] : [frame.bytes];
      }, farOffMs);
      expectNothing(repeated, { frame: accepted, what: 'the flight again', alter: () => [] });
      for (const forged of [
        Uint8Array.of(1, 21, 0, 0, 0),
        Uint8Array.of(0xc1, 0, 0, 0, 0, 0, 0, 1, 21, 0, 0, 0, ...new Uint8Array(16)),
      ]) {
        const attempt = await once(
          altering(accepted, () => [forged]),
          farOffMs,
        );
        expectNothing(attempt, { frame: accepted, what: 'forged', alter: () => [] });
      }
    });

    it(`cannot be gone around: a plain call beside the flight is refused (${scheme})`, async () => {
      const call = Uint8Array.of(2, 0x94, 0, 1, 2, 0x90);
      const behind = await once(
        altering(flight, ({ bytes }) => [bytes, call]),
        farOffMs,
      );
      // Here the verdict is there at once, so the call comes after it, and is one of a client that the server knows. It
      // is public; what is not is refused by its flags.
      expect(behind.server).to.equal('connected');
      const before = await once(
        altering(flight, ({ bytes }) => [call, bytes]),
        farOffMs,
      );
      expectNothing(before, { frame: flight, what: 'a plain call before the flight', alter: () => [] });
    });
  }
});
