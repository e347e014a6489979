// The second implementation against the real one, over real sockets: each as client and as server, with every kind of
// key, with and without certificate and keys, and calls both ways under all four combinations of flags. They share
// the page they were written from, and nothing else.

import { expect } from 'chai';
import { defineRpcs, rpc, Security } from '../../decorators/index.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { callContext } from '../../lib/rpc/call-context.js';
import type { Peer as LibPeer } from '../../lib/rpc/peer.js';
import { type ReferenceClientOptions, referenceClient } from '../reference/client.js';
import { clientOptions, serverOptions } from '../reference/conversation.js';
import type { Service } from '../reference/manifest.js';
import { transports } from '../reference/messages.js';
import { closeCodes } from '../reference/notation.js';
import { type ReferenceServerOptions, referenceServer } from '../reference/server.js';
import { signatureAlgorithms, signContent } from '../reference/signature.js';
import { eventually } from '../support/settled.js';
import { fromHex, vectors } from '../support/vectors.js';
import { dialReference, listenReference, type ReferenceSession, type Scheme } from './reference-wire.js';
import { type KeyName, keyNames } from './roles.js';

/** By the flags that they need; in a manifest they stand by name. */
const methods = ['plain', 'encrypted', 'authenticated', 'both'] as const;
const byName = methods.toSorted();

/** Says back what it was given and under which flags. */
class Echo {
  plain(...args: unknown[]): unknown[] {
    return [callContext().security, ...args];
  }
  encrypted(...args: unknown[]): unknown[] {
    return [callContext().security, ...args];
  }
  authenticated(...args: unknown[]): unknown[] {
    return [callContext().security, ...args];
  }
  both(...args: unknown[]): unknown[] {
    return [callContext().security, ...args];
  }
}
defineRpcs(Echo, {
  plain: rpc(Security.None),
  encrypted: rpc(Security.Encrypted),
  authenticated: rpc(Security.Authenticated),
  both: rpc(Security.Encrypted | Security.Authenticated),
});

const manifest: Service[] = [
  { name: 'Echo', methods: byName.map((name) => ({ name, flags: methods.indexOf(name) })) },
];

const serverSays = { manifest, maxFrameBytes: 100_000, allowed: 0b1111 };
const clientCertificateRequest = { mode: 2, signatureAlgorithms: Object.values(signatureAlgorithms) };

type StoredIdentity = { chain: string[]; privateKey: string };
const identities = vectors<Record<KeyName, StoredIdentity> & { root: { certificate: string } }>('identities');
const algorithms: Record<KeyName, number> = {
  p256: signatureAlgorithms.ecdsaSecp256r1Sha256,
  p384: signatureAlgorithms.ecdsaSecp384r1Sha384,
  ed25519: signatureAlgorithms.ed25519,
  rsa: signatureAlgorithms.rsaPssRsaeSha256,
  rsaPss: signatureAlgorithms.rsaPssPssSha256,
};
const transportOf = { tcp: transports.tcp, ws: transports.webSocket };

