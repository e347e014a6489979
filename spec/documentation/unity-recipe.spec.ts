// docs/coming-from/unity-transport.md says that the files of Unity's manual work as they are: here they are made, and do.
//
// The recipe gives the leaf no extension at all, so X.509 version 1 and a common name alone where openssl adds none by
// itself. Keys were PKCS #1 with the openssl of its time, and are PKCS #8 with later ones.

import { expect } from 'chai';
import { NetworkingManager } from '../../lib/manager/node.js';
import { ProgramFolder } from '../certificate/program-folder.js';
import { Ping } from '../manager/ping.js';
import { requireProgram } from '../support/requirements.js';

describe("the certificates of Unity's manual", function () {
  this.timeout(60_000);
  let folder: ProgramFolder;

  before(function () {
    requireProgram(this, 'openssl', 'version');
    folder = new ProgramFolder();
    for (const line of [
      'genrsa -out rootKey.pem 2048',
      'req -x509 -new -nodes -key rootKey.pem -sha256 -days 1095 -out ca.pem -subj /CN=MyGame',
      'genrsa -out key.pem 2048',
      'req -new -key key.pem -out request.pem -subj /CN=localserver',
      'x509 -req -in request.pem -CA ca.pem -CAkey rootKey.pem -CAcreateserial -out cert.pem -days 365 -sha256',
    ])
      folder.openssl(...line.split(' '));
    folder.openssl('rsa', '-traditional', '-in', 'key.pem', '-out', 'pkcs1.pem');
  });

  after(() => folder?.remove());

  async function connect(address: string, key: string, serverName: string): Promise<string | undefined> {
    const server = new NetworkingManager({
      certificate: { cert: folder.text('cert.pem'), key: folder.text(key) },
    });
    server.register(new Ping());
    const url = await server.startServer(address);
    const client = new NetworkingManager({ ca: folder.text('ca.pem'), serverName });
    try {
      await client.startClient(url.replace('127.0.0.1', 'localhost'));
      return client.connection?.security.protection;
    } finally {
      await client.stop();
      await server.stop();
    }
  }

  for (const [address, key, protection] of [
    ['ws://127.0.0.1:0', 'key.pem', 'signed'],
    ['wss://127.0.0.1:0', 'pkcs1.pem', 'transport'],
    ['tls://127.0.0.1:0', 'key.pem', 'transport'],
  ] as const) {
    it(`are taken for their common name (${address}, ${key})`, async () => {
      expect(await connect(address, key, 'localserver')).to.equal(protection);
    });

    it(`are refused for another (${address})`, async () => {
      const error: unknown = await connect(address, key, 'otherserver').catch((reason: unknown) => reason);
      expect(error).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'name-mismatch' });
    });
  }
});
