// A case: what is measured of which candidates, and what a measurement says.
//
// `Work` is what the driver asks a process of clients to do (driver/worker.ts); the functions that do it stand in the file of
// their case, below its definition.

/** Which certificate the server shows. */
export type KeyType = 'p256' | 'rsa-2048';

export type Work =
  | { readonly kind: 'calls'; readonly clients: number; readonly inFlight: number; readonly bytes: number }
  | { readonly kind: 'events'; readonly clients: number }
  | { readonly kind: 'handshakes'; readonly atOnce: number }
  | { readonly kind: 'idle'; readonly clients: number };

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly unit: 'µs' | 'calls/s' | 'events/s' | 'handshakes/s' | 'KiB';
  readonly better: 'less' | 'more';
  readonly key: KeyType;
  readonly work: Work;
  /**
   * Turns of the warm-up, where it takes more than others. V8 compiles what has run some thousand times: calls have in a second, what
   * happens a few hundred times a second has not.
   */
  readonly warmUpTurns?: number;
  /** Names in candidates/list.ts. The first is the one that the others are compared to. */
  readonly candidates: readonly string[];
}

export function warmUpTurns({ warmUpTurns = 2 }: Case): number {
  return warmUpTurns;
}

/** Whether a case cannot go on with the processes of the one before: those compared must have the same past. */
export function startsProcesses(one: Case, before: Case | undefined, always: boolean): boolean {
  if (always || before === undefined || one.work.kind === 'idle') return true;
  return one.key !== before.key || `${one.candidates}` !== `${before.candidates}`;
}

/** One measurement of one candidate. */
export interface Sample {
  /** In the unit of its case. */
  readonly value: number;
  /** CPU time of the server's and the clients' process for one call, event or handshake, in microseconds. */
  readonly serverCpu?: number;
  readonly clientCpu?: number;
  /** Idle memory: KiB of heap and of buffers outside of it for each connection, of what the process has in all. */
  readonly heap?: number;
}

/** What a process of clients tells of its part. */
export interface Measured {
  /** In the unit of the case. */
  readonly value: number;
  /** Calls, events received, or handshakes. */
  readonly count: number;
  /** Microseconds. */
  readonly cpu: number;
}
