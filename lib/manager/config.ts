// NetworkConfig: what a user says, and the settings that come out of it.
//
// Everything is checked when a role is started, with messages that say what to do. An option that does not exist is
// refused: an option that is believed to protect and does nothing is worse than none.

import { SealwireError } from '../base/errors.js';
import { type Limits, resolveLimits } from '../base/limits.js';
import type { CertificateInput } from '../certificate/file/pem.js';
import { type Identity, type IdentitySource, loadIdentity } from '../certificate/identity.js';
import { toALabels } from '../certificate/path/a-label.js';
import { readRoots } from '../certificate/trust/roots.js';
import type { CertificateValidator } from '../certificate/trust/validator.js';
import type { Certificate } from '../certificate/x509/x509.js';
import { type RateLimit, rateLimitFault } from '../contract/limit.js';
import { plainOnly, type SecurityFlags, satisfies } from '../contract/security.js';
import type { CryptoProvider } from '../crypto/provider.js';
import type { ClientAuthentication } from '../handshake/server.js';
import type { HeartbeatSettings } from '../rpc/heartbeat.js';
import { type LimitActions, type OnLimit, resolveLimitActions } from '../rpc/limit-actions.js';
import type { ConnectionApproval } from './approval.js';
import type { CredentialsProvider } from './client-authentication.js';
import { type ConnectionData, type ConnectionDataSource, connectionDataSource } from './connection-data.js';
import type { Platform } from './platform.js';
import { type ReconnectOptions, type ReconnectSettings, reconnectSettings } from './reconnect.js';
import type { Authenticate } from './server-authentication.js';
import type { TokenOptions } from './server-tokens.js';

