// Once there are traffic keys: the two roles refuse whatever an attacker in between changes, replays, drops or
// adds, and what a peer may not send.

import { expect } from 'chai';
import type { ReferenceClient } from './client.js';
import {
  anonymousClient,
  anonymousServer,
  connected,
  converse,
  expectRefused,
  flip,
} from './conversation.js';
import type { Direction } from './direction.js';
import { closeCodes, concat, text } from './notation.js';
import type { Peer } from './peer.js';
import { Authenticated, Both, Encrypted, frameTypes, plainFrame } from './record.js';

describe('reference roles: traffic', () => {
  for (const flags of [Authenticated, Both]) {
    it(`refuses every changed byte of a record with flags ${flags}`, () => {
      const { client, server } = converse(anonymousClient, anonymousServer);
      const frame = client.send(flags, text('pay 10 to ada'));
      for (let index = 0; index < frame.length; index++) {
        for (const bits of index === 0 ? [1, 0x40, 0x80] : [1]) {
          const { server: victim } = converse(anonymousClient, anonymousServer);
          const { delivered } = victim.receive(flip(frame, index, bits));
          // Without its flag it is a plain frame, without its tag noise: the receiver sees which flags it had.
          const sealed = delivered.some((one) => (one.flags & Authenticated) !== 0);
          expect(sealed, `byte ${index}, bits ${bits}`).to.equal(false);
          if (index > 0) expect(victim.stage).to.equal('ended');
        }
      }
      expect(server.receive(frame).delivered).to.have.length(1);
    });
  }

  it('refuses a replay, a gap, and a record of the generation before', () => {
    const replay = connected();
    const frame = replay.client.send(Both, text('once'));
    expect(replay.server.receive(frame).ended).to.equal(undefined);
    expectRefused(replay.server.receive(frame), 'another sequence');

    const gap = connected();
    gap.client.send(Encrypted, text('lost'));
    expectRefused(gap.server.receive(gap.client.send(Encrypted, text('next'))), 'another sequence');

    const old = connected();
    old.server.receive(old.client.send(Both, text('first')));
    const update = old.client.updateKeys();
    old.server.receive(update);
    expectRefused(old.server.receive(update), 'another epoch');
  });

  it('refuses a record that was meant for the other direction', () => {
    const { client } = connected();
    expectRefused(client.receive(client.send(Both, text('echo'))), 'a wrong tag');
  });

  it('refuses a key update that is the first of its generation, has a body or lacks a flag', () => {
    const first = connected();
    expect(() => first.client.updateKeys()).to.throw(RangeError);
    const cases: [number, Uint8Array, string][] = [
      [Both, new Uint8Array(0), 'a key update as the first record of its generation'],
      [Both, text('x'), 'a key update has an empty body'],
      [Authenticated, new Uint8Array(0), 'a key update has both flags'],
    ];
    for (const [flags, body, reason] of cases) {
      const { client, server } = connected();
      expectRefused(server.receive(sealAnything(client, flags, frameTypes.keyUpdate, body)), reason);
    }
  });

  it('refuses frames where they do not belong', () => {
    const cases: [(client: ReferenceClient) => Uint8Array, string][] = [
      [() => new Uint8Array(0), 'an empty frame'],
      [() => plainFrame(6, text('x')), 'frame type 6 is unknown'],
      [() => plainFrame(frameTypes.messages, new Uint8Array(0)), 'an empty body in a messages frame'],
      [(client) => client.send(Both, new Uint8Array(0)), 'an empty body in a messages frame'],
      [() => plainFrame(frameTypes.handshake, text('x')), 'a frame that must not be plain'],
      [() => plainFrame(frameTypes.keyUpdate, new Uint8Array(0)), 'a frame that must not be plain'],
      [
        () => plainFrame(frameTypes.close, Uint8Array.of(0)),
        'a plain close frame where there are traffic keys',
      ],
      [
        (client) => sealAnything(client, Authenticated, frameTypes.close, Uint8Array.of(0)),
        'a close record has both flags',
      ],
      [
        (client) => sealAnything(client, Both, frameTypes.handshake, text('x')),
        'a handshake record after the handshake',
      ],
      [() => Uint8Array.of(0xc2, 1, 0, 0, 0, 0, 0, 0), 'no room for the tag'],
      [() => Uint8Array.of(0x82, 1, 0), '6 bytes wanted where 1 are left'],
    ];
    for (const [attack, reason] of cases) {
      const { client, server } = connected();
      expectRefused(server.receive(attack(client)), reason);
    }
  });

  it('takes frames up to what it announced, and none larger', () => {
    const { client, server } = connected();
    const body = new Uint8Array(100_000 - 8 - 16);
    expect(server.receive(client.send(Both, body)).delivered).to.have.length(1);
    const turn = server.receive(client.send(Both, concat(body, Uint8Array.of(0))));
    expectRefused(turn, 'a frame too large', closeCodes.limitExceeded);
  });

  it('tells the other side under both flags that it refused something', () => {
    const { client, server } = connected();
    const { send } = server.receive(plainFrame(frameTypes.messages, new Uint8Array(0)));
    expect(send[0]![0]).to.equal(0xc4);
    const { ended } = client.receive(send[0]!);
    expect(ended).to.deep.include({ by: 'peer', closeCode: closeCodes.protocolError });
  });

  it('keeps up with key updates over more than 256 generations, each direction on its own', () => {
    const { client, server } = connected();
    for (let generation = 1; generation <= 258; generation++) {
      expect(server.receive(client.send(Authenticated, text('tick'))).delivered).to.have.length(1);
      expect(server.receive(client.updateKeys()).ended).to.equal(undefined);
    }
    expect(client.receive(server.send(Both, text('tock'))).delivered).to.have.length(1);
  });
});

/** What the role itself would not seal. */
function sealAnything(peer: Peer, flags: number, type: number, body: Uint8Array): Uint8Array {
  return (peer as unknown as { sending: Direction }).sending.seal(flags, type, body);
}
