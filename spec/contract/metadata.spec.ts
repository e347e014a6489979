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
          metadata: {
            security: 2,
            name: 'ping',
            oneWay: false,
            stream: false,
            requiresIdentity: false,
            idempotent: false,
            parameters: { least: 0, most: 0, types: [] },
          },
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

  it('keeps the longest time that a timer can measure', () => {
    const method = (): void => {};
    defineRpc('ping', method, 1, { timeoutMs: 2 ** 31 - 1 });
    expect(rpcMetadata(method)).to.deep.equal({
      security: 1,
      name: 'ping',
      oneWay: false,
      stream: false,
      requiresIdentity: false,
      idempotent: false,
      parameters: { least: 0, most: undefined, types: [] },
      timeoutMs: 2 ** 31 - 1,
    });
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
    const compiled = () => ({ [Symbol.asyncIterator]: () => method() });
    defineRpc('watch', compiled, 1, { stream: true });
    expect(rpcMetadata(compiled)).to.include({ stream: true });
    expect(() => defineRpc('x', async function* () {}, 0, { stream: false })).to.throw(/leave out stream/);
    expect(() => defineRpc('x', async function* () {}, 0, { idempotent: true })).to.throw(/not tried again/);
  });

  it('keeps schemas, limit, channel and what is known of the parameters', () => {
    const schema = {
      '~standard': { version: 1, vendor: 'spec', validate: (value: unknown) => ({ value }) },
    } as const;
    const rateLimit = { perSecond: 5 };
    const params = [schema];
    const method = (_a: string, _b = 1): void => {};
    const options = { params, result: schema, rateLimit, channel: 'map', idempotent: true };
    defineRpc('load', method, 0, options, [String, Number]);
    rateLimit.perSecond = 9;
    params.push(schema);
    expect(rpcMetadata(method)).to.deep.equal({
      security: 0,
      name: 'load',
      oneWay: false,
      stream: false,
      requiresIdentity: false,
      idempotent: true,
      parameters: { least: 1, most: undefined, types: ['a string', 'a number'] },
      params: [schema],
      result: schema,
      rateLimit: { perSecond: 5 },
      channel: 'map',
    });
    const whole = (): void => {};
    defineRpc('whole', whole, 0, { params: schema as never });
    expect(rpcMetadata(whole)?.params).to.equal(schema);
  });

  it('cannot be changed afterwards', () => {
    const metadata = collectRpcs(Base).get('ping')?.metadata as { security: number };
    expect(() => {
      metadata.security = 0;
    }).to.throw(TypeError);
  });
});
