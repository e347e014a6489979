// Validators that are made of others, so that a rule of one's own need not be written by hand:
//
//   allOf(defaultRule, pinPublicKey('sha256/…'))                  the chain verifies, and it is this key
//   anyOf(pinPublicKey('sha256/…'), defaultRule)                  this key, or else whoever the roots vouch for
//   allOf(defaultRule, fromDelegate((certificate, hostname) => …))
//
// They ask one after the other and stop as soon as it is decided. They answer at once where all of those asked do: a
// promise would put the rest of the handshake off to a later turn.

import { SealwireError } from '../../base/errors.js';
import type { Certificate } from '../x509/x509.js';
import type { CertificateValidator } from './validator.js';
import { verdictOf } from './verdict.js';

/** MLAPI's `VerifyCertificateDelegate`: the peer's own certificate, and the name that was expected. */
export type CertificateDelegate = (certificate: Certificate, hostname: string) => boolean | Promise<boolean>;

/** What is decided where no `validateCertificate` is set, for compositions: the answer of `context.validateDefault()`. */
export const defaultRule: CertificateValidator = (_chain, _hostname, context) => context.validateDefault();

/**
 * Accepts when every one of `validators` does. They are asked in order, up to the first that does not accept; what it
 * throws or rejects with refuses too, and is the `cause` of the refusal. Throws INVALID_CONFIG for no validators, and
 * for what is no function.
 */
export function allOf(...validators: readonly CertificateValidator[]): CertificateValidator {
  checkFunctions('allOf', validators);
  return (chain, hostname, context) => {
    const ask = (index: number): boolean | Promise<boolean> => {
      const validator = validators[index];
      if (validator === undefined) return true;
      const verdict = verdictOf(validator(chain, hostname, context));
      if (typeof verdict === 'boolean') return verdict && ask(index + 1);
      return verdict.then((accepted) => accepted && ask(index + 1));
    };
    return ask(0);
  };
}

/**
 * Accepts when one of `validators` does. They are asked in order, up to the first that accepts; one that throws or
 * rejects does not accept, and when none does, the first such error is the `cause` of the refusal. A promise that
 * never settles keeps those behind it from being asked. Throws INVALID_CONFIG as {@link allOf} does.
 */
export function anyOf(...validators: readonly CertificateValidator[]): CertificateValidator {
  checkFunctions('anyOf', validators);
  return (chain, hostname, context) => {
    const ask = (index: number, failure?: { readonly error: unknown }): boolean | Promise<boolean> => {
      const validator = validators[index];
      if (validator === undefined) {
        if (failure !== undefined) throw failure.error;
        return false;
      }
      let verdict: boolean | Promise<boolean>;
      try {
        verdict = verdictOf(validator(chain, hostname, context));
      } catch (error) {
        return ask(index + 1, failure ?? { error });
      }
      if (typeof verdict === 'boolean') return verdict || ask(index + 1, failure);
      return verdict.then(
        (accepted) => accepted || ask(index + 1, failure),
        (error) => ask(index + 1, failure ?? { error }),
      );
    };
    return ask(0);
  };
}

/**
 * Makes a validator of a function in the shape of MLAPI's delegate. As there it *replaces* the default rule: the
 * certificate that it sees has not been verified, and comes without the chain. True accepts (in MLAPI it refused).
 * Where the chain is to be verified as well, write `allOf(defaultRule, fromDelegate(…))`. Throws INVALID_CONFIG for
 * what is no function.
 */
export function fromDelegate(delegate: CertificateDelegate): CertificateValidator {
  if (typeof delegate !== 'function') {
    throw config('fromDelegate takes a function (certificate, hostname) => boolean, or a promise of one');
  }
  return ([leaf], hostname) => leaf !== undefined && delegate(leaf, hostname);
}

function checkFunctions(name: string, validators: readonly unknown[]): void {
  if (validators.length === 0) {
    throw config(`${name}() has nothing to ask: pass one validator or more, each as an argument of its own`);
  }
  const wrong = validators.findIndex((validator) => typeof validator !== 'function');
  if (wrong < 0) return;
  const hint = Array.isArray(validators[wrong]) ? ': spread the array, as in allOf(...validators)' : '';
  throw config(
    `argument ${wrong + 1} of ${name}() must be a function (chain, hostname, context) => boolean, such as ` +
      `defaultRule or what pinPublicKey('sha256/…') returns${hint}`,
  );
}

function config(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
