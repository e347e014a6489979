// Frames over WebSocket (RFC 6455) with `ws`, for Node on both sides: one binary message per frame, no compression
// (it would leak the plaintext's entropy through the length, and cost memory), sub-protocol `sealwire.1`.
//
// `ws` has one message limit per server, the one for later. What may come before the handshake is done is kept by
// counting the raw bytes of the socket, since a message that never ends never reaches us. wss:// is the same over tls.ts.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { totalBytes } from '../base/bytes.js';
import { isLarge } from '../base/discard.js';
import { SealwireError } from '../base/errors.js';
import { type Address, hostAndPort, parseAddress } from './address.js';
import { Cork } from './cork.js';
import { Delivery, earlyAllowanceBytes } from './delivery.js';
import { dial } from './dial.js';
import { Drain } from './drain.js';
import { Masking } from './masking.js';
import { connectReading } from './read-buffer.js';
import { isSecure, required, type SecureChannel } from './secure-channel.js';
import { broken, connectFailed, givenUp, listenFailed, notSealwire } from './socket-errors.js';
import { subProtocol } from './sub-protocol.js';
import { hasTls, secureChannel, secureClient } from './tls.js';
import { TlsFront } from './tls-front.js';
import {
  type ClientTransport,
  type ConnectOptions,
  closeTimeLimitMs,
  type FrameLimits,
  type FrameReceiver,
  type Listener,
  type ListenOptions,
  type ServerTransport,
  type TransportConnection,
} from './transport.js';
import { WebSocketChunks } from './websocket-chunks.js';
import { binaryHeader, binaryHeaderBytes, writeBinaryHeader } from './websocket-header.js';

/** Longest that a client may take to ask for the upgrade; the rest of the handshake is timed by the connection. */
const upgradeTimeoutMs = 10_000;
const keepAliveDelayMs = 30_000;
/** RFC 7301. */
const tlsProtocol = 'http/1.1';

// RFC 6455 §7.4.1
const normalClosure = 1000;
const goingAway = 1001;
const protocolError = 1002;
const unsupportedData = 1003;
const noStatus = 1005;
const messageTooBig = 1009;
const internalError = 1011;

export interface WebSocketTransportOptions {
  /** Servers: listen on this HTTP server, at the path of the URL. It stays yours: start it, and close it at the end. */
  readonly server?: Server;
  /** Clients: headers of the upgrade request, for proxies that ask for some. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** `new WebSocketTransport('ws://host:port/path')`, or `wss://…`, for either role; port 0 lets the system pick one. */
export class WebSocketTransport implements ClientTransport, ServerTransport {
  readonly #address: Address;
  readonly #options: WebSocketTransportOptions;

  /** Throws INVALID_CONFIG for anything but `ws://host[:port][/path]` and `wss://…`. */
  constructor(url: string, options: WebSocketTransportOptions = {}) {
    this.#address = parseAddress(url, ['ws:', 'wss:'], 'ws://host:port/path or wss://host:port/path');
    if (isSecure(url) && options.server !== undefined) {
      throw new SealwireError(
        'INVALID_CONFIG',
        'who gives a server of its own decides there whether it speaks TLS: write the URL as ws://host:port/path',
      );
    }
    this.#options = options;
  }

  get hostname(): string {
    return this.#address.hostname;
  }

