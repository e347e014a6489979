import { expect } from 'chai';
import { collectRpcs, defineRpc, rpcMetadata } from '../../lib/contract/metadata.js';

class Base {
  ping(): string {
    return 'base';
  }
  hidden(): void {}
}
defineRpc('ping', Base.prototype.ping, 2, {});

describe('contract/metadata', () => {
  it('collects the declared methods of a class and of an instance', () => {
    const expected = new Map([
      [
        'ping',
        {
          key: 'ping',
          metadata: { security: 2, name: 'ping', oneWay: false, stream: false, requiresIdentity: false },
        },
      ],
    ]);
    expect(collectRpcs(Base)).to.deep.equal(expected);
    expect(collectRpcs(new Base())).to.deep.equal(expected);
  });

  it('collects what is inherited', () => {
    class Derived extends Base {
      other(): void {}
    }
    defineRpc('other', Derived.prototype.other, 0, { name: 'second' });
    expect([...collectRpcs(Derived).keys()]).to.have.members(['ping', 'second']);
    expect(collectRpcs(Derived).get('second')?.key).to.equal('other');
  });

  it('does not reach a method that is overridden without being declared', () => {
    class Derived extends Base {
      override ping(): string {
        return 'derived';
      }
      other(): void {}
    }
    defineRpc('other', Derived.prototype.other, 0, {});
    expect([...collectRpcs(new Derived()).keys()]).to.deep.equal(['other']);
  });

  it('takes the flags of the override that is declared', () => {
    class Derived extends Base {
      override ping(): string {
        return 'derived';
      }
    }
    defineRpc('ping', Derived.prototype.ping, 3, {});
    expect(collectRpcs(Derived).get('ping')?.metadata.security).to.equal(3);
    expect(collectRpcs(Base).get('ping')?.metadata.security).to.equal(2);
  });

  it('does not reach a method behind a field or an accessor of the instance, and runs no getter', () => {
    const shadowed = Object.assign(new Base(), { ping: () => 'field' });
    expect(() => collectRpcs(shadowed))
      .to.throw()
      .with.property('code', 'INVALID_RPC');
    let ran = false;
    const accessor = Object.defineProperty(new Base(), 'ping', {
      get: () => {
        ran = true;
        return Base.prototype.ping;
      },
    });
    expect(() => collectRpcs(accessor))
      .to.throw()
      .with.property('code', 'INVALID_RPC');
    expect(ran).to.equal(false);
  });

  it('never collects the constructor or what stands on Object.prototype', () => {
    class Service {
      ping(): void {}
    }
    defineRpc('ping', Service.prototype.ping, 0, {});
    defineRpc('Service', Service, 0, {});
    expect([...collectRpcs(new Service()).keys()]).to.deep.equal(['ping']);
    const polluted = (): void => {};
    defineRpc('polluted', polluted, 0, {});
    Object.defineProperty(Object.prototype, 'polluted', { value: polluted, configurable: true });
    try {
      expect([...collectRpcs(new Service()).keys()]).to.deep.equal(['ping']);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted');
    }
  });

  it('refuses a class without RPCs, and says why that may be', () => {
    class Empty {
      ping(): void {}
    }
    for (const target of [Empty, new Empty(), {}, Object.create(null), () => {}]) {
      expect(() => collectRpcs(target))
        .to.throw(/has no RPC: .*@Rpc.*Vite.*defineRpcs/)
        .with.property('code', 'INVALID_RPC');
    }
  });

  it('refuses two RPCs of one name', () => {
    class Twice {
      a(): void {}
      b(): void {}
    }
    defineRpc('a', Twice.prototype.a, 0, { name: 'same' });
    defineRpc('b', Twice.prototype.b, 0, { name: 'same' });
    expect(() => collectRpcs(Twice))
      .to.throw('Twice has two RPCs named same: its methods a and b')
      .with.property('code', 'INVALID_RPC');
  });

  it('refuses options that nobody enforces, and values that are none', () => {
    const bad: [object | null, RegExp][] = [
      [{ rateLimit: 5 }, /unknown option rateLimit; this version knows name, oneWay, timeoutMs/],
      [{ timeout: 5 }, /unknown option timeout;/],
      [null, /options .* must be an object/],
      [{ name: 7 }, /must be a string/],
      [{ name: '' }, /the RPC name ""/],
      [{ name: 'a.b' }, /not an identifier/],
      [{ name: 'then' }, /reserved/],
      [{ oneWay: 1 }, /boolean/],
      [{ requiresIdentity: 1 }, /requiresIdentity .* must be a boolean/],
      ...[0, -1, 1.5, NaN, Infinity, 2 ** 31, '5'].map((timeoutMs): [object, RegExp] => [
        { timeoutMs },
        /timeoutMs .* 1 to 2147483647/,
      ]),
      [{ oneWay: true, timeoutMs: 5 }, /leave out timeoutMs/],
    ];
    for (const [options, message] of bad) {
      const method = (): void => {};
      expect(() => defineRpc('ping', method, 0, options as object), JSON.stringify(options))
        .to.throw(message)
        .with.property('code', 'INVALID_RPC');
      expect(rpcMetadata(method)).to.equal(undefined);
    }
    const method = (): void => {};
    defineRpc('ping', method, 1, { timeoutMs: 2 ** 31 - 1 });
    expect(rpcMetadata(method)).to.deep.equal({
      security: 1,
      name: 'ping',
      oneWay: false,
      stream: false,
      requiresIdentity: false,
      timeoutMs: 2 ** 31 - 1,
    });
  });

  it('takes callers that must be known only where nobody can call in their name', () => {
    for (const security of [0, 1]) {
      expect(() => defineRpc('ping', () => {}, security, { requiresIdentity: true }))
        .to.throw(/requiresIdentity of ping needs Security.Authenticated/)
        .with.property('code', 'INVALID_RPC');
      defineRpc('ping', () => {}, security, { requiresIdentity: false });
    }
    for (const security of [2, 3]) {
      const method = (): void => {};
      defineRpc('ping', method, security, { requiresIdentity: true });
      expect(rpcMetadata(method)).to.include({ security, requiresIdentity: true });
    }
  });

  it('refuses what is no method, a second declaration, unknown flags and generators', () => {
    expect(() => defineRpc('x', 1, 0, {})).to.throw(/not a method/);
    expect(() => defineRpc('ping', Base.prototype.ping, 2, {})).to.throw(/twice/);
    expect(() => defineRpc('x', () => {}, 4, {})).to.throw(/no protection/);
    expect(() => defineRpc('x', function* () {}, 0, {})).to.throw(/make it async/);
    expect(() => defineRpc('x', async function* () {}, 0, { oneWay: true })).to.throw(/nobody would get/);
  });

  it('knows a stream by its async generator', () => {
    const method = async function* () {};
    defineRpc('watch', method, 1, {});
    expect(rpcMetadata(method)).to.include({ name: 'watch', stream: true, oneWay: false });
  });

  it('cannot be changed afterwards', () => {
    const metadata = collectRpcs(Base).get('ping')?.metadata as { security: number };
    expect(() => {
      metadata.security = 0;
    }).to.throw(TypeError);
  });
});
