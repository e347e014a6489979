// One piece of memory that all sockets which this process dials read into.
//
//   socket a ─┐                          ┌─▸ 'data' of a, with a copy
//   socket b ─┴─▸ [ 64 KiB, for all ] ───┴─▸ 'data' of b
//
// Otherwise Node takes 64 KiB from the system for each read, and an ArrayBuffer to collect, of which a short message fills a few
// bytes. What is copied out is as long as what was read. Sockets that are accepted cannot do so: Node offers it to who dials.

import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { Views } from '../base/views.js';

/** What Node reads at once. */
const readBytes = 64 * 1024;

/**
 * Elsewhere the bytes are read and handed over in one go. Windows may be given memory before there are any to read, and then
 * two sockets must not have the same.
 */
const isShareable = process.platform !== 'win32';

/** Undefined until the first socket is dialled: servers dial none. */
let shared: Views | undefined;

/** Like connect() of node:net; the socket gives out what comes as `'data'`, as others do. */
export function connectReading(options: TcpNetConnectOpts): Socket {
  if (!isShareable) return connect(options);
  shared ??= new Views(new Uint8Array(readBytes), 0);
  const read = shared;
  const socket: Socket = connect({
    ...options,
    onread: {
      buffer: read.bytes,
      callback: (bytes) => {
        // Before anything else is read, and before anybody else sees it.
        const chunk = Buffer.allocUnsafe(bytes);
        chunk.set(read.first(bytes));
        socket.emit('data', chunk);
        return true;
      },
    },
  });
  return socket;
}
