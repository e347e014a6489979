// What composed validators ask, in which order, and what they pass on. Which answers accept: true-accepts.spec.ts.

import { expect } from 'chai';
import { allOf, anyOf, defaultRule, fromDelegate } from '../../../lib/certificate/trust/compose.js';
import type { CertificateValidator, ValidationContext } from '../../../lib/certificate/trust/validator.js';
import type { Certificate } from '../../../lib/certificate/x509/x509.js';
import { refusal } from '../../support/refusal.js';
import { read } from '../workshop.js';

const chain: readonly Certificate[] = [read({ subject: 'leaf' }), read({ subject: 'other' })];
const context = Object.freeze({ validateDefault: () => true }) as ValidationContext;

/** Runs a composition of validators with these answers; errors are thrown, and a string counts as said later. */
async function run(
  compose: typeof allOf,
  ...answers: readonly (boolean | Error | 'yes' | 'no' | 'reject')[]
) {
  const asked: number[] = [];
  const validators = answers.map((answer, index): CertificateValidator => {
    return (...shown) => {
      expect(shown).to.deep.equal([chain, 'arena.example', context]);
      asked.push(index);
      if (answer instanceof Error) throw answer;
      if (answer === 'reject') return Promise.reject(late);
      return typeof answer === 'boolean' ? answer : Promise.resolve(answer === 'yes');
    };
  });
  const validator = compose(...validators);
  // The list is what it was when it was given.
  validators.splice(0);
  let verdict: unknown;
  let atOnce = true;
  try {
    const pending = validator(chain, 'arena.example', context);
    atOnce = typeof pending === 'boolean';
    verdict = await pending;
  } catch (error) {
    verdict = error;
  }
  return { verdict, atOnce, asked };
}

const first = new Error('first');
const second = new Error('second');
const late = new Error('late');

describe('composed validators', () => {
  it('allOf asks in order, up to the first that does not accept', async () => {
    const table: readonly (readonly [Parameters<typeof run>, unknown, number, boolean])[] = [
      [[allOf, true], true, 1, true],
      [[allOf, true, true, true], true, 3, true],
      [[allOf, true, false, true], false, 2, true],
      [[allOf, false, first], false, 1, true],
      [[allOf, true, first, second], first, 2, true],
      [[allOf, true, 'yes', true], true, 3, false],
      [[allOf, 'yes', 'no', true], false, 2, false],
      [[allOf, 'yes', first, true], first, 2, true],
      [[allOf, true, 'reject', first], late, 2, false],
      [[allOf, false, 'yes'], false, 1, true],
    ];
    for (const [args, verdict, asked, atOnce] of table) {
      const result = await run(...args);
      expect(result.verdict, String(args)).to.equal(verdict);
      expect(result.asked, String(args)).to.deep.equal([...args.slice(1).keys()].slice(0, asked));
      if (!(verdict instanceof Error)) expect(result.atOnce, String(args)).to.equal(atOnce);
    }
  });

  it('anyOf asks in order, up to the first that accepts, and passes on the first error where none does', async () => {
    const table: readonly (readonly [Parameters<typeof run>, unknown, number, boolean])[] = [
      [[anyOf, true], true, 1, true],
      [[anyOf, true, first], true, 1, true],
      [[anyOf, false, true, first], true, 2, true],
      [[anyOf, false, false], false, 2, true],
      [[anyOf, first, true], true, 2, true],
      [[anyOf, first, second], first, 2, true],
      [[anyOf, false, first, second, false], first, 4, true],
      [[anyOf, 'no', true], true, 2, false],
      [[anyOf, 'yes', first], true, 1, false],
      [[anyOf, 'no', 'no'], false, 2, false],
      [[anyOf, 'reject', true], true, 2, false],
      [[anyOf, 'reject', 'yes', first], true, 2, false],
      [[anyOf, 'reject', first, false], late, 3, false],
      [[anyOf, first, 'reject', 'no'], first, 3, false],
      [[anyOf, false, 'no', second], second, 3, false],
    ];
    for (const [args, verdict, asked, atOnce] of table) {
      const result = await run(...args);
      expect(result.verdict, String(args)).to.equal(verdict);
      expect(result.asked, String(args)).to.deep.equal([...args.slice(1).keys()].slice(0, asked));
      if (!(verdict instanceof Error)) expect(result.atOnce, String(args)).to.equal(atOnce);
    }
  });

  it('passes on even a thrown undefined', async () => {
    const throwing: CertificateValidator = () => {
      throw undefined;
    };
    let thrown = 'nothing';
    try {
      anyOf(throwing, () => false)(chain, '', context);
    } catch (error) {
      thrown = String(error);
    }
    expect(thrown).to.equal('undefined');
  });

  it('defaultRule answers what the default would', () => {
    for (const answer of [true, false]) {
      const asked: ValidationContext = { ...context, validateDefault: () => answer };
      expect(defaultRule(chain, '', asked)).to.equal(answer);
    }
  });

  it("fromDelegate shows the peer's own certificate and the name", () => {
    const seen: unknown[] = [];
    const validator = fromDelegate((...args) => seen.push(...args) > 0);
    expect(validator(chain, 'arena.example', context)).to.equal(true);
    expect(seen).to.deep.equal([chain[0], 'arena.example']);
    expect(fromDelegate(() => true)([], '', context)).to.equal(false);
  });

  it('refuses to be made of nothing, and of what cannot be asked', () => {
    for (const compose of [allOf, anyOf]) {
      expect(refusal('INVALID_CONFIG', () => compose()))
        .to.include(`${compose.name}()`)
        .and.to.include('one');
      for (const wrong of [undefined, null, true, 'sha256/…', {}, Promise.resolve(defaultRule)]) {
        const make = (): unknown => compose(defaultRule, wrong as unknown as CertificateValidator);
        expect(refusal('INVALID_CONFIG', make)).to.include(`argument 2 of ${compose.name}()`);
      }
      const listed = [defaultRule] as unknown as CertificateValidator;
      expect(refusal('INVALID_CONFIG', () => compose(listed))).to.include('spread');
    }
    for (const wrong of [undefined, null, true, {}]) {
      expect(refusal('INVALID_CONFIG', () => fromDelegate(wrong as never))).to.include(
        '(certificate, hostname)',
      );
    }
  });
});
