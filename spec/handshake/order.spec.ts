// Every sequence of handshake messages that a peer with the keys could say, against both roles: only the one of
// docs/protocol.md section 4 leads anywhere. The peer is a cooperating one: seals, MACs and signatures fit whatever
// it said before, so nothing but the order is wrong (what SMACK did to TLS: a Finished right behind the hello).

import { expect } from 'chai';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { startClientHandshake } from '../../lib/handshake/client.js';
import { type ClientAuthentication, startServerHandshake } from '../../lib/handshake/server.js';
import { Established, type Handshake, PendingVerdict, type Transition } from '../../lib/handshake/state.js';
import { encodePlainHello, type Message, messageTypes } from '../reference/messages.js';
import { Both, frameTypes, plainFrame } from '../reference/record.js';
import { clientConfig, expectHandshakeFailed, fixedCrypto, identity, only, serverConfig } from './roles.js';
import { clientExtensions, ScriptedClient } from './scripted-client.js';
import { askingExtensions, plainHandshake, ScriptedServer } from './scripted-server.js';

const plainHello: Message = {
  type: messageTypes.plainHello,
  body: encodePlainHello({ transport: 3, extensions: [...clientExtensions] }),
};
const unknown: Message = { type: 3, body: new Uint8Array(0) };
const someBody = Uint8Array.of(0x92, 4, 1);

type Letters<PeerRole> = Record<string, (peer: PeerRole) => Uint8Array>;

/** What a server may say; each is as good as it can be at its place. */
const serverLetters: Letters<ScriptedServer> = {
  ServerHello: (server) => server.helloFrame,
  Extensions: (server) => server.seal([server.extensions()]),
  Certificate: (server) => server.seal([server.certificate()]),
  CertificateVerify: (server) => server.seal([server.certificateVerify()]),
  Finished: (server) => server.seal([server.finished()]),
  'sealed ServerHello': (server) => server.seal([server.say(server.hello.type, server.hello.body)]),
  'sealed ClientHello': (server) =>
    server.seal([server.say(server.clientHello.type, server.clientHello.body)]),
  'sealed PlainHello': (server) => server.seal([server.say(plainHello.type, plainHello.body)]),
  'unknown message': (server) => server.seal([server.say(unknown.type, unknown.body)]),
  'plain ClientHello': (server) => plainHandshake(server.clientHello),
  'plain PlainHello': () => plainHandshake(plainHello),
  'plain Extensions': (server) => plainHandshake(server.extensions()),
  'plain Finished': (server) => plainHandshake(server.finished()),
  'empty record': (server) => server.seal([]),
  'Extensions, Encrypted alone': (server) => server.seal([server.extensions()], 1),
  'Extensions, Authenticated alone': (server) => server.seal([server.extensions()], 2),
  Accepted: (server) => server.seal([server.accepted()]),
  'plain Accepted': (server) => plainHandshake(server.accepted()),
  'messages of generation 0': (server) => server.sealing.seal(Both, frameTypes.messages, someBody),
  'messages of generation 1': (server) => server.traffic().seal(Both, frameTypes.messages, someBody),
  'plain messages': () => plainFrame(frameTypes.messages, someBody),
  'key update': (server) => server.seal([], Both, frameTypes.keyUpdate),
};

const clientLetters: Letters<ScriptedClient> = {
  Extensions: (client) => client.seal([client.extensions()]),
  Finished: (client) => client.seal([client.finished()]),
  Certificate: (client) => client.seal([client.certificate()]),
  'no Certificate': (client) => client.seal([client.certificate([])]),
  CertificateVerify: (client) => client.seal([client.certificateVerify()]),
  Accepted: (client) => client.seal([client.say(messageTypes.accepted, new Uint8Array(0))]),
  'sealed ClientHello': (client) => client.seal([client.say(client.hello.type, client.hello.body)]),
  'sealed PlainHello': (client) => client.seal([client.say(plainHello.type, plainHello.body)]),
  'Certificate of the server': (client) => client.seal([again(client, messageTypes.certificate)]),
  'CertificateVerify of the server': (client) => client.seal([again(client, messageTypes.certificateVerify)]),
  'Finished of the server': (client) => client.seal([again(client, messageTypes.finished)]),
  'unknown message': (client) => client.seal([client.say(unknown.type, unknown.body)]),
  'plain ClientHello': (client) => client.helloFrame,
  'plain PlainHello': () => plainHandshake(plainHello),
  'plain Finished': (client) => plainHandshake(client.finished()),
  'empty record': (client) => client.seal([]),
  'Extensions, Encrypted alone': (client) => client.seal([client.extensions()], 1),
  'Extensions, Authenticated alone': (client) => client.seal([client.extensions()], 2),
  'messages of generation 0': (client) => client.seal([], Both, frameTypes.messages),
  'messages of generation 1': (client) => client.traffic().seal(Both, frameTypes.messages, someBody),
  'plain messages': () => plainFrame(frameTypes.messages, someBody),
  'key update': (client) => client.seal([], Both, frameTypes.keyUpdate),
};

