// A connection whose server asks for a certificate: when each side is ready, who may say what until then, what a refusal
// tells, and that nothing is left of the keys that wait for the verdict.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { closeCodes, encodeClose, frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { identity } from '../handshake/roles.js';
import {
  changed,
  expectEnd,
  type Joined,
  type JoinOptions,
  join,
  message,
  plainClose,
  settle,
  toldInTheClear,
} from './joined.js';
import { expectWiped, watchSecrets } from './watched-crypto.js';

const asking: JoinOptions = {
  client: { identities: [identity('client')] },
  server: { clientAuthentication: 'required' },
};

const refuse = (): never => {
  throw new SealwireError('CERTIFICATE_REJECTED', 'it is on the list', { reason: 'revoked-by-validator' });
};

/** Up to the server's verdict, which is open until `decide` is called. */
function pending(options: JoinOptions = asking): Joined & { decide: (accepted: boolean) => Promise<void> } {
  let settleVerdict: [() => void, (error: Error) => void] | undefined;
  const joined = join({
    ...options,
    prepare: ({ server }) => {
      server.owner.verdict = () =>
        new Promise<undefined>((resolve, reject) => {
          settleVerdict = [() => resolve(undefined), reject];
        });
    },
  });
  joined.line.flow();
  expect(joined.server.owner.chains).to.have.length(1);
  return {
    ...joined,
    async decide(accepted) {
      const [resolve, reject] = settleVerdict!;
      if (accepted) resolve();
      else reject(new SealwireError('CERTIFICATE_REJECTED', 'no', { reason: 'untrusted' }));
      await settle();
      joined.line.flow();
    },
  };
}