export interface NetworkConfig {
  /** Agree keys with each peer. Default true; must be the same on both sides. Without it only unprotected RPCs work. */
  readonly enableEncryption?: boolean;
  /**
   * When keys are agreed. `'onConnect'`, the default: before anything else. `'onDemand'`: when somebody asks, by
   * {@link Peer.establishEncryption} or by a call that must be protected, on either side; until then calls that need no
   * protection go in the clear, and the others wait. A connection begins in the clear only where both sides say so, and
   * neither has anything that must be settled first: a client its `connectionData` or own `certificate`, a server
   * `approveConnection` or `clientAuthentication`, either a `minimumSecurity`.
   */
  readonly encryption?: 'onConnect' | 'onDemand';
  /**
   * Sign the key exchange with the server's certificate. Default true; must be the same on both sides. Without it
   * anybody on the path can be the server: it stops eavesdroppers and nobody else.
   */
  readonly signKeyExchange?: boolean;
  /**
   * Where both sides are the two ends of one TLS session (`wss://` or `tls://` between two Nodes, and nobody in between),
   * let TLS be the encryption: no keys are agreed on top, every message has both flags. Default true. False on either side:
   * Sealwire's own handshake runs inside TLS as well. It always does where a proxy ends TLS, and in browsers, which do not
   * tell a page about TLS.
   */
  readonly trustSecureTransport?: boolean;
  /**
   * The certificate of this side, with its key: a PFX file (base64 or bytes), or PEM. A server signs the key exchange
   * with it; of several, each client gets the one for the name that it asks for, else the first whose signature it reads.
   * A client shows it, the first that fits, to servers that ask for it (`clientAuthentication`) and that it has accepted; over
   * `wss://` and `tls://` the first, and TLS shows it before the server is judged.
   */
  readonly certificate?: IdentitySource | readonly IdentitySource[];
  /**
   * The roots that are trusted, PEM or DER, one or many: for the certificate of a client's server and, with
   * `clientAuthentication`, of a server's clients. Default: on Node the built-in ones for servers, none for clients.
   */
  readonly ca?: CertificateInput;
  /** Clients: the name that the certificate must be for. Default: the host of the URL. */
  readonly serverName?: string;
  /** Decides about the other side's certificate in place of the default rule. True accepts. */
  readonly validateCertificate?: CertificateValidator;
  /**
   * Servers: whether clients show a certificate. `'required'`: who has none is refused; `'optional'`: let in without an
   * identity; in both, a certificate that is shown must be accepted. Needs `ca` or `validateCertificate`. Default
   * `'none'`: nobody is asked.
   */
  readonly clientAuthentication?: ClientAuthentication;
  /**
   * Clients: what they say of themselves to the server, which reads it in `approveConnection`: any value that can be sent,
   * up to 16 KiB, or a function that gives or promises it, asked anew for each connection. It is always encrypted and
   * authenticated, and leaves only for a server whose certificate was accepted (with `signKeyExchange: false` for whoever
   * answers). Without encryption there is nothing to send it under: ENCRYPTION_UNAVAILABLE at the start.
   */
  readonly connectionData?: ConnectionData;
  /**
   * Servers: decides about each client once its handshake holds, before any of its calls. `true` lets it in, and so does
   * `{ approved: true, data }`, which becomes its {@link Peer.data}; `false`, `{ approved: false, … }` and an `RpcError`
   * refuse it, and the client reads why; anything else refuses as well. The time of `limits.handshakeTimeoutMs` goes on.
   * Default: whoever has passed the handshake is in.
   */
  readonly approveConnection?: ConnectionApproval;
  /**
   * Servers: who a client is, by the credentials that it shows; one function, or one for each scheme by name. Default:
   * nobody is asked, and `requiresIdentity` goes by certificates alone.
   */
  readonly authenticate?: Authenticate | Readonly<Record<string, Authenticate>>;
  /** Servers: what clients that were authenticated get, to be known without credentials, here or elsewhere. Default: nothing. */
  readonly tokens?: TokenOptions;
  /** Clients: what to show where a server wants to know who they are, and no token will do. Asked once for a connection. */
  readonly credentials?: CredentialsProvider;
  /** Clients: the token to begin with, as a server's `issueToken()` made it. */
  readonly token?: string;
  /** Servers: PBKDF2 iterations that stretch the agreed secret; default 1000, 1 turns it off. */
  readonly keyStretching?: { readonly iterations: number };
  /** The least protection of every call in both directions, on top of what RPCs declare. Default `Security.None`. */
  readonly minimumSecurity?: SecurityFlags;
  /**
   * Clients: come back by themselves when the connection is lost; `true` for the defaults of {@link ReconnectOptions}.
   * Default false: a new connection is a new client to the server, and only the application knows what it must say again.
   */
  readonly reconnect?: boolean | ReconnectOptions;
  /**
   * How soon a peer that is gone without a farewell is noticed: who was quiet for `intervalMs` is sent a ping, and who is
   * quiet for another `timeoutMs` loses the connection (CONNECTION_CLOSED, reason `heartbeat-timeout`). Each side asks for
   * itself, and answers whatever is set here. Default 15,000 and 15,000; false asks nothing.
   */
  readonly heartbeat?: false | { readonly intervalMs?: number; readonly timeoutMs?: number };
  /**
   * How often each peer may call, all its calls together and one-way ones too, beside what methods declare: `burst` at once,
   * then `perSecond`. Calls under Security.Authenticated are counted apart from the others, which anybody on the path can
   * have made. Default: none, since what is much for a game is little between servers; {@link Limits} hold in any case.
   */
  readonly rateLimit?: RateLimit;
  /** What happens to what goes over a limit, where there is a choice; see {@link OnLimit}. */
  readonly onLimit?: OnLimit;
  /** See {@link Limits}. */
  readonly limits?: Partial<Limits>;
  /** Another crypto backend than the platform's, which is `defaultCrypto`. */
  readonly crypto?: CryptoProvider;
}

/** What both roles need. */
export interface Settings {
  readonly encryption: boolean;
  /** Keys may wait until they are asked for: nothing on this side must be settled before the first call. */
  readonly onDemand: boolean;
  readonly trustSecureTransport: boolean;
  readonly signed: boolean;
  /** Bit f: records with flags f are accepted. */
  readonly allowed: number;
  readonly heartbeat: HeartbeatSettings | undefined;
  readonly limits: Limits;
  readonly rateLimit: RateLimit | undefined;
  readonly onLimit: LimitActions;
  readonly crypto: CryptoProvider;
}

