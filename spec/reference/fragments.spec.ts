// The reference peers take fragments, and refuse what section 2.1 says.

import { expect } from 'chai';
import { anonymousClient, anonymousServer, converse } from './conversation.js';
import { cut } from './fragments.js';
import { Both, frameTypes, plainFrame } from './record.js';

describe('reference roles: fragments', () => {
  it('deliver a message when its last fragment has come, and others in between', () => {
    const { client, server } = converse(anonymousClient, anonymousServer);
    const message = Uint8Array.from({ length: 100 }, (_, index) => index);
    const [first, second] = cut(1, message, 60);
    expect(server.receive(client.sendFragment(Both, first!)).delivered).to.deep.equal([]);
    const between = server.receive(client.send(Both, Uint8Array.of(0x90)));
    expect(between.delivered).to.have.length(1);
    const turn = server.receive(client.sendFragment(Both, second!));
    expect(turn.delivered).to.deep.equal([{ flags: Both, body: message }]);
  });

  it('refuse a plain fragment of a message that is sealed', () => {
    const { client, server } = converse(anonymousClient, anonymousServer);
    const [first, second] = cut(1, new Uint8Array(100), 60);
    server.receive(client.sendFragment(Both, first!));
    const turn = server.receive(plainFrame(frameTypes.fragment, second!));
    expect(turn.ended?.by).to.equal('us');
    expect(turn.delivered).to.deep.equal([]);
  });
});
