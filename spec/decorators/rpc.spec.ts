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
    expect([...collectRpcs(Arena).values()]).to.have.deep.members([
      {
        key: 'scoreboard',
        metadata: { security: 0, name: 'scoreboard', oneWay: false, stream: false, requiresIdentity: false },
      },
      {
        key: 'login',
        metadata: {
          security: 3,
          name: 'signIn',
          oneWay: false,
          stream: false,
          requiresIdentity: false,
          timeoutMs: 250,
        },
      },
      {
        key: 'move',
        metadata: { security: 2, name: 'move', oneWay: true, stream: false, requiresIdentity: false },
      },
    ]);
  });

  it('refuses unknown flags and options at once, naming them', () => {
    expect(() => Rpc(4))
      .to.throw(/4 is no protection/)
      .with.property('code', 'INVALID_RPC');
    expect(() => Rpc(0, { rateLimit: 5 } as object))
      .to.throw('@Rpc has the unknown option rateLimit')
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
