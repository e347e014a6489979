// What one call of the library costs and what it throws: time, bytes allocated, iterations of key derivations.
//
// Key derivations take as long as a file asks for, up to a cap. So they are counted against the cap and not run where
// they would take long: what a file asks for in time is judged by its iterations, everything else by a stopwatch.

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SealwireError } from '../../lib/base/errors.js';
import type { CryptoProvider, HashName } from '../../lib/crypto/provider.js';

export interface Measured<T> {
  readonly result: { readonly value: T } | { readonly thrown: unknown };
  /** Time that is the library's own, without derivations; in milliseconds. */
  readonly ms: number;
  /** Time within signature checks and key imports, part of `ms`. */
  readonly cryptoMs: number;
  /** Bytes of heap and of array buffers that were allocated, without derivations; undefined where the garbage collector came in between. */
  readonly allocated: number | undefined;
  /** Iterations of all derivations, each times the digests that it makes. */
  readonly iterations: number;
  /** The most of one derivation. */
  readonly mostIterations: number;
  /** The most memory that a derivation asked for (scrypt). */
  readonly derivationBytes: number;
}

/** What every judge tells of one mutant. */
export interface Finding {
  /** For the histogram: a code, a reason, or how it was loaded. */
  readonly outcome: string;
  /** What must not be; undefined for a mutant that behaves. */
  readonly fault: string | undefined;
  readonly inputBytes: number;
  readonly cost: Measured<unknown>;
}

/** More than any file of the corpus asks for. */
const iterationsRun = 5000;
const scryptBytesRun = 4 * 1024 * 1024;

const digestBytes: Readonly<Record<HashName, number>> = {
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  'sha512-224': 28,
  'sha512-256': 32,
  blake2b512: 64,
};

/** A crypto backend that keeps account. */
export class MeteredCrypto {
  readonly provider: CryptoProvider;
  #iterations = 0;
  #mostIterations = 0;
  #derivationMs = 0;
  #derivationBytes = 0;
  #derivationAllocated = 0;
  #cryptoMs = 0;

  constructor(backend: CryptoProvider) {
    this.provider = {
      ...backend,
      pbkdf2: (name, password, salt, iterations, length) =>
        this.#derive(iterations, Math.ceil(length / digestBytes[name]), length, 0, () =>
          backend.pbkdf2(name, password, salt, iterations, length),
        ),
      iterateHash: (name, data, rounds) =>
        this.#derive(rounds, 1, digestBytes[name], 0, () => backend.iterateHash(name, data, rounds)),
      scrypt: (password, salt, cost, length) =>
        this.#derive(0, 0, length, 128 * cost.N * cost.r * cost.p, () =>
          backend.scrypt(password, salt, cost, length),
        ),
      verify: (...parameters) => this.#timed(() => backend.verify(...parameters)),
      importPrivateKey: (pkcs8) => this.#timed(() => backend.importPrivateKey(pkcs8)),
    };
  }

  measure<T>(work: () => T): Measured<T> {
    this.#iterations = this.#mostIterations = this.#derivationBytes = 0;
    this.#derivationMs = this.#derivationAllocated = this.#cryptoMs = 0;
    let result: Measured<T>['result'];
    const before = allocated();
    const elapsedMs = stopwatch();
    try {
      result = { value: work() };
    } catch (thrown) {
      result = { thrown };
    }
    const ms = elapsedMs() - this.#derivationMs;
    const difference = allocated() - before - this.#derivationAllocated;
    return {
      result,
      ms,
      cryptoMs: this.#cryptoMs,
      allocated: difference >= 0 ? difference : undefined,
      iterations: this.#iterations,
      mostIterations: this.#mostIterations,
      derivationBytes: this.#derivationBytes,
    };
  }

  #derive(
    iterations: number,
    digests: number,
    length: number,
    bytes: number,
    run: () => Uint8Array,
  ): Uint8Array {
    this.#iterations += iterations * digests;
    this.#mostIterations = Math.max(this.#mostIterations, iterations);
    this.#derivationBytes = Math.max(this.#derivationBytes, bytes);
    // A key that opens nothing, as that of a wrong passphrase.
    if (iterations > iterationsRun || bytes > scryptBytesRun) return new Uint8Array(length).fill(0xaa);
    const before = allocated();
    const elapsedMs = stopwatch();
    try {
      return run();
    } finally {
      this.#derivationMs += elapsedMs();
      // Where the garbage collector came in between, the whole cannot be counted either.
      this.#derivationAllocated += Math.max(0, allocated() - before);
    }
  }

  #timed<T>(run: () => T): T {
    const elapsedMs = stopwatch();
    try {
      return run();
    } finally {
      this.#cryptoMs += elapsedMs();
    }
  }
}

/**
 * Starts to measure work that runs in one go, and gives the milliseconds since. By the clock, but without the time that
 * the system gave to others: the whole process with its helper threads has had that much CPU time, or less.
 */
export function stopwatch(): () => number {
  const usedBefore = process.cpuUsage();
  const started = performance.now();
  return () => {
    const wallMs = performance.now() - started;
    const { user, system } = process.cpuUsage(usedBefore);
    return Math.min(wallMs, (user + system) / 1000);
  };
}

/** Makes room, so that the next call can be measured whole. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Of this thread: objects, and the memory of array buffers. Goes down when garbage is collected. */
function allocated(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

/** Far more than any message needs that shows parts of a file. */
const maxMessageCharacters = 2000;

/** What is wrong with an error that was thrown; undefined for a SealwireError of these codes that keeps all promises. */
export function errorFault(
  thrown: unknown,
  codes: readonly string[],
  passphrase?: string,
): string | undefined {
  if (!(thrown instanceof SealwireError)) return `throws ${describe(thrown)}`;
  const { code, message, cause } = thrown;
  if (!codes.includes(code)) return `throws the code ${code}: ${message}`;
  if (isBug(cause)) return `hides a bug behind ${code}: ${describe(cause)}`;
  return messageFault(message, passphrase);
}

/** What is wrong with a message: secrets, no end, or what a terminal would take for a command. */
export function messageFault(message: string, passphrase?: string): string | undefined {
  if (message.length > maxMessageCharacters) return `has a message of ${message.length} characters`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(message))
    return `has a message with control characters: ${JSON.stringify(message)}`;
  if (passphrase !== undefined && passphrase.length >= 8 && message.includes(passphrase))
    return 'tells the passphrase';
  return undefined;
}

/** The errors of the language; but TextDecoder throws a TypeError for text that is no UTF-8. */
function isBug(cause: unknown): boolean {
  if (!(cause instanceof Error) || cause instanceof SealwireError) return false;
  return !('code' in cause && cause.code === 'ERR_ENCODING_INVALID_ENCODED_DATA');
}

function describe(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? String(thrown)) : `what is no error: ${String(thrown)}`;
}
