// What hosts and their guests offer in the specs of hosts, and how they are made.

import { Rpc } from '../../decorators/index.js';
import { Security } from '../../lib/contract/security.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import type { ManagerEvents } from '../../lib/manager/events.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';
import { authority, credentials, serverCertificate, serverName } from '../support/authority.js';

/** What the host offers to clients, its own among them. */
export class Arena {
  readonly calls: CallContext[] = [];

  @Rpc(Security.Authenticated)
  enter(): number {
    const context = callContext();
    this.calls.push(context);
    return context.client.id;
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  whoAmI(): string {
    return callContext().identity!.name;
  }

  @Rpc()
  async *count(to: number): AsyncGenerator<number> {
    for (let item = 1; item <= to; item++) yield item;
  }
}

/** What clients offer. */
export class Hud {
  readonly callers: number[] = [];

  @Rpc(Security.Encrypted | Security.Authenticated)
  damage(points: number): number {
    this.callers.push(callContext().client.id);
    return -points;
  }
}

const names = [
  'clientConnected',
  'clientDisconnected',
  'disconnected',
  'stateChanged',
  'encryptionEstablished',
  'encryptionFailed',
  'callFailed',
  'callRefused',
] as const satisfies (keyof ManagerEvents)[];

export function watch(manager: NetworkingManager): string[] {
  const events: string[] = [];
  for (const name of names) {
    manager.on(name, (...args: unknown[]) => {
      const told = args.flatMap((arg) => {
        if (typeof arg === 'string') return [arg];
        if (arg instanceof Error) return [(arg as { reason?: string }).reason ?? arg.message];
        return arg === undefined ? [] : [`peer ${(arg as { id: number }).id}`];
      });
      events.push([name, ...told].join(' '));
    });
  }
  return events;
}

export const own: { cert: string; key: string } = credentials(serverCertificate());
export const newHost = (config: NetworkConfig = {}): NetworkingManager =>
  new NetworkingManager({ certificate: own, ...config });
export const newClient = (config: NetworkConfig = {}): NetworkingManager =>
  new NetworkingManager({ ca: authority().pem.certificate, serverName, ...config });