describe('connection, client certificates', () => {
  it('is ready on both sides when the server has accepted, and calls go both ways', () => {
    const { client, server, line } = join(asking);
    line.flow();
    expect([client.owner.sessions.length, server.owner.sessions.length]).to.deep.equal([1, 1]);
    expect(server.owner.chains).to.deep.equal([identity('client').chain]);
    client.connection.send(3, message);
    server.connection.send(3, message);
    line.flow();
    for (const { owner } of [client, server])
      expect(owner.delivered).to.deep.equal([{ flags: 3, body: message }]);
  });

  it('is ready nowhere while the verdict is open', async () => {
    const { client, server, decide } = pending();
    for (const { owner, connection, end } of [client, server]) {
      expect(owner.sessions).to.deep.equal([]);
      expect(() => connection.send(3, message))
        .to.throw(SealwireError)
        .with.property('code', 'CONNECTION_CLOSED');
      // Nobody may send more than a handshake needs.
      expect(end.maxFrameBytes).to.deep.equal([]);
    }
    await decide(true);
    for (const { owner, end } of [client, server]) {
      expect(owner.sessions).to.have.length(1);
      expect(end.maxFrameBytes).to.have.length(1);
    }
  });

  it('ends with a client that does not wait for it', () => {
    for (const frame of [
      plainFrame(frameTypes.messages, message),
      Uint8Array.of(0xc2, 1, 0, 0, 0, 0, 0, 0, ...new Uint8Array(17)),
    ]) {
      const { server } = pending();
      server.end.inject(frame);
      expectEnd(server, 'HANDSHAKE_FAILED');
      expect(server.owner.delivered).to.deep.equal([]);
    }
  });

  it('ends at the time limit while the verdict is open, and a late one changes nothing', async () => {
    const { client, server, line, decide } = pending();
    server.clock.advance(10_000);
    line.flow();
    expectEnd(server, 'HANDSHAKE_TIMEOUT');
    expectEnd(client, 'HANDSHAKE_FAILED', 'handshake-timeout');
    await decide(true);
    expect(server.owner.sessions).to.deep.equal([]);
    expectEnd(server, 'HANDSHAKE_TIMEOUT');
  });

  it('tells a refused client that it is, and not why', async () => {
    const later = pending();
    await later.decide(false);
    const atOnce = join({ ...asking, prepare: ({ server }) => (server.owner.verdict = refuse) });
    atOnce.line.flow();
    for (const { client, server } of [later, atOnce]) {
      expectEnd(server, 'CERTIFICATE_REJECTED');
      expect(toldInTheClear(server)).to.equal('certificate-rejected');
      expectEnd(client, 'CERTIFICATE_REJECTED', 'refused-by-peer');
    }
  });

  it('tells a refused server less', () => {
    const { client, server, line } = join({
      ...asking,
      prepare: (joined) => (joined.client.owner.verdict = refuse),
    });
    line.flow();
    expect(toldInTheClear(client)).to.equal('handshake-failed');
    expectEnd(server, 'HANDSHAKE_FAILED', 'handshake-failed');
  });

  it('tells why a certificate is missing, both ways', () => {
    // The client of this library ends first; its server learns why all the same.
    const { client, server, line } = join({ ...asking, client: { identities: [] } });
    line.flow();
    expectEnd(client, 'HANDSHAKE_FAILED', 'certificate-required');
    expect(toldInTheClear(client)).to.equal('certificate-required');
    expectEnd(server, 'HANDSHAKE_FAILED', 'certificate-required');
    const told = pending();
    told.client.end.inject(plainClose(closeCodes['certificate-required']));
    expectEnd(told.client, 'HANDSHAKE_FAILED', 'certificate-required');
  });

  it('takes a refusal in plain from whoever says it, until Accepted, and from nobody later', async () => {
    const forged = plainClose(closeCodes['certificate-rejected']);
    const before = pending();
    before.client.end.inject(forged);
    expectEnd(before.client, 'CERTIFICATE_REJECTED', 'refused-by-peer');
    // It is a client's word for a client alone.
    const other = pending();
    other.server.end.inject(forged);
    expectEnd(other.server, 'HANDSHAKE_FAILED', 'certificate-rejected');

    const after = pending();
    await after.decide(true);
    after.client.end.inject(forged);
    expectEnd(after.client, 'PROTOCOL_ERROR');
    // Where nobody was asked, the client cannot know yet that its flight was taken.
    const { client, line } = join();
    line.flow();
    client.end.inject(plainFrame(frameTypes.close, encodeClose('handshake-failed')));
    expectEnd(client, 'CONNECTION_CLOSED', 'handshake-failed');
  });

  it('takes Accepted once', async () => {
    const { client, server, decide } = pending();
    await decide(true);
    const accepted = server.end.sent.at(-1)!;
    client.end.inject(accepted);
    expectEnd(client, 'RECORD_REJECTED', 'epoch');
  });

  it('may be left by the client while the verdict is open', async () => {
    const { client, server, line, decide } = pending();
    client.connection.close();
    line.flow();
    expectEnd(server, 'HANDSHAKE_FAILED', 'normal');
    await decide(true);
    expectEnd(server, 'HANDSHAKE_FAILED', 'normal');
    expect(server.owner.sessions).to.deep.equal([]);
  });

  it('leaves no secret, whichever frame is changed, and however the verdict ends', async () => {
    const watched = () => {
      const secrets = [watchSecrets(nodeCrypto), watchSecrets(nodeCrypto)];
      const options: JoinOptions = {
        client: { ...asking.client, crypto: secrets[0]!.crypto },
        server: { ...asking.server, crypto: secrets[1]!.crypto },
      };
      return { secrets, options };
    };
    // Frames that reach a side; the last one to the client is Accepted.
    for (const [role, at] of [
      ['client', 1],
      ['server', 1],
      ['client', 2],
    ] as const) {
      const { secrets, options } = watched();
      const joined = join(options);
      let index = 0;
      joined[role].end.peer.meddle = (frame) => [
        index++ === at ? changed(frame, frame.length - 1, 1) : frame,
      ];
      joined.line.flow();
      for (const { owner } of [joined.client, joined.server])
        expect(owner.ends, `${role} ${at}`).to.have.length(1);
      for (const each of secrets) expectWiped(each, 5);
    }
    for (const end of ['accept', 'refuse', 'timeout', 'leave'] as const) {
      const { secrets, options } = watched();
      const { client, server, line, decide } = pending(options);
      if (end === 'timeout') server.clock.advance(10_000);
      else if (end === 'leave') client.connection.close();
      else await decide(end === 'accept');
      client.connection.close();
      line.flow();
      expect(server.owner.ends, end).to.have.length(1);
      for (const each of secrets) expectWiped(each, 5);
    }
  });
});
