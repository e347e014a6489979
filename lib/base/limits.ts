// Every number, length, list and timer that a peer controls has its limit here, on by default.
//
// Names carry their units. A limit is looked at before anything is buffered, recursed into or counted up to.

import { longestTimerMs } from './clock.js';
import { SealwireError } from './errors.js';

/** The limits that may be changed in `NetworkConfig.limits`; each is a positive whole number. */
export interface Limits {
  /** Largest frame accepted once a connection is ready, in bytes; larger ones end the connection. */
  readonly maxFrameBytes: number;
  /** Largest message accepted, in bytes; what does not fit a frame comes in fragments. Unfinished ones have twice as much. */
  readonly maxMessageBytes: number;
  /** Longest that an unfinished message may stay without a further fragment, in milliseconds; at most twice as long. */
  readonly fragmentTimeoutMs: number;
  /** Largest frame accepted before the handshake has finished, in bytes. */
  readonly maxHandshakeFrameBytes: number;
  /** Connections of a server that may be in their handshake at once; the next one is refused. */
  readonly maxHalfOpenConnections: number;
  /** Connections of a server in all; the next one is refused. */
  readonly maxConnections: number;
  /** Time for transport handshake, key agreement, certificate checks and approval together, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Calls of one peer that may be executing here at once; the next one gets RESOURCE_EXHAUSTED. */
  readonly maxCallsInFlight: number;
  /** Groups of a server that one client may be in at once; joining the next one fails with RESOURCE_EXHAUSTED. */
  readonly maxGroupsPerClient: number;
  /** Streams of one peer that may be served here at once, results and arguments; the next one gets RESOURCE_EXHAUSTED. */
  readonly maxStreams: number;
  /**
   * Calls of one peer that may be refused within ten seconds, for whatever reason, 8 KiB of each counting as another one;
   * a peer that goes on is disconnected.
   */
  readonly maxRefusedCalls: number;
  /**
   * Bytes of one peer's messages that lead to nothing, within ten seconds: answers, items and cancellations of calls that
   * never were, pings. Each counts 64 more than it has; a peer that goes on is disconnected. What crosses the end of its
   * call on the way is not among them.
   */
  readonly maxStrayBytes: number;
  /** Calls to one peer that may be waiting for an answer at once; the next one fails with RESOURCE_EXHAUSTED. */
  readonly maxPendingCalls: number;
  /** Longest that a call may take, in milliseconds, whatever the caller asks for; also the default. */
  readonly maxCallMs: number;
  /** Nesting of one message: arrays and maps inside one another. */
  readonly maxDepth: number;
  /** Values in the messages of one frame, containers and keys included. */
  readonly maxValues: number;
  /** Bytes that may wait to be sent on one connection; a peer that reads more slowly is disconnected. */
  readonly maxSendBufferBytes: number;
  /** Bytes waiting to be sent from which on a connection is under backpressure, until half of them have left. */
  readonly sendHighWaterBytes: number;
  /** Bytes that are gathered into one frame before it leaves without waiting for the turn to end. */
  readonly maxBatchBytes: number;
  /** PBKDF2 iterations that a client agrees to at most. */
  readonly maxKeyStretchingIterations: number;
  /** Records sealed under one key before the next one is derived (RFC 9846 §5.5 allows 2^24.5 full ones). */
  readonly rekeyAfterRecords: number;
  /** Bytes sealed under one key before the next one is derived. */
  readonly rekeyAfterBytes: number;
  /** Age of a key, in milliseconds, after which the next record is sealed under a new one. */
  readonly rekeyAfterMs: number;
}

export const defaultLimits: Limits = {
  maxFrameBytes: 1024 * 1024,
  maxMessageBytes: 16 * 1024 * 1024,
  fragmentTimeoutMs: 60_000,
  maxHandshakeFrameBytes: 64 * 1024,
  maxHalfOpenConnections: 256,
  maxConnections: 10_000,
  handshakeTimeoutMs: 10_000,
  maxCallsInFlight: 1024,
  maxGroupsPerClient: 256,
  maxStreams: 256,
  // Twice what a client has waiting at most, in one burst: none that waits for its answers comes near.
  maxRefusedCalls: 10_000,
  maxStrayBytes: 1024 * 1024,
  maxPendingCalls: 4096,
  maxCallMs: 60_000,
  maxDepth: 32,
  maxValues: 65_536,
  maxSendBufferBytes: 16 * 1024 * 1024,
  sendHighWaterBytes: 1024 * 1024,
  maxBatchBytes: 64 * 1024,
  maxKeyStretchingIterations: 10_000,
  rekeyAfterRecords: 2 ** 23,
  rekeyAfterBytes: 2 ** 36,
  rekeyAfterMs: 3_600_000,
};

/** Least and most of the limits that the protocol or the platform bounds; docs/protocol.md sections 1, 2 and 4.4. */
const bounds: { readonly [Name in keyof Limits]?: readonly [least: number, most: number] } = {
  maxFrameBytes: [64 * 1024, 2 ** 30],
  maxMessageBytes: [64 * 1024, 2 ** 30],
  fragmentTimeoutMs: [1, longestTimerMs],
  maxHandshakeFrameBytes: [4096, 64 * 1024],
  handshakeTimeoutMs: [1, longestTimerMs],
  maxCallMs: [1, longestTimerMs],
  // No more values than bytes: so a batch of small messages keeps within the peer's count of values, too.
  maxBatchBytes: [1, 64 * 1024],
  maxDepth: [1, 32],
  maxValues: [1, 65_536],
  rekeyAfterRecords: [1, 2 ** 23],
  rekeyAfterBytes: [1, 2 ** 36],
  rekeyAfterMs: [1, 24 * 3_600_000],
};

/** Fills in the defaults; throws INVALID_CONFIG for an unknown name or for a value out of its bounds. */
export function resolveLimits(overrides: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(defaultLimits, name)) {
      throw new SealwireError(
        'INVALID_CONFIG',
        `limits.${name} does not exist; known limits: ${Object.keys(defaultLimits).join(', ')}`,
      );
    }
    const [least, most] = bounds[name as keyof Limits] ?? [1, Number.MAX_SAFE_INTEGER];
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      throw new SealwireError(
        'INVALID_CONFIG',
        `limits.${name} must be a whole number from ${least} to ${most}`,
      );
    }
  }
  return { ...defaultLimits, ...overrides };
}
