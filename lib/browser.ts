// The front door in browsers, with the client's role alone: `import { … } from 'sealwire'`.

export { defineRpcs, Rpc, rpc } from '../decorators/index.js';
export { ApprovalDenied } from './base/approval-denied.js';
export type { CallCode, ErrorCode } from './base/errors.js';
export { isRpcError, RpcCode, RpcError, SealwireError } from './base/errors.js';
export type { Limits } from './base/limits.js';
export type { CertificateInput } from './certificate/file/pem.js';
export type { IdentitySource } from './certificate/identity.js';
export type { CertificateValidator, ValidationContext } from './certificate/trust/validator.js';
export type { Certificate } from './certificate/x509/x509.js';
export type { Backpressure } from './connection/pressure.js';
export type { ClaimCondition, ClaimValue, RequiredClaims } from './contract/claims.js';
export type { LimitAction, RateLimit } from './contract/limit.js';
export type { Allow, ParamsSchema, RpcCaller, RpcOptions } from './contract/options.js';
export type { SecurityFlags } from './contract/security.js';
export { describeSecurity, Security } from './contract/security.js';
export type { SchemaInput, SchemaOutput, StandardSchema } from './contract/standard-schema.js';
export { defaultCrypto } from './crypto/default-browser.js';
export { nobleCrypto } from './crypto/noble.js';
export type { CryptoProvider } from './crypto/provider.js';
export type {
  ApprovalRequest,
  ApprovalVerdict,
  ConnectionApproval,
  ConnectionApproved,
  ConnectionRefused,
} from './manager/approval.js';
export { NetworkingManager } from './manager/browser.js';
export type {
  Credentials,
  CredentialsProvider,
  CredentialsRequest,
} from './manager/client-authentication.js';
export { HeldToken } from './manager/client-authentication.js';
export type { ClientState } from './manager/client-life.js';
export type { MoveOptions } from './manager/client-manager.js';
export type { NetworkConfig } from './manager/config.js';
export type { ConnectionAttempt, ConnectionData } from './manager/connection-data.js';
export type { StopOptions } from './manager/drain.js';
export type { ManagerEvents } from './manager/events.js';
export type { ReconnectOptions } from './manager/reconnect.js';
export type { CallContext } from './rpc/call-context.js';
export { callContext } from './rpc/call-context.js';
export type { CallOptions } from './rpc/caller.js';
export type { CertificateIdentity, PeerIdentity, TokenIdentity } from './rpc/identity.js';
export type {
  CallChanges,
  CallDescription,
  DirectedInterceptors,
  IncomingCall,
  InterceptedAnswer,
  InterceptedCall,
  Interceptor,
  Next,
  OutgoingCall,
} from './rpc/interceptor.js';
export type { ArgumentIssue } from './rpc/invalid-argument.js';
export type { OnLimit } from './rpc/limit-actions.js';
export type { LimitName, LimitReport } from './rpc/limit-report.js';
export type { ConnectionSecurity, Peer, PeerData } from './rpc/peer.js';
export type { RpcAnswer, RpcProxy, ServiceClass } from './rpc/proxy.js';
export type { RpcStream } from './rpc/remote-stream.js';
export type { Json } from './token/json.js';
export type { ClientTransport } from './transport/transport.js';
export type { Metadata } from './wire/call-metadata.js';
