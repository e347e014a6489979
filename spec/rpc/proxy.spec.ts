// The object that stands for a service elsewhere: what may be done with it by mistake must send nothing.

import { inspect } from 'node:util';
import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { SealwireError } from '../../lib/base/errors.js';
import { NetworkingManager } from '../../lib/index.js';
import type { CallOptions } from '../../lib/rpc/caller.js';
import { createProxy } from '../../lib/rpc/proxy.js';
import { deferredAnswer } from '../../lib/rpc/remote-stream.js';
import { codeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Echo } from './echo.js';

function watched(service: string | typeof Echo = 'Echo', options?: CallOptions) {
  const calls: unknown[][] = [];
  const proxy = createProxy<Echo>(
    service,
    async (...call) => {
      calls.push(call);
      return 'answer';
    },
    options,
  );
  return { proxy, calls };
}

describe('rpc/proxy', () => {
  it('calls by full name, with the arguments as they are and the options of the proxy', async () => {
    const options = { timeoutMs: 5 };
    const { proxy, calls } = watched('game.Echo', options);
    expect(await proxy.count(1, undefined, 'x')).to.equal('answer');
    expect(calls).to.deep.equal([['game.Echo.count', [1, undefined, 'x'], options]]);
    expect(calls[0]![2]).to.equal(options);
  });

  it('knows from the class what a method is called on the wire; from a name it cannot', async () => {
    const byClass = watched(Echo);
    await byClass.proxy.anotherName();
    await byClass.proxy.plain(1);
    expect(byClass.calls.map(([name]) => name)).to.deep.equal(['Echo.renamed', 'Echo.plain']);
    const byName = watched('Echo');
    await byName.proxy.anotherName();
    expect(byName.calls[0]![0]).to.equal('Echo.anotherName');
  });

  it('refuses a class without RPCs at once', () => {
    class Plain {
      hello(): void {}
    }
    expect(() => createProxy(Plain, async () => undefined))
      .to.throw(SealwireError)
      .with.property('code', 'INVALID_RPC');
  });

  it('has one function per method, which needs no this', async () => {
    const { proxy, calls } = watched();
    const { plain } = proxy;
    expect(proxy.plain).to.equal(plain);
    expect(proxy.both).not.to.equal(plain);
    await plain(1);
    expect(calls).to.have.length(1);
  });

  it('is no promise: awaiting it gives the proxy itself', async () => {
    const { proxy, calls } = watched();
    expect((await proxy) === proxy).to.equal(true);
    expect(await Promise.all([proxy])).to.have.length(1);
    expect(calls).to.deep.equal([]);
  });

  it('sends nothing when it is printed, looked at, copied or put into text', async () => {
    const { proxy, calls } = watched();
    const object = proxy as unknown as Record<PropertyKey, unknown>;
    // Node 26 says in any case that it is a proxy.
    expect(inspect(proxy, { depth: 5, showHidden: true, showProxy: false })).to.be.oneOf([
      '[Object: null prototype] {}',
      'Proxy([Object: null prototype] {})',
    ]);
    expect(inspect(proxy, { showProxy: true })).to.be.a('string');
    expect(JSON.stringify({ proxy })).to.equal('{"proxy":{}}');
    expect(Object.keys(proxy)).to.deep.equal([]);
    expect('plain' in proxy).to.equal(false);
    expect({ ...proxy }).to.deep.equal({});
    expect(Object.getOwnPropertyDescriptor(proxy, 'plain')).to.equal(undefined);
    expect(() => structuredClone(proxy)).to.throw(/could not be cloned/);
    expect(() => `${proxy}`).to.throw(TypeError);
    expect(() => Number(proxy)).to.throw(TypeError);
    expect(object[Symbol.iterator]).to.equal(undefined);
    expect(object[Symbol.toPrimitive]).to.equal(undefined);
    expect(object[Symbol.toStringTag]).to.equal(undefined);
    expect(() => [...(proxy as unknown as Iterable<unknown>)]).to.throw(TypeError);
    expect(proxy).to.equal(proxy);
    for (const name of ['then', 'toString', 'valueOf', 'toJSON', 'constructor'])
      expect(object[name], name).to.equal(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).to.deep.equal([]);
  });

  it('cannot be changed', () => {
    const { proxy } = watched();
    const object = proxy as unknown as Record<string, unknown>;
    expect(() => {
      object.plain = () => 'mine';
    }).to.throw(TypeError);
    expect(() => Object.defineProperty(object, 'plain', { value: 1 })).to.throw(TypeError);
    expect(() => Object.setPrototypeOf(object, { plain: 1 })).to.throw(TypeError);
    expect(Object.isFrozen(proxy)).to.equal(true);
    expect(proxy.plain).to.be.a('function');
  });

  it('is not callable', () => {
    const { proxy } = watched();
    expect(() => (proxy as unknown as () => void)()).to.throw(TypeError);
  });
});

/** Kept out of Echo: a method that JavaScript would call by itself. */
class Odd {
  @Rpc()
  toString(): string {
    return 'odd';
  }
}

describe('rpc/proxy, a service with a method that JavaScript asks for', () => {
  it('leaves it to invoke()', () => {
    const calls: string[] = [];
    const proxy = createProxy(Odd, async (name) => calls.push(name));
    expect((proxy as { toString?: unknown }).toString).to.equal(undefined);
    expect(calls).to.deep.equal([]);
  });
});

describe('rpc/proxy, while it is not known what a method answers with', () => {
  nothingUncaught();

  const refused = () => new SealwireError('CONNECTION_CLOSED', 'no connection');

  it('gives a promise that rejects, and that throws the same when it is iterated', async () => {
    const proxy = createProxy<{ any(): unknown }>('Any', () => deferredAnswer(Promise.reject(refused())));
    expect(await codeOf(proxy.any())).to.equal('CONNECTION_CLOSED');
    const loop = async () => {
      for await (const _ of proxy.any() as unknown as AsyncIterable<unknown>);
    };
    expect(await codeOf(loop())).to.equal('CONNECTION_CLOSED');
  });

  it('iterates the stream that it turns out to be, and no value', async () => {
    async function* items(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }
    const seen: unknown[] = [];
    for await (const item of deferredAnswer(Promise.resolve(items()))) seen.push(item);
    expect(seen).to.deep.equal([1, 2]);
    const value = deferredAnswer(Promise.resolve(5));
    expect(await codeOf(value.next())).to.equal('INVALID_ARGUMENT');
    expect(await value).to.equal(5);
  });

  it('is so for the proxy of a client that is not started', async () => {
    const client = new NetworkingManager();
    const { watch } = client.rpc<{ watch(): AsyncGenerator<number> }>('Arena');
    const loop = async () => {
      for await (const _ of watch());
    };
    expect(await codeOf(loop())).to.equal('CONNECTION_CLOSED');
    expect(await codeOf(watch() as unknown as Promise<unknown>)).to.equal('CONNECTION_CLOSED');
  });
});
