// Type tests of interceptors: what each direction has, what next() takes and gives, what use() takes.

import {
  type CallContext,
  type IncomingCall,
  type InterceptedCall,
  type Interceptor,
  type Metadata,
  NetworkingManager,
  type OutgoingCall,
} from '../../lib/index.js';
import { NetworkingManager as BrowserManager } from '../../lib/manager/browser.js';
import { type Equal, expectType } from './equal.js';

export function useTakesInterceptors(manager: NetworkingManager, page: BrowserManager): void {
  const logging: Interceptor = (call, next) => {
    expectType<Equal<typeof call, InterceptedCall>>(true);
    expectType<Equal<typeof call.metadata, Metadata>>(true);
    if (call.direction === 'incoming') expectType<Equal<typeof call, IncomingCall>>(true);
    else expectType<Equal<typeof call, OutgoingCall>>(true);
    return next();
  };
  expectType<Equal<ReturnType<typeof manager.use>, NetworkingManager>>(true);
  manager.use(logging).use({ incoming: logging, outgoing: logging });
  page.use({
    outgoing: async (call, next) => {
      expectType<Equal<typeof call.idempotent, boolean>>(true);
      const result = await next({ metadata: { trace: 'x', bytes: new Uint8Array(1) } });
      expectType<Equal<typeof result, unknown>>(true);
      return result;
    },
    incoming: async function* (call, next) {
      expectType<Equal<typeof call.context, CallContext>>(true);
      for await (const item of next({ args: [...call.args, 1] })) {
        expectType<Equal<typeof item, unknown>>(true);
        yield item;
      }
    },
  });
  const both: Interceptor = (call, next) => {
    // @ts-expect-error only a call that is served has a context
    void call.context;
    // @ts-expect-error nothing of a call can be changed in place
    call.security = 0;
    // @ts-expect-error nor its arguments
    call.args[0] = 1;
    // @ts-expect-error metadata is made of strings and bytes
    void next({ metadata: { attempt: 1 } });
    // @ts-expect-error flags are not for interceptors to change
    return next({ security: 0 });
  };
  void both;
  // @ts-expect-error a function, or one for a direction
  manager.use({ around: logging });
  // @ts-expect-error what is for calls that are served does not see those that are made
  manager.use({ outgoing: (_call: IncomingCall, next: () => unknown) => next() });
}
