// A manager with both roles. node.ts gives it its platform.

import { SealwireError } from '../base/errors.js';
import { titleOf } from '../certificate/x509/title.js';
import type { Certificate } from '../certificate/x509/x509.js';
import type { CallOptions } from '../rpc/caller.js';
import type { Peer } from '../rpc/peer.js';
import type { ServerTransport } from '../transport/transport.js';
import { ClientManager } from './client-manager.js';
import { loadIdentities, type NetworkConfig, serverSettings } from './config.js';
import { warnOfMalleable } from './malleable-warning.js';
import { ServerCertificates } from './server-certificates.js';
import { ServerRole } from './server-role.js';

const noClients: ReadonlyMap<number, Peer> = new Map();

export class ServerManager extends ClientManager {
  #server: ServerRole | undefined;
  /** Of the server that runs, or ran last. */
  #certificates: ServerCertificates | undefined;

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
    const { encryption, identities } = settings;
    const certificates =
      identities &&
      new ServerCertificates(identities, this.platform.clock, (certificate, daysLeft) =>
        this.#warnOfExpiry(certificate, daysLeft),
      );
    const services = this.registry.services();
    warnOfMalleable(services, this.platform);
    const announced = new Set<Peer>();
    const role: ServerRole = new ServerRole({
      platform: this.platform,
      settings,
      certificates,
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
    this.#certificates = certificates;
    try {
      return await role.start(transport);
    } catch (error) {
      this.leave(role);
      throw error;
    }
  }

  /**
   * Renews the certificate, or the list of them: handshakes from now on show the new one, connections that stand keep
   * what they agreed. A server that does not run shows it when it is started. Throws INVALID_CERTIFICATE,
   * PFX_PASSPHRASE or INVALID_CONFIG, and goes on with the old one then.
   */
  setCertificate(certificate: NonNullable<NetworkConfig['certificate']>): void {
    const identities = loadIdentities(this.config.crypto ?? this.platform.crypto, certificate);
    this.renew(certificate);
    this.#certificates?.replace(identities);
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

  #warnOfExpiry(certificate: Certificate, daysLeft: number): void {
    if (this.events.has('certificateExpiring')) {
      this.events.emit('certificateExpiring', certificate, daysLeft);
      return;
    }
    const end = daysLeft < 0 ? 'has expired' : `expires in ${daysLeft} day(s)`;
    this.platform.warn(
      'SEALWIRE_CERTIFICATE',
      `the certificate ${titleOf(certificate)} of this server ${end}: renew it with setCertificate()`,
    );
  }
}
