// TLS below the transports of Node: tls:// and wss://. TLS 1.3 (RFC 9846) alone, since its exporter tells the two ends of
// one session from two sessions with somebody in between (RFC 9266 §2).
//
//   client: TCP ─ TLS ─ checkServer(chain) ─▸ a socket that the transport uses like any other
//   server: TCP ─ TLS ─▸ the same
//
// node:tls does the cryptography and proves that the peer has the key of its certificate. It is told to trust everybody:
// certificates are judged by the rules of certificate/ and by the application's own validator, as everywhere else.

import { isIP, type Socket } from 'node:net';
import {
  createSecureContext,
  type DetailedPeerCertificate,
  type SecureContext,
  connect as startTls,
  TLSSocket,
} from 'node:tls';
import { SealwireError } from '../base/errors.js';
import type { SecureChannel, TlsClientOptions, TlsIdentity, TlsServerOptions } from './secure-channel.js';
import { connectFailed, givenUp } from './socket-errors.js';

const version = 'TLSv1.3';

/** On the server's side; on the client's, whoever connects has a signal. */
const defaultTimeoutMs = 10_000;

const defaultMaxHandshakes = 256;

/** As many certificates as a chain may have, and one more so that a longer one is noticed. */
const maxShown = 5;

export interface TlsRequest extends TlsClientOptions {
  /** For messages. */
  readonly url: string;
  /** RFC 7301: a server of another protocol refuses before it reads a byte of ours. */
  readonly protocol: string;
  readonly signal: AbortSignal;
}

/**
 * Speaks TLS over a TCP connection that stands, as the client. Resolves when the server's certificate is accepted; rejects
 * with what checkServer() threw, or with CONNECT_FAILED, and has closed the connection then.
 */
export function secureClient(raw: Socket, request: TlsRequest): Promise<TLSSocket> {
  const { url, protocol, signal, serverName, identity, checkServer } = request;
  return new Promise((resolve, reject) => {
    const socket = startTls({
      socket: raw,
      // RFC 6066 §3: addresses are no server names.
      ...(isIP(serverName) === 0 && { servername: serverName }),
      ...(identity && { secureContext: contextOf(identity) }),
      ALPNProtocols: [protocol],
      minVersion: version,
      rejectUnauthorized: false,
    });
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      raw.destroy();
      reject(error);
    };
    const broken = (error: Error): void => fail(tlsFailed(url, error));
    const ended = (): void => broken(new Error('it closed the connection'));
    // Whoever aborts has rejected already, and says why.
    const abort = (): void => fail(givenUp(url, signal));
    signal.addEventListener('abort', abort, { once: true });
    socket.on('error', broken);
    socket.on('close', ended);
    socket.once('secureConnect', () => {
      const accepted = (): void => {
        if (signal.aborted || socket.destroyed) return;
        signal.removeEventListener('abort', abort);
        socket.off('close', ended);
        socket.off('error', broken);
        resolve(socket);
      };
      try {
        const checked = checkServer(sentChain(socket.getPeerCertificate(true), maxShown));
        if (checked === undefined) accepted();
        else checked.then(accepted, fail);
      } catch (error) {
        fail(error);
      }
    });
  });
}

/** Speaks TLS on the connections of one server. */
export class TlsAcceptor {
  readonly #options: TlsServerOptions;
  readonly #protocol: string;
  /** In their handshake. */
  readonly #waiting = new Set<Socket>();

  /** Throws INVALID_CERTIFICATE where TLS cannot use the certificate that most clients will see. */
  constructor(options: TlsServerOptions, protocol: string) {
    this.#options = options;
    this.#protocol = protocol;
    contextOf(options.choose(''));
  }

