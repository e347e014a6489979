// The HTTPS server that socket.io, Colyseus, rpc-websockets, capnweb and tRPC are mounted on: TLS 1.3, the bench's certificate.

import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Credentials } from '../driver/candidate.js';

export function httpsServer({ cert, key }: Credentials): Server {
  return createServer({ cert, key, minVersion: 'TLSv1.3' });
}

/** Listens on a free port, unless the framework has it listening already; resolves to host and port. */
export async function authorityOf(server: Server): Promise<string> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
