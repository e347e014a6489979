import { expect } from 'chai';
import { defineRpcs, rpc, Security } from '../../decorators/index.js';
import { collectRpcs } from '../../lib/contract/metadata.js';

class Base {
  inherited(): void {}
}

class Arena extends Base {
  score = 0;
  login(_name: string, _pin: string): void {}
  move(_x: number): void {}
  wipe(): void {}
}

describe('decorators/define', () => {
  it('declares the methods that are named', () => {
    defineRpcs(Arena, {
      login: rpc(Security.Encrypted | Security.Authenticated, { timeoutMs: 250 }),
      move: rpc(Security.Authenticated, { oneWay: true, name: 'moveTo' }),
    });
    const declared = [...collectRpcs(Arena).values()];
    expect(declared.map(({ key }) => key)).to.have.members(['login', 'move']);
    expect(declared.find(({ key }) => key === 'login')!.metadata).to.deep.include({
      security: 3,
      name: 'login',
      oneWay: false,
      timeoutMs: 250,
      parameters: { least: 2, most: 2, types: [] },
    });
    expect(declared.find(({ key }) => key === 'move')!.metadata).to.deep.include({
      security: 2,
      name: 'moveTo',
      oneWay: true,
      parameters: { least: 1, most: 1, types: [] },
    });
  });

  it('refuses to declare a method twice', () => {
    class Twice {
      ping(): void {}
    }
    defineRpcs(Twice, { ping: rpc() });
    expect(() => defineRpcs(Twice, { ping: rpc() }))
      .to.throw(/twice/)
      .with.property('code', 'INVALID_RPC');
  });

  it('refuses what is no method of the class itself', () => {
    const refused: [string, object][] = [
      ['inherited', { inherited: rpc() }],
      ['missing', { missing: rpc() }],
      ['score', { score: rpc() }],
      ['constructor', { constructor: rpc() }],
      ['toString', { toString: rpc() }],
    ];
    for (const [key, rpcs] of refused) {
      expect(() => defineRpcs(Arena, rpcs))
        .to.throw(`Arena has no method ${key} of its own`)
        .with.property('code', 'INVALID_RPC');
    }
  });

  it('refuses unknown flags and options at once, and declarations not made by rpc()', () => {
    expect(() => rpc(9))
      .to.throw(/no protection/)
      .with.property('code', 'INVALID_RPC');
    expect(() => rpc(0, { timeout: 5 } as object)).to.throw(/unknown option timeout/);
    expect(() => rpc(1, { requiresIdentity: true })).to.throw(
      /requiresIdentity of rpc\(\) needs Security.Authenticated/,
    );
    expect(() => defineRpcs(Arena, { wipe: { security: 0, options: {} } }))
      .to.throw('wipe: give rpc(…) to defineRpcs')
      .with.property('code', 'INVALID_RPC');
  });
});
