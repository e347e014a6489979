// The server of bench/browser.ts: an RPC for each of the four flags, which returns what it is given, and one to tell what
// the page measured. The page knows these types and nothing else of this file.

import { Rpc, Security } from '../lib/index.js';

/** What every call carries, as in cases/calls.ts. */
export interface Move {
  readonly id: number;
  readonly name: string;
  readonly pos: { readonly x: number; readonly y: number; readonly z: number };
}

export type Flags = 'none' | 'authenticated' | 'encrypted' | 'both';

export interface Turn {
  readonly flags: Flags;
  readonly inFlight: number;
  readonly round: number;
  readonly perSecond: number;
}

export interface Measured {
  readonly isSecureContext: boolean;
  /** `typeof crypto.subtle`: 'undefined' without WebCrypto. */
  readonly subtle: string;
  /** The crypto backend of the page. */
  readonly backend: string;
  readonly suite: string | undefined;
  readonly turns: readonly Turn[];
}

export class Bench {
  @Rpc()
  none(move: Move): Move {
    return move;
  }

  @Rpc(Security.Authenticated)
  authenticated(move: Move): Move {
    return move;
  }

  @Rpc(Security.Encrypted)
  encrypted(move: Move): Move {
    return move;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  both(move: Move): Move {
    return move;
  }
}

export class Report {
  /** What the page that runs now has to say. */
  readonly measured: Promise<Measured>;
  readonly #resolve: (measured: Measured) => void;
  readonly #reject: (error: Error) => void;

  constructor() {
    let resolveMeasured: (measured: Measured) => void;
    let rejectMeasured: (error: Error) => void;
    this.measured = new Promise((resolve, reject) => {
      resolveMeasured = resolve;
      rejectMeasured = reject;
    });
    this.#resolve = resolveMeasured!;
    this.#reject = rejectMeasured!;
  }

  @Rpc()
  finished(measured: Measured): void {
    this.#resolve(measured);
  }

  @Rpc()
  failed(why: string): void {
    this.#reject(new Error(`the page failed: ${why}`));
  }
}
