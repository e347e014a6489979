// The WebSocket sub-protocol (RFC 6455 §1.9): offered by every client, demanded by every server, so that a program
// that speaks something else is told so in the opening handshake and not by a riddle in the first frame.

export const subProtocol = 'sealwire.1';