export interface ServerSettings extends Settings {
  /** At least one where the server signs, or shows one in TLS; undefined otherwise. */
  readonly identities: readonly Identity[] | undefined;
  readonly iterations: number;
  readonly clientAuthentication: ClientAuthentication;
  /** For certificates of clients. */
  readonly roots: readonly Certificate[];
  readonly validate: CertificateValidator | undefined;
  /** Undefined: nobody is asked. */
  readonly approve: ConnectionApproval | undefined;
}

export interface ClientSettings extends Settings {
  /** What this client can show, if anything. */
  readonly identities: readonly Identity[];
  readonly roots: readonly Certificate[];
  /** The name that the certificate must be for; empty where there is none to be had. */
  readonly serverName: string;
  readonly validate: CertificateValidator | undefined;
  /** Undefined for a client that says nothing of itself. */
  readonly connectionData: ConnectionDataSource | undefined;
  /** Undefined for a client that does not come back. */
  readonly reconnect: ReconnectSettings | undefined;
}

const knownOptions: readonly string[] = [
  'enableEncryption',
  'trustSecureTransport',
  'encryption',
  'signKeyExchange',
  'certificate',
  'ca',
  'serverName',
  'validateCertificate',
  'clientAuthentication',
  'connectionData',
  'approveConnection',
  'authenticate',
  'tokens',
  'credentials',
  'token',
  'keyStretching',
  'minimumSecurity',
  'reconnect',
  'heartbeat',
  'rateLimit',
  'onLimit',
  'limits',
  'crypto',
] satisfies (keyof NetworkConfig)[];

const clientAuthentications: readonly unknown[] = [
  'none',
  'optional',
  'required',
] satisfies ClientAuthentication[];
const defaultIterations = 1000;
/** A client's cap can be raised to this, so no server has a use for more. */
const maxIterations = 10_000_000;
const maxServerNameBytes = 255;
/** Twice this is how long a peer may be gone without a trace; shorter than what most NATs remember. */
const defaultHeartbeat: HeartbeatSettings = { intervalMs: 15_000, timeoutMs: 15_000 };
const longestHeartbeatMs = 3_600_000;

/** Throws INVALID_CONFIG for options that do not exist. */
export function checkOptionNames(config: NetworkConfig): void {
  if (!isObject(config)) throw invalid('the configuration must be an object, as in { certificate: … }');
  for (const name of Object.keys(config)) {
    if (!knownOptions.includes(name)) {
      throw invalid(
        `the option ${name} does not exist in this version; known options: ${knownOptions.join(', ')}`,
      );
    }
  }
}

/** Throws INVALID_CONFIG, INVALID_CERTIFICATE or PFX_PASSPHRASE. */
export function serverSettings(
  config: NetworkConfig,
  platform: Platform,
  { usesTls = false }: { readonly usesTls?: boolean },
): ServerSettings {
  const settings = commonSettings(config, platform);
  const { keyStretching = { iterations: defaultIterations } } = config;
  if (!isObject(keyStretching) || Object.keys(keyStretching).some((name) => name !== 'iterations')) {
    throw invalid('keyStretching must be { iterations: … }');
  }
  const { iterations } = keyStretching;
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > maxIterations) {
    throw invalid(`keyStretching.iterations must be a whole number from 1 (off) to ${maxIterations}`);
  }
  const { approveConnection: approve } = config;
  if (approve !== undefined && typeof approve !== 'function') {
    throw invalid('approveConnection must be a function (request) => true, false or a promise of one');
  }
  const authentication = authenticationSettings(config, settings);
  const isOpen = approve === undefined && authentication.clientAuthentication === 'none';
  const rest = { iterations, approve, ...authentication, onDemand: settings.onDemand && isOpen };
  const signs = settings.encryption && settings.signed;
  if (!signs && !usesTls) return { ...settings, identities: undefined, ...rest };
  if (config.certificate === undefined) {
    throw invalid(
      !signs
        ? 'wss:// and tls:// show a certificate, whatever signKeyExchange and enableEncryption say: set certificate'
        : 'a server needs a certificate: set certificate to { pfx, passphrase } or { cert, key }, or set ' +
            'signKeyExchange: false on both sides if stopping eavesdroppers is enough',
    );
  }
  const identities = loadIdentities(settings.crypto, config.certificate);
  return { ...settings, identities, ...rest };
}

