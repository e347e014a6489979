// The log that a program keeps of its connections: the events of one manager, with their codes and reasons.

import type { ManagerEvents, NetworkingManager, Peer, SealwireError } from 'sealwire';

export interface Entry {
  readonly event: keyof ManagerEvents;
  /** Whom it is about, by the id that this manager gave it. */
  readonly peer?: number;
  readonly code?: string;
  readonly reason?: string | undefined;
  readonly message?: string;
}

/** Longer than anything on one machine takes: whoever waits in vain shall not wait for ever. */
const patienceMs = 2000;

export class Journal {
  readonly #entries: Entry[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(manager: NetworkingManager) {
    const ended = (event: Entry['event'], { code, reason, message }: SealwireError, peer?: Peer) =>
      this.#write({ event, code, reason, message, ...(peer && { peer: peer.id }) });
    manager
      .on('clientConnected', (peer) => this.#write({ event: 'clientConnected', peer: peer.id }))
      .on('clientDisconnected', (peer, error) => ended('clientDisconnected', error, peer))
      .on('disconnected', (error) => ended('disconnected', error))
      .on('encryptionFailed', (error) => ended('encryptionFailed', error))
      .on('callRefused', (peer, method, code) =>
        this.#write({ event: 'callRefused', peer: peer.id, code, message: `${method} was not run` }),
      );
  }

  /** How many entries there are so far: a mark for {@link entry}. */
  get length(): number {
    return this.#entries.length;
  }

  /** The first entry of this kind, from a mark on, as soon as there is one; undefined if none comes in time. */
  entry(
    event: Entry['event'],
    { from = 0, peer }: { from?: number; peer?: number } = {},
  ): Promise<Entry | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.#entries
          .slice(from)
          .find((entry) => entry.event === event && (peer === undefined || entry.peer === peer));
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        resolve(undefined);
      }, patienceMs);
      this.#waiting.add(look);
      look();
    });
  }

  #write(entry: Entry): void {
    this.#entries.push(entry);
    for (const look of [...this.#waiting]) look();
  }
}
