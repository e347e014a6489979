// Time, as the floors below the composition root see it. Injected, so that a spec can make an hour pass.

/** Stops a timer; harmless when it has fired. */
export type StopTimer = () => void;

/** The longest delay that setTimeout can measure, in milliseconds. */
export const longestTimerMs: number = 2 ** 31 - 1;

export interface Clock {
  /** Milliseconds on a clock that never jumps; only differences mean anything. */
  now(): number;
  /** The date, for certificates. */
  date(): Date;
  /** Calls back once after `ms`, {@link longestTimerMs} at most. */
  setTimer(ms: number, callback: () => void): StopTimer;
  /** Calls back when the code that runs now is through, with all that has waited for it: still in this turn of the event loop. */
  soon(callback: () => void): void;
  /** Calls back when the event loop is through with what it is doing now. */
  endOfTurn(callback: () => void): void;
}
