// The one error class of Sealwire, and the table of its codes.
//
// Codes stand in groups, by whose fault they are, and each has a heading in docs/errors.md. The code and the message
// are stable and safe to show; `cause` is for the local log and never leaves this machine.

/** The program on this machine must change. */
export type ConfigurationCode =
  | 'INVALID_CONFIG'
  | 'INVALID_RPC'
  | 'INVALID_STATE'
  | 'INVALID_CERTIFICATE'
  | 'PFX_PASSPHRASE';

/** The other side sent what no honest peer sends, or could not prove who it is. */
export type PeerCode =
  | 'CERTIFICATE_REJECTED'
  | 'HANDSHAKE_FAILED'
  | 'HANDSHAKE_TIMEOUT'
  | 'PROTOCOL_ERROR'
  | 'RECORD_REJECTED'
  | 'LIMIT_EXCEEDED';

/** Something was asked for that the agreed protection forbids. */
export type PolicyCode = 'SECURITY_REQUIRED' | 'POLICY_MISMATCH' | 'ENCRYPTION_UNAVAILABLE';

/** A token was not accepted: credentials are needed. */
export type TokenCode = 'TOKEN_EXPIRED' | 'TOKEN_INVALID' | 'TOKEN_REVOKED' | 'TOKEN_NOT_BOUND';

/** The way to the other side is not there, or is not open to this one. */
export type ConnectionCode = 'CONNECT_FAILED' | 'LISTEN_FAILED' | 'CONNECTION_CLOSED' | 'APPROVAL_DENIED';

/** How a call ended: gRPC's status names. A method may throw an {@link RpcError} with a code of its own. */
export const RpcCode = {
  /** The caller gave up. */
  CANCELLED: 'CANCELLED',
  /** Nothing better is known. */
  UNKNOWN: 'UNKNOWN',
  /** The arguments are wrong, whatever the state of things. */
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  NOT_FOUND: 'NOT_FOUND',
  ALREADY_EXISTS: 'ALREADY_EXISTS',
  /** Who calls is known, and may not. */
  PERMISSION_DENIED: 'PERMISSION_DENIED',
  /** A limit was reached; later it may go. */
  RESOURCE_EXHAUSTED: 'RESOURCE_EXHAUSTED',
  /** The state of things must change before it can go. */
  FAILED_PRECONDITION: 'FAILED_PRECONDITION',
  /** Somebody else was faster: try the whole again. */
  ABORTED: 'ABORTED',
  OUT_OF_RANGE: 'OUT_OF_RANGE',
  /** There is no such method. */
  UNIMPLEMENTED: 'UNIMPLEMENTED',
  /** The other side has a fault. */
  INTERNAL: 'INTERNAL',
  /** The other side cannot now: try again. */
  UNAVAILABLE: 'UNAVAILABLE',
  DATA_LOSS: 'DATA_LOSS',
  /** Who calls is not known. */
  UNAUTHENTICATED: 'UNAUTHENTICATED',
} as const;

/** One of {@link RpcCode}. */
export type CallCode = keyof typeof RpcCode;

/** A code that Sealwire itself raises. */
export type ErrorCode = ConfigurationCode | PeerCode | PolicyCode | TokenCode | ConnectionCode | CallCode;

/** An error with a stable `code`: everything that Sealwire throws or rejects with is one. */
export class SealwireError extends Error {
  /** Stable, documented in docs/errors.md. Branch on this, never on the message. */
  readonly code: string;
  /** A finer reason below the code, such as `expired` below `CERTIFICATE_REJECTED`. */
  readonly reason: string | undefined;

  constructor(
    code: ErrorCode | (string & {}),
    message: string,
    options: { reason?: string; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'SealwireError';
    this.code = code;
    this.reason = options.reason;
  }
}

/**
 * What a method throws on purpose: it reaches the caller as it is, with `code`, message and `data`
 * (any value that can be sent). Whatever else a method throws reaches the caller as a bare `INTERNAL`.
 */
export class RpcError<Data = unknown> extends SealwireError {
  readonly data: Data | undefined;

  /** Throws a RangeError for a code that is not made of 1 to 64 characters A-Z, 0-9 and _. */
  constructor(code: CallCode | (string & {}), message: string, data?: Data) {
    if (!isErrorCode(code)) throw new RangeError(`an error code is made of A-Z, 0-9 and _: ${code}`);
    super(code, message);
    this.name = 'RpcError';
    this.data = data;
  }
}

/**
 * Whether a call failed with an {@link RpcError}, of this `code` where one is given. `Data` is what the method is known
 * to throw with that code; it is taken on trust, like the type of a result.
 */
export function isRpcError<Data = unknown>(
  error: unknown,
  code?: CallCode | (string & {}),
): error is RpcError<Data> {
  return error instanceof RpcError && (code === undefined || error.code === code);
}

/** What a code looks like, Sealwire's own and an application's: 1 to 64 characters A-Z, 0-9 and _. */
export function isErrorCode(text: string): boolean {
  return /^[A-Z0-9_]{1,64}$/.test(text);
}
