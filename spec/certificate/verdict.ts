// Validating what the workshop made, and saying what should come of it.

import { expect } from 'chai';
import {
  type ChainValidation,
  type PathRejectionReason,
  type ValidationResult,
  validateCertificateChain,
} from '../../lib/certificate/path/path.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { type Made, now } from './workshop.js';

export function validate(
  leaf: Made,
  intermediates: readonly Made[],
  roots: readonly Made[],
  more: Partial<ChainValidation> = {},
): ValidationResult {
  return validateCertificateChain({
    crypto: nodeCrypto,
    leaf: leaf.der,
    intermediates: intermediates.map((made) => made.der),
    roots: roots.map((made) => made.der),
    time: now,
    purpose: 'server',
    ...more,
  });
}

export function expectPath(result: ValidationResult, ...path: readonly Made[]): void {
  expect(result, 'ok' in result && !result.ok ? result.detail : '').to.have.property('ok', true);
  if (result.ok) expect(result.path.map((part) => part.der)).to.deep.equal(path.map((made) => made.der));
}

export function expectReason(result: ValidationResult, reason: PathRejectionReason, detail = ''): void {
  expect(result).to.include({ ok: false, reason });
  if (!result.ok) expect(result.detail).to.include(detail);
}
