// A manager with both roles. node.ts gives it its platform.

import { toHex } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import { resolveLimits } from '../base/limits.js';
import { titleOf } from '../certificate/x509/title.js';
import type { Certificate } from '../certificate/x509/x509.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { CallOptions } from '../rpc/caller.js';
import type { Peer } from '../rpc/peer.js';
import { findClient, Targets, type TargetsOptions, type TargetsResult } from '../rpc/targets.js';
import { KeyRing, type TokenKey } from '../token/key-ring.js';
import type { ServerTransport } from '../transport/transport.js';
import { approvalWarning } from './approval-warning.js';
import { reservedService } from './authentication.js';
import { ClientManager } from './client-manager.js';
import { loadIdentities, type NetworkConfig, type ServerSettings, serverSettings } from './config.js';
import { connectionDataSource } from './connection-data.js';
import { ClientGroup, type GroupHost, Groups, type JoinPolicy } from './groups.js';
import { HostLink } from './host-link.js';
import { warnOfMalleable } from './malleable-warning.js';
import {
  authenticationHooks,
  type Grant,
  readGrant,
  readGrantChanges,
  ServerAuthentication,
} from './server-authentication.js';
import { ServerCertificates } from './server-certificates.js';
import { ServerRole } from './server-role.js';
import type { SignIns } from './server-sign-ins.js';
import { type ServerTokens, serverTokens } from './server-tokens.js';

const noClients: ReadonlyMap<number, Peer> = new Map();

export class ServerManager extends ClientManager {
  #server: ServerRole | undefined;
  /** Of the server that runs, or ran last. */
  #certificates: ServerCertificates | undefined;
  #signIns: SignIns | undefined;
  /** Of the manager, for every server that it starts: what was revoked stays so. */
  #tokens: ServerTokens | undefined;
  readonly #groups = new Groups(() => resolveLimits(this.config.limits).maxGroupsPerClient);
  #joinPolicy: JoinPolicy | undefined;
  readonly #groupHost: GroupHost = this.#hostGroups();

  /**
   * Starts a server on a URL (`ws://0.0.0.0:7777`, `wss://…`, `tcp://…`, `tls://…`, `memory://…`; port 0 lets the system pick one) or on a
   * transport. Resolves to the URL that it listens on. Rejects with INVALID_CONFIG, INVALID_CERTIFICATE,
   * PFX_PASSPHRASE or LISTEN_FAILED.
   */
  async startServer(target: string | ServerTransport): Promise<string> {
    const transport = this.#listenOn('startServer', target);
    return this.#startServer(transport, serverSettings(this.config, this.platform, transport));
  }

  /**
   * Starts a host: a server, as {@link startServer} does, and a client of this same manager in its own process, for the
   * player who sits at this machine. Without a target nobody outside of the process can come in. Resolves to the URL that
   * it listens on, as soon as the own client is in: it is {@link hostClient} to the server, its client 1, and for
   * `rpc()`, `invokeServerRpc()`, `connection` and `state` this manager is a client. Services are offered both ways.
   *
   * The own client runs the real handshake and needs no `ca`: it trusts this very server. stop() stops both. Rejects like
   * startServer() and startClient(), and has then undone what it did.
   */
  async startHost(target?: string | ServerTransport): Promise<string> {
    const { crypto = this.platform.crypto } = this.config;
    const transport = this.#listenOn('startHost', target ?? nameInProcess(crypto));
    const settings = serverSettings(this.config, this.platform, transport);
    const connectionData = connectionDataSource(this.config.connectionData, settings);
    const host = new HostLink({ ...settings, connectionData }, (clientSettings, link) => {
      const life = this.makeClient(clientSettings, link);
      return { start: () => this.connect(life), stop: () => life.stop() };
    });
    return this.#startServer(transport, settings, host);
  }

