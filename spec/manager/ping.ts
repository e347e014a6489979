// The smallest service for the specs of managers, with one method of each protection.

import { Rpc } from '../../decorators/index.js';
import { Security } from '../../lib/contract/security.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';

export class Ping {
  readonly contexts: CallContext[] = [];

  @Rpc()
  ping(value: unknown = 'pong'): unknown {
    return value;
  }

  @Rpc()
  flags(): number {
    return callContext().security;
  }

  @Rpc(Security.Authenticated)
  authenticated(): number {
    return callContext().security;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  secret(): number {
    return callContext().security;
  }

  @Rpc(Security.None, { oneWay: true })
  wave(): void {
    this.contexts.push(callContext());
  }

  @Rpc()
  hang(): Promise<never> {
    this.contexts.push(callContext());
    return new Promise(() => {});
  }

  @Rpc()
  crash(): never {
    throw new Error('the password is swordfish');
  }
}
