import { expect } from 'chai';
import { Rpc, Security } from '../../decorators/index.js';
import { collectRpcs } from '../../lib/contract/metadata.js';

type Call = (...subject: unknown[]) => unknown;

describe('decorators/rpc', () => {
  it('declares methods with flags, names and options, in the dialect of this build', () => {
    class Arena {
      @Rpc()
      scoreboard(): void {}

      @Rpc(Security.Encrypted | Security.Authenticated, { name: 'signIn', timeoutMs: 250 })
      async login(_name: string): Promise<void> {}

      @Rpc(Security.Authenticated, { oneWay: true })
      move(): void {}

      wipe(): void {}
    }
    const declared = [...collectRpcs(Arena)].map(([name, { key, metadata }]) => {
      const { security, oneWay, timeoutMs, parameters } = metadata;
      return [name, key, security, oneWay, timeoutMs, parameters.least];
    });
    expect(declared).to.have.deep.members([
      ['scoreboard', 'scoreboard', 0, false, undefined, 0],
      ['signIn', 'login', 3, false, 250, 1],
      ['move', 'move', 2, true, undefined, 0],
    ]);
  });

  it('refuses unknown flags and options at once, naming them', () => {
    expect(() => Rpc(4))
      .to.throw(/4 is no protection/)
      .with.property('code', 'INVALID_RPC');
    expect(() => Rpc(0, { timeout: 5 } as object))
      .to.throw('@Rpc has the unknown option timeout')
      .with.property('code', 'INVALID_RPC');
    expect(() => Rpc(Security.Encrypted, { requiresIdentity: true }))
      .to.throw('requiresIdentity of @Rpc needs Security.Authenticated')
      .with.property('code', 'INVALID_RPC');
  });

  it('refuses to stand without parentheses', () => {
    expect(() => (Rpc as Call)(() => {}, { kind: 'method', name: 'ping' }))
      .to.throw(/a function is no protection/)
      .with.property('code', 'INVALID_RPC');
  });

  it('refuses what a standard decorator can stand on beside public instance methods', () => {
    const context = { kind: 'method', name: 'ping', static: false, private: false, addInitializer: () => {} };
    const apply = (change: object): unknown => (Rpc() as Call)(() => {}, { ...context, ...change });
    apply({});
    for (const kind of ['class', 'field', 'getter', 'setter', 'accessor']) {
      expect(() => apply({ kind }))
        .to.throw(`ping is a ${kind}`)
        .with.property('code', 'INVALID_RPC');
    }
    expect(() => apply({ static: true })).to.throw(/is static/);
    expect(() => apply({ name: '#ping', private: true })).to.throw(/is private/);
    expect(() => apply({ name: Symbol('ping') })).to.throw(/has a symbol for a name/);
  });

  it('refuses what a legacy decorator can stand on beside public instance methods', () => {
    const apply = (...subject: unknown[]): unknown => (Rpc() as Call)(...subject);
    const method = { value: (): void => {} };
    apply({}, 'ping', method);
    expect(() => apply(class {})).to.throw(/put @Rpc\(\) on its methods/);
    expect(() => apply(class {}, 'ping', { value: () => {} })).to.throw(/is static/);
    expect(() => apply({}, 'ping', 0)).to.throw(/on a parameter/);
    expect(() => apply({}, 'ping', undefined)).to.throw(/is a field/);
    expect(() => apply({}, 'ping', { get: () => 1 })).to.throw(/is an accessor/);
    expect(() => apply({}, Symbol('ping'), { value: () => {} })).to.throw(/has a symbol for a name/);
    expect(() => apply({}, 'ping', { value: 1 })).to.throw(/not a method/);
  });
});
