// A manager with both roles. node.ts gives it its platform.

import { SealwireError } from '../base/errors.js';
import type { CallOptions } from '../rpc/caller.js';
import type { Peer } from '../rpc/peer.js';
import type { ServerTransport } from '../transport/transport.js';
import { ClientManager } from './client-manager.js';
import { serverSettings } from './config.js';
import { warnOfMalleable } from './malleable-warning.js';
import { ServerRole } from './server-role.js';

const noClients: ReadonlyMap<number, Peer> = new Map();

export class ServerManager extends ClientManager {
  #server: ServerRole | undefined;

  /**
   * Starts a server on a URL (`ws://0.0.0.0:7777`, `tcp://…`, `memory://…`; port 0 lets the system pick one) or on a
   * transport. Resolves to the URL that it listens on. Rejects with INVALID_CONFIG, INVALID_CERTIFICATE,
   * PFX_PASSPHRASE or LISTEN_FAILED.
   */
  async startServer(target: string | ServerTransport): Promise<string> {
    const transport = typeof target === 'string' ? this.platform.listenOn(target) : target;
    if (typeof (transport as Partial<ServerTransport> | undefined)?.listen !== 'function') {
      throw new SealwireError(
        'INVALID_CONFIG',
        'startServer() takes a URL, such as ws://0.0.0.0:7777, or a transport that listens',
      );
    }
    const settings = serverSettings(this.config, this.platform);
    const { encryption } = settings;
    const services = this.registry.services();
    warnOfMalleable(services, this.platform);
    const announced = new Set<Peer>();
    const role: ServerRole = new ServerRole({
      platform: this.platform,
      settings,
      services,
      observer: {
        ...this.callObserver(),
        established: (peer) => {
          if (encryption) this.events.emit('encryptionEstablished', peer);
          // A listener may have disconnected it.
          if (!role.clients.has(peer.id)) return;
          announced.add(peer);
          this.events.emit('clientConnected', peer);
        },
        closed: (peer, error, wasEstablished) => {
          if (announced.delete(peer)) this.events.emit('clientDisconnected', peer, error);
          else if (encryption && !wasEstablished)
            this.events.emit('encryptionFailed', error, peer.remoteAddress);
        },
      },
    });
    this.enter(role);
    this.#server = role;
    try {
      return await role.start(transport);
    } catch (error) {
      this.leave(role);
      throw error;
    }
  }

  /** The clients that have passed the handshake, by id. */
  get clients(): ReadonlyMap<number, Peer> {
    return this.#server?.clients ?? noClients;
  }

  /** Calls `Service.method` of one client. Flags in `options` raise the protection, they cannot lower it. */
  async invokeClientRpc<Result = unknown>(
    client: Peer | number,
    name: string,
    args: readonly unknown[] = [],
    options?: CallOptions,
  ): Promise<Result> {
    const peer = typeof client === 'number' ? this.clients.get(client) : client;
    if (peer === undefined) throw new SealwireError('NOT_FOUND', `there is no client ${String(client)}`);
    return peer.invoke<Result>(name, args, options);
  }
}