  get usesTls(): boolean {
    return isSecure(this.#address.url);
  }

  async connect(options: ConnectOptions): Promise<TransportConnection> {
    const { url, hostname, port } = this.#address;
    const { signal } = options;
    if (!isSecure(url)) return this.#upgrade(options);
    const tls = required(url, options.tls);
    const raw = await dial({ url, hostname, port: port ?? 443, signal, forTls: true });
    const socket = await secureClient(raw, { ...tls, url, protocol: tlsProtocol, signal });
    return this.#upgrade(options, socket);
  }

  /** Asks for the upgrade, over a socket that stands or one of its own. */
  #upgrade(options: ConnectOptions, secured?: Socket): Promise<TransportConnection> {
    const { url, hostname, port } = this.#address;
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        secured?.destroy();
        reject(givenUp(url, signal));
        return;
      }
      const masking = new Masking();
      let websocket: WebSocket;
      try {
        const headers = { ...this.#options.headers };
        websocket = new WebSocket(url, [subProtocol], {
          ...wsOptions(options),
          headers,
          generateMask: masking.generate,
          createConnection: () => secured ?? connectReading({ host: hostname, port: port ?? 80 }),
        });
      } catch (error) {
        reject(
          new SealwireError('INVALID_CONFIG', `no request can be made of ${url} and its headers`, {
            cause: error,
          }),
        );
        return;
      }
      const abort = (): void => {
        reject(givenUp(url, signal));
        websocket.terminate();
      };
      const failed = (error: Error): void => {
        signal.removeEventListener('abort', abort);
        // `ws` gives its own complaints about the answer no code, and the HTTP parser's start with HPE.
        const answered = !('code' in error) || String(error.code).startsWith('HPE_');
        reject(answered ? notSealwire(url, error.message, error) : connectFailed(url, error));
      };
      let socket: Socket;
      signal.addEventListener('abort', abort, { once: true });
      websocket.on('error', failed);
      websocket.on('unexpected-response', (_request, response) => {
        failed(new Error(`it answered with HTTP status ${response.statusCode}`));
        websocket.terminate();
      });
      websocket.once('upgrade', (response) => {
        socket = response.socket;
      });
      websocket.once('open', () => {
        signal.removeEventListener('abort', abort);
        resolve(new WebSocketConnection(websocket, socket, options.maxFrameBytes, masking));
      });
    });
  }

  async listen(options: ListenOptions): Promise<Listener> {
    const { url, hostname, urlHost, port, path } = this.#address;
    const attached = this.#options.server;
    const server = attached ?? ownServer();
    const tlsFront = isSecure(url)
      ? new TlsFront(server, required(url, options.tls), tlsProtocol, upgradeTimeoutMs)
      : undefined;
    const front = tlsFront?.listener ?? server;
    const upgrades = new WebSocketServer({
      ...wsOptions(options),
      noServer: true,
      clientTracking: false,
      handleProtocols: () => subProtocol,
    });

    const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
      if (request.url?.split('?', 1)[0] !== path) {
        // On a shared server, another path is somebody else's, if there is somebody else.
        if (server.listenerCount('upgrade') === 1)
          refuse(socket, '404 Not Found', 'Nothing is served at this path.');
        return;
      }
      if (!offersSubProtocol(request)) {
        refuse(
          socket,
          '400 Bad Request',
          `This is a Sealwire server: it needs the sub-protocol ${subProtocol}.`,
        );
        return;
      }
      upgrades.handleUpgrade(request, socket, head, (websocket) => {
        tlsFront?.upgraded(request.socket);
        const connection = new WebSocketConnection(websocket, request.socket, options.maxFrameBytes);
        try {
          options.accept(connection);
        } catch (thrown) {
          connection.fail(thrown);
        }
      });
    };

    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(listenFailed(url, error));
      const listening = (): void => {
        front.off('error', failed);
        // What comes later is about one connection that could not be taken (EMFILE): the rest lives on.
        if (!attached) front.on('error', () => {});
        server.on('upgrade', upgrade);
        const bound = front.address();
        const realPort = typeof bound === 'object' && bound ? bound.port : port;
        resolve({
          url: `${isSecure(url) ? 'wss' : 'ws'}://${urlHost}:${realPort}${path === '/' ? '' : path}`,
          close: async () => {
            server.off('upgrade', upgrade);
            if (attached) return;
            // Not awaited: it calls back when the last accepted connection has ended, and those live on.
            front.close();
            tlsFront?.close();
            server.closeAllConnections();
          },
        });
      };
      front.once('error', failed);
      if (front.listening) listening();
      else if (attached) front.once('listening', listening);
      else front.listen(port ?? (isSecure(url) ? 443 : 80), hostname, listening);
    });
  }
}

/** The limits that `ws` keeps itself; `closeTimeout` is missing from its types. */
function wsOptions({ maxFrameBytesLater }: FrameLimits): object {
  return {
    perMessageDeflate: false,
    // When a chunk has been handed over, what it ends has been handled (websocket-chunks.ts).
    allowSynchronousEvents: true,
    maxPayload: maxFrameBytesLater,
    // CVE-2026-48779: a message in millions of tiny pieces cost far more memory than maxPayload says. Honest ones are
    // fragmented by proxies at some KiB, and arrive in chunks that are no smaller than a TCP segment.
    maxFragments: 1024,
    maxBufferedChunks: 64 + Math.ceil(maxFrameBytesLater / 256),
    closeTimeout: closeTimeLimitMs,
  };
}

