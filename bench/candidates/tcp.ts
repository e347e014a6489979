// TCP alone, and node:tls over it: the messages of bare.ts, each with its length before it.
//
//   u32 length │ message

import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  createServer as createTlsServer,
  type SecureContext,
} from 'node:tls';
import { type Candidate, serverName } from '../driver/candidate.js';
import { BareClient, BareServer } from './bare.js';

const lengthBytes = 4;

/** One write for small messages; a gathered one, without a copy, for large ones. */
function sendOver(socket: Socket): (message: Uint8Array) => void {
  return (message) => {
    const small = message.length < 4096;
    const head = Buffer.allocUnsafe(lengthBytes + (small ? message.length : 0));
    head.writeUInt32BE(message.length);
    if (small) head.set(message, lengthBytes);
    if (small) return void socket.write(head);
    socket.cork();
    socket.write(head);
    socket.write(message);
    socket.uncork();
  };
}

/** Calls back with each whole message; a message that comes in pieces is put together once. */
function receiveFrom(socket: Socket, receive: (message: Uint8Array) => void): void {
  let pieces: Buffer[] = [];
  let held = 0;
  let needed = lengthBytes;
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece);
    held += piece.length;
    if (held < needed) return;
    let bytes = pieces.length === 1 ? piece : Buffer.concat(pieces);
    needed = lengthBytes;
    while (bytes.length >= lengthBytes) {
      const end = lengthBytes + bytes.readUInt32BE();
      if (bytes.length < end) {
        needed = end;
        break;
      }
      receive(bytes.subarray(lengthBytes, end));
      bytes = bytes.subarray(end);
    }
    pieces = bytes.length === 0 ? [] : [bytes];
    held = bytes.length;
  });
}

function tcp(secure: boolean): Candidate {
  let secureContext: SecureContext | undefined;
  return {
    async serve({ cert, key }) {
      const bare = new BareServer();
      const accept = (socket: Socket) => {
        socket.setNoDelay(true);
        const send = sendOver(socket);
        receiveFrom(socket, (message) => bare.receive(message, send));
        socket.on('close', () => bare.forget(send));
        socket.on('error', () => socket.destroy());
      };
      const server: Server = secure
        ? createTlsServer({ cert, key, minVersion: 'TLSv1.3' }, accept)
        : createTcpServer(accept);
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return String((server.address() as { port: number }).port);
    },
    async connect(address, ca, onEvent) {
      const where = { host: '127.0.0.1', port: Number(address), noDelay: true };
      if (secure) secureContext ??= createSecureContext({ ca, minVersion: 'TLSv1.3' });
      const socket = secure
        ? connectTls({ ...where, secureContext, servername: serverName })
        : connectTcp(where);
      await once(socket, secure ? 'secureConnect' : 'connect');
      const client = new BareClient(sendOver(socket), () => socket.end(), onEvent);
      receiveFrom(socket, (message) => client.receive(message));
      return client.ready();
    },
  };
}

export const candidates: Readonly<Record<string, Candidate>> = { tcp: tcp(false), tls: tcp(true) };
