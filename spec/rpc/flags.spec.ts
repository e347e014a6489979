// docs/protocol.md section 3, over all sixteen masks and all four minimums.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { agreeFlags, isAllowed } from '../../lib/rpc/flags.js';

/** Weakest first, and with what each stands for. */
const combinations = [
  { flags: 0, name: 'None' },
  { flags: 2, name: 'Authenticated' },
  { flags: 1, name: 'Encrypted' },
  { flags: 3, name: 'both' },
];

describe('rpc/flags', () => {
  it('takes the weakest combination that is accepted and has every flag that is asked for, for every mask', () => {
    let agreed = 0;
    for (let mask = 0; mask < 16; mask++) {
      for (const { flags: required } of combinations) {
        const fit = combinations.filter(
          ({ flags }) => (flags & required) === required && (mask >> flags) & 1,
        );
        if (fit.length === 0) {
          expect(() => agreeFlags(required, mask), `${required} of ${mask}`)
            .to.throw(SealwireError)
            .with.property('code', 'ENCRYPTION_UNAVAILABLE');
        } else {
          expect(agreeFlags(required, mask), `${required} of ${mask}`).to.equal(fit[0]!.flags);
          agreed += 1;
        }
      }
    }
    expect(agreed).to.equal(47);
  });

  it('never lowers: whatever comes out has every flag that went in', () => {
    for (let mask = 8; mask < 16; mask++) {
      for (const { flags } of combinations) expect(agreeFlags(flags, mask) & flags).to.equal(flags);
    }
  });

  it('says that there are no keys where that is the reason', () => {
    expect(() => agreeFlags(3, 0b0001)).to.throw(/enableEncryption is off/);
    expect(() => agreeFlags(1, 0b0101)).to.throw(/no combination of flags/);
  });

  it('reads the mask bit by bit', () => {
    expect([0, 1, 2, 3].map((flags) => isAllowed(flags, 0b1010))).to.deep.equal([false, true, false, true]);
  });
});
