// The chain that a running server shows: by TLS (https:, wss:, tls:), or by Sealwire's own handshake (ws:, tcp:).
//
// Both end before anything of an application is sent: TLS after its handshake, ours at the verdict, which is no. The
// server's certificate is taken as it comes; judging it is judge.ts's business.

import { type ConnectionOptions, connect, DEFAULT_CIPHERS } from 'node:tls';
import { domainToASCII } from 'node:url';
import { SealwireError } from '../base/errors.js';
import { parseIpAddress } from '../certificate/x509/ip-address.js';
import { NetworkingManager } from '../manager/node.js';
import { connectFailed } from '../transport/socket-errors.js';
import { sentChain } from '../transport/tls.js';
import type { Found } from './chain-file.js';
import { failed, misused } from './failure.js';

export interface RemoteOptions {
  /** The name that the server is asked for; default: the host of the URL. */
  readonly serverName: string | undefined;
  readonly timeoutMs: number;
}

export interface RemoteChain extends Found {
  /** The host that was dialled: IPv6 without brackets, A-labels. */
  readonly host: string;
  /** How it was asked, for people. */
  readonly way: string;
}

const tlsSchemes: readonly string[] = ['https:', 'wss:', 'tls:'];
const sealwireSchemes: readonly string[] = ['ws:', 'tcp:'];
const tlsPort = 443;
/** As many as validation looks at, and the leaf; a server's list may not end. */
const maxCertificates = 17;

export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

/** Throws for a server that cannot be reached, that shows no certificate, or that takes too long. */
export async function readRemoteChain(text: string, options: RemoteOptions): Promise<RemoteChain> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const known = [...tlsSchemes, ...sealwireSchemes];
  if (!url || url.hostname === '')
    throw misused(`${JSON.stringify(text)} is no URL`, 'as in wss://game.example');
  if (!known.includes(url.protocol)) {
    throw misused(
      `${url.protocol}// is nothing that can be inspected`,
      'https://, wss:// and tls:// speak TLS; ws:// and tcp:// speak Sealwire; anything without :// is a file',
    );
  }
  if (url.username !== '' || url.password !== '')
    throw misused('a URL with a user or password is not taken here');
  // The URL standard leaves hosts of schemes that it does not know as they are.
  const host =
    domainToASCII(decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '')) ||
    url.hostname.replace(/^\[|\]$/g, '');
  const certificates = tlsSchemes.includes(url.protocol)
    ? await byTls(text, host, url.port === '' ? tlsPort : Number(url.port), options)
    : await bySealwire(text, options);
  const way = tlsSchemes.includes(url.protocol) ? 'TLS handshake' : 'Sealwire handshake';
  return { host, way, certificates, keys: { state: 'none' } };
}

function byTls(
  url: string,
  host: string,
  port: number,
  { serverName, timeoutMs }: RemoteOptions,
): Promise<Uint8Array[]> {
  const name = serverName ?? host;
  const options: ConnectionOptions = {
    host,
    port,
    // RFC 6066 §3: addresses are no server names.
    ...(parseIpAddress(name) === undefined && { servername: name }),
    // To look at a certificate that others refuse is what this is for. Nothing is sent to whoever shows it.
    rejectUnauthorized: false,
    // No roots, or Node would append those that it finds to what the server has sent.
    ca: [],
    minVersion: 'TLSv1',
    ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0`,
  };
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    const timer = setTimeout(() => {
      end(() => reject(tooSlow(url, timeoutMs)));
      socket.destroy();
    }, timeoutMs);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      // What TLS still has to say goes out first, so that the server sees a client that leaves, and no error.
      socket.destroySoon();
      settle();
    };
    socket.once('secureConnect', () => {
      const certificates = sentChain(socket.getPeerCertificate(true), maxCertificates);
      end(() => {
        if (certificates.length > 0) resolve(certificates);
        else reject(failed(`the server at ${url} shows no certificate`));
      });
    });
    // It may break once more after it has been given up.
    socket.on('error', (error) => end(() => reject(tlsFailed(url, error))));
    socket.once('close', () => end(() => reject(tlsFailed(url, new Error('it closed the connection')))));
  });
}

function tlsFailed(url: string, error: Error): SealwireError {
  const { message, reason } = connectFailed(url, error);
  if (reason !== 'not-sealwire') return failed(message, undefined, error);
  // OpenSSL's messages end in a line feed, and begin with numbers.
  const said = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message.trim();
  return failed(
    `no TLS handshake with ${url}: ${said}`,
    'a Sealwire server without TLS is inspected by its own URL: ws:// or tcp://',
    error,
  );
}

async function bySealwire(url: string, { serverName, timeoutMs }: RemoteOptions): Promise<Uint8Array[]> {
  const shown: Uint8Array[] = [];
  const manager = new NetworkingManager({
    ...(serverName !== undefined && { serverName }),
    limits: { handshakeTimeoutMs: timeoutMs },
    validateCertificate(chain) {
      shown.push(...chain.map(({ der }) => der));
      // Whatever it is worth: the connection ends here, and the server hears nothing more than that.
      return false;
    },
  });
  try {
    await manager.startClient(url);
  } catch (error) {
    if (shown.length === 0) throw sealwireFailed(url, timeoutMs, error);
  } finally {
    await manager.stop();
  }
  return shown;
}

function sealwireFailed(url: string, timeoutMs: number, error: unknown): SealwireError {
  if (!(error instanceof SealwireError)) throw error;
  const { code, reason, message } = error;
  if (code === 'HANDSHAKE_TIMEOUT') return tooSlow(url, timeoutMs);
  if (reason === 'encryption-mismatch') {
    return failed(
      `the server at ${url} has encryption off (enableEncryption): it shows no certificate`,
      undefined,
      error,
    );
  }
  if (reason === 'signature-mismatch') {
    return failed(
      `the server at ${url} does not sign (signKeyExchange): it shows no certificate`,
      undefined,
      error,
    );
  }
  const hint =
    reason === 'not-sealwire' ? 'what speaks TLS is inspected as https://, wss:// or tls://' : undefined;
  return failed(message, hint, error);
}

function tooSlow(url: string, timeoutMs: number): SealwireError {
  const message = `${url} did not finish the handshake within ${timeoutMs / 1000} s`;
  return failed(message, 'give it more time with --timeout SECONDS');
}
