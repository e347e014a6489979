// Section 4.9 of docs/protocol.md between the reference's own roles, and between each of them and lib: the two ends of one
// session of TLS, and of two.

import { expect } from 'chai';
import { startSecureClient } from '../../lib/handshake/secure-transport-client.js';
import { startServerHandshake } from '../../lib/handshake/server.js';
import { Established, PendingVerdict } from '../../lib/handshake/state.js';
import { clientConfig, serverConfig } from '../handshake/roles.js';
import { tlsSession } from '../handshake/tls-session.js';
import { referenceClient } from './client.js';
import { type Conversation, clientOptions, converse, flip, serverOptions } from './conversation.js';
import { closeCodes, text } from './notation.js';
import { Both } from './record.js';
import { referenceServer } from './server.js';
import { tlsExporter } from './tls-exporter.js';
import { fixedBytes } from './vectors.js';

const one = tlsExporter(fixedBytes('over-tls.spec, one session'));
const other = tlsExporter(fixedBytes('over-tls.spec, another'));
const none = new Uint8Array(0);
const stages = ({ client, server }: Conversation) => [client.stage, server.stage];
const types = ({ frames }: Conversation) => frames.map(({ frame }) => frame[1]);

describe('reference: over TLS', () => {
  it('has no keys where both own one session, and gives every message both flags', () => {
    const made = converse(clientOptions({ tls: one }), serverOptions({ tls: one }));
    const { client, server } = made;
    expect(types(made)).to.deep.equal([66, 66, 64, 64]);
    expect(stages(made)).to.deep.equal(['plain', 'plain']);
    expect(client.agreement!.agreed).to.equal(0b1000);
    const frame = client.send(Both, text('open to whoever is in TLS'));
    expect(server.receive(frame).delivered[0]!.flags).to.equal(Both);
    expect(client.exportKey('x', none, 32)).to.deep.equal(server.exportKey('x', none, 32));
    expect(client.exportKey('x', none, 32)).to.not.deep.equal(client.exportKey('y', none, 32));
  });

  it('is judged like everybody else', () => {
    const { announcement } = serverOptions();
    const judging = { tls: one, announcement: { ...announcement, verdictFollows: true } } as const;
    const accepted = converse(clientOptions({ tls: one }), serverOptions(judging));
    expect(types(accepted)).to.deep.equal([66, 66, 64, 64, 21]);
    const refusal = { code: 'FULL', message: 'no room' };
    const refused = converse(
      clientOptions({ tls: one }),
      serverOptions({ ...judging, refuses: () => refusal }),
    );
    expect(refused.clientEnd).to.deep.include({ by: 'peer', refusal });
  });

  it('is the whole handshake where there are two sessions, or the server lets none count', () => {
    for (const tls of [other, undefined]) {
      const made = converse(clientOptions({ tls: one }), serverOptions(tls && { tls }));
      expect(types(made).slice(0, 4)).to.deep.equal([66, 65, 1, 2]);
      expect(stages(made)).to.deep.equal(['traffic', 'traffic']);
    }
    expect(stages(converse(clientOptions(), serverOptions({ tls: one })))).to.deep.equal([
      'traffic',
      'traffic',
    ]);
  });

  it('finds out whoever changes the opening, and ends with encryption on one side', () => {
    const changed = converse(clientOptions({ tls: one }), serverOptions({ tls: other }), (frame, index) =>
      index === 0 ? flip(frame, 20) : frame,
    );
    expect(stages(changed)).to.deep.equal(['ended', 'ended']);
    const echoed = converse(clientOptions({ tls: one }), serverOptions({ tls: one }), (frame, index) =>
      index === 1 ? flip(frame, 20) : frame,
    );
    expect(echoed.clientEnd?.reason).to.equal('another session of TLS');
    const off = converse(clientOptions({ tls: one }), serverOptions({ encryption: false }));
    expect(off.clientEnd).to.include({ by: 'peer', closeCode: closeCodes.encryptionMismatch });
  });

  describe('with lib', () => {
    for (const [what, second] of [
      ['the same session', one],
      ['another session', other],
    ] as const) {
      it(`as its client, ${what}`, () => {
        const server = startServerHandshake(serverConfig({ secure: tlsSession(second) }));
        const client = referenceClient(clientOptions({ tls: one }));
        let said = [client.start()];
        let ended: unknown;
        while (said.length > 0) {
          const answers = said.flatMap((frame) => {
            const { next, send } = server.receive(frame.slice());
            ended = next;
            return [...send];
          });
          said = answers.flatMap((frame) => client.receive(frame).send);
        }
        expect(ended).to.be.instanceOf(Established);
        expect(client.stage).to.equal(second === one ? 'plain' : 'traffic');
        const key = (ended as Established).exporter!.export('x', 32, none);
        expect(client.exportKey('x', none, 32)).to.deep.equal(key);
      });

      it(`as its server, ${what}`, () => {
        const server = referenceServer(serverOptions({ tls: second }));
        const { handshake, send } = startSecureClient(clientConfig(), tlsSession(one));
        let said = [send];
        let ended: unknown;
        while (said.length > 0) {
          const answers = said.flatMap((frame) => server.receive(frame).send);
          said = answers.flatMap((frame) => {
            let { next, send: more } = handshake.receive(frame.slice());
            if (next instanceof PendingVerdict) ({ next, send: more } = handshake.accept());
            ended = next;
            return [...more];
          });
        }
        expect(ended).to.be.instanceOf(Established);
        expect(server.stage).to.equal(second === one ? 'plain' : 'traffic');
        const key = (ended as Established).exporter!.export('x', 32, none);
        expect(server.exportKey('x', none, 32)).to.deep.equal(key);
      });
    }
  });
});
