// A connection whose server judges its client: when each side is ready, who may say what until then, how a refusal travels
// and what it leaves of either side; with keys and without.

import { expect } from 'chai';
import { ApprovalDenied } from '../../lib/base/approval-denied.js';
import { SealwireError } from '../../lib/base/errors.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { encodeCarried } from '../../lib/wire/carried-value.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { encodeAccepted, encodeRefused } from '../../lib/wire/verdict-message.js';
import {
  changed,
  established,
  expectEnd,
  type Joined,
  type JoinOptions,
  join,
  message,
  settle,
} from './joined.js';
import { expectWiped, watchSecrets } from './watched-crypto.js';

const ticket = encodeCarried('ticket 7', 'connectionData', 16_384);
const approving: JoinOptions = { server: { approves: true } };
const plain: JoinOptions = { plain: true, plainApproval: true };
const both = [
  ['with keys', approving],
  ['without keys', plain],
] as const;
const denied = (): ApprovalDenied => new ApprovalDenied({ code: 'FULL', text: 'no seat', data: [12] });

/** Up to the server's verdict, which is open until it is given. */
function pending(options: JoinOptions): Joined & { decide(verdict?: Error): Promise<void> } {
  let settleVerdict: [(data: undefined) => void, (error: Error) => void] | undefined;
  const joined = join({
    ...options,
    prepare: ({ client, server }) => {
      client.owner.verdict = () => ticket;
      server.owner.verdict = () =>
        new Promise<undefined>((...settlers) => {
          settleVerdict = settlers;
        });
    },
  });
  joined.line.flow();
  expect(joined.server.owner.chains).to.deep.equal([[]]);
  return {
    ...joined,
    async decide(verdict) {
      const [resolve, reject] = settleVerdict!;
      if (verdict === undefined) resolve(undefined);
      else reject(verdict);
      await settle();
      joined.line.flow();
    },
  };
}

