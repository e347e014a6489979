// How a mutant is judged: what it may do, what it cost, and the case itself, which can be written to a file and read again.

import { type CertificateCase, judgeCertificate } from './certificate-case.js';
import { judgePem, type PemCase } from './pem-case.js';
import { judgePfx, type PfxCase } from './pfx-case.js';
import { collectGarbage, type Finding } from './probe.js';

export type FuzzCase = CertificateCase | PfxCase | PemCase;
export type FuzzKind = FuzzCase['kind'];
export const fuzzKinds: readonly FuzzKind[] = ['certificate', 'pfx', 'pem'];

export interface Verdict {
  readonly outcome: string;
  /** What must not be; undefined for a mutant that behaves. */
  readonly fault: string | undefined;
  readonly ms: number;
  /** Bytes allocated for each byte of input, beyond the allowance. */
  readonly allocated: number;
  readonly inputBytes: number;
}

const maxMs = 50;
/** JavaScript's curves take up to 14 ms a signature and have a budget of their own: lib/certificate/path. */
const maxNobleMs = 300;
/**
 * Bytes allocated in all, garbage included, so the memory in use is far below it. The least element of DER has two bytes,
 * and each reading of it makes an object and two views; until Triple DES is compiled, the interpreter boxes its numbers.
 */
const maxAllocated = {
  perByte: 1024,
  bytes: 4 * 1024 * 1024,
};
/** lib/certificate/file/passphrase.ts; written out, so that a cap that is lifted there shows here. */
const maxIterations = { each: 2_000_000, file: 6_000_000, scryptBytes: 64 * 1024 * 1024 } as const;

const attempts = 4;
const manyIterations = 1000;
/** Of Node 20 as it starts; workers have more. */
const youngBytes = 16 * 1024 * 1024;

/** Judges one case. What is slow or large is judged again: only what is so every time is the library's doing. */
export function judge(fuzzCase: FuzzCase): Verdict {
  let finding = judgeOnce(fuzzCase);
  const isNode = fuzzCase.backend === 'node';
  let ms = finding.cost.ms;
  let ownMs = ms - finding.cost.cryptoMs;
  let allocated = finding.cost.allocated;
  const bytes = finding.inputBytes;
  const allowed = maxAllocated.perByte * bytes + maxAllocated.bytes;
  const isSlow = (): boolean => ownMs > maxMs || ms > (isNode ? maxMs : maxNobleMs);
  // With JavaScript's curves the numbers of a signature check are what is allocated.
  // What is collected in between cannot be counted; where an input may take more than the young generation has, the
  // limits of the worker thread are what holds. Derivations of many rounds leave garbage enough to be collected each time.
  const isUncounted = (): boolean => allowed < youngBytes && finding.cost.iterations < manyIterations;
  const isLarge = (): boolean => isNode && (allocated === undefined ? isUncounted() : allocated > allowed);
  for (let attempt = 1; attempt < attempts && (isSlow() || isLarge()); attempt++) {
    // After a collection there is room as a rule.
    if (attempt > 1) collectGarbage();
    finding = judgeOnce(fuzzCase);
    ms = Math.min(ms, finding.cost.ms);
    ownMs = Math.min(ownMs, finding.cost.ms - finding.cost.cryptoMs);
    allocated = Math.min(allocated ?? Infinity, finding.cost.allocated ?? Infinity);
    if (allocated === Infinity) allocated = undefined;
  }
  const { iterations, mostIterations, derivationBytes } = finding.cost;
  let fault = finding.fault;
  if (mostIterations > maxIterations.each) fault ??= `derives a key with ${mostIterations} iterations`;
  if (iterations > maxIterations.file) fault ??= `takes ${iterations} iterations in all`;
  if (derivationBytes > maxIterations.scryptBytes) fault ??= `runs scrypt with ${derivationBytes} bytes`;
  if (isSlow()) fault ??= `takes ${ms.toFixed(1)} ms, ${ownMs.toFixed(1)} without signature checks`;
  if (isLarge()) fault ??= `allocates ${allocated ?? 'too many'} bytes for an input of ${bytes}`;
  return { outcome: finding.outcome, fault, ms, allocated: isNode ? (allocated ?? 0) : 0, inputBytes: bytes };
}

function judgeOnce(fuzzCase: FuzzCase): Finding {
  switch (fuzzCase.kind) {
    case 'certificate':
      return judgeCertificate(fuzzCase);
    case 'pfx':
      return judgePfx(fuzzCase);
    case 'pem':
      return judgePem(fuzzCase);
  }
}

// ---- A case as a file: bytes are { "base64": … } ------------------------------------------------------------------

export function caseToJson(fuzzCase: FuzzCase): string {
  const encode = (_: string, value: unknown): unknown =>
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value;
  return JSON.stringify(fuzzCase, encode, 1);
}

export function caseFromJson(text: string): FuzzCase {
  const decode = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string'
      ? new Uint8Array(Buffer.from(value.base64, 'base64'))
      : value;
  return JSON.parse(text, decode) as FuzzCase;
}