/** How a server checks its clients. */
function authenticationSettings(
  { clientAuthentication = 'none', ca, validateCertificate: validate }: NetworkConfig,
  { encryption, signed }: Settings,
): Pick<ServerSettings, 'clientAuthentication' | 'roots' | 'validate'> {
  if (clientAuthentication === 'none') return { clientAuthentication, roots: [], validate: undefined };
  if (!encryption || !signed) {
    throw invalid('clientAuthentication needs enableEncryption and signKeyExchange');
  }
  // Any public authority gives anybody a certificate: trusting those would let everybody in.
  if (ca === undefined && validate === undefined) {
    throw invalid(
      'clientAuthentication needs to know whom to trust: set ca to the PEM of the authority that issues the ' +
        'certificates of your clients, or validateCertificate; public roots are not used for clients',
    );
  }
  return { clientAuthentication, roots: ca === undefined ? [] : rootsOf(ca), validate };
}

/** Throws INVALID_CONFIG, INVALID_CERTIFICATE or PFX_PASSPHRASE. */
export function loadIdentities(
  crypto: CryptoProvider,
  certificate: NonNullable<NetworkConfig['certificate']>,
): readonly Identity[] {
  const sources: readonly IdentitySource[] = Array.isArray(certificate) ? certificate : [certificate];
  if (sources.length === 0 || !sources.every(isObject)) {
    throw invalid(
      'certificate must be { pfx, passphrase } or { cert, key }, with the content of the files, or several of them',
    );
  }
  return sources.map((source) => loadIdentity(crypto, source));
}

/** `transport` is what will dial. Throws INVALID_CONFIG, INVALID_CERTIFICATE or ENCRYPTION_UNAVAILABLE. */
export function clientSettings(
  config: NetworkConfig,
  platform: Platform,
  { hostname, usesTls = false }: { readonly hostname: string | undefined; readonly usesTls?: boolean },
): ClientSettings {
  const settings = commonSettings(config, platform);
  const serverName = checkedServerName(config.serverName ?? hostname ?? '');
  checkCredentials(config);
  const connectionData = connectionDataSource(config.connectionData, settings);
  const saysNothing = settings.onDemand && connectionData === undefined;
  const rest = {
    serverName,
    connectionData,
    onDemand: saysNothing,
    reconnect: reconnectSettings(config.reconnect),
  };
  const { certificate, validateCertificate } = config;
  if (!usesTls && (!settings.encryption || !settings.signed))
    return { ...settings, identities: [], roots: [], validate: undefined, ...rest };
  const roots = config.ca === undefined ? readRoots(platform.builtInRoots()) : rootsOf(config.ca);
  if (roots.length === 0 && validateCertificate === undefined) {
    throw invalid(
      'there is no root to trust: set ca to the PEM of the authority that issued the server its certificate',
    );
  }
  if (serverName === '' && validateCertificate === undefined) {
    throw invalid(
      'this transport has no host name: set serverName to the name in the certificate of the server',
    );
  }
  const identities = certificate === undefined ? [] : loadIdentities(settings.crypto, certificate);
  const onDemand = saysNothing && identities.length === 0;
  return { ...settings, identities, roots, validate: validateCertificate, ...rest, onDemand };
}

function checkCredentials({ credentials, token }: NetworkConfig): void {
  if (credentials !== undefined && typeof credentials !== 'function')
    throw invalid('credentials must be a function that returns { scheme, credentials }, or a promise of it');
  if (token !== undefined && (typeof token !== 'string' || token === ''))
    throw invalid('token must be the text of a token, as issueToken() of the server made it');
}

/** As certificates hold it and the wire carries it: in A-labels. */
function checkedServerName(name: unknown): string {
  if (typeof name !== 'string') throw invalid('serverName must be a string');
  const serverName = toALabels(name);
  if (serverName === undefined || serverName.length > maxServerNameBytes) {
    throw invalid(`serverName must be a host name of at most ${maxServerNameBytes} bytes`);
  }
  return serverName;
}

