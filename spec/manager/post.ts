// A service for the specs of interceptors, offered by servers and clients: it writes down what reaches it, and how it ends.

import { setImmediate as nextTurn } from 'node:timers/promises';
import * as z from 'zod';
import { Rpc } from '../../decorators/index.js';
import { RpcError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';
import { type Pair, type PairOptions, startPair } from '../support/pair.js';

export class Post {
  /** In the order in which they came. */
  readonly contexts: CallContext[] = [];
  readonly log: string[] = [];
  /** Until it is true, send() fails. */
  isOpen = true;

  @Rpc(Security.None, { params: [z.number().max(99)] })
  send(value: number): number {
    this.contexts.push(callContext());
    this.log.push(`send ${value}`);
    if (!this.isOpen) throw new RpcError('UNAVAILABLE', 'closed');
    return value;
  }

  @Rpc(Security.None, { oneWay: true })
  drop(value: unknown): void {
    this.contexts.push(callContext());
    this.log.push(`drop ${value}`);
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  secret(): number {
    return callContext().security;
  }

  /** Without end; its items tell whether the context is there. */
  @Rpc()
  async *count(): AsyncGenerator<number> {
    const context = callContext();
    this.contexts.push(context);
    try {
      for (let item = 1; ; item++) {
        if (callContext() !== context) throw new Error('another context');
        yield item;
      }
    } finally {
      this.log.push('count ended');
    }
  }

  /** One item, then nothing until somebody aborts it. */
  @Rpc()
  async *stall(): AsyncGenerator<number> {
    const { signal } = callContext();
    try {
      yield 1;
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    } finally {
      this.log.push('stall ended');
    }
  }

  @Rpc()
  async sum(values: AsyncIterable<number>): Promise<number> {
    let sum = 0;
    for await (const value of values) sum += value;
    return sum;
  }

  /** Until it is aborted, and a little longer. */
  @Rpc()
  async hang(): Promise<void> {
    const { signal } = callContext();
    this.log.push('hang');
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await nextTurn();
    this.log.push(`hang: ${(signal.reason as RpcError).code}`);
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  identified(): void {}

  @Rpc(Security.None, { rateLimit: { perSecond: 0.001 } })
  rarely(): void {}
}

export interface PostPair extends Pair {
  /** Runs on the server. */
  readonly post: Post;
  /** Runs on the client. */
  readonly clientPost: Post;
}

/** A pair that offers a post on both sides, over memory unless the options say otherwise. */
export async function startPosts(options: PairOptions = {}): Promise<PostPair> {
  const post = new Post();
  const clientPost = new Post();
  const pair = await startPair({
    scheme: 'memory',
    services: [post],
    clientServices: [clientPost],
    ...options,
  });
  return { ...pair, post, clientPost };
}
