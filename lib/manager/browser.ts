// Sealwire in browsers: noble's crypto with WebAssembly, the page's own WebSocket, no built-in roots, the client's role alone.

import type { Clock } from '../base/clock.js';
import { SealwireError } from '../base/errors.js';
import { defaultCrypto } from '../crypto/default-browser.js';
import { BrowserWebSocketTransport } from '../transport/browser-websocket.js';
import { MemoryTransport } from '../transport/memory.js';
import type { ClientTransport } from '../transport/transport.js';
import { endOfTurn } from './browser-turns.js';
import { ClientManager } from './client-manager.js';
import type { NetworkConfig } from './config.js';
import type { Platform } from './platform.js';

const browserClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  setTimer(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  soon: (callback) => queueMicrotask(callback),
  endOfTurn,
};

export const browserPlatform: Platform = {
  crypto: defaultCrypto,
  clock: browserClock,
  dial(url): ClientTransport {
    const [scheme] = url.split(':', 1);
    if (scheme === 'memory') return new MemoryTransport(url);
    if (scheme === 'ws' || scheme === 'wss') return new BrowserWebSocketTransport(url);
    throw new SealwireError('INVALID_CONFIG', `${scheme}: is no transport of browsers; use ws://`);
  },
  listenOn(): never {
    throw new SealwireError('INVALID_CONFIG', 'a browser cannot be a server');
  },
  builtInRoots: () => [],
  warn(code, message) {
    // biome-ignore lint/suspicious/noConsole: the console is where a page tells its developer something
    console.warn(`[${code}] ${message}`);
  },
};

/** A client of the Sealwire protocol. Browsers tell no roots, so `ca` or `validateCertificate` must be set. */
export class NetworkingManager extends ClientManager {
  /** Throws INVALID_CONFIG for options that do not exist. */
  constructor(config: NetworkConfig = {}) {
    super(config, browserPlatform);
  }
}
