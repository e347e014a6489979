// What the sealed messages of a handshake may be: a faulty peer, which has the keys, seals them out of order, left
// out, twice or wrong, and the reference roles refuse each.

import { expect } from 'chai';
import { referenceClient } from './client.js';
import { clientOptions, expectRefused, flip, serverOptions } from './conversation.js';
import { Direction } from './direction.js';
import type { HandshakeSecrets } from './key-schedule.js';
import { decodeMessages, encodeMessage, type Message, messageTypes } from './messages.js';
import { closeCodes, concat, text } from './notation.js';
import type { Peer, Turn } from './peer.js';
import { Both, frameTypes } from './record.js';
import { referenceServer } from './server.js';

describe('reference roles: sealed messages that are not as they must be', () => {
  const { extensions: extensionsType, certificate, certificateVerify, finished } = messageTypes;

  /** A client that has read the ServerHello, and what a server seals for it that keeps to nothing. */
  function faultyServer(
    messages: (good: Message[]) => Message[],
    client = referenceClient(clientOptions()),
  ): Turn {
    const server = referenceServer(serverOptions());
    const [hello, sealed] = server.receive(client.start()).send;
    client.receive(hello!);
    const { secrets, suite } = internals(client);
    const good = decodeMessages(new Direction(suite, 0, secrets.serverHandshakeTraffic).open(sealed!).body);
    const body = concat(...messages(good).map(encodeMessage));
    const sealing = new Direction(suite, 0, secrets.serverHandshakeTraffic);
    return client.receive(sealing.seal(Both, frameTypes.handshake, body));
  }

  function faultyClient(messages: (good: Message[]) => Message[]): Turn {
    const client = referenceClient(clientOptions());
    const server = referenceServer(serverOptions());
    const [hello, sealed] = server.receive(client.start()).send;
    client.receive(hello!);
    const flight = client.receive(sealed!).send[0]!;
    const { secrets, suite } = internals(server);
    const good = decodeMessages(new Direction(suite, 0, secrets.clientHandshakeTraffic).open(flight).body);
    const body = concat(...messages(good).map(encodeMessage));
    const sealing = new Direction(suite, 0, secrets.clientHandshakeTraffic);
    return server.receive(sealing.seal(Both, frameTypes.handshake, body));
  }

  const without = (type: number) => (good: Message[]) => good.filter((message) => message.type !== type);
  const flipIn = (type: number) => (good: Message[]) =>
    good.map((message) =>
      message.type === type ? { type, body: flip(message.body, message.body.length - 1) } : message,
    );
  const twice = (type: number) => (good: Message[]) =>
    good.flatMap((message) => (message.type === type ? [message, message] : [message]));
  const swapped = ([first, second, ...rest]: Message[]) => [second!, first!, ...rest];
  const more = (good: Message[]) => [...good, { type: extensionsType, body: new Uint8Array(2) }];
  const expectHandshakeFailed = (turn: Turn, reason: string) =>
    expectRefused(turn, reason, closeCodes.handshakeFailed);

  const order = 'another message than the one expected';
  const serverFaults: [string, (good: Message[]) => Message[], string][] = [
    ['a wrong Finished', flipIn(finished), 'a wrong Finished'],
    ['a wrong signature', flipIn(certificateVerify), 'a wrong signature'],
    ['no Extensions', without(extensionsType), order],
    ['no CertificateVerify', without(certificateVerify), order],
    ['no Certificate and CertificateVerify', (good) => [good[0]!, good[3]!], order],
    ['Certificate first', swapped, order],
    ['Certificate twice', twice(certificate), order],
    ['a message behind Finished', more, 'a message behind Finished'],
    ['nothing', () => [], 'a handshake frame without a message'],
  ];
  for (const [name, fault, reason] of serverFaults) {
    it(`the client refuses a server’s flight with ${name}`, () => {
      expectHandshakeFailed(faultyServer(fault), reason);
    });
  }

  it('the client sends nothing of its own before the last of the server’s messages', () => {
    const client = referenceClient(clientOptions());
    const turn = faultyServer(without(finished), client);
    expect(turn).to.deep.equal({ send: [], delivered: [] });
    expect(client.stage).to.equal('handshake');
    expect(() => client.send(0, text('early'))).to.throw(RangeError);
  });

  const clientFaults: [string, (good: Message[]) => Message[], string][] = [
    ['a wrong Finished', flipIn(finished), 'a wrong Finished'],
    ['no Extensions', without(extensionsType), order],
    ['Extensions twice', twice(extensionsType), order],
    ['Finished first', swapped, 'a message behind Finished'],
    ['a message behind Finished', more, 'a message behind Finished'],
  ];
  for (const [name, fault, reason] of clientFaults) {
    it(`the server refuses a client’s flight with ${name}`, () => {
      expectHandshakeFailed(faultyClient(fault), reason);
    });
  }

  it('both take the same flights when they are as they must be', () => {
    expect(faultyServer((good) => good).ended).to.equal(undefined);
    expect(faultyClient((good) => good).ended).to.equal(undefined);
  });

  it('refuses a hello that shares its frame, and one that is sealed', () => {
    const frame = referenceClient(clientOptions()).start();
    const expected: [Uint8Array, string][] = [
      [concat(frame, frame.slice(1)), 'a hello is alone in its frame'],
      [concat(Uint8Array.of(0xc1), frame.slice(1)), 'a hello is plain'],
      [concat(Uint8Array.of(0x41), frame.slice(1)), 'a handshake frame has no flag or both'],
    ];
    for (const [hello, reason] of expected) {
      expectHandshakeFailed(referenceServer(serverOptions()).receive(hello), reason);
    }
  });

  it('refuses what is not sealed where it must be', () => {
    const client = referenceClient(clientOptions());
    const server = referenceServer(serverOptions());
    const [hello] = server.receive(client.start()).send;
    client.receive(hello!);
    expectHandshakeFailed(client.receive(hello!), 'what follows the hellos is sealed');
  });

  function internals(role: Peer): { secrets: HandshakeSecrets; suite: number } {
    return role as unknown as { secrets: HandshakeSecrets; suite: number };
  }
});
