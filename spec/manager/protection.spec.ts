// What the switches of NetworkConfig do to calls: no keys, no signature, a minimum, another crypto backend.

import { expect } from 'chai';
import { Security } from '../../lib/contract/security.js';
import { defaultCrypto } from '../../lib/crypto/default-node.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { CryptoProvider } from '../../lib/crypto/provider.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { type PairOptions, startPair, startUnconnected } from '../support/pair.js';
import { codeOf, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const memory = { scheme: 'memory' } as const;

describe('manager: protection', () => {
  nothingUncaught();
  nothingLeftBehind();

  async function start(options: PairOptions) {
    const pair = await startPair({ services: [new Ping()], clientServices: [new Ping()], ...options });
    return { ...pair, up: pair.client.rpc<Ping>('Ping'), down: pair.peer.rpc<Ping>('Ping') };
  }

  for (const scheme of ['memory', 'ws', 'tcp'] as const) {
    it(`without encryption runs public calls and sends nothing that must be protected (${scheme})`, async () => {
      const off = { enableEncryption: false };
      const frames: number[] = [];
      const { up, down, client, peer, stop } = await start({
        scheme,
        server: off,
        client: off,
        intercept: ({ bytes }) => {
          frames.push(bytes[0]!);
          return [bytes];
        },
      });
      for (const side of [up, down]) {
        expect(await side.flags()).to.equal(Security.None);
        const before = frames.length;
        expect(await codeOf(side.authenticated())).to.equal('ENCRYPTION_UNAVAILABLE');
        expect(await codeOf(side.secret())).to.equal('ENCRYPTION_UNAVAILABLE');
        expect(frames).to.have.length(before);
      }
      for (const security of [1, 2, 3]) {
        const call = client.invokeServerRpc('Ping.flags', [], { security });
        expect(await codeOf(call)).to.equal('ENCRYPTION_UNAVAILABLE');
      }
      for (const side of [client.connection!, peer]) {
        expect(side.security).to.deep.equal({
          protection: 'none',
          state: 'plain',
          suite: undefined,
          group: undefined,
          tls: undefined,
        });
        expect(side.certificates).to.deep.equal([]);
        expect(() => side.exportKey('x', 32))
          .to.throw()
          .with.property('code', 'ENCRYPTION_UNAVAILABLE');
      }
      await stop();
      expect(frames.every((first) => first < 0x40)).to.equal(true);
    });
  }

  it('with anonymous keys protects calls, and says that they are anonymous', async () => {
    const anonymous = { signKeyExchange: false };
    const { up, down, client, peer, stop } = await start({
      ...memory,
      server: { ...anonymous, certificate: undefined as never },
      client: { ...anonymous, ca: undefined as never, serverName: undefined as never },
    });
    expect(await Promise.all([up.secret(), down.secret(), up.authenticated(), down.flags()])).to.deep.equal([
      3, 3, 2, 0,
    ]);
    for (const side of [client.connection!, peer]) {
      expect(side.security.protection).to.equal('anonymous');
      expect(side.certificates).to.deep.equal([]);
    }
    expect(client.connection!.exportKey('x', 32)).to.deep.equal(peer.exportKey('x', 32));
    await stop();
  });

  it('with signed keys says so', async () => {
    const { client, peer, stop } = await start(memory);
    for (const side of [client.connection!, peer]) expect(side.security.protection).to.equal('signed');
    expect([client.connection!.certificates.length, peer.certificates.length]).to.deep.equal([1, 0]);
    expect(client.connection!.exportKey('x', 32)).to.deep.equal(peer.exportKey('x', 32));
    expect(client.connection!.exportKey('x', 32)).not.to.deep.equal(peer.exportKey('y', 32));
    await stop();
  });

  const differences: readonly (readonly [NetworkConfig, NetworkConfig, string])[] = [
    [{ enableEncryption: false }, {}, 'encryption-mismatch'],
    [{}, { enableEncryption: false }, 'encryption-mismatch'],
    [{ signKeyExchange: false }, {}, 'signature-mismatch'],
    [{}, { signKeyExchange: false }, 'signature-mismatch'],
  ];
  for (const [server, client, reason] of differences) {
    it(`refuses a server with ${JSON.stringify(server)} and a client with ${JSON.stringify(client)}`, async () => {
      const { connect, stop } = await startUnconnected({ ...memory, server, client });
      const outcome = await outcomeOf(connect());
      expect(outcome).to.include({ code: 'HANDSHAKE_FAILED', reason });
      expect(outcome)
        .to.have.nested.property('error.message')
        .that.includes('must be the same on both sides');
      await stop();
    });
  }

  for (const minimum of [1, 2, 3] as const) {
    for (const who of ['server', 'client'] as const) {
      it(`raises all calls of both directions to ${minimum} when the ${who} alone asks for it`, async () => {
        const flags: number[] = [];
        let connected = false;
        const { up, down, client, peer, stop } = await start({
          ...memory,
          [who]: { minimumSecurity: minimum },
          intercept: ({ bytes }) => {
            if (connected) flags.push((bytes[0]! & 0x80 ? 1 : 0) | (bytes[0]! & 0x40 ? 2 : 0));
            return [bytes];
          },
        });
        connected = true;
        for (const side of [up, down]) {
          const seen = await Promise.all([side.flags(), side.authenticated(), side.secret()]);
          expect(seen[0]! & minimum).to.equal(minimum);
          expect(seen[1]! & (minimum | 2)).to.equal(minimum | 2);
          expect(seen[2]).to.equal(3);
          await side.wave();
        }
        expect(await codeOf(client.invokeServerRpc('Ping.ping', [], { security: 0 }))).to.equal('answered');
        expect(await codeOf(peer.invoke('Ping.crash'))).to.equal('INTERNAL');
        await stop();
        expect(flags.length).to.be.greaterThan(10);
        expect(flags.every((each) => (each & minimum) === minimum)).to.equal(true);
      });
    }
  }

  it('takes what both minimums ask for together', async () => {
    const { up, down, stop } = await start({
      ...memory,
      server: { minimumSecurity: Security.Encrypted },
      client: { minimumSecurity: Security.Authenticated },
    });
    expect([await up.flags(), await down.flags()]).to.deep.equal([3, 3]);
    await stop();
  });

  const backends: readonly (readonly [CryptoProvider, CryptoProvider])[] = [
    [nodeCrypto, nodeCrypto],
    [nobleCrypto, nodeCrypto],
    [nodeCrypto, nobleCrypto],
    [defaultCrypto, defaultCrypto],
    [defaultCrypto, nodeCrypto],
    [nodeCrypto, defaultCrypto],
    [nobleCrypto, nobleCrypto],
  ];
  for (const [serverCrypto, clientCrypto] of backends) {
    it(`speaks with ${serverCrypto.name} on the server and ${clientCrypto.name} on the client`, async () => {
      const { up, down, client, peer, stop } = await start({
        ...memory,
        server: { crypto: serverCrypto },
        client: { crypto: clientCrypto },
      });
      expect(await Promise.all([up.secret(), up.authenticated(), down.secret(), down.flags()])).to.deep.equal(
        [3, 2, 3, 0],
      );
      expect(await client.invokeServerRpc('Ping.ping', ['x'], { security: 1 })).to.equal('x');
      expect(client.connection!.security).to.deep.equal(peer.security);
      // AES where both sides prefer it, ChaCha20 wherever one does not.
      expect(peer.security.suite).to.equal(
        serverCrypto === nodeCrypto && clientCrypto === nodeCrypto
          ? nodeCrypto.preferredCiphers[0]
          : 'chacha20-poly1305',
      );
      await stop();
    });
  }

  it('stretches keys as far as the client goes along', async () => {
    const server = { keyStretching: { iterations: 20_000 } };
    const refused = await startUnconnected({ ...memory, server });
    expect(await outcomeOf(refused.connect())).to.include({
      code: 'HANDSHAKE_FAILED',
      reason: 'key-stretching',
    });
    await refused.stop();
    const accepted = await start({
      ...memory,
      server,
      client: { limits: { maxKeyStretchingIterations: 20_000 } },
    });
    expect(await accepted.up.secret()).to.equal(3);
    await accepted.stop();
  });
});
