// Section 4.8 of docs/protocol.md between the reference's own roles: who begins in the clear, who asks for keys, and
// what they find out.

import { expect } from 'chai';
import {
  type Conversation,
  clientOptions,
  converse,
  expectRefused,
  flip,
  serverOptions,
} from './conversation.js';
import { closeCodes, text } from './notation.js';
import type { Turn } from './peer.js';
import { Both, frameTypes, plainFrame } from './record.js';

const demanding = {
  client: clientOptions({ onDemand: true }),
  server: serverOptions({ onDemand: true }),
};

function begun(meddle?: (frame: Uint8Array, index: number) => Uint8Array): Conversation {
  return converse(demanding.client, demanding.server, meddle);
}

/** Carries what follows `first` to and fro; gives the turns of both that were the last. */
function secured({ client, server }: Conversation, first: Uint8Array, from: 'client' | 'server'): Turn[] {
  const ends: Turn[] = [];
  const queue = [{ from, frame: first }];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const turn = (next.from === 'client' ? server : client).receive(next.frame);
    if (turn.ended) ends.push(turn);
    const answering = next.from === 'client' ? ('server' as const) : ('client' as const);
    queue.push(...turn.send.map((frame) => ({ from: answering, frame })));
  }
  return ends;
}

describe('reference: encryption on demand', () => {
  for (const asker of ['client', 'server'] as const) {
    it(`begins in the clear, and goes over to keys when the ${asker} asks`, () => {
      const conversation = begun();
      const { client, server } = conversation;
      expect([client.stage, server.stage]).to.deep.equal(['plain', 'plain']);
      expect(server.receive(client.send(0, text('open'))).delivered).to.have.length(1);
      expect(() => client.send(Both, text('sealed'))).to.throw(RangeError);
      expect(secured(conversation, conversation[asker].secure(), asker)).to.deep.equal([]);
      expect([client.stage, server.stage]).to.deep.equal(['traffic', 'traffic']);
      expect(server.receive(client.send(Both, text('sealed'))).delivered[0]!.flags).to.equal(Both);
      expect(client.receive(server.send(0, text('open still'))).delivered[0]!.flags).to.equal(0);
      const none = new Uint8Array(0);
      expect(client.exportKey('x', none, 32)).to.deep.equal(server.exportKey('x', none, 32));
      expect(() => conversation[asker].secure()).to.throw(RangeError);
    });
  }

  it('is secured at once where the server wants keys, or the client does', () => {
    const asked = converse(demanding.client, serverOptions());
    expect([asked.client.stage, asked.server.stage]).to.deep.equal(['traffic', 'traffic']);
    expect(asked.frames.map(({ frame }) => frame[1]).slice(0, 4)).to.deep.equal([64, 65, 1, 2]);
    const wanting = converse(clientOptions(), demanding.server);
    expect([wanting.client.stage, wanting.server.stage]).to.deep.equal(['traffic', 'traffic']);
  });

  it('is no connection where one side alone says on_demand', () => {
    const off = { encryption: false } as const;
    const [client, server] = [
      converse(clientOptions(off), demanding.server),
      converse(demanding.client, serverOptions(off)),
    ];
    for (const { clientEnd } of [client, server])
      expect(clientEnd).to.include({ by: 'peer', closeCode: closeCodes.encryptionMismatch });
  });

  it('finds out whatever was changed in the clear', () => {
    const { frames } = begun();
    let found = 0;
    for (const [index, { frame }] of frames.entries()) {
      for (let at = 0; at < frame.length; at++) {
        const changed = begun((said, place) => (place === index ? flip(said, at) : said));
        if (changed.client.stage !== 'plain' || changed.server.stage !== 'plain') continue;
        const ends = secured(changed, changed.client.secure(), 'client');
        expect(
          ends.map(({ ended }) => ended!.closeCode),
          `byte ${at}`,
        ).to.deep.equal([2, 2]);
        found += 1;
      }
    }
    expect(found).to.be.greaterThan(40);
  });

  it('refuses handshake frames that are not due', () => {
    const cases: [string, (made: Conversation) => Turn, string][] = [
      ['a ServerHello', ({ client }) => client.receive(hello(2)), 'another message than the one expected'],
      ['a HelloRequest for a server', ({ server }) => server.receive(hello(65)), 'no hello'],
      ['a PlainHello', ({ server }) => server.receive(hello(64)), 'a PlainHello that comes late'],
    ];
    for (const [what, act, reason] of cases) {
      const made = begun();
      const turn = act(made);
      expect(turn.ended?.reason, what).to.equal(reason);
      expectRefused(turn, reason, closeCodes.handshakeFailed);
    }
    const late = begun();
    secured(late, late.client.secure(), 'client');
    expect(late.client.receive(hello(65)).ended).to.include({ closeCode: closeCodes.protocolError });
    expect(late.server.receive(hello(1)).ended).to.include({ closeCode: closeCodes.protocolError });
  });
});

function hello(type: number): Uint8Array {
  return plainFrame(frameTypes.handshake, Uint8Array.of(type, 0, 0, 0));
}
