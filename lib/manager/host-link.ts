// The host's own client, and how it and the server of the same manager know each other: `startHost()`.
//
//   ClientLife ─▸ a memory transport that nobody else can dial ─▸ the real handshake ─▸ ServerRole, as its first client
//
// The client trusts the very certificate that this server has just chosen to show it, and shows one of the same where
// clients are asked for theirs: neither `ca`, `serverName` nor `validateCertificate`, which are about others, has a say.
// There is nothing to notice by heartbeats and nowhere to come back to: the two live and die together.

import { sameBytes } from '../base/bytes.js';
import { SealwireError } from '../base/errors.js';
import type { ServerIdentities } from '../handshake/server.js';
import { MemoryTransport } from '../transport/memory.js';
import type { ClientTransport, ServerTransport } from '../transport/transport.js';
import type { ClientSettings, ServerSettings } from './config.js';

/** The client, as the link needs it. */
export interface OwnClient {
  /** Resolves when calls can be made; rejects with what stood in the way. */
  start(): Promise<void>;
  /** Ends the connection, or the attempt; resolves when nothing is left. */
  stop(): Promise<void>;
}

/** The host's own client says its connectionData, and is approved, like all others. */
export type HostSettings = ServerSettings & Pick<ClientSettings, 'connectionData'>;

export class HostLink {
  readonly #settings: HostSettings;
  readonly #transport: MemoryTransport = new MemoryTransport('memory://host', new Map());
  readonly #client: OwnClient;
  readonly #admitted: Promise<void>;
  /** What the server chose to show to its own client, DER. */
  #shown: Uint8Array | undefined;
  #leaving: Promise<void> | undefined;
  /** The server has let its own client in. */
  admitted: () => void = () => undefined;
  /** It has not, or it has ended the connection. */
  refused: (error: Error) => void = () => undefined;

  constructor(
    settings: HostSettings,
    makeClient: (settings: ClientSettings, transport: ClientTransport) => OwnClient,
  ) {
    this.#settings = settings;
    this.#admitted = new Promise((resolve, reject) => {
      this.admitted = resolve;
      this.refused = reject;
    });
    // It is looked at only once the client is ready, if ever.
    this.#admitted.catch(() => undefined);
    this.#client = makeClient(this.#clientSettings(), this.#transport);
  }

  /** What the server listens on for its own client. */
  get transport(): ServerTransport {
    return this.#transport;
  }

  /** Resolves when the client can make calls and the server knows it; the error is the client's where both have one. */
  async connect(): Promise<void> {
    await this.#client.start();
    await this.#admitted;
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#client.stop();
    return this.#leaving;
  }

  /** The server's certificates, which remember what was shown: by the time it is checked they may have been renewed. */
  shownBy(certificates: ServerIdentities | undefined): ServerIdentities | undefined {
    if (certificates === undefined) return undefined;
    return {
      choose: (serverName, canSign) => {
        const identity = certificates.choose(serverName, canSign);
        this.#shown = identity?.leaf.der;
        return identity;
      },
    };
  }

  /** Throws CERTIFICATE_REJECTED for a certificate that is not the server's own. */
  checkClient([shown]: readonly Uint8Array[]): void {
    const { identities = [] } = this.#settings;
    if (shown !== undefined && identities.some(({ leaf }) => sameBytes(leaf.der, shown))) return;
    const text = 'the client of a host shows the certificate of its server, and this is another one';
    throw new SealwireError('CERTIFICATE_REJECTED', text, { reason: 'untrusted' });
  }

  #clientSettings(): ClientSettings {
    const {
      encryption,
      signed,
      allowed,
      connectionData,
      limits,
      onLimit,
      crypto,
      identities = [],
      iterations,
    } = this.#settings;
    const maxKeyStretchingIterations = Math.max(limits.maxKeyStretchingIterations, iterations);
    return {
      encryption,
      // Nothing is gained by waiting for keys in process.
      onDemand: false,
      trustSecureTransport: true,
      signed,
      allowed,
      crypto,
      identities,
      connectionData,
      limits: { ...limits, maxKeyStretchingIterations },
      heartbeat: undefined,
      rateLimit: undefined,
      onLimit,
      reconnect: undefined,
      roots: [],
      serverName: '',
      validate: ([leaf]) => this.#shown !== undefined && sameBytes(this.#shown, leaf!.der),
    };
  }
}
