// Frames over the WebSocket that browsers have (and Node from version 22 on): the client's role alone.
//
// A page cannot see the TLS of wss://, neither its keys nor its certificate: `secure` is never there, and Sealwire's own
// handshake runs inside. It can neither pause what comes in nor refuse a length before it is buffered, nor cut the way at once: the limits
// are kept on whole messages, and destroy() forgets the socket while the browser finishes closing it.

import { SealwireError } from '../base/errors.js';
import { type Address, hostAndPort, parseAddress } from './address.js';
import { Delivery } from './delivery.js';
import { Drain } from './drain.js';
import { broken, closedTooSlowly, givenUp } from './socket-errors.js';
import { subProtocol } from './sub-protocol.js';
import {
  type ClientTransport,
  type ConnectOptions,
  closeTimeLimitMs,
  type FrameReceiver,
  type TransportConnection,
} from './transport.js';

/** As much of the browser's WebSocket as is used here. */
export interface BrowserWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly protocol: string;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: 'error', listener: (event: object) => void): void;
  send(data: Uint8Array): void;
  close(code?: number): void;
}

export type BrowserWebSocketConstructor = new (url: string, protocols: string[]) => BrowserWebSocket;

export interface BrowserWebSocketTransportOptions {
  /** The class to use instead of the global `WebSocket`: for Node 20, that of the package `ws`. */
  readonly WebSocket?: BrowserWebSocketConstructor;
}

// RFC 6455 §7.4.2: a page may close with 1000 or with a private code.
const normalClosure = 1000;
const goingAway = 1001;
const noStatus = 1005;
const cutOff = 4000;

/** Browsers do not tell when bytes have left: so often is looked, while somebody waits for it. */
const drainPollMs = 4;

/** `new BrowserWebSocketTransport('ws://host:port/path')`; with wss:// the browser adds TLS up to a proxy. */
export class BrowserWebSocketTransport implements ClientTransport {
  readonly #address: Address;
  readonly #WebSocket: BrowserWebSocketConstructor;

  /** Throws INVALID_CONFIG for another scheme, or where there is no WebSocket. */
  constructor(url: string, options: BrowserWebSocketTransportOptions = {}) {
    this.#address = parseAddress(url, ['ws:', 'wss:'], 'ws://host:port/path');
    const WebSocket =
      options.WebSocket ?? (globalThis as { WebSocket?: BrowserWebSocketConstructor }).WebSocket;
    if (!WebSocket) {
      throw new SealwireError(
        'INVALID_CONFIG',
        'there is no global WebSocket here: pass one as options.WebSocket',
      );
    }
    this.#WebSocket = WebSocket;
  }

  get hostname(): string {
    return this.#address.hostname;
  }

  connect({ signal, maxFrameBytes }: ConnectOptions): Promise<TransportConnection> {
    const { url, hostname, port } = this.#address;
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(givenUp(url, signal));
        return;
      }
      let websocket: BrowserWebSocket;
      try {
        websocket = new this.#WebSocket(url, [subProtocol]);
      } catch (cause) {
        reject(connectFailed(url, 'a page on https:// may not open ws://', cause));
        return;
      }
      websocket.binaryType = 'arraybuffer';
      const abort = (): void => {
        reject(givenUp(url, signal));
        websocket.close();
      };
      const failed = (event: object): void => {
        signal.removeEventListener('abort', abort);
        // Browsers do not tell a page why; other implementations have an `error`.
        const advice = 'is a Sealwire server started there, are host, port and path right?';
        reject(connectFailed(url, advice, 'error' in event ? event.error : undefined));
      };
      signal.addEventListener('abort', abort, { once: true });
      websocket.addEventListener('error', failed);
      websocket.addEventListener('open', () => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) return;
        const secure = url.toLowerCase().startsWith('wss:');
        const remoteAddress = hostAndPort(hostname, port ?? (secure ? 443 : 80));
        resolve(new BrowserWebSocketConnection(websocket, remoteAddress, maxFrameBytes));
      });
    });
  }
}

class BrowserWebSocketConnection implements TransportConnection {
  readonly kind = 'websocket';
  readonly remoteAddress: string;
  readonly #websocket: BrowserWebSocket;
  readonly #delivery: Delivery;
  readonly #drain: Drain;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #closing = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(websocket: BrowserWebSocket, remoteAddress: string, maxFrameBytes: number) {
    this.#websocket = websocket;
    this.remoteAddress = remoteAddress;
    this.#delivery = new Delivery(maxFrameBytes, () => this.#startClosing(cutOff));
    this.#drain = new Drain(this);
    websocket.addEventListener('message', ({ data }) => this.#message(data));
    websocket.addEventListener('close', ({ code }) => {
      this.#closing = true;
      this.#ended(closeError(code));
    });
  }

  get bufferedBytes(): number {
    return this.#websocket.bufferedAmount;
  }

  drained(belowBytes: number): Promise<void> {
    const drained = this.#drain.wait(belowBytes);
    this.#pollDrain();
    return drained;
  }

  open(receiver: FrameReceiver): void {
    this.#delivery.open(receiver);
  }

  send(frame: Uint8Array): void {
    if (!this.#closing) this.#websocket.send(frame);
  }

  setMaxFrameBytes(bytes: number): void {
    this.#delivery.raise(bytes);
  }

  close(): void {
    this.#delivery.stop();
    this.#startClosing(normalClosure);
  }

  destroy(): void {
    this.#delivery.stop();
    this.#startClosing(cutOff);
    queueMicrotask(() => this.#ended());
  }

  #message(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      if (this.#delivery.admit(data.byteLength)) this.#delivery.frame(new Uint8Array(data));
    } else if (!this.#delivery.stopped) {
      this.#delivery.fail(new SealwireError('PROTOCOL_ERROR', 'the other side sent text, frames are binary'));
    }
  }

  #startClosing(code: number): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#websocket.close(code);
    this.#closeTimer = setTimeout(() => {
      this.#ended(closedTooSlowly());
    }, closeTimeLimitMs);
  }

  #pollDrain(): void {
    if (!this.#drain.awaited || this.#drainTimer !== undefined) return;
    this.#drainTimer = setTimeout(() => {
      this.#drainTimer = undefined;
      this.#drain.check();
      this.#pollDrain();
    }, drainPollMs);
  }

  #ended(error?: SealwireError): void {
    clearTimeout(this.#closeTimer);
    clearTimeout(this.#drainTimer);
    this.#drain.end();
    this.#delivery.closed(error);
  }
}

function connectFailed(url: string, advice: string, cause: unknown): SealwireError {
  const message = `the WebSocket to ${url} could not be opened: ${advice}`;
  return new SealwireError('CONNECT_FAILED', message, { reason: 'unreachable', cause });
}

function closeError(code: number): SealwireError | undefined {
  if (code === normalClosure || code === goingAway || code === noStatus) return undefined;
  return broken(`the connection was cut off (WebSocket close code ${code})`);
}
