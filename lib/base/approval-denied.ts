// A server's approveConnection did not let a client in: the error that both sides have of it.
//
// What the client is told stands in `reason`, `text` and `data`; on the server `cause` has what it is not told.

import { SealwireError } from './errors.js';

/** What a client is told of its refusal. */
export interface DenialFields {
  /** See {@link ApprovalDenied.reason}. */
  readonly code?: string | undefined;
  /** See {@link ApprovalDenied.text}. */
  readonly text?: string | undefined;
  readonly data?: unknown;
}

/**
 * The server has not let this client in: `startClient()` rejects with it, and the server's event `clientRefused` has it.
 * `code` is APPROVAL_DENIED; `reason` the server's own code, such as `SERVER_FULL`, undefined where it gave none.
 */
export class ApprovalDenied<Data = unknown> extends SealwireError {
  /** What the server says to it, a kilobyte at most, controls and direction marks escaped; empty where it says nothing. */
  readonly text: string;
  /** What the server sent beside it; undefined where there was nothing. Taken on trust, like the type of a result. */
  readonly data: Data | undefined;

  constructor({ code, text = '', data }: DenialFields, options: { cause?: unknown } = {}) {
    const told = [code, text].filter((part) => part !== undefined && part !== '').join(', ');
    super('APPROVAL_DENIED', `the server did not let this client in${told === '' ? '' : `: ${told}`}`, {
      ...options,
      ...(code !== undefined && { reason: code }),
    });
    this.name = 'ApprovalDenied';
    this.text = text;
    this.data = data as Data | undefined;
  }
}
