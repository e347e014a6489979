// Who is let in: the server's approveConnection, asked once about each client whose handshake holds, before any of its calls.
//
//   true, { approved: true, data }                  in; data becomes the client's Peer.data
//   false, { approved: false, … }, an RpcError      refused, with as much of a reason as it gives
//   anything else, any other error                  refused; the client reads an incident, the server's events the cause
//
// It fails closed: what is not clearly a yes is a no.

import { ApprovalDenied, type DenialFields } from '../base/approval-denied.js';
import { isErrorCode, RpcError, SealwireError } from '../base/errors.js';
import type { PeerIdentity } from '../rpc/identity.js';
import { newIncident } from '../rpc/incident.js';
import type { ConnectionSecurity, PeerData } from '../rpc/peer.js';
import { encodeRefused, maxRefusalCharacters } from '../wire/verdict-message.js';

/** Who would like to come in. Frozen. */
export interface ApprovalRequest {
  /** What {@link Peer.id} will be. */
  readonly id: number;
  /** It is the own client of this host: {@link Peer.isHost}. */
  readonly isHost: boolean;
  /** Who the client has proved to be; undefined where it showed no certificate. */
  readonly identity: PeerIdentity | undefined;
  /**
   * What the client says of itself: its `connectionData`, undefined where it says nothing, and always without encryption.
   * It is the client's word: look at it before you believe it, its type among the rest.
   */
  readonly connectionData: unknown;
  /** Where the frames come from, for logs and limits: `127.0.0.1:50312`. Not an identity. */
  readonly remoteAddress: string;
  /** As in {@link Peer.security}. */
  readonly protection: ConnectionSecurity['protection'];
  /** Aborted when the connection has ended, or the handshake took too long: nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Lets the client in, with its {@link Peer.data}. */
export interface ConnectionApproved {
  readonly approved: true;
  readonly data: PeerData;
}

/** Does not let the client in. It reads all of this; so it does of an `RpcError` that is thrown. */
export interface ConnectionRefused {
  readonly approved: false;
  /** For the client to branch on, its error's `reason`: 1 to 64 characters A-Z, 0-9 and _. */
  readonly code?: string;
  /** For people; what is longer than 256 characters is cut. */
  readonly message?: string;
  /** Any value that can be sent, up to 8 KiB. */
  readonly data?: unknown;
}

/** `true` is enough where {@link PeerData} has no member that must be there. */
export type ApprovalVerdict =
  | (Record<never, never> extends PeerData ? true : never)
  | false
  | ConnectionApproved
  | ConnectionRefused;

/** Decides about a client, now or later; within `limits.handshakeTimeoutMs`, which the whole handshake has. */
export type ConnectionApproval = (request: ApprovalRequest) => ApprovalVerdict | Promise<ApprovalVerdict>;

/** Resolves to the data of a client that is let in; rejects with {@link ApprovalDenied}. */
export async function askForApproval(
  approve: ConnectionApproval,
  request: ApprovalRequest,
): Promise<PeerData> {
  let verdict: unknown;
  try {
    verdict = await approve(request);
  } catch (error) {
    throw error instanceof RpcError ? denialOf(fieldsOf(error), error) : maskedDenial(error);
  }
  if (verdict === true) return {} as PeerData;
  if (verdict === false) throw new ApprovalDenied({});
  if (isApproved(verdict)) return verdict.data;
  if (isRefused(verdict)) throw denialOf({ ...verdict, text: verdict.message });
  throw maskedDenial(noVerdict(verdict));
}

const approvedKeys: readonly string[] = ['approved', 'data'] satisfies (keyof ConnectionApproved)[];
const refusedKeys: readonly string[] = [
  'approved',
  'code',
  'message',
  'data',
] satisfies (keyof ConnectionRefused)[];

/** A row of a database may have a column of that name: with any other key beside it, it is no verdict. */
function isApproved(verdict: unknown): verdict is ConnectionApproved {
  return has(verdict, true, approvedKeys) && isObject((verdict as Partial<ConnectionApproved>).data);
}

function isRefused(verdict: unknown): verdict is ConnectionRefused {
  return has(verdict, false, refusedKeys);
}

function has(verdict: unknown, approved: boolean, keys: readonly string[]): boolean {
  return (
    isObject(verdict) &&
    (verdict as { approved?: unknown }).approved === approved &&
    Object.keys(verdict).every((key) => keys.includes(key))
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function fieldsOf({ code, message, data }: RpcError): DenialFields {
  return { code, text: message, data };
}

/** What cannot be told as the author meant it, is the author's mistake. */
function denialOf({ code, text = '', data }: DenialFields, cause?: RpcError): ApprovalDenied {
  const given: { code: unknown; text: unknown } = { code, text };
  if (given.code !== undefined && (typeof given.code !== 'string' || !isErrorCode(given.code))) {
    return maskedDenial(
      misuse('the code of a refusal by approveConnection is made of 1 to 64 characters A-Z, 0-9 and _'),
    );
  }
  if (typeof given.text !== 'string')
    return maskedDenial(misuse('the message of a refusal by approveConnection must be a text'));
  const shown = text.length > maxRefusalCharacters ? `${text.slice(0, maxRefusalCharacters - 1)}…` : text;
  try {
    encodeRefused({ code, message: shown, data });
  } catch (error) {
    return maskedDenial(error);
  }
  return new ApprovalDenied({ code, text: shown, data }, cause && { cause });
}

/** The client may tell its user an incident, by which the cause is found in this side's log. */
function maskedDenial(cause: unknown): ApprovalDenied {
  const text = `it could not decide; its log has the reason, incident ${newIncident()}`;
  return new ApprovalDenied({ code: 'INTERNAL', text }, { cause });
}

function noVerdict(verdict: unknown): SealwireError {
  const what = verdict === null ? 'null' : isObject(verdict) ? 'another object' : typeof verdict;
  return misuse(
    `approveConnection gave ${what}: return, or promise, true, false, { approved: true, data } with an object as data, or ` +
      '{ approved: false } with code, message and data where it likes',
  );
}

function misuse(message: string): SealwireError {
  return new SealwireError('INVALID_CONFIG', message);
}
