// What an established connection refuses of a peer, with keys and without.

import { expect } from 'chai';
import { empty } from '../../lib/base/bytes.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { thrownBy } from '../handshake/roles.js';
import { tlsSession } from '../handshake/tls-session.js';
import { tlsExporter } from '../reference/tls-exporter.js';
import { established, expectEnd, message, toldInTheClear } from './joined.js';

describe('connection, receiving', () => {
  const refused: [string, Uint8Array, string][] = [
    ['an empty plain frame of messages', plainFrame(frameTypes.messages, empty), 'PROTOCOL_ERROR'],
    ['a plain handshake frame', plainFrame(frameTypes.handshake, message), 'PROTOCOL_ERROR'],
    ['a plain key update', plainFrame(frameTypes.keyUpdate, empty), 'PROTOCOL_ERROR'],
    ['a frame of unknown type', Uint8Array.of(0x06, 0), 'PROTOCOL_ERROR'],
    ['a record of another epoch', Uint8Array.of(0x82, 2, 0, 0, 0, 0, 0, 0, 1), 'RECORD_REJECTED'],
    ['a record of another sequence', Uint8Array.of(0x82, 1, 0, 0, 0, 0, 0, 1, 1), 'RECORD_REJECTED'],
    ['a record too short for its tag', Uint8Array.of(0xc2, 1, 0, 0, 0, 0, 0, 0, 1), 'RECORD_REJECTED'],
    ['a record with a wrong tag', new Uint8Array([0x42, 1, ...new Uint8Array(30)]), 'RECORD_REJECTED'],
    ['an empty Encrypted record of messages', Uint8Array.of(0x82, 1, 0, 0, 0, 0, 0, 0), 'PROTOCOL_ERROR'],
    ['a close with Encrypted alone', Uint8Array.of(0x84, 1, 0, 0, 0, 0, 0, 0, 0), 'PROTOCOL_ERROR'],
    ['a handshake record', Uint8Array.of(0x81, 1, 0, 0, 0, 0, 0, 0, 0), 'PROTOCOL_ERROR'],
  ];
  for (const [what, frame, code] of refused) {
    it(`refuses ${what}, and says protocol-error`, () => {
      const { client, server, line } = established();
      server.end.inject(frame);
      expectEnd(server, code);
      expect(server.owner.delivered).to.deep.equal([]);
      line.flow();
      expectEnd(client, 'CONNECTION_CLOSED', 'protocol-error');
    });
  }

  it('refuses every record on a connection without keys, and every flag', () => {
    for (const first of [0x42, 0x82, 0xc2, 0xc3, 0xc4]) {
      const { server } = established({ plain: true });
      server.end.inject(new Uint8Array([first, 1, ...new Uint8Array(30)]));
      expectEnd(server, 'PROTOCOL_ERROR');
    }
    const { client } = established({ plain: true });
    expect(thrownBy(() => client.connection.send(2, message)).code).to.equal('ENCRYPTION_UNAVAILABLE');
    expect(client.connection.generations).to.deep.equal({ sending: 0, receiving: 0 });
  });

  describe('over TLS that counts', () => {
    const tls = tlsSession(tlsExporter(new Uint8Array(32)));

    it('gives every message both flags, whole and in fragments, and ends in the clear', () => {
      const { client, server, line } = established({ tls });
      for (const flags of [0, 1, 2, 3]) client.connection.send(flags, message);
      const large = new Uint8Array(100_000).fill(7);
      client.connection.send(3, large.slice());
      line.flow();
      for (let turn = 0; turn < 20; turn++) {
        client.clock.endTurn();
        server.clock.endTurn();
        line.flow();
      }
      expect(new Set(server.owner.delivered.map(({ flags }) => flags))).to.deep.equal(new Set([3]));
      expect(server.owner.delivered.at(-1)!.body).to.deep.equal(large);
      expect(client.connection.state).to.equal('secured');
      expect(client.connection.exportKey('x', 32)).to.deep.equal(server.connection.exportKey('x', 32));
      server.connection.close('going-away');
      expect(toldInTheClear(server)).to.equal('going-away');
      line.flow();
      expectEnd(client, 'CONNECTION_CLOSED', 'going-away');
      expect(thrownBy(() => client.connection.exportKey('x', 32)).code).to.equal('ENCRYPTION_UNAVAILABLE');
    });

    for (const [what, frame] of [
      ['a record', new Uint8Array([0xc2, 1, ...new Uint8Array(30)])],
      ['a key update', plainFrame(frameTypes.keyUpdate, empty)],
      ['a handshake frame', plainFrame(frameTypes.handshake, message)],
      ['an empty frame of messages', plainFrame(frameTypes.messages, empty)],
    ] as const) {
      it(`refuses ${what}`, () => {
        const { server } = established({ tls });
        server.end.inject(frame);
        expectEnd(server, 'PROTOCOL_ERROR');
        expect(server.owner.delivered).to.deep.equal([]);
      });
    }
  });

  it('works without keys, and ends in the clear', () => {
    const { client, server, line } = established({ plain: true });
    client.connection.send(0, message);
    line.flow();
    expect(server.owner.delivered).to.deep.equal([{ flags: 0, body: message }]);
    server.connection.close('going-away');
    expect(toldInTheClear(server)).to.equal('going-away');
    line.flow();
    expectEnd(client, 'CONNECTION_CLOSED', 'going-away');
  });
});
