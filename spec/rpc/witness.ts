// A witness of the serving end of a connection: what came in, what went out, and what may not be among it.
//
//   call ─▸     cancel ─▸ cancelled     ◂─ items, credit, stops ─ while it runs ─ one answer at most, and then nothing

import { defaultLimits } from '../../lib/base/limits.js';
import { Dispatcher } from '../../lib/rpc/dispatcher.js';
import { type CallMessage, decodeCallMessages } from '../../lib/wire/call-message.js';
import type { LinkedSide } from './linked-sessions.js';

export class Witness {
  /** What may not be, each with its call. */
  readonly faults: string[] = [];
  /** First arguments of the calls whose cancellation was seen. */
  readonly cancelled: Set<unknown> = new Set();
  /** Puts back what was there before. */
  readonly leave: () => void;
  /** First arguments of calls, by id. */
  readonly #jobs = new Map<number, unknown>();
  /** What ended a call, by its id. */
  readonly #over = new Map<number, string>();

  /** Listens in from here on. Messages come in one by one: a cancellation may stand in one frame with its call. */
  constructor({ connection }: LinkedSide) {
    const { send } = connection;
    connection.send = (flags, bytes, ...rest) => {
      // What is sent gives its memory back. Where it throws, nothing was sent.
      const before = bytes.slice();
      const sent = send.call(connection, flags, bytes, ...rest);
      for (const message of decodeCallMessages(before, defaultLimits)) this.#wentOut(message);
      return sent;
    };
    const { call, cancel } = Dispatcher.prototype;
    const witness = this;
    Dispatcher.prototype.call = function (this: Dispatcher, flags, message) {
      witness.#jobs.set(message.id, message.args[0]);
      call.call(this, flags, message);
    };
    Dispatcher.prototype.cancel = function (this: Dispatcher, flags, id) {
      if (!witness.#over.has(id)) {
        witness.#over.set(id, 'cancel');
        witness.cancelled.add(witness.#jobs.get(id));
      }
      cancel.call(this, flags, id);
    };
    this.leave = () => {
      Object.assign(Dispatcher.prototype, { call, cancel });
    };
  }

  #wentOut(message: CallMessage): void {
    if (message.kind === 'notify' || message.kind === 'ping' || message.kind === 'pong') return;
    const { id, kind } = message;
    const before = this.#over.get(id);
    if (before !== undefined) this.faults.push(`${kind} behind ${before} of ${id}`);
    if (kind === 'result' || kind === 'error' || kind === 'end') this.#over.set(id, kind);
  }
}