/** The first message of that type in the transcript, said once more. */
function again(client: ScriptedClient, type: number): Message {
  const said = client.transcript.find((message) => message.type === type)!;
  return client.say(said.type, said.body);
}

interface Play<PeerRole> {
  readonly handshake: Handshake;
  readonly peer: PeerRole;
}

/**
 * Tries each letter behind `said`, from the start each time. A handshake that has failed takes nothing more, whatever
 * comes: that is tried with every letter too, and with it every longer sequence has been tried.
 * Returns the sequences that led to an end other than failure.
 */
function sequences<PeerRole>(
  start: () => Play<PeerRole>,
  letters: Letters<PeerRole>,
  legal: readonly string[],
  longest: number,
): { ends: string[]; tried: number } {
  const ends: string[] = [];
  let tried = 0;
  const explore = (said: readonly string[]): void => {
    if (said.length === longest) return;
    for (const letter of Object.keys(letters)) {
      const sequence = [...said, letter];
      const { handshake, peer } = start();
      for (const before of said) handshake.receive(letters[before]!(peer));
      const frame = letters[letter]!(peer);
      tried += 1;
      if (letter !== legal[said.length]) {
        expectHandshakeFailed(() => handshake.receive(frame), undefined, sequence.join(', '));
        for (const [name, later] of Object.entries(letters)) {
          const what = [...sequence, name].join(', ');
          expectHandshakeFailed(() => handshake.receive(later(peer)), 'unexpected-message', what);
          tried += 1;
        }
        continue;
      }
      const { next } = handshake.receive(frame);
      if (next instanceof Established || next instanceof PendingVerdict) ends.push(sequence.join(', '));
      explore(sequence);
    }
  };
  explore([]);
  return { ends, tried };
}

describe('handshake, order', () => {
  const signed = ['ServerHello', 'Extensions', 'Certificate', 'CertificateVerify', 'Finished'];
  const anonymous = ['ServerHello', 'Extensions', 'Finished'];

  it('takes a client to the verdict by one sequence alone, where the exchange is signed', () => {
    const start = () => startClient(true);
    expect(sequences(start, serverLetters, signed, 6).ends).to.deep.equal([signed.join(', ')]);
  });

  it('takes an anonymous client to its keys by one sequence alone', () => {
    const { ends, tried } = sequences(() => startClient(false), serverLetters, anonymous, 4);
    expect(ends).to.deep.equal([anonymous.join(', ')]);
    expect(tried).to.be.greaterThan(4 * 21 * 22);
  });

  it('takes a server to its keys by one sequence alone, signed or not', () => {
    const legal = ['Extensions', 'Finished'];
    for (const signs of [true, false]) {
      const letters = signs
        ? clientLetters
        : without(clientLetters, 'Certificate of the server', 'CertificateVerify of the server');
      const { ends } = sequences(() => startServer(signs), letters, legal, 3);
      expect(ends).to.deep.equal([legal.join(', ')]);
    }
  });

  it('takes a client that was asked who it is to its keys by Accepted alone, after the verdict', () => {
    for (const mode of [1, 2]) {
      const { ends } = sequences(() => startAsked(mode), serverLetters, ['Accepted'], 2);
      expect(ends).to.deep.equal(['Accepted']);
    }
  });

  it('takes a server that asks to the verdict by one sequence alone', () => {
    const legal = ['Extensions', 'Certificate', 'CertificateVerify', 'Finished'];
    // The server's own would be a certificate like another: see server.spec.ts for what is missing to it.
    const letters = without(clientLetters, 'Certificate of the server');
    const { ends } = sequences(() => startServer(true, 'required'), letters, legal, 5);
    expect(ends).to.deep.equal([legal.join(', ')]);
    const shown = without(letters, 'no Certificate');
    expect(sequences(() => startServer(true, 'optional'), shown, legal, 5).ends).to.deep.equal(ends);
  });

  it('takes a server that asks a client who has none to its keys by one sequence alone', () => {
    const letters = without(clientLetters, 'Certificate', 'Certificate of the server');
    const legal = ['Extensions', 'no Certificate', 'Finished'];
    const { ends } = sequences(() => startServer(true, 'optional'), letters, legal, 4);
    expect(ends).to.deep.equal([legal.join(', ')]);
  });

  it('takes a server nowhere that has not heard a ClientHello first', () => {
    const letters: Letters<ScriptedClient> = {
      ClientHello: (client) => client.helloFrame,
      ...clientLetters,
    };
    for (const [name, letter] of Object.entries(letters)) {
      if (name === 'ClientHello' || name === 'plain ClientHello') continue;
      // The keys of another connection: without a hello there are none for this one.
      const { peer } = startServer(true);
      const handshake = startServerHandshake(serverConfig());
      expectHandshakeFailed(() => handshake.receive(letter(peer)), undefined, name);
      expectHandshakeFailed(() => handshake.receive(peer.helloFrame), 'unexpected-message', name);
    }
  });

  it('takes a server that has keys off no other role’s way: no ServerHello is due there', () => {
    const { send } = startClientHandshake(clientConfig());
    const { helloFrame } = new ScriptedServer(send);
    expectHandshakeFailed(
      () => startServerHandshake(serverConfig()).receive(helloFrame),
      'unexpected-message',
    );
  });

  it('takes the messages of a flight in any cut between them, and in one order', () => {
    const names = ['Extensions', 'Certificate', 'CertificateVerify', 'Finished'] as const;
    let good = 0;
    for (const order of [...sequencesOf(names, 3), ...permutationsOf(names)]) {
      const { handshake, peer } = startClient(true);
      handshake.receive(peer.helloFrame);
      const say = {
        Extensions: () => peer.extensions(),
        Certificate: () => peer.certificate(),
        CertificateVerify: () => peer.certificateVerify(),
        Finished: () => peer.finished(),
      };
      const record = () => handshake.receive(peer.seal(order.map((name) => say[name]())));
      const isPrefix = order.every((name, index) => name === names[index]);
      if (!isPrefix) expectHandshakeFailed(record, 'unexpected-message', order.join(', '));
      else expect(record().next instanceof PendingVerdict).to.equal(order.length === 4);
      good += isPrefix ? 1 : 0;
    }
    expect(good).to.equal(4);
  });
});