function commonSettings(config: NetworkConfig, platform: Platform): Settings {
  const { enableEncryption = true, signKeyExchange = true, minimumSecurity = 0, limits } = config;
  const { crypto = platform.crypto, clientAuthentication = 'none', validateCertificate } = config;
  if (typeof enableEncryption !== 'boolean') throw invalid('enableEncryption must be true or false');
  if (typeof signKeyExchange !== 'boolean') throw invalid('signKeyExchange must be true or false');
  if (![0, 1, 2, 3].includes(minimumSecurity)) {
    throw invalid('minimumSecurity must be made of Security.Encrypted and Security.Authenticated');
  }
  const {
    encryption = 'onConnect',
    trustSecureTransport = true,
  }: { readonly encryption?: unknown; readonly trustSecureTransport?: unknown } = config;
  if (typeof trustSecureTransport !== 'boolean') throw invalid('trustSecureTransport must be true or false');
  if (encryption !== 'onConnect' && encryption !== 'onDemand')
    throw invalid("encryption must be 'onConnect' or 'onDemand'");
  if (!enableEncryption && encryption === 'onDemand')
    throw invalid("encryption: 'onDemand' needs enableEncryption");
  if (!enableEncryption && minimumSecurity !== 0) throw invalid('minimumSecurity needs enableEncryption');
  if (!clientAuthentications.includes(clientAuthentication)) {
    throw invalid("clientAuthentication must be 'none', 'optional' or 'required'");
  }
  if (validateCertificate !== undefined && typeof validateCertificate !== 'function') {
    throw invalid(
      'validateCertificate must be a function (chain, hostname, context) => boolean or a promise of one',
    );
  }
  if (limits !== undefined && !isObject(limits)) {
    throw invalid('limits must be an object, as in { maxCallMs: 5000 }');
  }
  const { rateLimit, onLimit } = config;
  const rateFault = rateLimit === undefined ? undefined : rateLimitFault(rateLimit, 'rateLimit');
  if (rateFault !== undefined) throw invalid(rateFault);
  if (!isObject(crypto) || typeof crypto.randomBytes !== 'function') {
    throw invalid(
      'crypto must be a backend: defaultCrypto, nodeCrypto, nobleCrypto or a CryptoProvider of your own',
    );
  }
  return {
    encryption: enableEncryption,
    // What must be protected from the first call on is protected at once.
    onDemand: encryption === 'onDemand' && minimumSecurity === 0,
    trustSecureTransport,
    signed: signKeyExchange,
    allowed: enableEncryption ? allowedMask(minimumSecurity) : plainOnly,
    heartbeat: heartbeatSettings(config.heartbeat),
    limits: resolveLimits(limits),
    rateLimit,
    onLimit: resolveLimitActions(onLimit),
    crypto,
  };
}

function heartbeatSettings(option: NetworkConfig['heartbeat']): HeartbeatSettings | undefined {
  if (option === false) return undefined;
  const given: unknown = option === undefined ? {} : option;
  if (!isObject(given)) throw invalid('heartbeat must be false or { intervalMs, timeoutMs }');
  const settings = { ...defaultHeartbeat, ...(given as Partial<HeartbeatSettings>) };
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(defaultHeartbeat, name)) {
      throw invalid(`heartbeat.${name} does not exist; known are: intervalMs, timeoutMs`);
    }
    if (!Number.isSafeInteger(value) || value < 1 || value > longestHeartbeatMs) {
      throw invalid(
        `heartbeat.${name} must be a whole number of milliseconds from 1 to ${longestHeartbeatMs}`,
      );
    }
  }
  return settings;
}

/** All combinations that contain the minimum; docs/protocol.md section 3. */
function allowedMask(minimum: number): number {
  return [0, 1, 2, 3].reduce((mask, flags) => (satisfies(flags, minimum) ? mask | (1 << flags) : mask), 0);
}

function rootsOf(ca: CertificateInput): readonly Certificate[] {
  const inputs: readonly unknown[] = Array.isArray(ca) ? ca : [ca];
  if (!inputs.every((input) => typeof input === 'string' || input instanceof Uint8Array)) {
    throw invalid('ca must be PEM text or DER bytes, one or an array of them');
  }
  const roots = readRoots(ca);
  if (roots.length === 0)
    throw invalid('ca holds no certificate: give it the text of a PEM file, not its path');
  return roots;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function invalid(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