  /** Cuts whoever is not through with it. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  /** Calls `accept` when the handshake is done; what fails in it is closed, and nobody is told. */
  secure(raw: Socket, accept: (socket: TLSSocket) => void): void {
    // It may break before, while and after TLS looks at it.
    raw.on('error', () => raw.destroy());
    const { choose, asksClient, timeoutMs, maxHandshakes = defaultMaxHandshakes } = this.#options;
    if (this.#waiting.size >= maxHandshakes) {
      raw.destroy();
      return;
    }
    let socket: TLSSocket;
    try {
      socket = new TLSSocket(raw, {
        isServer: true,
        secureContext: contextOf(choose('')),
        SNICallback: (serverName, chosen) => {
          try {
            chosen(null, contextOf(choose(serverName)));
          } catch (error) {
            chosen(error as Error);
          }
        },
        ALPNProtocols: [this.#protocol],
        requestCert: asksClient,
        rejectUnauthorized: false,
      });
    } catch {
      raw.destroy();
      return;
    }
    this.#waiting.add(socket);
    if (asksClient) asked.add(socket);
    const timer = setTimeout(() => socket.destroy(), timeoutMs ?? defaultTimeoutMs);
    const over = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(socket);
      socket.off('secure', secured);
      socket.off('close', over);
    };
    const secured = (): void => {
      over();
      accept(socket);
    };
    socket.on('error', () => socket.destroy());
    socket.on('secure', secured);
    socket.on('close', over);
  }
}

/** Sockets of servers, whose clients were asked for a certificate. */
const asked = new WeakSet<Socket>();

/** Of any version. */
export function hasTls(socket: Socket): socket is TLSSocket {
  return socket instanceof TLSSocket;
}

/** Undefined where a socket has no TLS 1.3: what an older version exports does not name one session (RFC 9266 §4). */
export function secureChannel(socket: Socket): SecureChannel | undefined {
  if (!hasTls(socket) || socket.getProtocol() !== version) return undefined;
  return {
    protocol: version,
    cipher: socket.getCipher().standardName,
    askedClient: asked.has(socket),
    peerChain: sentChain(socket.getPeerCertificate(true), maxShown),
    exportKey(label, bytes, context) {
      if (socket.destroyed) {
        throw new SealwireError(
          'ENCRYPTION_UNAVAILABLE',
          'the connection is over: there is nothing to export from',
        );
      }
      return new Uint8Array(socket.exportKeyingMaterial(bytes, label, context as Buffer));
    },
  };
}

/** DER, as it was sent. Node links each certificate to its issuer, and the last one to itself. */
export function sentChain(first: DetailedPeerCertificate, most: number): Uint8Array[] {
  const certificates: Uint8Array[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  let certificate: DetailedPeerCertificate | undefined = first;
  while (certificate?.raw && !seen.has(certificate) && certificates.length < most) {
    seen.add(certificate);
    certificates.push(new Uint8Array(certificate.raw));
    certificate = certificate.issuerCertificate;
  }
  return certificates;
}

/** One for each identity, since reading a key costs more than a handshake. */
const contexts = new WeakMap<TlsIdentity, SecureContext>();

function contextOf(identity: TlsIdentity): SecureContext {
  let context = contexts.get(identity);
  if (context === undefined) {
    const key = identity.exportKey();
    try {
      context = createSecureContext({
        cert: identity.chain.map((der) => pem('CERTIFICATE', der)).join(''),
        key: pem('PRIVATE KEY', key),
        // No roots: Node would append those that it finds to what the peer has sent.
        ca: [],
        minVersion: version,
      });
    } catch (cause) {
      throw new SealwireError('INVALID_CERTIFICATE', 'TLS can do nothing with this certificate and its key', {
        cause,
      });
    } finally {
      key.fill(0);
    }
    contexts.set(identity, context);
  }
  return context;
}

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function tlsFailed(url: string, cause: Error): SealwireError {
  const known = connectFailed(url, cause);
  if (known.reason !== 'not-sealwire') return known;
  // OpenSSL's messages end in a line feed, and begin with numbers.
  const said = 'reason' in cause && typeof cause.reason === 'string' ? cause.reason : cause.message.trim();
  return new SealwireError(
    'CONNECT_FAILED',
    `no TLS 1.3 handshake with ${url}: ${said}; a Sealwire server without TLS has ws:// or tcp:// in its URL`,
    { reason: 'not-sealwire', cause },
  );
}
