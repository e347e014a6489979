import { expect } from 'chai';
import { checkSecurity, describeSecurity, Security, satisfies } from '../../lib/contract/security.js';

describe('contract/security', () => {
  it('has the two flags of the wire', () => {
    expect(Security).to.deep.equal({ None: 0, Encrypted: 1, Authenticated: 2 });
  });

  it('accepts the four combinations and nothing else', () => {
    for (const flags of [0, 1, 2, 3]) expect(checkSecurity(flags)).to.equal(flags);
    for (const flags of [
      -1,
      4,
      7,
      1.5,
      NaN,
      Infinity,
      '1',
      true,
      null,
      undefined,
      () => 1,
      Symbol('s'),
      {},
    ]) {
      expect(() => checkSecurity(flags as number), String(flags))
        .to.throw(/Security\.Encrypted \| Security\.Authenticated/)
        .with.property('code', 'INVALID_RPC');
    }
  });

  it('is satisfied by every flag that is required, and by more', () => {
    const table = [0, 1, 2, 3].map((required) => [0, 1, 2, 3].map((actual) => satisfies(actual, required)));
    expect(table).to.deep.equal([
      [true, true, true, true],
      [false, true, false, true],
      [false, false, true, true],
      [false, false, false, true],
    ]);
  });

  it('is described by the words of the code', () => {
    expect([0, 1, 2, 3].map(describeSecurity)).to.deep.equal([
      'None',
      'Encrypted',
      'Authenticated',
      'Encrypted | Authenticated',
    ]);
  });
});
