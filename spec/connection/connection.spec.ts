// A connection from its first frame to its end: time limits, the verdict over the certificate, what each side is told
// when something goes wrong, and that nothing is left afterwards. What is sent is in send.spec.ts.

import { expect } from 'chai';
import { empty, toHex, utf8 } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { closeCodes, frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { clientConfig, serverConfig, thrownBy } from '../handshake/roles.js';
import {
  anonymous,
  established,
  framesOf,
  type Joined,
  type JoinOptions,
  join,
  type Side,
  settle,
} from './joined.js';
import { expectWiped, watchSecrets } from './watched-crypto.js';

const message = utf8('a message');
const plainClose = (code: number) => plainFrame(frameTypes.close, Uint8Array.of(code));

/** What the peer was told, by the last frame: only of use before there are keys. */
function toldInTheClear(side: Side): string | undefined {
  const last = side.end.sent.at(-1)!;
  if (last[0] !== frameTypes.close) return undefined;
  return Object.entries(closeCodes).find(([, code]) => code === last[1])?.[0];
}

function expectEnd(side: Side, code: string, reason?: string): void {
  expect(side.owner.ends.map((error) => error.code)).to.deep.equal([code]);
  if (reason !== undefined) expect(side.owner.end!.reason).to.equal(reason);
  expect(side.owner.late, 'told after the end').to.deep.equal([]);
  expect(side.clock.timers).to.equal(0);
}

describe('connection', () => {
  describe('handshake', () => {
    it('brings both owners a session, each once, and stops both timers', () => {
      const { client, server } = established();
      expect(client.owner.chains).to.have.length(1);
      expect(server.owner.chains).to.have.length(0);
      expect(client.owner.sessions[0]!.protection).to.equal('signed');
      expect([client.clock.timers, server.clock.timers]).to.deep.equal([0, 0]);
      for (const { connection } of [client, server]) {
        expect(connection.generations).to.deep.equal({ sending: 1, receiving: 1 });
      }
      expect(client.connection.remoteAddress).to.equal('client');
    });

    it('raises the transport’s limit to its own, from inside the frame that ends the handshake', () => {
      const joined = join({
        clientLimits: { maxFrameBytes: 70_000 },
        serverLimits: { maxFrameBytes: 80_000 },
      });
      expect(joined.client.end.maxFrameBytes).to.deep.equal([]);
      joined.line.flow();
      expect(joined.client.end.maxFrameBytes).to.deep.equal([70_000]);
      expect(joined.server.end.maxFrameBytes).to.deep.equal([80_000]);
    });

    it('is given exactly its time, on either side', () => {
      for (const role of ['client', 'server'] as const) {
        const joined = join({ serverLimits: { handshakeTimeoutMs: 700 }, clientHandshakeTimeoutMs: 700 });
        const { clock, owner } = joined[role];
        clock.advance(699);
        expect(owner.ends).to.deep.equal([]);
        clock.advance(1);
        expectEnd(joined[role], 'HANDSHAKE_TIMEOUT');
        expect(toldInTheClear(joined[role])).to.equal('handshake-timeout');
        joined.line.flow();
        const other = role === 'client' ? joined.server : joined.client;
        expectEnd(other, 'HANDSHAKE_FAILED', 'handshake-timeout');
      }
    });

    it('runs out of time while the certificate is looked at, too', async () => {
      let accept = (): void => undefined;
      const joined = join({
        prepare: ({ client }) => {
          client.owner.verdict = () => new Promise((resolve) => (accept = resolve));
        },
      });
      joined.line.flow();
      joined.client.clock.advance(10_000);
      expectEnd(joined.client, 'HANDSHAKE_TIMEOUT');
      accept();
      await settle();
      expect(joined.client.owner.sessions).to.deep.equal([]);
      expect(joined.client.end.sent).to.have.length(2);
    });

    it('has all the time in the world once it is over', () => {
      const { client, server } = established();
      for (const { clock, owner } of [client, server]) {
        clock.advance(100_000);
        expect(owner.ends).to.deep.equal([]);
      }
    });

    it('sends no message before it is ready', () => {
      const { client } = join();
      const error = thrownBy(() => client.connection.send(3, message));
      expect(error).to.include({ code: 'CONNECTION_CLOSED', reason: 'not-ready' });
      expect(thrownBy(() => client.connection.exportKey('x', 16)).code).to.equal('ENCRYPTION_UNAVAILABLE');
      expect(client.connection.generations).to.deep.equal({ sending: 0, receiving: 0 });
    });

    it('delivers what the client sends right behind its Finished', () => {
      const joined = join({
        prepare: ({ client }) => {
          client.owner.whenEstablished = () => client.connection.send(3, message);
        },
      });
      joined.line.flow();
      expect(joined.server.owner.delivered).to.deep.equal([{ flags: 3, body: message }]);
    });
  });

  describe('verdict', () => {
    function pending(): Joined & { accept(): Promise<void>; reject(error: Error): Promise<void> } {
      let resolve = (): void => undefined;
      let reject = (_: Error): void => undefined;
      const joined = join({
        prepare: ({ client }) => {
          client.owner.verdict = () =>
            new Promise<void>((accepted, refused) => {
              resolve = accepted;
              reject = refused;
            });
        },
      });
      joined.line.flow();
      expect(joined.client.owner.chains).to.have.length(1);
      expect(joined.client.end.sent, 'nothing but the hello').to.have.length(1);
      return {
        ...joined,
        accept: () => {
          resolve();
          return settle();
        },
        reject: (error) => {
          reject(error);
          return settle();
        },
      };
    }

    it('may take its time', async () => {
      const { accept, client, server, line } = pending();
      await accept();
      line.flow();
      expect([client.owner.sessions, server.owner.sessions].map(({ length }) => length)).to.deep.equal([
        1, 1,
      ]);
    });

    it('that refuses tells the peer only that the handshake failed', async () => {
      const { reject, client, server, line } = pending();
      await reject(new SealwireError('CERTIFICATE_REJECTED', 'expired', { reason: 'expired' }));
      expectEnd(client, 'CERTIFICATE_REJECTED', 'expired');
      expect(toldInTheClear(client)).to.equal('handshake-failed');
      line.flow();
      expectEnd(server, 'HANDSHAKE_FAILED', 'handshake-failed');
      expect(server.owner.sessions).to.deep.equal([]);
    });

    it('that refuses at once does the same', () => {
      const { client, server, line } = join({
        prepare: (joined) => {
          joined.client.owner.verdict = () => {
            throw new SealwireError('CERTIFICATE_REJECTED', 'untrusted', { reason: 'untrusted' });
          };
        },
      });
      line.flow();
      expectEnd(client, 'CERTIFICATE_REJECTED', 'untrusted');
      expect(toldInTheClear(client)).to.equal('handshake-failed');
      expectEnd(server, 'HANDSHAKE_FAILED', 'handshake-failed');
    });

    it('that fails with a bug ends the connection as INTERNAL, and tells nothing of it', async () => {
      const { reject, client } = pending();
      const bug = new TypeError('the secret of the application');
      await reject(bug);
      expectEnd(client, 'INTERNAL');
      expect(client.owner.end!.cause).to.equal(bug);
      expect(toldInTheClear(client)).to.equal('protocol-error');
    });

    it('refuses every frame meanwhile, but for the peer’s farewell', async () => {
      for (const frame of [
        plainFrame(frameTypes.messages, message),
        plainFrame(frameTypes.handshake, message),
        Uint8Array.of(0xc2, 1, 0, 0, 0, 0, 0, 0, ...message),
        Uint8Array.of(0xc1, 0, 0, 0, 0, 0, 0, 1, ...message),
        Uint8Array.of(0x3f),
      ]) {
        const { client, accept } = pending();
        client.end.inject(frame);
        expectEnd(client, 'HANDSHAKE_FAILED');
        expect(toldInTheClear(client)).to.equal('handshake-failed');
        await accept();
        expect(client.owner.sessions).to.deep.equal([]);
        expect(client.owner.delivered).to.deep.equal([]);
      }
      const { client } = pending();
      client.end.inject(plainClose(closeCodes['going-away']));
      expectEnd(client, 'HANDSHAKE_FAILED', 'going-away');
    });

    it('comes to nothing after the end, whatever it is', async () => {
      for (const late of ['accept', 'reject'] as const) {
        const joined = pending();
        joined.client.connection.close();
        const frames = framesOf(joined.client.end, () => joined.line.flow());
        await joined[late](new Error('too late'));
        expect(frames).to.deep.equal([]);
        expectEnd(joined.client, 'CONNECTION_CLOSED', 'closed-here');
        expect(joined.client.owner.sessions).to.deep.equal([]);
        expect(joined.client.end.sent).to.have.length(2);
        expect(thrownBy(() => joined.client.connection.send(3, message)).reason).to.equal('closed-here');
      }
    });

    it('does not bring back a connection that the check itself has closed', () => {
      const { client, line } = join({
        prepare: (joined) => {
          joined.client.owner.verdict = () => joined.client.connection.close();
        },
      });
      line.flow();
      expectEnd(client, 'CONNECTION_CLOSED', 'closed-here');
      expect(client.owner.sessions).to.deep.equal([]);
      expect(thrownBy(() => client.connection.send(3, message)).reason).to.equal('closed-here');
      expect(client.end.maxFrameBytes).to.deep.equal([]);
    });
  });

  describe('settings that do not fit', () => {
    const cases: [string, JoinOptions, string][] = [
      ['signature-mismatch', { client: { signed: false } }, 'signature-mismatch'],
      ['signature-mismatch', { server: { identity: undefined } }, 'signature-mismatch'],
      ['handshake-failed', { client: { transport: 2 } }, 'transport'],
    ];
    for (const [told, options, reason] of cases) {
      it(`are told as ${told} (${JSON.stringify(options)})`, () => {
        const { client, server, line } = join(options);
        line.flow();
        expectEnd(server, 'HANDSHAKE_FAILED', reason);
        expectEnd(client, 'HANDSHAKE_FAILED', told);
        expect(toldInTheClear(server)).to.equal(told);
        expect(client.owner.end!.message).to.include('the peer ended the handshake');
      });
    }

    it('are told as no-common-algorithm', () => {
      const suitesAt = 1 + 4 + 2 + 32 + 1;
      const { client, server, line } = join({
        prepare: (joined) => {
          joined.client.end.meddle = (frame) => [
            changed(changed(frame, suitesAt + 1, 0x40), suitesAt + 3, 0x40),
          ];
        },
      });
      line.flow();
      expectEnd(server, 'HANDSHAKE_FAILED', 'no-common-algorithm');
      expectEnd(client, 'HANDSHAKE_FAILED', 'no-common-algorithm');
    });

    it('are told as handshake-failed alone where the server asks for too much stretching', () => {
      const stretching = join({ client: { maxIterations: 5 }, server: { iterations: 6 } });
      stretching.line.flow();
      expectEnd(stretching.client, 'HANDSHAKE_FAILED', 'key-stretching');
      expect(toldInTheClear(stretching.client)).to.equal('handshake-failed');
      expectEnd(stretching.server, 'HANDSHAKE_FAILED', 'handshake-failed');
    });

    it('are told as encryption-mismatch, whichever side has none', () => {
      for (const plainRole of ['client', 'server'] as const) {
        const line = mixed(plainRole);
        expectEnd(line.server, 'HANDSHAKE_FAILED', 'encryption-mismatch');
        expectEnd(line.client, 'HANDSHAKE_FAILED', 'encryption-mismatch');
      }
    });

    it('are told as version-mismatch', () => {
      const { client, server, line } = join({
        prepare: (joined) => {
          joined.client.end.meddle = (frame) => [changed(frame, 6, 3)];
        },
      });
      line.flow();
      expectEnd(server, 'HANDSHAKE_FAILED', 'version-mismatch');
      expectEnd(client, 'HANDSHAKE_FAILED', 'version-mismatch');
      expect(client.owner.end!.message).to.include('update both sides');
    });
  });

  describe('during the handshake', () => {
    it('refuses what is no handshake frame, with handshake-failed', () => {
      const frames = [
        plainFrame(frameTypes.messages, message),
        Uint8Array.of(0),
        Uint8Array.of(0x3f, 1),
        Uint8Array.of(4),
        Uint8Array.of(4, 0, 0),
        Uint8Array.of(0xc4, 0),
        Uint8Array.of(0xc3, 1, 0, 0, 0, 0, 0, 0),
      ];
      for (const role of ['client', 'server'] as const) {
        for (const frame of frames) {
          const joined = join();
          joined[role].end.inject(frame);
          expectEnd(joined[role], 'HANDSHAKE_FAILED');
          expect(toldInTheClear(joined[role]), toHex(frame)).to.equal('handshake-failed');
        }
      }
    });

    it('does not answer a farewell with another', () => {
      for (const code of [0, 1, 2, 4, 9, 200]) {
        const { client } = join();
        const frames = framesOf(client.end, () => client.end.inject(plainClose(code)));
        expect(frames).to.deep.equal([]);
        expectEnd(client, 'HANDSHAKE_FAILED');
      }
    });

    it('tells that the transport broke', () => {
      const { client, server } = join();
      client.end.breakDown(new SealwireError('CONNECTION_CLOSED', 'reset'));
      expectEnd(client, 'HANDSHAKE_FAILED', 'transport-closed');
      expectEnd(server, 'HANDSHAKE_FAILED', 'transport-closed');
    });
  });

  describe('the end', () => {
    it('is sealed once there are keys, and told to the other side', () => {
      for (const reason of ['normal', 'going-away', 'limit-exceeded'] as const) {
        const { client, server, line } = established();
        const frames = framesOf(server.end, () => server.connection.close(reason));
        expect(frames).to.have.length(1);
        expect(frames[0]![0]).to.equal(0xc4);
        expect(frames[0]).to.have.length(8 + 1 + 16);
        line.flow();
        expectEnd(server, 'CONNECTION_CLOSED', 'closed-here');
        expectEnd(client, 'CONNECTION_CLOSED', reason);
        expect(client.end.sent, 'no answer').to.have.length(2);
      }
    });

    it('is not believed when it is not sealed', () => {
      for (const role of ['client', 'server'] as const) {
        const joined = established();
        // The server's first record: from then on the client knows that it was not refused.
        joined.server.connection.send(3, message);
        joined.line.flow();
        joined[role].end.inject(plainClose(0));
        expectEnd(joined[role], 'PROTOCOL_ERROR');
        expect(joined[role].end.sent.at(-1)![0]).to.equal(0xc4);
      }
    });

    it('is believed by a client that has heard no record yet: the server may have refused its Finished', () => {
      const { client } = established();
      client.end.inject(plainClose(2));
      expectEnd(client, 'CONNECTION_CLOSED', 'handshake-failed');
      const { server } = established();
      server.end.inject(plainClose(2));
      expectEnd(server, 'PROTOCOL_ERROR');
    });

    it('is told by the server in the clear when it refuses the client’s Finished', () => {
      const joined = join({
        prepare: ({ client }) => {
          client.end.meddle = (frame) => [frame[0] === 0xc1 ? changed(frame, frame.length - 1, 1) : frame];
        },
      });
      joined.line.flow();
      expectEnd(joined.server, 'HANDSHAKE_FAILED', 'tag');
      expect(toldInTheClear(joined.server)).to.equal('handshake-failed');
      expectEnd(joined.client, 'CONNECTION_CLOSED', 'handshake-failed');
    });

    it('comes once, whatever happens at the same time and after', () => {
      for (const role of ['client', 'server'] as const) {
        const joined = established();
        const { connection, end } = joined[role];
        connection.close();
        connection.close('going-away');
        connection.fail(new SealwireError('PROTOCOL_ERROR', 'late'));
        end.inject(plainFrame(frameTypes.messages, message));
        joined.line.flow();
        end.breakDown(new Error('late'));
        end.breakPromise(plainFrame(frameTypes.messages, message));
        expect(joined[role].owner.delivered).to.deep.equal([]);
        expectEnd(joined[role], 'CONNECTION_CLOSED', 'closed-here');
        expect(thrownBy(() => connection.send(3, message)).reason).to.equal('closed-here');
      }
    });

    it('settles `finished` when the transport has let go, not before', async () => {
      const { client, server, line } = established();
      const settled: string[] = [];
      void client.connection.finished.then(() => settled.push('client'));
      void server.connection.finished.then(() => settled.push('server'));
      client.connection.close();
      await settle();
      expect(settled).to.deep.equal([]);
      line.flow();
      await settle();
      expect(settled.sort()).to.deep.equal(['client', 'server']);
    });

    it('by a transport that closes without a farewell is told as such', () => {
      const { client, server } = established();
      const cause = new Error('ECONNRESET');
      client.end.breakDown(cause);
      for (const side of [client, server]) {
        expectEnd(side, 'CONNECTION_CLOSED', 'transport-closed');
        expect(side.owner.end!.cause).to.equal(cause);
      }
      const { client: limited } = established();
      limited.end.breakDown(new SealwireError('LIMIT_EXCEEDED', 'a frame too large'));
      expectEnd(limited, 'LIMIT_EXCEEDED');
    });
  });

  describe('what the peer learns', () => {
    const table: [string, string | undefined, string][] = [
      ['HANDSHAKE_FAILED', 'finished', 'handshake-failed'],
      ['HANDSHAKE_FAILED', 'signature', 'handshake-failed'],
      ['HANDSHAKE_FAILED', 'toString', 'handshake-failed'],
      ['HANDSHAKE_FAILED', undefined, 'handshake-failed'],
      ['HANDSHAKE_FAILED', 'no-common-algorithm', 'no-common-algorithm'],
      ['HANDSHAKE_FAILED', 'version-mismatch', 'version-mismatch'],
      ['CERTIFICATE_REJECTED', 'expired', 'handshake-failed'],
      ['CERTIFICATE_REJECTED', 'limit-exceeded', 'handshake-failed'],
      ['POLICY_MISMATCH', undefined, 'handshake-failed'],
      ['HANDSHAKE_TIMEOUT', undefined, 'handshake-timeout'],
      ['LIMIT_EXCEEDED', undefined, 'limit-exceeded'],
      ['PROTOCOL_ERROR', undefined, 'protocol-error'],
      ['RECORD_REJECTED', 'tag', 'protocol-error'],
      ['RECORD_REJECTED', 'sequence', 'protocol-error'],
      ['INTERNAL', undefined, 'protocol-error'],
    ];
    for (const [code, reason, told] of table) {
      it(`of ${code}${reason === undefined ? '' : ` (${reason})`} is ${told}`, () => {
        const { client, server, line } = established();
        client.connection.fail(new SealwireError(code, 'a secret', reason === undefined ? {} : { reason }));
        line.flow();
        expectEnd(server, 'CONNECTION_CLOSED', told);
        expectEnd(client, code, reason);
      });
    }

    it('of whatever an owner throws is protocol-error, and the cause stays here', () => {
      const { client, server, line } = established();
      const bug = new RangeError('a bug');
      server.owner.whenDelivered = () => {
        throw bug;
      };
      client.connection.send(0, message);
      line.flow();
      expectEnd(server, 'INTERNAL');
      expect(server.owner.end!.cause).to.equal(bug);
      expectEnd(client, 'CONNECTION_CLOSED', 'protocol-error');
    });

    it('of a session that its owner refuses is handshake-failed', () => {
      const { client, server, line } = join({
        prepare: (joined) => {
          joined.client.owner.whenEstablished = () => {
            throw new SealwireError('POLICY_MISMATCH', 'weaker than declared');
          };
        },
      });
      line.flow();
      expectEnd(client, 'POLICY_MISMATCH');
      expectEnd(server, 'CONNECTION_CLOSED', 'handshake-failed');
    });
  });

  describe('traffic', () => {
    const refused: [string, Uint8Array, string][] = [
      ['an empty plain frame of messages', plainFrame(frameTypes.messages, empty), 'PROTOCOL_ERROR'],
      ['a plain handshake frame', plainFrame(frameTypes.handshake, message), 'PROTOCOL_ERROR'],
      ['a plain key update', plainFrame(frameTypes.keyUpdate, empty), 'PROTOCOL_ERROR'],
      ['a frame of unknown type', Uint8Array.of(0x05, 0), 'PROTOCOL_ERROR'],
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

  describe('exported keys', () => {
    it('are the same on both sides, differ by label, context and connection, and end with it', () => {
      const { client, server } = established(anonymous);
      const key = (side: Side, label: string, context?: Uint8Array) =>
        toHex(side.connection.exportKey(label, 32, context));
      expect(key(client, 'a'))
        .to.equal(key(server, 'a'))
        .and.to.equal(key(client, 'a', empty));
      expect(key(client, 'a')).to.not.equal(key(client, 'b'));
      expect(key(client, 'a')).to.not.equal(key(client, 'a', message));
      expect(key(client, 'a')).to.not.equal(key(established(anonymous).client, 'a'));
      client.connection.close();
      expect(thrownBy(() => client.connection.exportKey('a', 32)).code).to.equal('ENCRYPTION_UNAVAILABLE');
    });

    it('are not to be had without keys', () => {
      const { client } = established({ plain: true });
      expect(thrownBy(() => client.connection.exportKey('a', 32)).code).to.equal('ENCRYPTION_UNAVAILABLE');
    });

    it('have labels and lengths within the protocol’s bounds', () => {
      const { client } = established(anonymous);
      for (const [label, length] of [
        ['', 32],
        ['x'.repeat(246), 32],
        ['é'.repeat(123), 32],
        ['x', 0],
        ['x', 8161],
        ['x', 1.5],
      ] as const) {
        expect(thrownBy(() => client.connection.exportKey(label, length)).code).to.equal('INVALID_ARGUMENT');
      }
      expect(client.connection.exportKey('x'.repeat(245), 8160)).to.have.length(8160);
    });
  });

  describe('secrets', () => {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      const watched = (): JoinOptions & { secrets: ReturnType<typeof watchSecrets>[] } => {
        const client = watchSecrets(crypto);
        const server = watchSecrets(crypto);
        return {
          secrets: [client, server],
          client: { crypto: client.crypto },
          server: { crypto: server.crypto },
          clientLimits: { rekeyAfterRecords: 4 },
        };
      };

      it(`are all wiped at the end of a connection that lived, ${crypto.name}`, () => {
        const options = watched();
        const { client, server, line } = established(options);
        for (let flags = 0; flags < 16; flags++) {
          client.connection.send(flags & 3, message);
          server.connection.send(flags & 3, message);
          client.clock.endTurn();
          server.clock.endTurn();
          line.flow();
        }
        expect(client.connection.generations.sending).to.be.greaterThan(2);
        expect(server.owner.delivered).to.have.length(16);
        // An exported key is its caller's; what it was made from is not.
        client.connection.exportKey('label', 32).fill(0);
        client.connection.close();
        line.flow();
        expectEnd(server, 'CONNECTION_CLOSED', 'normal');
        for (const secrets of options.secrets) expectWiped(secrets, 20);
      });

      it(`are all wiped when the handshake fails, wherever it does, ${crypto.name}`, () => {
        // Frames that reach a side: the hello; the answer and the flight; the client's flight.
        for (const [role, at] of [
          ['client', 0],
          ['server', 0],
          ['server', 1],
          ['client', 1],
        ] as const) {
          const options = watched();
          const joined = join(options);
          let index = 0;
          joined[role].end.meddle = (frame) => [index++ === at ? changed(frame, frame.length - 1, 1) : frame];
          joined.line.flow();
          expect(joined.client.owner.ends, `${role} ${at}`).to.have.length(1);
          expect(joined.server.owner.ends).to.have.length(1);
          for (const secrets of options.secrets) expectWiped(secrets, 0);
        }
      });
    }

    it('are wiped when the certificate is refused, or time runs out', () => {
      for (const end of ['refuse', 'timeout'] as const) {
        const { crypto, ...secrets } = watchSecrets(nodeCrypto);
        const { client, line } = join({
          client: { crypto },
          prepare: (joined) => {
            joined.client.owner.verdict = () => {
              if (end === 'refuse') throw new SealwireError('CERTIFICATE_REJECTED', 'no');
              return new Promise(() => undefined);
            };
          },
        });
        line.flow();
        client.clock.advance(10_000);
        expect(client.owner.ends).to.have.length(1);
        expectWiped(secrets, 3);
      }
    });
  });
});

function changed(frame: Uint8Array, index: number, bits: number): Uint8Array {
  frame[index] = frame[index]! ^ bits;
  return frame;
}

/** A connection where one side has encryption and the other has none. */
function mixed(plainRole: 'client' | 'server'): Joined {
  const plain = join({ plain: true });
  const keyed = join({ client: clientConfig(), server: serverConfig() });
  const client = plainRole === 'client' ? plain.client : keyed.client;
  const server = plainRole === 'server' ? plain.server : keyed.server;
  client.end.peer = server.end;
  server.end.peer = client.end;
  while (client.end.carry() || server.end.carry()) {
    // until nothing moves
  }
  return { line: plain.line, client, server };
}