function ownServer(): Server {
  const limits = {
    headersTimeout: upgradeTimeoutMs,
    requestTimeout: upgradeTimeoutMs,
    connectionsCheckingInterval: upgradeTimeoutMs / 10,
    maxHeaderSize: 8 * 1024,
  };
  return createServer(limits, (_request, response) => {
    response.writeHead(426, { 'Content-Type': 'text/plain', Connection: 'close', Upgrade: 'websocket' });
    response.end('This is a Sealwire server: connect to it with a Sealwire client.\n');
  });
}

function offersSubProtocol(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((name) => name.trim() === subProtocol);
}

function refuse(socket: Duplex, status: string, message: string): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${message.length + 1}\r\n\r\n${message}\n`,
  );
}

class WebSocketConnection implements TransportConnection {
  readonly kind = 'websocket';
  readonly remoteAddress: string;
  readonly secure: SecureChannel | undefined;
  readonly #websocket: WebSocket;
  readonly #socket: Socket;
  readonly #masking: Masking | undefined;
  readonly #delivery: Delivery;
  readonly #drain: Drain;
  /** One function for all frames: `ws` calls it when their bytes have left. */
  readonly #written = (): void => this.#drain.check();
  /** Of the handshake: later on frames that belong together are one frame already. */
  #cork: Cork | undefined;
  #earlyBytes: number;
  /** Of a connection that has had a large message. */
  #chunks: WebSocketChunks | undefined;
  #destroyed = false;

  /** Clients mask. */
  constructor(websocket: WebSocket, socket: Socket, maxFrameBytes: number, masking?: Masking) {
    this.#websocket = websocket;
    this.#masking = masking;
    this.#socket = socket;
    this.secure = secureChannel(socket);
    this.remoteAddress = hostAndPort(socket.remoteAddress, socket.remotePort);
    this.#delivery = new Delivery(maxFrameBytes, (error) => this.#cut(error));
    this.#drain = new Drain(this);
    this.#cork = new Cork(socket);
    this.#earlyBytes = maxFrameBytes + earlyAllowanceBytes;
    websocket.pause();
    socket.setKeepAlive(true, keepAliveDelayMs);
    websocket.on('message', (data, isBinary) => this.#message(data, isBinary));
    websocket.on('error', (error) => this.#delivery.fail(peerError(error)));
    websocket.on('close', (code) => {
      this.#drain.end();
      this.#delivery.closed(this.#destroyed ? undefined : closeError(code));
    });
    // Behind the listener of `ws`, so that a chunk with the end of the handshake has already lifted the limit.
    socket.on('data', this.#countEarly!);
  }

  get plainFraming(): string | undefined {
    return this.#masking === undefined ? this.kind : undefined;
  }

  get bufferedBytes(): number {
    return this.#websocket.bufferedAmount;
  }

  drained(belowBytes: number): Promise<void> {
    return this.#drain.wait(belowBytes);
  }

  open(receiver: FrameReceiver): void {
    this.#delivery.open(receiver);
    this.#websocket.resume();
  }

  pause(): void {
    if (this.#websocket.readyState === WebSocket.OPEN) this.#websocket.pause();
  }

  resume(): void {
    this.#websocket.resume();
  }

  send(frame: Uint8Array, isEncrypted = false): void {
    if (this.#websocket.readyState !== WebSocket.OPEN) return;
    if (isEncrypted) this.#masking?.spareNext();
    this.#cork?.hold();
    this.#websocket.send(frame, this.#written);
  }

  frameMemory(bytes: number, isEncrypted: boolean): Uint8Array | undefined {
    const isMasked = this.#masking !== undefined;
    if (isMasked && !isEncrypted) return undefined;
    const memory = Buffer.allocUnsafe(binaryHeaderBytes(bytes, isMasked) + bytes);
    writeBinaryHeader(memory, bytes, isMasked);
    return memory;
  }

  sendMemory(memory: Uint8Array): void {
    if (this.#websocket.readyState === WebSocket.OPEN) this.#socket.write(memory, this.#written);
  }

  /**
   * Past `ws`, which takes no pieces: it hands what it is given to the socket at once as long as it compresses nothing, so all
   * stays in order, and bytes that wait in the socket are counted by `bufferedAmount`.
   */
  sendApart(pieces: readonly Uint8Array[]): void {
    if (this.#websocket.readyState !== WebSocket.OPEN) return;
    const socket = this.#socket;
    socket.cork();
    socket.write(binaryHeader(totalBytes(pieces), this.#masking !== undefined));
    const written = this.#drain.givingBack(pieces);
    for (const piece of pieces) socket.write(piece, piece === pieces.at(-1) ? written : undefined);
    socket.uncork();
  }

  setMaxFrameBytes(bytes: number): void {
    this.#delivery.raise(bytes);
    // Taking the listener off does not spare it the chunk that is being handed round right now.
    this.#earlyBytes = Number.POSITIVE_INFINITY;
    this.#cork = undefined;
    this.#stopCounting();
  }

  close(): void {
    this.#delivery.stop();
    this.#startClosing(normalClosure);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#delivery.stop();
    this.#websocket.terminate();
  }

  fail(thrown: unknown): void {
    this.#delivery.fail(thrown);
  }

  #message(data: RawData, isBinary: boolean): void {
    if (!isBinary) {
      if (!this.#delivery.stopped) {
        this.#delivery.fail(
          new SealwireError('PROTOCOL_ERROR', 'the other side sent text, frames are binary'),
        );
      }
      return;
    }
    const bytes = data as Buffer; // binaryType is `nodebuffer`
    if (!this.#delivery.admit(bytes.length)) return;
    // A plain Uint8Array and no Buffer, whose slice() would be a view.
    const message = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    if (this.#chunks === undefined && isLarge(message)) this.#followChunks();
    this.#delivery.frame(this.#chunks?.own(message) ?? message);
  }

  /** From the first large message on. What came out of TLS would have to be wiped before it is given back. */
  #followChunks(): void {
    if (hasTls(this.#socket)) return;
    const chunks = new WebSocketChunks();
    // Around the listener of `ws`.
    this.#socket.prependListener('data', (chunk) => chunks.begin(chunk));
    this.#socket.on('data', (chunk) => chunks.end(chunk));
    this.#chunks = chunks;
  }

  /** Undefined when it is taken off, and not kept. */
  #countEarly: ((chunk: Uint8Array) => void) | undefined = (chunk) => {
    this.#earlyBytes -= chunk.length;
    if (this.#earlyBytes >= 0) return;
    this.#stopCounting();
    this.#delivery.fail(
      new SealwireError('LIMIT_EXCEEDED', 'the other side sent too much before the handshake was done'),
    );
    this.#websocket.terminate();
  };

  #stopCounting(): void {
    if (this.#countEarly !== undefined) this.#socket.off('data', this.#countEarly);
    this.#countEarly = undefined;
  }

  #cut(error: SealwireError): void {
    if (error.code === 'LIMIT_EXCEEDED') this.#startClosing(messageTooBig);
    else if (error.code === 'PROTOCOL_ERROR') this.#startClosing(unsupportedData);
    else this.#startClosing(internalError);
  }

  /** The closing handshake (RFC 6455 §7); `ws` cuts off whoever does not finish it in time. */
  #startClosing(code: number): void {
    this.#websocket.close(code);
    // Read on, and drop it: the other side's close frame stands behind what it still sends.
    this.#websocket.resume();
  }
}

/** What `ws` found wrong with what came in; it closes the connection itself. */
function peerError(cause: Error): SealwireError {
  const code = 'code' in cause ? String(cause.code) : '';
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' || code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') {
    return new SealwireError('LIMIT_EXCEEDED', 'the other side sent a larger message than is accepted', {
      cause,
    });
  }
  if (code.startsWith('WS_ERR_')) {
    return new SealwireError('PROTOCOL_ERROR', 'the other side broke the WebSocket protocol', { cause });
  }
  return broken('the connection broke', cause);
}

function closeError(code: number): SealwireError | undefined {
  switch (code) {
    case normalClosure:
    case goingAway:
    case noStatus:
      return undefined;
    case protocolError:
    case unsupportedData:
    case messageTooBig:
      return broken(`the other side refused what it was sent (WebSocket close code ${code})`);
    default:
      return broken(`the connection was cut off (WebSocket close code ${code})`);
  }
}
