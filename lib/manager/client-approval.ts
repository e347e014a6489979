// The approval of one client: asked once, at the end of its handshake, and remembered, so that a refusal can be told.

import { ApprovalDenied } from '../base/approval-denied.js';
import type { SealwireError } from '../base/errors.js';
import { certificateIdentity } from '../rpc/identity.js';
import type { Peer } from '../rpc/peer.js';
import type { ShownByPeer } from '../rpc/session-options.js';
import { readCarried } from '../wire/carried-value.js';
import { type ApprovalRequest, askForApproval } from './approval.js';
import type { ServerSettings } from './config.js';

export class ClientApproval {
  readonly #settings: ServerSettings;
  readonly #remoteAddress: string;
  readonly #isHost: boolean;
  #request: ApprovalRequest | undefined;

  constructor(settings: ServerSettings, remoteAddress: string, isHost: boolean) {
    this.#settings = settings;
    this.#remoteAddress = remoteAddress;
    this.#isHost = isHost;
  }

  /**
   * Gives a client that is let in its data; rejects with {@link ApprovalDenied}. Undefined where nobody is to be asked, or
   * the connection has ended.
   */
  ask(
    client: Peer,
    { chain, connectionData, protection }: ShownByPeer,
    signal: AbortSignal,
  ): Promise<void> | undefined {
    const { approve } = this.#settings;
    if (approve === undefined || signal.aborted) return undefined;
    this.#request = Object.freeze({
      id: client.id,
      isHost: this.#isHost,
      identity: certificateIdentity(chain),
      connectionData: connectionData && readCarried(connectionData),
      remoteAddress: this.#remoteAddress,
      protection,
      signal,
    });
    return askForApproval(approve, this.#request).then((data) => {
      client.data = data;
    });
  }

  /** Who was refused, where that is what has ended the connection: by a verdict, or by none within the time limit. */
  refusedBy(error: SealwireError): ApprovalRequest | undefined {
    return error instanceof ApprovalDenied || error.code === 'HANDSHAKE_TIMEOUT' ? this.#request : undefined;
  }
}