  #listenOn(method: string, target: string | ServerTransport): ServerTransport {
    const transport = typeof target === 'string' ? this.platform.listenOn(target) : target;
    if (typeof (transport as Partial<ServerTransport> | undefined)?.listen === 'function') return transport;
    throw new SealwireError(
      'INVALID_CONFIG',
      `${method}() takes a URL, such as ws://0.0.0.0:7777, or a transport that listens`,
    );
  }

  async #startServer(transport: ServerTransport, settings: ServerSettings, host?: HostLink): Promise<string> {
    const { encryption, identities } = settings;
    const certificates =
      identities &&
      new ServerCertificates(identities, this.platform.clock, (certificate, daysLeft) =>
        this.#warnOfExpiry(certificate, daysLeft),
      );
    const authentication = this.#authenticate(settings);
    const services = this.registry.services(reservedService(authentication.methods));
    warnOfMalleable(services, this.platform);
    const announced = new Set<Peer>();
    const warnOfApproval = approvalWarning(this.platform);
    const role: ServerRole = new ServerRole({
      platform: this.platform,
      settings,
      certificates,
      services,
      interceptors: this.interceptors,
      signIns: authentication.signIns,
      host,
      observer: {
        ...this.callObserver(),
        established: (peer) => {
          if (peer.security.state === 'secured') this.events.emit('encryptionEstablished', peer);
          // A listener may have disconnected it.
          if (!role.clients.has(peer.id)) return;
          announced.add(peer);
          this.events.emit('clientConnected', peer);
        },
        closed: (peer, error, wasEstablished) => {
          this.#groups.removeFromAll(peer);
          this.registry.owners.release(peer);
          authentication.left(peer);
          if (announced.delete(peer)) this.events.emit('clientDisconnected', peer, error);
          else if (encryption && !wasEstablished)
            this.events.emit('encryptionFailed', error, peer.remoteAddress);
        },
      },
      refused: (request, error) => {
        if (this.events.has('clientRefused')) this.events.emit('clientRefused', request, error);
        else warnOfApproval(error);
      },
    });
    this.enter(role);
    this.#server = role;
    this.#certificates = certificates;
    this.#signIns = authentication.signIns;
    try {
      return await role.start(transport);
    } catch (error) {
      await role.stop(0);
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

  /**
   * Other keys for tokens, here and now: the first one encrypts from now on, tokens under any of them are taken. Nobody is
   * thrown out if the old keys stay behind the new one until the last token under them has run out. Throws INVALID_CONFIG,
   * and goes on with the old ones then; INVALID_STATE without `tokens` in the configuration.
   */
  setTokenKeys(keys: readonly TokenKey[]): void {
    this.#knownTokens().tokens.replaceKeys(new KeyRing(keys));
  }

  /**
   * Revokes what was issued until now, to a subject or with one sign-in (`identity.id`), its fresh ones included. Clients of
   * this server are nobody from their next call on; another server that shares `tokens.revocations` refuses such tokens at
   * once, and notices clients that are in within half of a lifetime. Rejects with what the store throws.
   */
  async revokeTokens(which: { readonly subject: string } | { readonly id: string }): Promise<void> {
    const named: unknown = 'subject' in which ? which.subject : which.id;
    if (typeof named !== 'string' || named === '')
      throw new SealwireError('INVALID_ARGUMENT', 'revokeTokens() takes { subject } or { id }');
    await this.#knownTokens().tokens.revoke(which);
    this.#signIns?.revoked(which);
  }

  /**
   * A token for somebody who is not connected, such as a page that has signed in by HTTP: to be given to `token` of its
   * client. It is bound to nobody until it is first shown, so hand it over by a safe way. Rejects with INVALID_ARGUMENT.
   */
  async issueToken(grant: Grant): Promise<{ readonly text: string; readonly expiresAt: Date }> {
    const { tokens } = this.#knownTokens();
    const { text, expiresAt } = await tokens.issue(readGrant(grant));
    return { text, expiresAt };
  }

  /**
   * Changes what is known of a client that has authenticated, from its next call on: its claims, its data, its public part;
   * what is left out stays. The client gets a token that says so. Throws NOT_FOUND for a client that is not connected,
   * INVALID_STATE for one that has not authenticated, INVALID_ARGUMENT for what cannot stand in a token.
   */
  async updateIdentity(client: Peer | number, changes: Omit<Grant, 'subject'>): Promise<void> {
    const connected = this.#connected(client);
    const known = readGrantChanges(changes);
    if (this.#signIns === undefined || !(await this.#signIns.change(connected, known)))
      throw new SealwireError('INVALID_STATE', 'this client has not authenticated');
  }

  #knownTokens(): ServerTokens {
    this.#tokens ??= serverTokens(
      this.config.tokens,
      this.config.crypto ?? this.platform.crypto,
      this.platform.clock,
    );
    if (this.#tokens !== undefined) return this.#tokens;
    throw new SealwireError(
      'INVALID_STATE',
      'there are no tokens here: set tokens to { keys: [{ id, key }] }',
    );
  }

  /** Throws INVALID_CONFIG. */
  #authenticate({ crypto, limits }: ServerSettings): ServerAuthentication {
    return new ServerAuthentication({
      hooks: authenticationHooks(this.config.authenticate),
      tokens: this.config.tokens === undefined ? undefined : this.#knownTokens(),
      crypto,
      clock: this.platform.clock,
      maxOutliving: limits.maxHalfOpenConnections,
      admitted: (client, scheme) => this.events.emit('clientAuthenticated', client, scheme),
      refused: (client, scheme, code) => this.events.emit('authenticationRefused', client, scheme, code),
      failed: (...failure) => this.events.emit('callFailed', ...failure),
    });
  }

  /** The clients that have passed the handshake, by id. */
  get clients(): ReadonlyMap<number, Peer> {
    return this.#server?.clients ?? noClients;
  }

  /** The client of this manager itself, among {@link clients}; undefined where there is no host, or its client is gone. */
  get hostClient(): Peer | undefined {
    // Nobody comes in before it.
    const first = this.clients.get(1);
    return first?.isHost ? first : undefined;
  }

  /** All clients, as targets of calls: those that are connected when a call is made. */
  everyone(): Targets {
    return new Targets(this.#groupHost, () => this.clients.values());
  }

  /** All clients but these. */
  everyoneExcept(...clients: readonly (Peer | number)[]): Targets {
    return this.everyone().except(...clients);
  }

  /** These clients. Who is not connected when a call is made is left out of it. */
  only(clients: Iterable<Peer | number>): Targets {
    const named = [...clients];
    return new Targets(this.#groupHost, () =>
      named.flatMap((client) => findClient(this.clients, client) ?? []),
    );
  }

  /**
   * The group of that name: targets of calls, and add(), remove(), has(), join(). It is empty until somebody is added,
   * and clients leave it when their connections end. Throws INVALID_ARGUMENT for a name that is not 1 to 128 bytes long.
   */
  group(name: string): ClientGroup {
    return new ClientGroup(this.#groupHost, name);
  }

  /** The groups that have members, by name, and these by id. */
  get groups(): ReadonlyMap<string, ReadonlyMap<number, Peer>> {
    return this.#groups.all;
  }

  /** Who may join which group when it asks: `group.join(client)` consults it. Without a policy nobody may. */
  allowJoin(policy: JoinPolicy | undefined): this {
    this.#joinPolicy = policy;
    return this;
  }

  /**
   * Gives a service of this side to an owner, whom its methods with `allow: 'owner'` let in, alone: a client, by
   * connection or id, until its connection ends; or, by name, whoever proves that identity. Undefined: nobody. Throws
   * NOT_FOUND for a service that is not registered and a client that is not connected.
   */
  setOwner(service: string, owner: Peer | number | string | undefined): this {
    this.registry.setOwner(
      service,
      typeof owner === 'string' || owner === undefined ? owner : this.#connected(owner),
    );
    return this;
  }

  /**
   * Calls `Service.method` of one client, or of many: then it resolves to what became of it for each. Flags in `options`
   * raise the protection, they cannot lower it.
   */
  invokeClientRpc<Result = unknown>(
    targets: Targets,
    name: string,
    args?: readonly unknown[],
    options?: TargetsOptions,
  ): Promise<TargetsResult<Result>>;
  invokeClientRpc<Result = unknown>(
    client: Peer | number,
    name: string,
    args?: readonly unknown[],
    options?: CallOptions,
  ): Promise<Result>;
  async invokeClientRpc(
    to: Targets | Peer | number,
    name: string,
    args: readonly unknown[] = [],
    options?: TargetsOptions,
  ): Promise<unknown> {
    const peer = typeof to === 'number' ? this.clients.get(to) : to;
    if (peer === undefined) throw new SealwireError('NOT_FOUND', `there is no client ${String(to)}`);
    return peer.invoke(name, args, options);
  }

  #hostGroups(): GroupHost {
    const manager = this;
    return {
      groups: this.#groups,
      get clients() {
        return manager.clients;
      },
      get joinPolicy() {
        return manager.#joinPolicy;
      },
      deliveryFailed: (client, method, error) => this.events.emit('deliveryFailed', client, method, error),
    };
  }

  #connected(client: Peer | number): Peer {
    const connected = findClient(this.clients, client);
    if (connected === undefined)
      throw new SealwireError('NOT_FOUND', 'this client is not connected: set the owner when it has come');
    return connected;
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

/** Where other clients in this process can join a host that nobody else can. */
function nameInProcess(crypto: CryptoProvider): string {
  return `memory://host-${toHex(crypto.randomBytes(8))}`;
}
