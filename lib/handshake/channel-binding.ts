// TLS below a connection, as the handshake uses it: docs/protocol.md sections 4.9 and 5.4.
//
//   binding    TLS-Exporter("EXPORTER-sealwire-channel", "", 64) = 32 bytes that the client says ‖ 32 that the server says
//   keys       TLS-Exporter("EXPORTER-sealwire-key", vec8 label ‖ context, length), for the application
//
// RFC 9846 §7.5: both are the same at the two ends of one session of TLS 1.3, and known to nobody else. Whoever ends TLS
// on the way has two sessions, and can neither make one side's binding out of what the other side says nor keep it from
// being compared (RFC 9266 §2).

import { ByteWriter, empty } from '../base/bytes.js';
import type { SecureChannel } from '../transport/secure-channel.js';
import type { PeerExtensions } from '../wire/extensions.js';
import { bindingBytes } from '../wire/handshake-message.js';
import { checkExport } from './key-schedule.js';
import { Established } from './state.js';

const bindingLabel = 'EXPORTER-sealwire-channel';
const keyLabel = 'EXPORTER-sealwire-key';

/** Every message has both flags, and no other combination is ever seen. */
const bothOnly = 0b1000;

export interface ChannelBinding {
  /** What the client says. */
  readonly client: Uint8Array;
  /** What the server says: an echo proves nothing. */
  readonly server: Uint8Array;
}

/** Throws ENCRYPTION_UNAVAILABLE when the connection is over. */
export function channelBinding(secure: SecureChannel): ChannelBinding {
  const exported = secure.exportKey(bindingLabel, 2 * bindingBytes, empty);
  return { client: exported.subarray(0, bindingBytes), server: exported.subarray(bindingBytes) };
}

/** Both ends of `secure` are the two peers: nothing more is to be agreed upon. */
export function securedBelow(
  secure: SecureChannel,
  peer: PeerExtensions,
  peerChain: readonly Uint8Array[],
): Established {
  return new Established({
    protection: 'transport',
    transport: { cipher: secure.cipher, exporter: { export: (...key) => exportFrom(secure, ...key) } },
    peer,
    allowed: bothOnly,
    peerChain,
    confirmed: true,
  });
}

function exportFrom(secure: SecureChannel, label: string, length: number, context: Uint8Array): Uint8Array {
  checkExport(label, length);
  return secure.exportKey(keyLabel, length, new ByteWriter().string(1, label).bytes(context).finish());
}
