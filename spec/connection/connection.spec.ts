// A connection up to its session: time limits, the verdict over the certificate, settings that do not fit, and frames
// that have no place in a handshake. The states behind it are in spec/handshake.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { closeCodes, frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { clientConfig, serverConfig, thrownBy } from '../handshake/roles.js';
import {
  changed,
  established,
  expectEnd,
  framesOf,
  type Joined,
  type JoinOptions,
  join,
  message,
  plainClose,
  settle,
  toldInTheClear,
} from './joined.js';

describe('connection, beginning', () => {
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
          client.owner.verdict = () =>
            new Promise((resolve) => {
              accept = () => resolve(undefined);
            });
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
            new Promise<undefined>((accepted, refused) => {
              resolve = () => accepted(undefined);
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
          joined.client.owner.verdict = () => {
            joined.client.connection.close();
            return undefined;
          };
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
      ['signature-mismatch', { server: { identities: undefined } }, 'signature-mismatch'],
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
});

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
