// Frames over TCP, or over TLS on TCP, for Node on both sides:
//
//   +----------------------+-----------------+
//   | length, u32 big-end. | frame           |   length: 1 to maxFrameBytes, looked at before anything is buffered
//   +----------------------+-----------------+
//
// A FIN between two frames is a peaceful close, one inside a frame is an error, a reset always is.

import { createServer, type Socket } from 'node:net';
import { totalBytes } from '../base/bytes.js';
import { discard, discardCiphertext, isGivenBack } from '../base/discard.js';
import type { SealwireError } from '../base/errors.js';
import { allocateCopy } from '../base/slab.js';
import { type Address, hostAndPort, misaddressed, parseAddress } from './address.js';
import { Cork } from './cork.js';
import { Delivery } from './delivery.js';
import { dial, socketOptions } from './dial.js';
import { Drain, type Written } from './drain.js';
import { isSecure, required, type SecureChannel } from './secure-channel.js';
import { broken, closedTooSlowly, listenFailed, systemCode } from './socket-errors.js';
import { hasTls, secureChannel, secureClient, TlsAcceptor } from './tls.js';
import {
  type ClientTransport,
  type ConnectOptions,
  closeTimeLimitMs,
  type FrameReceiver,
  type Listener,
  type ListenOptions,
  type ServerTransport,
  type TransportConnection,
} from './transport.js';

const lengthBytes = 4;
/** Memory for a frame that has come in part, in times of that part. */
const growth = 4;
/** Up to this length a frame is copied behind its header: one small write is cheaper than two. */
const mergeUpToBytes = 1024;

/** RFC 7301. Over plain TCP nobody asks. */
const tlsProtocol = 'sealwire/1';

/** `new TcpTransport('tcp://host:port')`, or `tls://host:port`, for either role; port 0 lets the system pick one. */
export class TcpTransport implements ClientTransport, ServerTransport {
  readonly #address: Address;
  readonly #port: number;