/** Always the same shares, so that the scripted roles need not compute the secret each time. */
const clientCrypto = fixedCrypto(nodeCrypto, {
  privateKey: new Uint8Array(32).fill(0x11),
  random: new Uint8Array(32).fill(0x11),
});
const serverCrypto = fixedCrypto(nodeCrypto, { privateKey: new Uint8Array(32).fill(0x22) });

function startClient(signed: boolean): Play<ScriptedServer> {
  const { handshake, send } = startClientHandshake(clientConfig({ signed, crypto: clientCrypto }));
  return { handshake, peer: new ScriptedServer(send) };
}

/** Ed25519, because it signs fastest. */
const ed25519 = identity('ed25519');

/** A client that has accepted a server which asks for certificates, and that has one. */
function startAsked(mode: number): Play<ScriptedServer> {
  const identities = [identity('client')];
  const { handshake, send } = startClientHandshake(clientConfig({ identities, crypto: clientCrypto }));
  const peer = new ScriptedServer(send);
  handshake.receive(peer.helloFrame);
  handshake.receive(peer.seal(peer.flight(askingExtensions(mode))));
  handshake.accept();
  return { handshake, peer };
}

function startServer(
  signs: boolean,
  clientAuthentication: ClientAuthentication = 'none',
): Play<ScriptedClient> {
  const handshake = startServerHandshake(
    serverConfig({
      identities: signs ? only(ed25519) : undefined,
      clientAuthentication,
      crypto: serverCrypto,
    }),
  );
  const peer = new ScriptedClient(signs ? {} : { signatureAlgorithms: [] });
  const { send }: Transition = handshake.receive(peer.helloFrame);
  peer.hear(send);
  return { handshake, peer };
}

function without(letters: Letters<ScriptedClient>, ...names: readonly string[]): Letters<ScriptedClient> {
  return Object.fromEntries(Object.entries(letters).filter(([name]) => !names.includes(name)));
}

function* sequencesOf<Name>(names: readonly Name[], longest: number): Generator<Name[]> {
  let level: Name[][] = [[]];
  for (let length = 1; length <= longest; length++) {
    level = level.flatMap((sequence) => names.map((name) => [...sequence, name]));
    yield* level;
  }
}

function permutationsOf<Name>(names: readonly Name[]): Name[][] {
  if (names.length === 0) return [[]];
  return names.flatMap((first) =>
    permutationsOf(names.filter((name) => name !== first)).map((rest) => [first, ...rest]),
  );
}
