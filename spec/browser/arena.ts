// The server of the browser specs: one RPC for each of the four flags, and what else a page may ask of a server.

import { createHash } from 'node:crypto';
import { Rpc } from '../../decorators/rpc.js';
import { RpcError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { callContext } from '../../lib/rpc/call-context.js';

/** What the page offers. */
export interface Hud {
  damage(points: number): string;
}

/** What the server saw of a call. */
export interface Seen {
  readonly word: string;
  readonly security: number;
  readonly suite: string | undefined;
}

export class Arena {
  @Rpc()
  open(word: string): Seen {
    return seen(word);
  }

  @Rpc(Security.Encrypted)
  encrypted(word: string): Seen {
    return seen(word);
  }

  @Rpc(Security.Authenticated)
  authenticated(word: string): Seen {
    return seen(word);
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  sealed(word: string): Seen {
    return seen(word);
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  square(number: number): number {
    return number ** 2;
  }

  @Rpc(Security.Authenticated)
  refuse(): never {
    throw new RpcError('NOT_FOUND', 'no such match', { match: 'm1' });
  }

  /** For those who show a certificate. */
  @Rpc(Security.Authenticated, { requiresIdentity: true })
  whoAmI(): string {
    return callContext().identity!.name;
  }

  /** Throws what callers must learn nothing of. */
  @Rpc(Security.Authenticated)
  stumble(): never {
    throw new Error('the database password is hunter2');
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  upload(bytes: Uint8Array): { readonly sha256: string; readonly reversed: Uint8Array } {
    return { sha256: createHash('sha256').update(bytes).digest('hex'), reversed: bytes.toReversed() };
  }

  /** Calls the caller's own service while the caller waits. */
  @Rpc(Security.Authenticated)
  async strike(points: number): Promise<string> {
    const { client } = callContext();
    return `the page said: ${await client.rpc<Hud>('Hud').damage(points)}`;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  exporter(label: string): string {
    return Buffer.from(callContext().client.exportKey(label, 32)).toString('hex');
  }
}

function seen(word: string): Seen {
  const { client, security } = callContext();
  return { word, security, suite: client.security.suite };
}
