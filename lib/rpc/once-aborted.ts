// Waiting for AbortSignals: one listener for each signal, however many calls wait for it.
//
//   signal ─ abort ─▸ the one listener ─▸ call, call, call, …
//
// A signal for many calls is what signals are for: a page that is left, a method that calls 200 clients. Node warns of a
// leak from the eleventh listener on, and an EventTarget looks through all of them for the one that is to be removed.

type Callback = (signal: AbortSignal) => void;

interface Watched {
  readonly callbacks: Set<Callback>;
  readonly listener: () => void;
}

const watched = new WeakMap<AbortSignal, Watched>();

/** Calls back once when one of the signals is aborted. Returns what stops listening. */
export function onceAborted(signals: readonly AbortSignal[], abort: Callback): () => void {
  const stops = signals.map((signal) => listen(signal, abort));
  return () => {
    for (const stop of stops) stop();
  };
}

function listen(signal: AbortSignal, abort: Callback): () => void {
  // Of its own: the same function may wait twice.
  const callback: Callback = (aborted) => abort(aborted);
  const { callbacks, listener } = watch(signal);
  callbacks.add(callback);
  return () => {
    if (!callbacks.delete(callback) || callbacks.size > 0) return;
    signal.removeEventListener('abort', listener);
    watched.delete(signal);
  };
}

function watch(signal: AbortSignal): Watched {
  const present = watched.get(signal);
  if (present !== undefined) return present;
  const callbacks = new Set<Callback>();
  const listener = (): void => {
    // Whoever begins to wait now is too late for this one.
    watched.delete(signal);
    // Who is stopped by one of them is not among them any more.
    for (const callback of callbacks) callback(signal);
  };
  signal.addEventListener('abort', listener, { once: true });
  const made = { callbacks, listener };
  watched.set(signal, made);
  return made;
}
