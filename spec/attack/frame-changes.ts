// What a relay does to one frame of a handshake, and many such changes tried side by side, each in an attempt of its own.

import type { RelayedFrame } from '../../samples/tour/relay.js';
import { type Attempt, altering, type HandshakeFrame, type LaneOptions, overLanes } from './attempts.js';

export interface Change {
  readonly frame: HandshakeFrame;
  /** For the message of what fails. */
  readonly what: string;
  /** What travels in the place of the frame; may write into it. */
  readonly alter: (bytes: RelayedFrame['bytes']) => readonly Uint8Array[];
}

/** Bits are numbered as they are sent: bit 0 is the highest of the first byte. */
export const flip = (frame: HandshakeFrame, bit: number): Change => ({
  frame,
  what: `bit ${bit} of ${frame.name}`,
  alter: (bytes) => {
    bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
    return [bytes];
  },
});

export const cut = (frame: HandshakeFrame, length: number): Change => ({
  frame,
  what: `${frame.name} cut to ${length} bytes`,
  alter: (bytes) => [bytes.subarray(0, length)],
});

/** Tries each change over eight lanes. Returns how many frames were really changed on their way. */
export async function attemptChanges(
  options: LaneOptions,
  changes: readonly Change[],
  judge: (attempt: Attempt, change: Change) => void,
): Promise<number> {
  let changed = 0;
  await overLanes(8, options, changes, async (lane, change) => {
    const attempt = await lane.attempt(
      altering(change.frame, ({ bytes }) => {
        changed += 1;
        return change.alter(bytes);
      }),
    );
    judge(attempt, change);
  });
  return changed;
}
