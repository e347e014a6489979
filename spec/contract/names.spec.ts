import { expect } from 'chai';
import { methodNameFault, serviceNameFault } from '../../lib/contract/names.js';

describe('contract/names', () => {
  it('takes identifiers of any script for methods', () => {
    for (const name of ['a', 'login', '$', '_x1', 'größe', '移動', 'नमस्ते', '𝒜', 'x'.repeat(128)]) {
      expect(methodNameFault(name), name).to.equal(undefined);
    }
  });

  it('refuses other names for methods', () => {
    const bad = [
      '',
      ' ',
      '1a',
      'a.b',
      'a-b',
      'a b',
      'a\0',
      'a\n',
      '\u202ea',
      'x\u200b',
      '\ud800',
      '💥',
      'a/b',
    ];
    for (const name of bad) expect(methodNameFault(name), JSON.stringify(name)).to.be.a('string');
    for (const name of ['__proto__', 'constructor', 'prototype', 'then']) {
      expect(methodNameFault(name), name).to.match(/reserved/);
    }
  });

  it('takes single dots and hyphens between the parts of a service name', () => {
    for (const name of ['Arena', 'game.Arena', 'arena-2', 'a.b-c.d', '移動.x']) {
      expect(serviceNameFault(name), name).to.equal(undefined);
    }
    for (const name of ['', '.', '.a', 'a.', 'a..b', 'a.-b', '-a', 'a-', '2a', 'a b', 'a/b']) {
      expect(serviceNameFault(name), JSON.stringify(name)).to.be.a('string');
    }
  });

  it('counts bytes of UTF-8, up to 128', () => {
    expect(methodNameFault('é'.repeat(64))).to.equal(undefined);
    expect(methodNameFault('é'.repeat(65))).to.match(/128 bytes/);
    expect(serviceNameFault('a'.repeat(129))).to.match(/128 bytes/);
    expect(serviceNameFault('a.'.repeat(1_000_000))).to.match(/128 bytes/);
  });
});
