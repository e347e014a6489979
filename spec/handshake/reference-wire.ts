// The second implementation (spec/reference) on real sockets: frames over TCP or WebSocket, calls out and in.
// It knows no transport of lib's; the framing is that of docs/protocol.md section 1, written again.

import { once } from 'node:events';
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import {
  type CallMessage,
  decodeCallMessages,
  encodeCallMessages,
  type Value,
} from '../reference/call-messages.js';
import type { End, Peer } from '../reference/peer.js';

export type Scheme = 'tcp' | 'ws';

/** What carries frames. */
interface Wire {
  send(frame: Uint8Array): void;
  close(): void;
  listen(frame: (bytes: Uint8Array) => void, closed: () => void): void;
}

/** One side of a conversation in the words of the reference. */
export class ReferenceSession {
  /** Settles when the handshake is over; rejects with the end that came instead. */
  readonly ready: Promise<void>;
  readonly ended: Promise<End | undefined>;
  /** Flags and method of each call that came in. */
  readonly calls: { flags: number; method: number }[] = [];
  readonly #peer: Peer;
  readonly #wire: Wire;
  readonly #waiting = new Map<
    number,
    { flags: number; answer: (value: Value) => void; fail: (error: Error) => void }
  >();
  #lastId = 0;
  #endedBy: End | undefined;
  #settleReady: { resolve: () => void; reject: (error: Error) => void };
  #settleEnded: (end: End | undefined) => void;

  constructor(peer: Peer, wire: Wire, first?: Uint8Array) {
    this.#peer = peer;
    this.#wire = wire;
    let settle!: { resolve: () => void; reject: (error: Error) => void };
    this.ready = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
    this.ready.catch(() => undefined);
    this.#settleReady = settle;
    let ended!: (end: End | undefined) => void;
    this.ended = new Promise((resolve) => (ended = resolve));
    this.#settleEnded = ended;
    wire.listen(
      (frame) => this.#receive(frame),
      () => this.#closed(),
    );
    if (first) wire.send(first);
  }

  /** Calls a method of the other side under `flags`; the answer must come under the same. */
  call(flags: number, method: number, args: Value[]): Promise<Value> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#say(flags, { kind: 'call', id, method, args });
    return new Promise((answer, fail) => this.#waiting.set(id, { flags, answer, fail }));
  }

  /** Asks for keys on a connection that began without. */
  secure(): void {
    this.#wire.send(this.#peer.secure());
  }

  /** Goes over to the next generation of keys. */
  updateKeys(): void {
    this.#wire.send(this.#peer.updateKeys());
  }

  close(): void {
    this.#wire.send(this.#peer.close());
    this.#wire.close();
  }

  #receive(frame: Uint8Array): void {
    const { send, delivered, ended } = this.#peer.receive(frame);
    for (const answer of send) this.#wire.send(answer);
    if (this.#peer.stage === 'traffic' || this.#peer.stage === 'plain') this.#settleReady.resolve();
    for (const { flags, body } of delivered) {
      for (const message of decodeCallMessages(body)) this.#take(flags, message);
    }
    if (ended) {
      this.#endedBy = ended;
      this.#wire.close();
    }
  }

  /** Methods echo: flags and arguments come back. */
  #take(flags: number, message: CallMessage): void {
    if (message.kind === 'call') {
      this.calls.push({ flags, method: message.method });
      this.#say(flags, { kind: 'result', id: message.id, value: [flags, ...message.args] });
      return;
    }
    if (message.kind !== 'result' && message.kind !== 'error') return;
    const call = this.#waiting.get(message.id);
    if (call === undefined) throw new Error(`an answer to ${message.id}, which was not asked`);
    this.#waiting.delete(message.id);
    if (call.flags !== flags)
      call.fail(new Error(`the answer had the flags ${flags}, its call ${call.flags}`));
    else if (message.kind === 'result') call.answer(message.value ?? null);
    else call.fail(new Error(message.code));
  }

  #say(flags: number, message: CallMessage): void {
    this.#wire.send(this.#peer.send(flags, encodeCallMessages([message])));
  }

  #closed(): void {
    const error = new Error(this.#endedBy ? `code ${this.#endedBy.closeCode}` : 'the transport closed');
    this.#settleReady.reject(error);
    for (const { fail } of this.#waiting.values()) fail(error);
    this.#settleEnded(this.#endedBy);
  }
}

/** Dials `url` as the reference client. */
export async function dialReference(
  url: string,
  client: Peer & { start(): Uint8Array },
): Promise<ReferenceSession> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol === 'tcp:') {
    const socket = tcpConnect(Number(port), hostname);
    await once(socket, 'connect');
    return new ReferenceSession(client, tcpWire(socket), client.start());
  }
  const socket = new WebSocket(url, 'sealwire.1', { perMessageDeflate: false });
  await once(socket, 'open');
  return new ReferenceSession(client, webSocketWire(socket), client.start());
}

export interface ReferenceListener {
  readonly url: string;
  /** The first connection that came. */
  readonly session: Promise<ReferenceSession>;
  close(): void;
}

/** Listens on a free port of 127.0.0.1 and answers as the reference server. */
export async function listenReference(scheme: Scheme, server: () => Peer): Promise<ReferenceListener> {
  let accepted!: (session: ReferenceSession) => void;
  const session = new Promise<ReferenceSession>((resolve) => (accepted = resolve));
  if (scheme === 'tcp') {
    const listener = createServer((socket) => accepted(new ReferenceSession(server(), tcpWire(socket))));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return { url: `tcp://127.0.0.1:${portOf(listener)}`, session, close: () => listener.close() };
  }
  const listener = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('sealwire.1') ? 'sealwire.1' : false),
  });
  listener.on('connection', (socket) => accepted(new ReferenceSession(server(), webSocketWire(socket))));
  await once(listener, 'listening');
  const url = `ws://127.0.0.1:${portOf(listener)}`;
  return { url, session, close: () => listener.close() };
}

function portOf(listener: Pick<Server, 'address'> | WebSocketServer): number {
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen on a port');
  return address.port;
}

/** u32 length ‖ frame */
function tcpWire(socket: Socket): Wire {
  socket.on('error', () => socket.destroy());
  return {
    send(frame) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      socket.write(Buffer.concat([length, frame]));
    },
    close: () => socket.end(),
    listen(take, closed) {
      let held = Buffer.alloc(0);
      socket.on('data', (bytes) => {
        held = Buffer.concat([held, bytes]);
        while (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
          const end = 4 + held.readUInt32BE(0);
          take(new Uint8Array(held.subarray(4, end)));
          held = held.subarray(end);
        }
      });
      socket.on('close', closed);
    },
  };
}

/** One binary message per frame. */
function webSocketWire(socket: WebSocket): Wire {
  socket.binaryType = 'nodebuffer';
  socket.on('error', () => socket.terminate());
  return {
    send: (frame) => socket.send(frame, { binary: true }),
    close: () => socket.close(),
    listen(take, closed) {
      socket.on('message', (bytes: Buffer, isBinary: boolean) => {
        if (!isBinary) throw new Error('a text message');
        take(new Uint8Array(bytes));
      });
      socket.on('close', closed);
    },
  };
}
