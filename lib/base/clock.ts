// Time, as the floors below the composition root see it. Injected, so that a spec can make an hour pass.

/** Stops a timer; harmless when it has fired. */
export type StopTimer = () => void;

export interface Clock {
  /** Milliseconds on a clock that never jumps; only differences mean anything. */
  now(): number;
  /** The date, for certificates. */
  date(): Date;
  /** Calls back once after `ms`. */
  setTimer(ms: number, callback: () => void): StopTimer;
  /** Calls back when the event loop is through with what it is doing now. */
  endOfTurn(callback: () => void): void;
}
