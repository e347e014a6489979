// What @Rpc refuses, as functions that define such a class. Types would refuse most of it: the decorator is widened,
// as it is for users of JavaScript. Compiled in both dialects; only what both can express stands here.

import { Rpc as TypedRpc } from '../../../decorators/index.js';

type AnyDecorator = (...subject: unknown[]) => void;
const Rpc = TypedRpc as unknown as () => AnyDecorator;

export const misuses: Record<string, () => unknown> = {
  'static method': () => {
    // biome-ignore lint/complexity/noStaticOnlyClass: it is what must be refused
    class Service {
      @Rpc()
      static ping(): void {}
    }
    return Service;
  },
  accessor: () => {
    class Service {
      @Rpc()
      get ping(): number {
        return 1;
      }
    }
    return Service;
  },
  field: () => {
    class Service {
      @Rpc()
      ping = 1;
    }
    return Service;
  },
  'symbol for a name': () => {
    class Service {
      @Rpc()
      [Symbol.iterator](): void {}
    }
    return Service;
  },
  'generator without async': () => {
    class Service {
      @Rpc()
      *watch(): Generator<number> {}
    }
    return Service;
  },
  'RPC twice': () => {
    class Service {
      @Rpc()
      @Rpc()
      ping(): void {}
    }
    return Service;
  },
  class: () => {
    @Rpc()
    class Ping {
      ping(): void {}
    }
    return Ping;
  },
};

/** Another library's decorator, which puts a function of its own in the method's place. */
const wrap = ((_subject: unknown, _context: unknown, descriptor?: PropertyDescriptor): unknown => {
  const wrapper = (): void => {};
  if (descriptor === undefined) return wrapper;
  return { ...descriptor, value: wrapper };
}) as AnyDecorator;

/** @Rpc below a decorator that wraps the method: the RPC would silently be gone. */
export class Wrapped {
  @wrap
  @TypedRpc()
  ping(): void {}
}

/** The right way round. */
export class Covered {
  @TypedRpc()
  @wrap
  ping(): void {}
}