describe('interop with the second implementation', () => {
  const running: { stop(): unknown }[] = [];
  afterEach(async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  });

  for (const scheme of ['tcp', 'ws'] as const) {
    for (const key of keyNames) {
      it(`is understood as a server, ${scheme}, ${key}`, async () => {
        const { session, peer } = await libServer(scheme, { certificate: identityOf(key) }, {});
        expect(peer.security.protection).to.equal('signed');
        await converse(session, peer);
      });

      it(`is understood as a client, ${scheme}, ${key}`, async () => {
        const { session, peer } = await libClient(scheme, {}, { certificate: signing(key) });
        expect(peer.security.protection).to.equal('signed');
        await converse(session, peer);
      });
    }

    for (const key of keyNames) {
      it(`knows its clients, and is known as one, ${scheme}, ${key}`, async () => {
        const ca = fromHex(identities.root.certificate);
        const config = { certificate: identityOf('ed25519'), ca, clientAuthentication: 'required' } as const;
        // The certificates of servers are for that alone, so somebody must take them on his own account.
        const taking = { ...config, validateCertificate: () => true };
        const asServer = await libServer(scheme, taking, { certificate: signing(key) });
        expect(asServer.peer.certificates[0]).to.deep.equal(fromHex(identities[key].chain[0]!));
        expect(asServer.peer.identity?.kind).to.equal('certificate');
        await converse(asServer.session, asServer.peer);

        const chains: Uint8Array[][] = [];
        const asClient = await libClient(
          scheme,
          { certificate: identityOf(key) },
          {
            announcement: { ...serverSays, clientCertificateRequest },
            takes: (chain) => chains.push(chain) > 0,
          },
        );
        expect(chains).to.deep.equal([identities[key].chain.map(fromHex)]);
        await converse(asClient.session, asClient.peer);
      });
    }

    it(`lets in who has no certificate where it is optional, and goes in without, ${scheme}`, async () => {
      const ca = fromHex(identities.root.certificate);
      const config = { certificate: identityOf('ed25519'), ca, clientAuthentication: 'optional' } as const;
      const asServer = await libServer(scheme, config, {});
      expect(asServer.peer.identity).to.equal(undefined);
      await converse(asServer.session, asServer.peer);
      const announcement = {
        ...serverSays,
        clientCertificateRequest: { ...clientCertificateRequest, mode: 1 },
      };
      const asClient = await libClient(scheme, {}, { announcement });
      await converse(asClient.session, asClient.peer);
    });

    it(`tells and hears why a client is refused, ${scheme}`, async () => {
      const ca = fromHex(identities.root.certificate);
      const config = { certificate: identityOf('ed25519'), ca, clientAuthentication: 'required' } as const;
      const server = await startLibServer(scheme, config);
      for (const [certificate, closeCode] of [
        [undefined, closeCodes.certificateRequired],
        [signing('p256'), closeCodes.certificateRejected],
      ] as const) {
        const options = {
          ...clientOptions(),
          transport: transportOf[scheme],
          ...(certificate && { certificate }),
        };
        const session = await dialReference(server.url, referenceClient(options));
        expect(await session.ended).to.include({ by: 'peer', closeCode });
      }
      const announcement = { ...serverSays, clientCertificateRequest };
      const refused = libClient(
        scheme,
        { certificate: identityOf('p256') },
        { announcement, takes: () => false },
      );
      const error = await refused.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'refused-by-peer' });
    });

    it(`is understood by either role without a certificate, and without keys, ${scheme}`, async () => {
      const anonymous = { signKeyExchange: false };
      const anonymousServer = await libServer(scheme, anonymous, { signatureAlgorithms: [] });
      expect(anonymousServer.peer.security.protection).to.equal('anonymous');
      await converse(anonymousServer.session, anonymousServer.peer);
      const anonymousClient = await libClient(scheme, anonymous, { certificate: undefined });
      expect(anonymousClient.peer.security.protection).to.equal('anonymous');
      await converse(anonymousClient.session, anonymousClient.peer);

      const plain = { enableEncryption: false };
      const announcement = { manifest, maxFrameBytes: 65_536 };
      const plainServer = await libServer(scheme, plain, { encryption: false });
      expect(await plainServer.session.call(0, byName.indexOf('plain'), ['open'])).to.deep.equal([0, 'open']);
      const plainClient = await libClient(scheme, plain, { encryption: false, announcement });
      expect(await plainClient.peer.invoke('Echo.plain', ['open'])).to.deep.equal([0, 'open']);
      for (const { peer } of [plainServer, plainClient]) expect(peer.security.protection).to.equal('none');
    });

    for (const asker of ['reference', 'lib'] as const) {
      it(`begins in the clear, and is secured when the ${asker} asks, ${scheme}`, async () => {
        const config = { encryption: 'onDemand' } as const;
        const certified = { ...config, certificate: identityOf('p256') };
        const asServer = await libServer(scheme, certified, { onDemand: true });
        const asClient = await libClient(scheme, config, { onDemand: true, certificate: signing('p256') });
        for (const { session, peer } of [asServer, asClient]) {
          expect(peer.security.state).to.equal('plain');
          const [inTheClear, plain] = [true, byName.indexOf('plain')];
          expect(await session.call(0, plain, ['open'])).to.deep.equal([0, 'open']);
          expect(await peer.invoke('Echo.plain', ['open'], { inTheClear })).to.deep.equal([0, 'open']);
          const underWay = session.call(0, plain, ['under way']);
          if (asker === 'lib') await peer.establishEncryption();
          else session.secure();
          await eventually('there are keys', () => peer.security.state === 'secured');
          expect(await underWay).to.deep.equal([0, 'under way']);
          expect(peer.security.protection).to.equal('signed');
          // What is made of the first record that it opens is that all is well.
          expect(await peer.invoke('Echo.both', ['sealed'])).to.deep.equal([3, 'sealed']);
          session.calls.length = 0;
          await converse(session, peer);
        }
      });
    }

    it(`is secured at once where the server wants it, ${scheme}`, async () => {
      const asServer = await libServer(scheme, { certificate: identityOf('p256') }, { onDemand: true });
      await converse(asServer.session, asServer.peer);
      const asClient = await libClient(scheme, { encryption: 'onDemand' }, { certificate: signing('p256') });
      await converse(asClient.session, asClient.peer);
    });
  }

  it('is understood with every backend and suite', async () => {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      for (const suites of [[1], [2], [1, 2], [2, 1]]) {
        const config = { crypto, certificate: identityOf('ed25519') };
        const asServer = await libServer('tcp', config, { suites });
        await converse(asServer.session, asServer.peer);
        const asClient = await libClient('tcp', { crypto }, { suites });
        await converse(asClient.session, asClient.peer);
      }
    }
  });

  it('goes through key updates of both sides while calls fly', async () => {
    const limits = { rekeyAfterRecords: 3 };
    const { session, peer } = await libServer('tcp', { limits, certificate: identityOf('ed25519') }, {});
    for (let round = 0; round < 10; round++) {
      await converse(session, peer);
      session.updateKeys();
    }
  });

  it('exports the same keys on both sides', async () => {
    const client = referenceClient({ ...clientOptions(), transport: transports.tcp });
    const server = await startLibServer('tcp', { certificate: identityOf('p256') });
    const session = await dialReference(server.url, client);
    running.push({ stop: () => session.close() });
    const peer = await server.connected;
    const context = new Uint8Array([1, 2, 3]);
    expect(client.exportKey('sample', context, 40)).to.deep.equal(peer.exportKey('sample', 40, context));
  });

  it('hears the second implementation’s refusals, and is heard', async () => {
    const server = await startLibServer('tcp', { certificate: identityOf('p256') });
    for (const [change, code] of [
      [{ signatureAlgorithms: [] }, closeCodes.signatureMismatch],
      [{ signatureAlgorithms: [signatureAlgorithms.ed25519] }, closeCodes.noCommonAlgorithm],
      [{ encryption: false }, closeCodes.encryptionMismatch],
      [{ transport: transports.memory }, closeCodes.handshakeFailed],
    ] as const) {
      const options = { ...clientOptions(), transport: transports.tcp, ...change } as ReferenceClientOptions;
      const session = await dialReference(server.url, referenceClient(options));
      expect(await session.ended).to.include({ by: 'peer', closeCode: code });
    }
    for (const [config, reason] of [
      [{ signKeyExchange: false }, 'signature-mismatch'],
      [{ enableEncryption: false }, 'encryption-mismatch'],
    ] as const) {
      const error = await libClient('tcp', config, {}).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).to.include({ code: 'HANDSHAKE_FAILED', reason });
    }
  });

  /** All four combinations, from either side, at once. */
  async function converse(session: ReferenceSession, peer: LibPeer): Promise<void> {
    const before = session.calls.length;
    const incoming = methods.map((name, flags) => session.call(flags, byName.indexOf(name), [name, flags]));
    const outgoing = methods.map((name, flags) => peer.invoke(`Echo.${name}`, [name, flags]));
    const expected = methods.map((name, flags) => [flags, name, flags]);
    expect(await Promise.all(incoming)).to.deep.equal(expected);
    expect(await Promise.all(outgoing)).to.deep.equal(expected);
    expect(session.calls.slice(before).map(({ flags }) => flags)).to.deep.equal([0, 1, 2, 3]);
  }

  async function startLibServer(
    scheme: Scheme,
    config: NetworkConfig,
  ): Promise<{ url: string; connected: Promise<LibPeer> }> {
    const server = new NetworkingManager(config);
    server.register(new Echo());
    const connected = new Promise<LibPeer>((resolve) => server.on('clientConnected', resolve));
    const url = await server.startServer(`${scheme}://127.0.0.1:0`);
    running.push(server);
    return { url, connected };
  }

  async function libServer(
    scheme: Scheme,
    config: NetworkConfig,
    change: Partial<ReferenceClientOptions>,
  ): Promise<{ session: ReferenceSession; peer: LibPeer }> {
    const { url, connected } = await startLibServer(scheme, config);
    const announcement = { manifest, maxFrameBytes: 65_536 };
    const options = { ...clientOptions({ announcement }), transport: transportOf[scheme], ...change };
    const session = await dialReference(url, referenceClient(options));
    running.push({ stop: () => session.close() });
    await session.ready;
    return { session, peer: await connected };
  }

  async function libClient(
    scheme: Scheme,
    config: NetworkConfig,
    change: Partial<ReferenceServerOptions>,
  ): Promise<{ session: ReferenceSession; peer: LibPeer }> {
    const options = {
      ...serverOptions({ announcement: serverSays }),
      transport: transportOf[scheme],
      ...change,
    };
    const listener = await listenReference(scheme, () => referenceServer(options));
    running.push({ stop: () => listener.close() });
    const ca = fromHex(identities.root.certificate);
    const client = new NetworkingManager({ ca, serverName: 'sealwire.test', ...config });
    client.register(new Echo());
    running.push(client);
    await client.startClient(listener.url);
    const session = await listener.session;
    await session.ready;
    return { session, peer: client.connection! };
  }
});

function identityOf(key: KeyName): { cert: string; key: Uint8Array } {
  const { chain, privateKey } = identities[key];
  const cert = chain
    .map((der) => Buffer.from(der, 'hex').toString('base64'))
    .map((text) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`)
    .join('');
  return { cert, key: fromHex(privateKey) };
}

function signing(key: KeyName): NonNullable<ReferenceServerOptions['certificate']> {
  const { chain, privateKey } = identities[key];
  return {
    chain: chain.map(fromHex),
    algorithm: algorithms[key],
    sign: (content) => signContent(fromHex(privateKey), content),
  };
}
