// Every backend against every other with every kind of key: both sides come to the same keys, whatever made them.

import { expect } from 'chai';
import { toHex, utf8 } from '../../lib/base/bytes.js';
import { defaultCrypto } from '../../lib/crypto/default-node.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { startClientHandshake } from '../../lib/handshake/client.js';
import { type PlainHandshakeConfig, startPlainClient, startPlainServer } from '../../lib/handshake/plain.js';
import { startServerHandshake } from '../../lib/handshake/server.js';
import { purposeKeys } from '../record/purpose-keys.js';
import {
  type Agreed,
  agree,
  carry,
  clientConfig,
  expectHandshakeFailed,
  identity,
  keyNames,
  only,
  serverConfig,
} from './roles.js';

const backends = [nodeCrypto, nobleCrypto, defaultCrypto];
const plain: PlainHandshakeConfig = { transport: 3, manifest: Uint8Array.of(0), maxFrameBytes: 65_536 };

function expectSameKeys({ client, server }: Agreed): void {
  const context = utf8('context');
  const exported = [client, server].map(({ secrets }) =>
    toHex(secrets!.exporter.export('label', 32, context)),
  );
  expect(exported[0]).to.equal(exported[1]);
  expect(purposeKeys(client.secrets!.sending)).to.deep.equal(purposeKeys(server.secrets!.receiving));
  expect(purposeKeys(client.secrets!.receiving)).to.deep.equal(purposeKeys(server.secrets!.sending));
  expect(purposeKeys(client.secrets!.sending)).to.not.deep.equal(purposeKeys(client.secrets!.receiving));
  expect(client.secrets!.suite).to.equal(server.secrets!.suite);
}

for (const clientCrypto of backends) {
  for (const serverCrypto of backends) {
    describe(`handshake, ${clientCrypto.name} client, ${serverCrypto.name} server`, () => {
      // Whoever is faster with ChaCha20 asks for it, and gets it.
      const bothNative = clientCrypto === nodeCrypto && serverCrypto === nodeCrypto;
      const suite = bothNative ? 'aes-256-gcm' : 'chacha20-poly1305';

      for (const key of keyNames) {
        it(`agrees with a ${key} key`, () => {
          const agreed = agree(
            clientConfig({ crypto: clientCrypto }),
            serverConfig({
              crypto: serverCrypto,
              identities: only(identity(key, serverCrypto)),
              iterations: 2,
            }),
          );
          expectSameKeys(agreed);
          expect(agreed.client.secrets!.suite).to.equal(suite);
          expect([agreed.client.protection, agreed.server.protection]).to.deep.equal(['signed', 'signed']);
        });
      }

      it('agrees anonymously', () => {
        const agreed = agree(
          clientConfig({ crypto: clientCrypto, signed: false }),
          serverConfig({ crypto: serverCrypto, identities: undefined }),
        );
        expectSameKeys(agreed);
        expect([agreed.client.protection, agreed.server.protection]).to.deep.equal([
          'anonymous',
          'anonymous',
        ]);
      });
    });
  }
}

describe('handshake, settings that do not fit', () => {
  it('agrees on other keys each time', () => {
    const keys = [1, 2].map(() =>
      toHex(purposeKeys(agree(clientConfig(), serverConfig()).client.secrets!.sending).both),
    );
    expect(keys[0]).to.not.equal(keys[1]);
  });

  it('tells what does not fit, on the side that sees it', () => {
    const signed = startClientHandshake(clientConfig()).send;
    const anonymous = startClientHandshake(clientConfig({ signed: false })).send;
    const plainHello = startPlainClient(plain).send;
    const cases = [
      { server: startServerHandshake(serverConfig()), hello: anonymous, reason: 'signature-mismatch' },
      {
        server: startServerHandshake(serverConfig({ identities: undefined })),
        hello: signed,
        reason: 'signature-mismatch',
      },
      { server: startServerHandshake(serverConfig()), hello: plainHello, reason: 'encryption-mismatch' },
      { server: startPlainServer(plain), hello: signed, reason: 'encryption-mismatch' },
      { server: startServerHandshake(serverConfig({ transport: 2 })), hello: signed, reason: 'transport' },
      { server: startPlainServer({ ...plain, transport: 1 }), hello: plainHello, reason: 'transport' },
    ];
    for (const { server, hello, reason } of cases) expectHandshakeFailed(() => server.receive(hello), reason);
  });

  describe('without keys', () => {
    it('agrees on plain messages, and on nothing to protect them with', () => {
      const { handshake, send } = startPlainClient(plain);
      const { client, server } = carry(
        handshake,
        send,
        startPlainServer({ ...plain, maxFrameBytes: 70_000 }),
      );
      for (const side of [client, server]) {
        expect(side).to.include({ protection: 'none', allowed: 0b0001, secrets: undefined });
      }
      expect([client.peer.maxFrameBytes, server.peer.maxFrameBytes]).to.deep.equal([70_000, 65_536]);
    });

    it('refuses another transport in the answer, and whatever is no PlainHello', () => {
      const answer = startPlainServer({ ...plain, transport: 1 });
      const { send: other } = answer.receive(startPlainClient({ ...plain, transport: 1 }).send);
      expectHandshakeFailed(() => startPlainClient(plain).handshake.receive(other[0]!), 'transport');

      const serverHello = startServerHandshake(serverConfig()).receive(
        startClientHandshake(clientConfig()).send,
      ).send;
      expectHandshakeFailed(
        () => startPlainClient(plain).handshake.receive(serverHello[0]!),
        'unexpected-message',
      );
      expectHandshakeFailed(
        () => startPlainClient(plain).handshake.receive(serverHello[1]!),
        'unexpected-frame',
      );
    });

    it('takes nothing more after its hello, nor after a failure', () => {
      const hello = startPlainClient(plain).send;
      const server = startPlainServer(plain);
      server.receive(hello);
      expectHandshakeFailed(() => server.receive(hello), 'unexpected-message');
      expectHandshakeFailed(() => server.receive(hello), 'unexpected-message');
    });
  });
});