  /** Throws INVALID_CONFIG for anything but `tcp://host:port` and `tls://host:port`. */
  constructor(url: string) {
    this.#address = parseAddress(url, ['tcp:', 'tls:'], 'tcp://host:port or tls://host:port');
    if (this.#address.port === undefined) throw misaddressed(url, 'it needs a port, as in tcp://host:7777');
    if (this.#address.path !== '/') throw misaddressed(url, 'TCP knows no path, write it as tcp://host:port');
    this.#port = this.#address.port;
  }

  get hostname(): string {
    return this.#address.hostname;
  }

  get usesTls(): boolean {
    return isSecure(this.#address.url);
  }

  async connect(options: ConnectOptions): Promise<TransportConnection> {
    const { url, hostname } = this.#address;
    const { signal, maxFrameBytes } = options;
    const tls = isSecure(url) ? required(url, options.tls) : undefined;
    const raw = await dial({ url, hostname, port: this.#port, signal, forTls: tls !== undefined });
    if (tls === undefined) return new TcpConnection(raw, maxFrameBytes);
    const socket = await secureClient(raw, { ...tls, url, protocol: tlsProtocol, signal });
    return new TcpConnection(socket, maxFrameBytes, raw);
  }

  async listen({ maxFrameBytes, accept, tls }: ListenOptions): Promise<Listener> {
    const { url, hostname, urlHost } = this.#address;
    const secure = isSecure(url) ? new TlsAcceptor(required(url, tls), tlsProtocol) : undefined;
    const accepted = (socket: Socket, raw: Socket): void => {
      const connection = new TcpConnection(socket, maxFrameBytes, raw);
      try {
        accept(connection);
      } catch (thrown) {
        connection.fail(thrown);
      }
    };
    return new Promise((resolve, reject) => {
      const server = createServer({ ...socketOptions, pauseOnConnect: secure === undefined }, (raw) => {
        if (secure === undefined) accepted(raw, raw);
        else secure.secure(raw, (socket) => accepted(socket, raw));
      });
      // After it listens, an error is about one connection that could not be taken (EMFILE): the rest lives on.
      server.on('error', (error) => reject(listenFailed(url, error)));
      server.listen(this.#port, hostname, () => {
        const bound = server.address();
        const port = typeof bound === 'object' && bound ? bound.port : this.#port;
        resolve({
          url: `${secure ? 'tls' : 'tcp'}://${urlHost}:${port}`,
          // Not awaited: it calls back when the last accepted connection has ended, and those live on.
          close: async () => {
            server.close();
            secure?.close();
          },
        });
      });
    });
  }
}

class TcpConnection implements TransportConnection {
  readonly kind = 'tcp';
  readonly plainFraming: string = this.kind;
  readonly remoteAddress: string;
  readonly secure: SecureChannel | undefined;
  readonly #socket: Socket;
  /** Below TLS, where there is any: the same otherwise. */
  readonly #raw: Socket;
  readonly #delivery: Delivery;
  readonly #frames: FrameParser;
  readonly #drain: Drain;
  /** One function for all writes: the socket calls it when their bytes have left. */
  readonly #written = (): void => this.#drain.check();
  /** Of the handshake: later on frames that belong together are one frame already. */
  #cork: Cork | undefined;
  #closing = false;
  #error: SealwireError | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, maxFrameBytes: number, raw: Socket = socket) {
    this.#socket = socket;
    this.#raw = raw;
    this.secure = secureChannel(socket);
    this.remoteAddress = hostAndPort(socket.remoteAddress, socket.remotePort);
    this.#delivery = new Delivery(maxFrameBytes, () => this.#cut());
    this.#frames = new FrameParser(this.#delivery);
    this.#drain = new Drain(this);
    this.#cork = new Cork(socket);
    socket.pause();
    let hasEnded = false;
    socket.on('end', () => {
      hasEnded = true;
      this.#peerEnded();
    });
    socket.on('error', (error) => {
      this.#error ??= broken(`the connection broke: ${systemCode(error)}`, error);
    });
    socket.on('close', () => {
      // Over TLS a reset does not always come with an error.
      if (!hasEnded && !this.#closing) this.#error ??= broken('the connection was cut off');
      // Owners close what they hear has closed: nothing is left to wait for then.
      this.#closing = true;
      clearTimeout(this.#closeTimer);
      this.#drain.end();
      this.#delivery.closed(this.#error);
    });
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  drained(belowBytes: number): Promise<void> {
    return this.#drain.wait(belowBytes);
  }

  open(receiver: FrameReceiver): void {
    this.#delivery.open(receiver);
    this.#socket.on('data', (chunk: Uint8Array) => this.#received(chunk));
    this.#socket.resume();
  }

  pause(): void {
    if (!this.#closing) this.#socket.pause();
  }

  resume(): void {
    if (!this.#closing) this.#socket.resume();
  }

  send(frame: Uint8Array): void {
    if (frame.length > mergeUpToBytes) {
      this.#write([frame], this.#written);
      return;
    }
    if (this.#closing || !this.#socket.writable) return;
    this.#cork?.hold();
    const memory = this.frameMemory(frame.length);
    memory.set(frame, lengthBytes);
    this.#socket.write(memory, this.#written);
  }

  frameMemory(bytes: number): Uint8Array {
    const memory = Buffer.allocUnsafe(lengthBytes + bytes);
    memory.writeUInt32BE(bytes, 0);
    return memory;
  }

  sendMemory(memory: Uint8Array): void {
    const socket = this.#socket;
    if (this.#closing || !socket.writable) return;
    socket.write(memory, this.#written);
  }

  sendApart(pieces: readonly Uint8Array[]): void {
    this.#write(pieces, this.#drain.givingBack(pieces));
  }

  #received(chunk: Uint8Array): void {
    // What came out of TLS would have to be wiped before it is given back.
    const isLent = isGivenBack(chunk) && !hasTls(this.#socket);
    this.#frames.push(chunk, isLent);
    if (isLent) discardCiphertext(chunk);
  }

  #write(pieces: readonly Uint8Array[], written: Written): void {
    const socket = this.#socket;
    if (this.#closing || !socket.writable) return;
    this.#cork?.hold();
    const header = Buffer.allocUnsafe(lengthBytes);
    header.writeUInt32BE(totalBytes(pieces), 0);
    socket.cork();
    socket.write(header);
    for (const piece of pieces) socket.write(piece, piece === pieces.at(-1) ? written : undefined);
    socket.uncork();
  }

  setMaxFrameBytes(bytes: number): void {
    this.#delivery.raise(bytes);
    this.#cork = undefined;
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#delivery.stop();
    this.#socket.end();
    // Read on, and drop it: the other side's FIN stands behind what it still sends.
    this.#socket.resume();
    this.#limitClosing();
  }

  destroy(): void {
    this.#closing = true;
    this.#delivery.stop();
    this.#cut();
  }

  fail(thrown: unknown): void {
    this.#delivery.fail(thrown);
  }

  /** With a reset, so that the other side does not take it for a peaceful close. */
  #cut(): void {
    const socket = this.#socket;
    this.#closing = true;
    // While a FIN is being sent libuv refuses to reset, and Node would neither close the socket nor say so (Node 20). All
    // frames have left then, so nothing is hidden by going on in peace.
    const finishing = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
    if (finishing) socket.destroy();
    else this.#raw.resetAndDestroy();
  }

  #peerEnded(): void {
    if (!this.#delivery.stopped && this.#frames.insideFrame) {
      this.#error ??= broken('the connection ended in the middle of a frame');
    }
    // Node ends our side too, once what is queued has left: that may never be, when the peer does not read.
    this.#limitClosing();
  }

  #limitClosing(): void {
    this.#closeTimer ??= setTimeout(() => {
      this.#error ??= closedTooSlowly();
      this.#cut();
    }, closeTimeLimitMs);
  }
}

/** Cuts a stream of bytes into frames: one loop, two states, at most one copy of what one chunk does not hold. */
class FrameParser {
  readonly #delivery: Delivery;
  #state: 'length' | 'payload' = 'length';
  #lengthBytesSeen = 0;
  #length = 0;
  #payload: Uint8Array = noBytes;
  #payloadBytesSeen = 0;

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
  }

  get insideFrame(): boolean {
    return this.#state === 'payload' || this.#lengthBytesSeen > 0;
  }

  /** Of a chunk that is lent nothing is kept when this returns: frames are copied out. */
  push(chunk: Uint8Array, isLent: boolean): void {
    let offset = 0;
    while (offset < chunk.length && !this.#delivery.stopped) {
      switch (this.#state) {
        case 'length':
          this.#length = this.#length * 256 + chunk[offset]!;
          offset += 1;
          this.#lengthBytesSeen += 1;
          // Refuses 0 as well, so that the state below always has a byte to wait for.
          if (this.#lengthBytesSeen === lengthBytes && this.#delivery.admit(this.#length))
            this.#state = 'payload';
          break;
        case 'payload': {
          const take = Math.min(this.#length - this.#payloadBytesSeen, chunk.length - offset);
          // A plain Uint8Array and no Buffer, whose slice() would be a view.
          const part = new Uint8Array(chunk.buffer, chunk.byteOffset + offset, take);
          offset += take;
          if (take === this.#length) this.#finish(isLent ? allocateCopy(part) : part);
          else if (this.#append(part) === this.#length) this.#finish(this.#payload);
          break;
        }
      }
    }
  }

  /** The buffer grows fourfold as bytes come, so that a length that was only announced costs nothing. */
  #append(part: Uint8Array): number {
    const seen = this.#payloadBytesSeen + part.length;
    if (seen > this.#payload.length) {
      const grown = new Uint8Array(Math.min(this.#length, growth * seen));
      grown.set(this.#payload.subarray(0, this.#payloadBytesSeen));
      discard(this.#payload);
      this.#payload = grown;
    }
    this.#payload.set(part, this.#payloadBytesSeen);
    this.#payloadBytesSeen = seen;
    return seen;
  }

  #finish(frame: Uint8Array): void {
    this.#state = 'length';
    this.#lengthBytesSeen = 0;
    this.#length = 0;
    this.#payload = noBytes;
    this.#payloadBytesSeen = 0;
    this.#delivery.frame(frame);
  }
}

const noBytes = new Uint8Array(0);
