// Fragments become messages again: docs/protocol.md section 2.1. The mirror image of channels.ts.
//
// Everything here is under a peer's control, so everything has its limit: how large a message may become, how much and
// how many of them may be unfinished, and how long one may stay so. Bytes are gathered in blocks, each as it is needed:
// neither an announcement nor a flood of tiny fragments costs more memory than what was really sent.

import { concat, empty } from '../base/bytes.js';
import type { Clock, StopTimer } from '../base/clock.js';
import { discard } from '../base/discard.js';
import { SealwireError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import { decodeFragment, maxOpenTransfers, openTransfersFactor } from '../wire/fragment.js';

const blockBytes = 64 * 1024;
/** A fragment of fewer bytes is not worth an entry of its own. */
const leastKeptBytes = 8 * 1024;
/** What is kept as it is holds on to no more than so many times its bytes. */
const mostHeldFactor = 2;

interface Unfinished {
  readonly flags: number;
  /** The bytes so far, in a row: fragments as they came, and stretches of blocks. */
  readonly parts: Uint8Array[];
  /** The bodies that some of the parts are of. */
  readonly bodies: Uint8Array[];
  bytes: number;
  /** The block that is being filled, and how far. */
  block: Uint8Array;
  blockUsed: number;
  /** Whether anything came since the timer last looked. */
  moving: boolean;
}

export interface ReassemblyOwner {
  /** A message stays unfinished for too long; from a timer. */
  stalled(error: SealwireError): void;
}

export class Reassembly {
  readonly #limits: Pick<Limits, 'maxMessageBytes' | 'fragmentTimeoutMs'>;
  readonly #clock: Clock;
  readonly #owner: ReassemblyOwner;
  /** Undefined while nothing is unfinished. */
  #unfinished: Map<number, Unfinished> | undefined;
  #bytes = 0;
  #lastTransfer = -1;
  #stopTimer: StopTimer | undefined;

  constructor(
    limits: Pick<Limits, 'maxMessageBytes' | 'fragmentTimeoutMs'>,
    clock: Clock,
    owner: ReassemblyOwner,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#owner = owner;
  }

  /** Bytes of unfinished messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The body of a fragment, and the flags that its frame really had; nobody else may write to it from here on. Gives the
   * whole once the last one is there: a view of the body where that is all. Throws PROTOCOL_ERROR or LIMIT_EXCEEDED, and the
   * connection ends.
   */
  add(flags: number, body: Uint8Array): Uint8Array | undefined {
    const { transfer, last, bytes } = decodeFragment(body);
    const unfinished = this.#unfinished?.get(transfer) ?? this.#begin(transfer, flags);
    // A fragment that was stripped of its flags would put bytes of anybody into a message that is vouched for.
    if (unfinished.flags !== flags) {
      throw new SealwireError(
        'PROTOCOL_ERROR',
        'the peer sent fragments of one message under different flags',
      );
    }
    this.#admit(unfinished, bytes.length);
    const isAll = last && unfinished.bytes === 0;
    if (!isAll) append(unfinished, bytes, body);
    if (!last) {
      this.#bytes += bytes.length;
      return undefined;
    }
    this.#bytes -= isAll ? 0 : unfinished.bytes - bytes.length;
    this.#unfinished!.delete(transfer);
    if (this.#unfinished!.size === 0) this.#rest();
    if (isAll) return bytes;
    const whole = concat(unfinished.parts);
    for (const body of unfinished.bodies) discard(body);
    return whole;
  }

  /** What is unfinished is dropped. */
  destroy(): void {
    this.#bytes = 0;
    this.#rest();
  }

  #begin(transfer: number, flags: number): Unfinished {
    // Numbers only rise, so a message that was finished, or never begun, cannot be gone on with.
    if (transfer <= this.#lastTransfer) {
      throw new SealwireError('PROTOCOL_ERROR', 'the peer sent a fragment of a message that is finished');
    }
    this.#unfinished ??= new Map();
    if (this.#unfinished.size === maxOpenTransfers) {
      throw exceeded(`more than ${maxOpenTransfers} unfinished messages at once`);
    }
    this.#lastTransfer = transfer;
    const unfinished: Unfinished = {
      flags,
      parts: [],
      bodies: [],
      bytes: 0,
      block: empty,
      blockUsed: 0,
      moving: true,
    };
    this.#unfinished.set(transfer, unfinished);
    this.#stopTimer ??= this.#watch();
    return unfinished;
  }

  #admit(unfinished: Unfinished, bytes: number): void {
    const { maxMessageBytes } = this.#limits;
    if (unfinished.bytes + bytes > maxMessageBytes) {
      throw exceeded(`a message of more than ${maxMessageBytes} bytes (limits.maxMessageBytes)`);
    }
    if (this.#bytes + bytes > openTransfersFactor * maxMessageBytes) {
      throw exceeded(`more than ${openTransfersFactor * maxMessageBytes} bytes of unfinished messages`);
    }
  }

  /** Looks now and then, while anything is unfinished, whether all of it grows. */
  #watch(): StopTimer {
    const { fragmentTimeoutMs } = this.#limits;
    return this.#clock.setTimer(fragmentTimeoutMs, () => {
      for (const unfinished of this.#unfinished?.values() ?? []) {
        if (!unfinished.moving) {
          this.#owner.stalled(exceeded(`no fragment of an unfinished message for ${fragmentTimeoutMs} ms`));
          return;
        }
        unfinished.moving = false;
      }
      this.#stopTimer = this.#watch();
    });
  }

  /** Nothing is unfinished any more. */
  #rest(): void {
    this.#unfinished = undefined;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}

function append(unfinished: Unfinished, bytes: Uint8Array, body: Uint8Array): void {
  unfinished.moving = true;
  unfinished.bytes += bytes.length;
  if (bytes.length >= leastKeptBytes && mostHeldFactor * bytes.length >= bytes.buffer.byteLength) {
    unfinished.parts.push(bytes);
    unfinished.bodies.push(body);
    return;
  }
  for (let taken = 0; taken < bytes.length; ) {
    const part = bytes.subarray(taken, taken + blockBytes - (unfinished.blockUsed % blockBytes));
    copyIntoBlock(unfinished, part);
    taken += part.length;
  }
}

/** `part` is no longer than what is left of the block, or than a block. */
function copyIntoBlock(unfinished: Unfinished, part: Uint8Array): void {
  const { parts } = unfinished;
  if (unfinished.blockUsed === unfinished.block.length) {
    unfinished.block = new Uint8Array(blockBytes);
    unfinished.blockUsed = 0;
  }
  const { block, blockUsed } = unfinished;
  block.set(part, blockUsed);
  unfinished.blockUsed += part.length;
  // Fragments of a byte each must not cost a view each: what came right before is in the same stretch.
  const before = parts.at(-1);
  const goesOn = before !== undefined && before.buffer === block.buffer && blockUsed > 0;
  const start = goesOn ? parts.pop()!.byteOffset : blockUsed;
  parts.push(block.subarray(start, unfinished.blockUsed));
}

function exceeded(what: string): SealwireError {
  return new SealwireError('LIMIT_EXCEEDED', `the peer sent ${what}`);
}
