// What was said in the clear before a ClientHello, where something was: docs/protocol.md sections 4.8 and 7.
//
//   at the opening             the client's hello, HelloRequest ─▸ ClientHello …
//   on a living connection     PlainHello, PlainHello, calls in the clear ─▸ ClientHello …
//
// All of it stands at the beginning of the transcript, as it went over the wire: whoever changed it on the way has two
// sides that derive different keys. On a living connection what was told and used in the clear is told again, sealed.

import { sameBytes } from '../base/bytes.js';
import type { PeerExtensions } from '../wire/extensions.js';
import { encodeHelloRequest, type HandshakeMessage } from '../wire/handshake-message.js';
import { failed, helloFrame } from './state.js';

export interface Preamble {
  /** In the order in which it was said, by both sides. */
  readonly said: readonly HandshakeMessage[];
  /** What the peer told about itself in the clear: then the handshake is one on a living connection. */
  readonly peer?: PeerExtensions;
}

/**
 * The server wants a ClientHello, whatever else the client had in mind with `hello`: the frame that says so, and what the
 * two have said by then.
 */
export function requestHello(hello: HandshakeMessage): { preamble: Preamble; frame: Uint8Array } {
  const request = encodeHelloRequest();
  return { preamble: { said: [hello, request] }, frame: helloFrame(request) };
}

/**
 * Throws unless the peer says under keys what it said in the clear. Calls are made by numbers that stand for the methods of
 * a manifest: with another one they would be other methods.
 */
export function checkRepeated(preamble: Preamble | undefined, sealed: PeerExtensions): void {
  const plain = preamble?.peer;
  if (plain === undefined) return;
  if (!sameBytes(plain.manifest, sealed.manifest)) {
    throw failed(
      'manifest-changed',
      'the manifest that was used in the clear is not the one that the peer vouches for: it was changed on the way',
    );
  }
  if (plain.maxFrameBytes !== sealed.maxFrameBytes || plain.maxMessageBytes !== sealed.maxMessageBytes) {
    throw failed(
      'limits-changed',
      'the peer does not vouch for the sizes of frames that it told in the clear',
    );
  }
  const { connectionData, certificateRequest, verdictFollows } = sealed;
  if (connectionData !== undefined || certificateRequest !== undefined || verdictFollows) {
    throw failed('malformed', 'an extension that has no place on a connection whose calls have begun');
  }
}
