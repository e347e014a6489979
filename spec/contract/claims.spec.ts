// What `claims` of @Rpc may ask for, and whom it lets in.

import { inspect } from 'node:util';
import { expect } from 'chai';
import {
  frozenRequirement,
  hasClaims,
  type RequiredClaims,
  requiredClaimsFault,
} from '../../lib/contract/claims.js';

describe('contract/claims', () => {
  for (const [required, claims, isIn] of [
    [{ role: 'admin' }, { role: 'admin' }, true],
    [{ role: 'admin' }, { role: 'player' }, false],
    [{ role: 'admin' }, {}, false],
    [{ role: 'admin' }, undefined, false],
    [{ role: 'admin' }, { role: ['player', 'admin'] }, true],
    [{ role: 'admin' }, { role: ['player'] }, false],
    [{ role: 'admin' }, { role: [] }, false],
    [{ role: ['admin', 'referee'] }, { role: 'referee' }, true],
    [{ role: ['admin', 'referee'] }, { role: ['player', 'referee'] }, true],
    [{ role: ['admin', 'referee'] }, { role: 'player' }, false],
    [{ role: 'admin', region: 3 }, { role: 'admin', region: 3 }, true],
    [{ role: 'admin', region: 3 }, { role: 'admin', region: '3' }, false],
    [{ role: 'admin', region: 3 }, { role: 'admin' }, false],
    [{ isGuest: false }, { isGuest: false }, true],
    [{ isGuest: false }, { isGuest: 0 }, false],
    [{ isGuest: false }, {}, false],
    [{ role: 'admin' }, { role: { admin: true } }, false],
    [{ role: 'admin' }, { role: 'administrator' }, false],
    [{ role: 'admin' }, { role: null }, false],
    // What every object has is no claim.
    [{ constructor: 'Object' }, {}, false],
    [{ toString: 'x' }, {}, false],
  ] as [RequiredClaims, Record<string, unknown> | undefined, boolean][]) {
    it(`${inspect(required)} ${isIn ? 'lets in' : 'keeps out'} ${inspect(claims)}`, () => {
      expect(requiredClaimsFault(required)).to.equal(undefined);
      expect(hasClaims(claims, frozenRequirement(required))).to.equal(isIn);
    });
  }

  it('keeps out what is only inherited, and reads a key of any name', () => {
    const required = JSON.parse('{ "__proto__": "admin" }') as RequiredClaims;
    expect(hasClaims({}, frozenRequirement(required))).to.equal(false);
    expect(hasClaims(JSON.parse('{ "__proto__": "admin" }'), frozenRequirement(required))).to.equal(true);
    expect(hasClaims(Object.create({ role: 'admin' }), { role: 'admin' })).to.equal(false);
  });

  for (const required of [
    null,
    7,
    'admin',
    [],
    ['admin'],
    {},
    { role: [] },
    { role: null },
    { role: {} },
    { role: Number.NaN },
    { role: ['admin', null] },
    { role: undefined },
  ]) {
    it(`takes no ${inspect(required)}`, () => {
      expect(requiredClaimsFault(required)).to.be.a('string');
    });
  }

  it('is a copy that nobody changes', () => {
    const roles = ['admin'];
    const required = frozenRequirement({ role: roles });
    roles.push('player');
    expect(hasClaims({ role: 'player' }, required)).to.equal(false);
    expect(Object.isFrozen(required) && Object.isFrozen(required.role)).to.equal(true);
  });
});
