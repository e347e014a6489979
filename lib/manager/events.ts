// The events of a manager. Listeners run when Sealwire is done with what it was doing; what one of them throws is
// thrown on its own, as an uncaught error of the program, and disturbs no connection.

import { EventEmitter } from 'eventemitter3';
import type { SealwireError } from '../base/errors.js';
import type { Peer } from '../rpc/peer.js';

export interface ManagerEvents {
  /** Server: a client has passed the handshake. */
  clientConnected: (client: Peer) => void;
  /** Server: a client that had passed it is gone; the error's code and reason say why. */
  clientDisconnected: (client: Peer, error: SealwireError) => void;
  /** Client: the connection to the server has ended, by whichever side; the error's code and reason say why. */
  disconnected: (error: SealwireError) => void;
  /** Both: keys were agreed with this peer. */
  encryptionEstablished: (peer: Peer) => void;
  /** Both: a handshake failed. The peer learns less than `error` tells: keep it in your own log. */
  encryptionFailed: (error: SealwireError, remoteAddress: string) => void;
  /**
   * A method threw something else than an RpcError, and its caller sees a bare INTERNAL; or a one-way method threw
   * anything, which nobody else learns of. `error` may hold secrets.
   */
  callFailed: (peer: Peer, method: string, error: unknown) => void;
  /** A call was not run: SECURITY_REQUIRED, UNIMPLEMENTED or RESOURCE_EXHAUSTED. */
  callRefused: (peer: Peer, method: string, code: string) => void;
}

export class ManagerEmitter {
  readonly #emitter = new EventEmitter<ManagerEvents>();

  on<Name extends keyof ManagerEvents>(name: Name, listener: ManagerEvents[Name]): void {
    this.#emitter.on(name, listener as EventEmitter.EventListener<ManagerEvents, Name>);
  }

  off<Name extends keyof ManagerEvents>(name: Name, listener: ManagerEvents[Name]): void {
    this.#emitter.off(name, listener as EventEmitter.EventListener<ManagerEvents, Name>);
  }

  emit<Name extends keyof ManagerEvents>(name: Name, ...args: Parameters<ManagerEvents[Name]>): void {
    for (const listener of this.#emitter.listeners(name)) {
      try {
        (listener as (...args: Parameters<ManagerEvents[Name]>) => void)(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
