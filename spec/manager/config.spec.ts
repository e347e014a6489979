// Bad configuration: refused at start at the latest, with a code and a message that says what to do.

import { inspect } from 'node:util';
import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { Security } from '../../lib/contract/security.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { NetworkingManager as BrowserManager } from '../../lib/manager/browser.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { authority, serverCertificate, serverName } from '../support/authority.js';
import { codeOf, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { nothingLeftBehind } from './left-behind.js';
import { Ping } from './ping.js';

const { certificate: cert, key } = serverCertificate().pem;
const certificate = { cert, key };
const ca = authority().pem.certificate;

type Case = readonly [what: string, config: unknown, code: string, message: RegExp];

const atConstruction: readonly Case[] = [
  [
    'an unknown option',
    { enableEncrypton: true },
    'INVALID_CONFIG',
    /enableEncrypton does not exist.*known options: enableEncryption/,
  ],
  [
    'an option of a later version',
    { resumption: true },
    'INVALID_CONFIG',
    /resumption does not exist in this version/,
  ],
  ['no object', null, 'INVALID_CONFIG', /must be an object/],
  ['text', 'ws://x', 'INVALID_CONFIG', /must be an object/],
];

const ofBoth: readonly Case[] = [
  [
    'enableEncryption in words',
    { enableEncryption: 'no' },
    'INVALID_CONFIG',
    /enableEncryption must be true or false/,
  ],
  [
    'enableEncryption as a number',
    { enableEncryption: 0 },
    'INVALID_CONFIG',
    /enableEncryption must be true or false/,
  ],
  [
    'signKeyExchange in words',
    { signKeyExchange: 'false' },
    'INVALID_CONFIG',
    /signKeyExchange must be true or false/,
  ],
  [
    'signKeyExchange null',
    { signKeyExchange: null },
    'INVALID_CONFIG',
    /signKeyExchange must be true or false/,
  ],
  [
    'an unknown limit',
    { limits: { maxPlayers: 5 } },
    'INVALID_CONFIG',
    /limits\.maxPlayers does not exist; known limits: maxFrameBytes/,
  ],
  [
    'a limit of zero',
    { limits: { maxCallMs: 0 } },
    'INVALID_CONFIG',
    /limits\.maxCallMs must be a whole number from 1 to/,
  ],
  [
    'a limit in words',
    { limits: { maxConnections: '5' } },
    'INVALID_CONFIG',
    /limits\.maxConnections must be a whole number/,
  ],
  [
    'a limit with a fraction',
    { limits: { maxPendingCalls: 1.5 } },
    'INVALID_CONFIG',
    /limits\.maxPendingCalls must be/,
  ],
  [
    'a limit without end',
    { limits: { maxSendBufferBytes: Number.POSITIVE_INFINITY } },
    'INVALID_CONFIG',
    /must be a whole number/,
  ],
  [
    'a timer that setTimeout cannot measure',
    { limits: { handshakeTimeoutMs: 2 ** 31 } },
    'INVALID_CONFIG',
    /from 1 to 2147483647/,
  ],
  [
    'frames smaller than the protocol’s least',
    { limits: { maxFrameBytes: 1000 } },
    'INVALID_CONFIG',
    /from 65536 to/,
  ],
  ['a deeper nesting than the protocol’s', { limits: { maxDepth: 33 } }, 'INVALID_CONFIG', /from 1 to 32/],
  [
    'more records per key than the protocol allows',
    { limits: { rekeyAfterRecords: 2 ** 24 } },
    'INVALID_CONFIG',
    /from 1 to 8388608/,
  ],
  ['limits that are none', { limits: null }, 'INVALID_CONFIG', /limits must be an object/],
  ['limits in words', { limits: 'strict' }, 'INVALID_CONFIG', /limits must be an object/],
  [
    'flags that do not exist',
    { minimumSecurity: 4 },
    'INVALID_CONFIG',
    /minimumSecurity.*Security\.Encrypted/,
  ],
  [
    'flags in words',
    { minimumSecurity: 'Encrypted' },
    'INVALID_CONFIG',
    /minimumSecurity.*Security\.Encrypted/,
  ],
  [
    'a minimum without keys',
    { minimumSecurity: Security.Encrypted, enableEncryption: false },
    'INVALID_CONFIG',
    /minimumSecurity needs enableEncryption/,
  ],
  ['no crypto backend', { crypto: {} }, 'INVALID_CONFIG', /crypto must be/],
  ['crypto in words', { crypto: 'noble' }, 'INVALID_CONFIG', /crypto must be/],
];

const ofServers: readonly Case[] = [
  [
    'no certificate',
    {},
    'INVALID_CONFIG',
    /set certificate to \{ pfx, passphrase \} or \{ cert, key \}, or set signKeyExchange: false on both sides/,
  ],
  [
    'a path for a certificate',
    { certificate: 'server.pfx' },
    'INVALID_CONFIG',
    /certificate must be \{ pfx, passphrase \} or \{ cert, key \}/,
  ],
  ['a certificate that is null', { certificate: null }, 'INVALID_CONFIG', /certificate must be/],
  [
    'a certificate without its key',
    { certificate: { cert } },
    'INVALID_CERTIFICATE',
    /"cert" and "key" must both be given/,
  ],
  [
    'another certificate’s key',
    { certificate: { cert, key: authority().pem.key } },
    'INVALID_CERTIFICATE',
    /the key does not belong to the certificate/,
  ],
  [
    'a path for a PFX file',
    { certificate: { pfx: '/etc/server.pfx' } },
    'INVALID_CERTIFICATE',
    /not its path/,
  ],
  [
    'PEM for a PFX file',
    { certificate: { pfx: cert } },
    'INVALID_CERTIFICATE',
    /pass it as "cert" and "key"/,
  ],
  ['an empty PFX file', { certificate: { pfx: new Uint8Array() } }, 'INVALID_CERTIFICATE', /"pfx" is empty/],
  [
    'a PFX variable that is not set',
    { certificate: { pfx: undefined } },
    'INVALID_CERTIFICATE',
    /"pfx" is empty/,
  ],
  [
    'iterations below one',
    { certificate, keyStretching: { iterations: 0 } },
    'INVALID_CONFIG',
    /keyStretching\.iterations must be a whole number from 1 \(off\)/,
  ],
  [
    'iterations in words',
    { certificate, keyStretching: { iterations: '1000' } },
    'INVALID_CONFIG',
    /keyStretching\.iterations/,
  ],
  [
    'too many iterations',
    { certificate, keyStretching: { iterations: 1e9 } },
    'INVALID_CONFIG',
    /to 10000000/,
  ],
  [
    'iterations without their object',
    { certificate, keyStretching: 1000 },
    'INVALID_CONFIG',
    /keyStretching must be \{ iterations/,
  ],
  [
    'iterations with a slip',
    { certificate, keyStretching: { iteration: 1000 } },
    'INVALID_CONFIG',
    /keyStretching must be \{ iterations/,
  ],
  [
    'null for iterations',
    { certificate, keyStretching: null },
    'INVALID_CONFIG',
    /keyStretching must be \{ iterations/,
  ],
];

const ofAskingServers: readonly Case[] = [
  [
    'clientAuthentication without a root to trust, though there are built-in ones',
    { certificate, clientAuthentication: 'required' },
    'INVALID_CONFIG',
    /clientAuthentication needs to know whom to trust: set ca .*; public roots are not used for clients/,
  ],
  [
    'optional clientAuthentication likewise',
    { certificate, clientAuthentication: 'optional' },
    'INVALID_CONFIG',
    /needs to know whom to trust/,
  ],
  [
    'clientAuthentication of an anonymous server',
    { signKeyExchange: false, ca, clientAuthentication: 'optional' },
    'INVALID_CONFIG',
    /clientAuthentication needs enableEncryption and signKeyExchange/,
  ],
  [
    'clientAuthentication without encryption',
    { enableEncryption: false, ca, clientAuthentication: 'required' },
    'INVALID_CONFIG',
    /clientAuthentication needs enableEncryption/,
  ],
  [
    'roots for clients that are none',
    { certificate, ca: [], clientAuthentication: 'required' },
    'INVALID_CONFIG',
    /ca holds no certificate/,
  ],
  [
    'clientAuthentication in other words',
    { certificate, ca, clientAuthentication: 'Required' },
    'INVALID_CONFIG',
    /clientAuthentication must be 'none', 'optional' or 'required'/,
  ],
  [
    'clientAuthentication that is true',
    { certificate, ca, clientAuthentication: true },
    'INVALID_CONFIG',
    /clientAuthentication must be/,
  ],
  [
    'a validator that is no function, though nobody is asked',
    { certificate, validateCertificate: 'yes' },
    'INVALID_CONFIG',
    /validateCertificate must be a function/,
  ],
];

const ofClients: readonly Case[] = [
  ['a path for the roots', { ca: 'ca.pem' }, 'INVALID_CERTIFICATE', /the content, not the path/],
  ['no text for the roots', { ca: '' }, 'INVALID_CERTIFICATE', /a certificate was expected/],
  ['an empty list of roots', { ca: [] }, 'INVALID_CONFIG', /ca holds no certificate/],
  ['a key for the roots', { ca: key }, 'INVALID_CERTIFICATE', /only PRIVATE KEY/],
  ['a number for the roots', { ca: 5 }, 'INVALID_CONFIG', /ca must be/],
  ['null for the roots', { ca: null }, 'INVALID_CONFIG', /ca must be/],
  ['a list of anything for the roots', { ca: [{}] }, 'INVALID_CONFIG', /ca must be/],
  ['no name to compare with', { ca }, 'INVALID_CONFIG', /set serverName/],
  [
    'its own certificate without its key',
    { ca, serverName, certificate: { cert } },
    'INVALID_CERTIFICATE',
    /"cert" and "key" must both be given/,
  ],
  [
    'clientAuthentication in other words, though it is for servers',
    { ca, serverName, clientAuthentication: 'always' },
    'INVALID_CONFIG',
    /clientAuthentication must be/,
  ],
  ['a name that is none', { ca, serverName: 5 }, 'INVALID_CONFIG', /serverName must be a string/],
  ['a name that is too long', { ca, serverName: 'a'.repeat(256) }, 'INVALID_CONFIG', /at most 255 bytes/],
  [
    'a name of other letters that is no host name',
    { ca, serverName: 'bü cher' },
    'INVALID_CONFIG',
    /must be a host name/,
  ],
  [
    'a validator that is no function',
    { ca, serverName, validateCertificate: true },
    'INVALID_CONFIG',
    /validateCertificate must be a function/,
  ],
];

describe('manager/config', () => {
  nothingUncaught();
  nothingLeftBehind();

  for (const [what, config, code, message] of atConstruction) {
    it(`refuses ${what} when the manager is made`, () => {
      for (const Manager of [NetworkingManager, BrowserManager]) {
        expect(() => new Manager(config as NetworkConfig))
          .to.throw(SealwireError, message)
          .with.property('code', code);
      }
    });
  }

  async function expectRefused(start: Promise<unknown>, code: string, message: RegExp): Promise<void> {
    const outcome = await outcomeOf(start);
    expect(outcome).to.include({ kind: 'failed', code });
    expect(outcome).to.have.nested.property('error.message').that.matches(message);
  }

  for (const [what, config, code, message] of [...ofBoth, ...ofServers, ...ofAskingServers]) {
    it(`refuses ${what} when a server is started, which can then be started again`, async () => {
      const base = ofBoth.some(([name]) => name === what) ? { certificate } : {};
      const server = new NetworkingManager({ ...base, ...(config as NetworkConfig) });
      for (let attempt = 0; attempt < 2; attempt++) {
        await expectRefused(server.startServer('memory://config'), code, message);
      }
    });
  }

  for (const [what, config, code, message] of [...ofBoth, ...ofClients]) {
    it(`refuses ${what} when a client is started`, async () => {
      const base = ofBoth.some(([name]) => name === what) ? { ca, serverName } : {};
      for (const Manager of [NetworkingManager, BrowserManager]) {
        const client = new Manager({ ...base, ...(config as NetworkConfig) });
        for (let attempt = 0; attempt < 2; attempt++) {
          await expectRefused(client.startClient('memory://config'), code, message);
        }
      }
    });
  }

  for (const target of ['nonsense', 'http://x', '', 'udp://127.0.0.1:1', 'ws:', 'memory://']) {
    it(`refuses ${JSON.stringify(target)} as an address`, async () => {
      const manager = new NetworkingManager({ certificate, ca, serverName });
      expect(await codeOf(manager.startServer(target))).to.equal('INVALID_CONFIG');
      expect(await codeOf(manager.startClient(target))).to.equal('INVALID_CONFIG');
    });
  }

  for (const target of [undefined, null, 7777, {}, new URL('ws://127.0.0.1:1')]) {
    it(`refuses ${inspect(target)} as an address: a variable may not be set`, async () => {
      const manager = new NetworkingManager({ certificate, ca, serverName });
      await expectRefused(manager.startServer(target as never), 'INVALID_CONFIG', /a URL|a transport/);
      await expectRefused(manager.startClient(target as never), 'INVALID_CONFIG', /a URL|a transport/);
    });
  }

  describe('in browsers', () => {
    it('wants ca, since a page knows no roots', async () => {
      const client = new BrowserManager({ serverName });
      await expectRefused(
        client.startClient('memory://config'),
        'INVALID_CONFIG',
        /no root to trust: set ca/,
      );
    });

    it('knows no TCP', async () => {
      const client = new BrowserManager({ ca, serverName });
      await expectRefused(client.startClient('tcp://127.0.0.1:1'), 'INVALID_CONFIG', /use ws:\/\//);
    });

    it('calls a server, over memory, with noble’s crypto', async () => {
      const server = new NetworkingManager({ certificate }).register(new Ping());
      const url = await server.startServer('memory://browser');
      const client = new BrowserManager({ ca, serverName });
      await client.startClient(url);
      expect(await client.rpc(Ping).secret()).to.equal(3);
      expect(client.connection!.security).to.deep.equal({
        protection: 'signed',
        state: 'secured',
        suite: 'chacha20-poly1305',
        group: 'x25519',
        tls: undefined,
      });
      // A batch waits for the end of the turn, which a browser's clock finds out by a message.
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => client.rpc(Ping).ping(index)),
      );
      expect(answers).to.deep.equal(Array.from({ length: 50 }, (_, index) => index));
      await client.stop();
      await server.stop();
    });

    it('does without ca where validateCertificate decides', async () => {
      const server = new NetworkingManager({ certificate }).register(new Ping());
      const url = await server.startServer('memory://browser');
      const client = new BrowserManager({ validateCertificate: () => true });
      await client.startClient(url);
      expect(await client.rpc(Ping).secret()).to.equal(3);
      await client.stop();
      await server.stop();
    });
  });

  describe('certificates of servers', () => {
    const issued = issueCertificate(nodeCrypto, { dnsNames: [serverName], issuer: authority() });
    const pfx = issued.pfx('swordfish', 'arena');

    async function works(config: NetworkConfig): Promise<void> {
      const server = new NetworkingManager(config).register(new Ping());
      const url = await server.startServer('memory://certificates');
      const client = new NetworkingManager({ ca, serverName });
      await client.startClient(url);
      expect(await client.rpc(Ping).secret()).to.equal(3);
      expect(client.connection!.certificates).to.deep.equal(issued.chain.map((der) => new Uint8Array(der)));
      await client.stop();
      await server.stop();
    }

    it('come from the bytes of a PFX file', () => works({ certificate: { pfx, passphrase: 'swordfish' } }));
    it('come from the base64 of a PFX file', () =>
      works({
        certificate: { pfx: Buffer.from(pfx).toString('base64'), passphrase: 'swordfish', alias: 'arena' },
      }));
    it('come from a PFX file without a passphrase', () => works({ certificate: { pfx: issued.pfx('') } }));
    it('come from PEM, as text and as bytes', () =>
      works({ certificate: { cert: Buffer.from(issued.pem.certificate), key: issued.pem.key } }));

    for (const [what, passphrase] of [
      ['a wrong passphrase', 'Swordfish'],
      ['no passphrase', undefined],
      ['an empty passphrase', ''],
    ] as const) {
      it(`are refused with PFX_PASSPHRASE for ${what}, which no message repeats`, async () => {
        const server = new NetworkingManager({
          certificate: { pfx, ...(passphrase !== undefined && { passphrase }) },
        });
        const outcome = await outcomeOf(server.startServer('memory://certificates'));
        expect(outcome).to.include({ kind: 'failed', code: 'PFX_PASSPHRASE' });
        expect(inspect(outcome, { depth: 10 })).not.to.match(/swordfish/i);
      });
    }

    it('are refused for an alias that is not there, with those that are', async () => {
      const server = new NetworkingManager({ certificate: { pfx, passphrase: 'swordfish', alias: 'other' } });
      await expectRefused(
        server.startServer('memory://certificates'),
        'INVALID_CERTIFICATE',
        /"other".*"arena"/,
      );
    });
  });

  it('shows no passphrase and no key to whoever prints a manager', async () => {
    const secrets = { pfx: serverCertificate().pfx('swordfish'), passphrase: 'swordfish' };
    const server = new NetworkingManager({
      certificate: secrets,
      ca: 'PEM of catfish',
      validateCertificate: () => true,
    });
    await server.startServer('memory://printed');
    for (const shown of [
      inspect(server, { depth: 20, showHidden: true }),
      JSON.stringify(server),
      String(server),
    ]) {
      expect(shown).not.to.match(/swordfish|catfish|pfx/);
    }
    await server.stop();
  });
});
