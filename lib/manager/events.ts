// The events of a manager. Listeners run when Sealwire is done with what it was doing, and disturb no connection.
//
// What a listener throws is thrown on its own, as an uncaught error of the program, with one exception: a SealwireError out of
// an asynchronous listener is most often a call that a peer let fail, and no peer may end the process.

import { EventEmitter } from 'eventemitter3';
import { SealwireError } from '../base/errors.js';
import type { Certificate } from '../certificate/x509/x509.js';
import type { Backpressure } from '../connection/pressure.js';
import type { LimitReport } from '../rpc/limit-report.js';
import type { Peer } from '../rpc/peer.js';
import type { ApprovalRequest } from './approval.js';
import type { HeldToken } from './client-authentication.js';
import type { ClientState } from './client-life.js';
import type { Platform } from './platform.js';

/**
 * A host has both roles, and hears of its own client from both ends: `encryptionEstablished`, `encryptionFailed`,
 * `callFailed`, `callRefused` and `backpressure` come with the peer that they are about, id 0 being the server as its own
 * client sees it.
 */
export interface ManagerEvents {
  /** Server: a client has passed the handshake, and was let in. */
  clientConnected: (client: Peer) => void;
  /**
   * Server: `approveConnection` did not let a client in (APPROVAL_DENIED: `reason`, `text` and `data` are what the client
   * reads, `cause` is what was thrown), or did not decide in time (HANDSHAKE_TIMEOUT). Where it failed, or gave no verdict,
   * and nobody listens, the platform's warnings say so once.
   */
  clientRefused: (request: ApprovalRequest, error: SealwireError) => void;
  /** Server: a client that had passed it is gone; the error's code and reason say why. */
  clientDisconnected: (client: Peer, error: SealwireError) => void;
  /**
   * Server: a client has authenticated, `client.identity` is who it is; by a hook of `authenticate`, or by a token where
   * `scheme` is undefined. Not told of fresh tokens.
   */
  clientAuthenticated: (client: Peer, scheme: string | undefined) => void;
  /** Server: a client has shown what does not let it in, and was told this code. It stays connected, as who it was. */
  authenticationRefused: (client: Peer, scheme: string | undefined, code: string) => void;
  /**
   * Client: see {@link ClientState}; `error` says why the connection was lost, or the attempt failed, where the state is
   * `reconnecting` or `closed`. Calls made by a listener of `ready` go out in front of those that waited.
   */
  stateChanged: (state: ClientState, previous: ClientState, error: SealwireError | undefined) => void;
  /** Client: the connection to the server has ended, by whichever side; the error's code and reason say why. */
  disconnected: (error: SealwireError) => void;
  /** Client: it has moved (`moveTo()`): calls go to `connection` from now on, those to `left` may still finish there. */
  moved: (connection: Peer, left: Peer) => void;
  /** Client: the server has sent a fresh token, before the old one runs out. */
  tokenRefreshed: (token: HeldToken) => void;
  /**
   * Both: keys were agreed with this peer: before `clientConnected`, or later where encryption is on demand. Or they are
   * needless, over TLS that both own: `peer.security.protection` tells.
   */
  encryptionEstablished: (peer: Peer) => void;
  /**
   * Both: a handshake failed, or TLS showed a certificate that is not accepted; of a connection that began in the clear, `clientDisconnected` or `disconnected` follows. The peer learns less than `error` tells: keep it in your own log.
   */
  encryptionFailed: (error: SealwireError, remoteAddress: string) => void;
  /**
   * A method threw something else than an RpcError, and its caller sees a bare INTERNAL; or a one-way method threw
   * anything, which nobody else learns of. `error` may hold secrets. The caller's message ends with `incident`, so that
   * what a user reports is found in the log.
   */
  callFailed: (peer: Peer, method: string, error: unknown, incident: string) => void;
  /**
   * A call was not run: SECURITY_REQUIRED, UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED, INVALID_ARGUMENT,
   * UNAVAILABLE or RESOURCE_EXHAUSTED. Told of 100 calls a second of one peer at most; `limitExceeded` counts the others.
   */
  callRefused: (peer: Peer, method: string, code: string) => void;
  /**
   * A limit was reached, and what was done about it: by a peer, undefined where it was not let in. At once the first time,
   * then once a second with a count: what floods a server does not flood its log. See {@link LimitReport}.
   */
  limitExceeded: (peer: Peer | undefined, report: LimitReport) => void;
  /**
   * More than `limits.sendHighWaterBytes` wait to be sent to this peer (`full`), or no longer; or volatile calls to it were
   * dropped, `dropped` in all. Once a turn of the event loop at most.
   */
  backpressure: (peer: Peer, state: Backpressure) => void;
  /**
   * Server: a call for many was not handed over to this one of them, for the reason that `error` tells; the others are
   * not disturbed. Told where nobody waits for an answer; else the outcome of the call tells.
   */
  deliveryFailed: (client: Peer, method: string, error: SealwireError) => void;
  /**
   * Server: a certificate of its chain ends in `daysLeft` whole days, or has ended where they are below 0. Told once a
   * day from two weeks before on, or from the last third of a shorter life. Where nobody listens, the platform's
   * warnings say so. {@link ServerManager.setCertificate} renews.
   */
  certificateExpiring: (certificate: Certificate, daysLeft: number) => void;
  /**
   * An asynchronous listener of another event rejected with a SealwireError, such as a call to a client that is gone.
   * Where nobody listens to this, the platform's warnings say so.
   */
  listenerFailed: (event: string, error: SealwireError) => void;
}

export class ManagerEmitter {
  readonly #emitter = new EventEmitter<ManagerEvents>();
  readonly #warn: Platform['warn'];

  constructor(warn: Platform['warn']) {
    this.#warn = warn;
  }

  on<Name extends keyof ManagerEvents>(name: Name, listener: ManagerEvents[Name]): void {
    this.#emitter.on(name, listener as EventEmitter.EventListener<ManagerEvents, Name>);
  }

  off<Name extends keyof ManagerEvents>(name: Name, listener: ManagerEvents[Name]): void {
    this.#emitter.off(name, listener as EventEmitter.EventListener<ManagerEvents, Name>);
  }

  /** Whether anybody listens. */
  has(name: keyof ManagerEvents): boolean {
    return this.#emitter.listenerCount(name) > 0;
  }

  emit<Name extends keyof ManagerEvents>(name: Name, ...args: Parameters<ManagerEvents[Name]>): void {
    for (const listener of this.#emitter.listeners(name)) {
      try {
        const returned: unknown = (listener as (...args: Parameters<ManagerEvents[Name]>) => unknown)(
          ...args,
        );
        if (returned instanceof Promise) returned.catch((error: unknown) => this.#rejected(name, error));
      } catch (error) {
        throwOnItsOwn(error);
      }
    }
  }

  #rejected(name: keyof ManagerEvents, error: unknown): void {
    if (!(error instanceof SealwireError)) throwOnItsOwn(error);
    else if (name !== 'listenerFailed' && this.has('listenerFailed'))
      this.emit('listenerFailed', name, error);
    else this.#warn('SEALWIRE_LISTENER', `a listener of ${name} failed: ${error.code}, ${error.message}`);
  }
}

function throwOnItsOwn(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