describe('connection, approval', () => {
  for (const [how, options] of both) {
    describe(how, () => {
      it('is ready nowhere while the verdict is open, and on both sides when it is good', async () => {
        const { client, server, line, decide } = pending(options);
        for (const { owner, connection, end } of [client, server]) {
          expect(owner.sessions).to.deep.equal([]);
          expect(() => connection.send(0, message))
            .to.throw(SealwireError)
            .with.property('code', 'CONNECTION_CLOSED');
          expect(end.maxFrameBytes).to.deep.equal([]);
        }
        await decide();
        client.connection.send(0, message);
        server.connection.send(0, message);
        line.flow();
        for (const { owner } of [client, server])
          expect(owner.delivered).to.deep.equal([{ flags: 0, body: message }]);
      });

      it('tells a refused client why, once, and nobody says more', async () => {
        const later = pending(options);
        const before = later.server.end.sent.length;
        await later.decide(denied());
        const atOnce = join({
          ...options,
          prepare: ({ server }) => {
            server.owner.verdict = () => {
              throw denied();
            };
          },
        });
        atOnce.line.flow();
        for (const { client, server } of [later, atOnce]) {
          expectEnd(server, 'APPROVAL_DENIED', 'FULL');
          expectEnd(client, 'APPROVAL_DENIED', 'FULL');
          expect(client.owner.end).to.deep.include({ text: 'no seat', data: [12] });
          expect(client.owner.sessions.length + server.owner.sessions.length).to.equal(0);
          // The refusal is the last frame: nobody needs a farewell behind it.
          expect(server.end.sent.at(-1)![0]).to.equal(options === plain ? 0x01 : 0xc1);
          expect(client.end.sent).to.have.length(options === plain ? 1 : 2);
        }
        expect(later.server.end.sent).to.have.length(before + 1);
      });

      it('closes without a word where the refusal cannot be said', async () => {
        const { client, server, decide } = pending(options);
        await decide(new ApprovalDenied({ data: new Map() }));
        expectEnd(server, 'APPROVAL_DENIED');
        expectEnd(client, 'HANDSHAKE_FAILED', 'transport-closed');
      });

      it('ends with a client that does not wait', () => {
        for (const frame of [
          plainFrame(frameTypes.messages, message),
          Uint8Array.of(0xc2, 1, 0, 0, 0, 0, 0, 0, ...new Uint8Array(17)),
        ]) {
          const { server } = pending(options);
          server.end.inject(frame);
          expectEnd(server, 'HANDSHAKE_FAILED', 'unexpected-message');
          expect(server.owner.delivered).to.deep.equal([]);
        }
      });

      it('ends at the time limit while the verdict is open, and a late one changes nothing', async () => {
        for (const verdict of [undefined, denied()]) {
          const { client, server, line, decide } = pending(options);
          server.clock.advance(10_000);
          line.flow();
          expectEnd(server, 'HANDSHAKE_TIMEOUT');
          expectEnd(client, 'HANDSHAKE_FAILED', 'handshake-timeout');
          await decide(verdict);
          expect(server.owner.sessions).to.deep.equal([]);
          expectEnd(server, 'HANDSHAKE_TIMEOUT');
          expectEnd(client, 'HANDSHAKE_FAILED', 'handshake-timeout');
        }
      });

      it('may be left by the client while the verdict is open', async () => {
        const { client, server, line, decide } = pending(options);
        client.connection.close();
        line.flow();
        await decide(denied());
        expectEnd(server, 'HANDSHAKE_FAILED', 'normal');
      });

      it('takes no verdict that was not announced', () => {
        for (const verdict of [encodeAccepted(), encodeRefused({ code: 'FULL', message: '', data: 1 })]) {
          const { client } = established(options === plain ? { plain: true } : {});
          client.end.inject(plainFrame(frameTypes.handshake, verdict.bytes));
          expectEnd(client, 'PROTOCOL_ERROR');
        }
      });

      it('takes Accepted once', async () => {
        const { client, server, decide } = pending(options);
        await decide();
        client.end.inject(server.end.sent.at(-1)!);
        expectEnd(client, options === plain ? 'PROTOCOL_ERROR' : 'RECORD_REJECTED');
      });
    });
  }

  it('carries what the client says of itself, and nobody on the way reads it', () => {
    const { server, client } = pending(approving);
    expect(server.owner.connectionData).to.deep.equal([ticket]);
    for (const frame of client.end.sent) expect(Buffer.from(frame).includes('ticket')).to.equal(false);
  });

  it('waits for a client whose own program takes its time to say it', async () => {
    let say: (data: Uint8Array) => void = () => undefined;
    const { client, server, line } = join({
      ...approving,
      prepare: (joined) => {
        joined.client.owner.verdict = () =>
          new Promise((resolve) => {
            say = resolve;
          });
      },
    });
    line.flow();
    expect(client.end.sent).to.have.length(1);
    say(ticket);
    await settle();
    line.flow();
    expect(server.owner.connectionData).to.deep.equal([ticket]);
    expect([client.owner.sessions.length, server.owner.sessions.length]).to.deep.equal([1, 1]);
  });

  it('tells the server nothing of a program that cannot say it', async () => {
    for (const code of ['CONNECT_FAILED', 'INVALID_CONFIG']) {
      const { client, server, line } = join({
        ...approving,
        prepare: (joined) => {
          joined.client.owner.verdict = () => Promise.reject(new SealwireError(code, 'away'));
        },
      });
      line.flow();
      await settle();
      line.flow();
      expectEnd(client, code);
      expectEnd(server, 'HANDSHAKE_FAILED', 'normal');
      expect(server.owner.chains).to.deep.equal([]);
    }
  });

  it('leaves no secret, whichever verdict is given, and whichever frame is changed', async () => {
    for (const end of ['accept', 'refuse', 'timeout', 'leave', 'flight', 'verdict'] as const) {
      const secrets = [watchSecrets(nodeCrypto), watchSecrets(nodeCrypto)];
      const options: JoinOptions = {
        client: { crypto: secrets[0]!.crypto },
        server: { approves: true, crypto: secrets[1]!.crypto },
      };
      if (end === 'flight') {
        const joined = join(options);
        let index = 0;
        joined.client.end.meddle = (frame) => [index++ === 1 ? changed(frame, 20, 1) : frame];
        joined.line.flow();
        for (const side of [joined.client, joined.server]) expectEnd(side, 'HANDSHAKE_FAILED');
      } else {
        const { client, server, line, decide } = pending(options);
        if (end === 'verdict') server.end.meddle = (frame) => [changed(frame, frame.length - 1, 1)];
        if (end === 'timeout') server.clock.advance(10_000);
        else if (end === 'leave') client.connection.close();
        else await decide(end === 'accept' ? undefined : denied());
        line.flow();
        client.connection.close();
        line.flow();
        for (const { owner } of [client, server]) expect(owner.ends, end).to.have.length(1);
      }
      for (const each of secrets) expectWiped(each, 5);
    }
  });
});
