// Sealwire on Node.js: node:crypto with WebAssembly, sockets, the roots that Node brings along, and both roles.

import { rootCertificates } from 'node:tls';
import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { defaultCrypto } from '../crypto/default-node.js';
import { startSecureClient } from '../handshake/secure-transport-client.js';
import { MemoryTransport } from '../transport/memory.js';
import { TcpTransport } from '../transport/tcp.js';
import type { ClientTransport, ServerTransport } from '../transport/transport.js';
import { WebSocketTransport } from '../transport/websocket.js';
import type { NetworkConfig } from './config.js';
import type { Platform } from './platform.js';
import { ServerManager } from './server-manager.js';
import { endOfTurn } from './turns.js';

const nodeClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  setTimer(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  soon: (callback) => process.nextTick(callback),
  endOfTurn,
};

export const nodePlatform: Platform = {
  crypto: defaultCrypto,
  clock: nodeClock,
  dial: transportFor,
  startSecureClient,
  listenOn: transportFor,
  builtInRoots: () => rootCertificates,
  warn: (code, message) => process.emitWarning(message, { code }),
};

/** A server or a client of the Sealwire protocol. */
export class NetworkingManager extends ServerManager {
  /** Throws INVALID_CONFIG for options that do not exist. */
  constructor(config: NetworkConfig = {}) {
    super(config, nodePlatform);
  }
}

function transportFor(url: string): ClientTransport & ServerTransport {
  const [scheme] = url.split(':', 1);
  switch (scheme) {
    case 'ws':
    case 'wss':
      return new WebSocketTransport(url);
    case 'tcp':
    case 'tls':
      return new TcpTransport(url);
    case 'memory':
      return new MemoryTransport(url);
    default:
      throw new SealwireError(
        'INVALID_CONFIG',
        `${scheme}: is no transport; use ws://, wss://, tcp://, tls:// or memory://`,
      );
  }
}
