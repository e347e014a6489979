// The faults of the systems that Sealwire follows, each as a spec: a certificate check that was inverted, a host name that
// was never compared, flags dropped in silence, key shares that were not looked at, errors that told too much or
// nothing, calls that never ended, a sender that could say who it was. See docs/security.md.

import { expect } from 'chai';
import { issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { RelayedFrame } from '../../samples/tour/relay.js';
import { decodeClientHello, decodeServerHello } from '../reference/messages.js';
import { authority, serverCertificate, serverName, strangeAuthority } from '../support/authority.js';
import { type Pair, schemes, startPair, startUnconnected } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { dishonestClient } from './dishonest.js';
import { methodId, Vault } from './vault.js';

const quick = { keyStretching: { iterations: 1 } };

interface Refusal {
  readonly code: string;
  readonly reason: string | undefined;
  readonly frames: readonly RelayedFrame[];
}

/** Connects through a listening relay; what came of it, if nothing did. */
async function refusal(server: NetworkConfig, client: NetworkConfig): Promise<Refusal | 'connected'> {
  const frames: RelayedFrame[] = [];
  let connected = 0;
  const setup = await startUnconnected({
    scheme: 'memory',
    services: [new Vault()],
    server: { ...quick, ...server },
    client,
    intercept(frame) {
      frames.push(frame);
      return [frame.bytes];
    },
  });
  setup.server.on('clientConnected', () => (connected += 1));
  const outcome = await outcomeOf(setup.connect());
  if (outcome.kind === 'answered') await eventually('the server knows', () => connected === 1);
  await setup.stop();
  if (outcome.kind === 'answered') return 'connected';
  expect(connected).to.equal(0);
  return { code: outcome.code, reason: outcome.reason, frames };
}

describe('seed faults: the certificate', () => {
  nothingUncaught();
  const pem = (issued: { pem: { certificate: string; key: string } }): NetworkConfig => ({
    certificate: { cert: issued.pem.certificate, key: issued.pem.key },
  });
  const rejected = (reason: string) => ({ code: 'CERTIFICATE_REJECTED', reason });

  it('is accepted when it is valid, and refused when it is not', async () => {
    expect(await refusal({}, {})).to.equal('connected');
    const strange = pem(serverCertificate(strangeAuthority()));
    expect(await refusal(strange, {})).to.include(rejected('untrusted'));
    const day = 86_400_000;
    const dated = (notBefore: number, notAfter: number): NetworkConfig =>
      pem(
        issueCertificate(nodeCrypto, {
          dnsNames: [serverName],
          issuer: authority(),
          notBefore: new Date(notBefore),
          notAfter: new Date(notAfter),
        }),
      );
    const now = Date.now();
    expect(await refusal(dated(now - 2 * day, now - day), {})).to.include(rejected('expired'));
    expect(await refusal(dated(now + day, now + 2 * day), {})).to.include(rejected('not-yet-valid'));
    const client = issueCertificate(nodeCrypto, {
      dnsNames: [serverName],
      issuer: authority(),
      purpose: 'client',
    });
    expect(await refusal(pem(client), {})).to.include(rejected('wrong-purpose'));
  });

  it("is judged by the user's function in its own sense: true accepts, all else refuses", async () => {
    const strange = pem(serverCertificate(strangeAuthority()));
    expect(await refusal(strange, { validateCertificate: () => true })).to.equal('connected');
    expect(await refusal(strange, { validateCertificate: async () => true })).to.equal('connected');
    const refusing = rejected('revoked-by-validator');
    expect(await refusal({}, { validateCertificate: () => false })).to.include(refusing);
    expect(await refusal({}, { validateCertificate: async () => false })).to.include(refusing);
    const truthy = (() => 1) as unknown as () => boolean;
    expect(await refusal({}, { validateCertificate: truthy })).to.include(refusing);
    const throwing = () => {
      throw new Error('made up');
    };
    expect(await refusal({}, { validateCertificate: throwing })).to.include(refusing);
    const rejecting = () => Promise.reject(new Error('made up'));
    expect(await refusal({}, { validateCertificate: rejecting })).to.include(refusing);
  });

  it('must be for the name that is meant', async () => {
    expect(await refusal({}, { serverName: 'other.example' })).to.include(rejected('name-mismatch'));
    expect(await refusal({}, { serverName: `x.${serverName}` })).to.include(rejected('name-mismatch'));
    expect(await refusal({}, { serverName: '127.0.0.1' })).to.include(rejected('name-mismatch'));
  });

  it('must be for the host that is dialled, when nothing else is said', async () => {
    const setup = await startUnconnected({ scheme: 'tcp' });
    const client = new NetworkingManager({ ca: authority().pem.certificate });
    const url = setup.url.replace('127.0.0.1', 'localhost');
    expect(await outcomeOf(client.startClient(url))).to.include(rejected('name-mismatch'));
    await setup.stop();
  });
});

describe('seed faults: silent downgrades', () => {
  nothingUncaught();

  it('encryption on one side alone fails on both, and nothing but hellos is sent', async () => {
    for (const [server, client] of [
      [{ enableEncryption: false }, {}],
      [{}, { enableEncryption: false }],
    ]) {
      const failed = await refusal(server!, client!);
      expect(failed).to.include({ code: 'HANDSHAKE_FAILED', reason: 'encryption-mismatch' });
      const { frames } = failed as Refusal;
      // The hello, and the close frame that answers it.
      expect(frames.map(({ from, bytes }) => [from, bytes[0]])).to.deep.equal([
        ['client', 1],
        ['server', 4],
      ]);
    }
  });

  it('signatures on one side alone fail on both', async () => {
    for (const [server, client] of [
      [{ signKeyExchange: false }, {}],
      [{}, { signKeyExchange: false }],
    ]) {
      expect(await refusal(server!, client!)).to.include({
        code: 'HANDSHAKE_FAILED',
        reason: 'signature-mismatch',
      });
    }
    expect(await refusal({ signKeyExchange: false }, { signKeyExchange: false })).to.equal('connected');
  });

  for (const scheme of schemes) {
    it(`a protected call without keys fails and sends nothing, in both directions, over ${scheme}`, async () => {
      let frames = 0;
      const served = new Vault();
      const servedByClient = new Vault();
      const pair = await startPair({
        scheme,
        server: { enableEncryption: false },
        client: { enableEncryption: false },
        services: [served],
        clientServices: [servedByClient],
        intercept({ bytes }) {
          frames += 1;
          return [bytes];
        },
      });
      frames = 0;
      for (const [invoke, vault] of [
        [pair.client.invokeServerRpc.bind(pair.client), served],
        [pair.peer.invoke.bind(pair.peer), servedByClient],
      ] as const) {
        for (const name of ['needs1', 'needs2', 'needs3', 'tell']) {
          expect(await codeOf(invoke(`Vault.${name}`, ['secret']))).to.equal('ENCRYPTION_UNAVAILABLE');
        }
        for (const security of [1, 2, 3]) {
          const raised = invoke('Vault.needs0', ['secret'], { security });
          expect(await codeOf(raised)).to.equal('ENCRYPTION_UNAVAILABLE');
        }
        expect(frames).to.equal(0);
        expect(vault.runs).to.deep.equal([]);
        expect(await invoke('Vault.needs0', ['public'])).to.equal('public');
        expect(frames).to.equal(2);
        frames = 0;
      }
      await pair.stop();
    });
  }
});

describe('seed faults: the key exchange', () => {
  nothingUncaught();
  /** Points of small order: with each of them the shared secret is zero (RFC 7748 §6.1). */
  const lowOrder = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
  ];

  for (const from of ['client', 'server'] as const) {
    it(`refuses a share of the ${from} that makes the secret zero`, async () => {
      for (const point of lowOrder) {
        const reasons: (string | undefined)[] = [];
        const setup = await startUnconnected({
          scheme: 'memory',
          server: quick,
          intercept(frame) {
            if (frame.from !== from || frame.index > 0) return [frame.bytes];
            const body = frame.bytes.slice(5);
            const share =
              from === 'client'
                ? decodeClientHello(body).keyShares[0]!.key
                : decodeServerHello(body).keyShare;
            frame.bytes.set(Buffer.from(point, 'hex'), Buffer.from(frame.bytes).indexOf(share));
            return [frame.bytes];
          },
        });
        setup.server.on('encryptionFailed', ({ reason }) => reasons.push(reason));
        setup.client.on('encryptionFailed', ({ reason }) => reasons.push(reason));
        expect(await codeOf(setup.connect())).to.equal('HANDSHAKE_FAILED');
        await eventually('both know', () => reasons.length === 2);
        expect(reasons.sort()).to.deep.equal(['handshake-failed', 'key-share']);
        await setup.stop();
      }
    });
  }

  it('does not let the server choose how long the client computes', async () => {
    const capped = { limits: { maxKeyStretchingIterations: 50 } };
    const tooMany = { keyStretching: { iterations: 51 } };
    expect(await refusal(tooMany, capped)).to.include({ code: 'HANDSHAKE_FAILED', reason: 'key-stretching' });
    expect(await refusal({ keyStretching: { iterations: 50 } }, capped)).to.equal('connected');

    const setup = await startUnconnected({
      scheme: 'memory',
      server: quick,
      intercept({ from, index, bytes }) {
        if (from === 'server' && index === 0) bytes.fill(0xff, bytes.length - 6, bytes.length - 2);
        return [bytes];
      },
    });
    const startedMs = performance.now();
    const outcome = await outcomeOf(setup.connect());
    expect(outcome).to.include({ code: 'HANDSHAKE_FAILED', reason: 'key-stretching' });
    expect(performance.now() - startedMs).to.be.lessThan(2000);
    await setup.stop();
  });
});

describe('seed faults: calls', () => {
  nothingUncaught();
  const served = new Vault();
  const servedByClient = new Vault();
  let pair: Pair;

  before(async () => {
    pair = await startPair({
      scheme: 'ws',
      server: quick,
      services: [served],
      clientServices: [servedByClient],
    });
  });
  after(() => pair.stop());

  it('come from the connection that they came over, whatever they say', async () => {
    const second = new NetworkingManager({ ca: authority().pem.certificate, serverName });
    const url = `memory://sender`;
    const vault = new Vault();
    const { pem } = serverCertificate();
    const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
    server.register(vault);
    await server.startServer(url);
    const first = new NetworkingManager({ ca: authority().pem.certificate, serverName });
    await first.startClient(url);
    await second.startClient(url);
    await first.invokeServerRpc('Vault.needs3', [{ client: 2, id: 2, sender: 2 }]);
    await second.invokeServerRpc('Vault.needs3', [{ client: 1, id: 1, sender: 1 }]);
    await first.invokeServerRpc('Vault.needs0', [2]);
    expect(vault.runs.map(({ peer }) => peer)).to.deep.equal([1, 2, 1]);
    await first.stop();
    await second.stop();
    await server.stop();
  });

  it('that throw reach their caller: as they are when meant so, as a bare INTERNAL otherwise', async () => {
    const told: unknown[] = [];
    pair.server.on('callFailed', (_peer, method, error) => told.push([method, (error as Error).message]));
    const meant = await outcomeOf(pair.client.invokeServerRpc('Vault.refuse', ['x']));
    expect(meant).to.include({ kind: 'failed', code: 'NOT_FOUND' });
    const unforeseen = await outcomeOf(pair.client.invokeServerRpc('Vault.crash', ['hunter2']));
    expect(unforeseen).to.include({ kind: 'failed', code: 'INTERNAL' });
    const { error } = unforeseen as { error: Error };
    expect(error.message).to.match(/^the method failed; .* incident \w{8}$/);
    expect(JSON.stringify([error.stack, error])).to.not.include('hunter2');
    expect(told).to.deep.equal([['Vault.crash', 'the database password is hunter2']]);
  });

  it('of unknown methods fail, and are no success with nothing in it', async () => {
    expect(await codeOf(pair.client.invokeServerRpc('Vault.constructor'))).to.equal('UNIMPLEMENTED');
    expect(await codeOf(pair.client.invokeServerRpc('Vault.nobody'))).to.equal('UNIMPLEMENTED');
    const setup = await startUnconnected({ scheme: 'memory', server: quick, services: [new Vault()] });
    const peer = await dishonestClient('memory', setup.url);
    for (const [index, method] of [8, 4095, 2 ** 40].entries()) {
      peer.say(3, { kind: 'call', id: index + 1, method, args: [] });
      expect((await peer.answer(index + 1)).message).to.include({ kind: 'error', code: 'UNIMPLEMENTED' });
    }
    peer.close();
    await setup.stop();
  });

  it('end in time on both sides, whoever calls', async () => {
    for (const [invoke, vault] of [
      [pair.client.invokeServerRpc.bind(pair.client), served],
      [pair.peer.invoke.bind(pair.peer), servedByClient],
    ] as const) {
      vault.runs.length = 0;
      const startedMs = performance.now();
      const call = codeOf(invoke('Vault.hold', ['held'], { timeoutMs: 30 }));
      expect(await call).to.equal('DEADLINE_EXCEEDED');
      expect(performance.now() - startedMs).to.be.within(25, 2000);
      expect(vault.runs).to.have.length(1);
    }
  });

  it('end at the limit of the side that serves them, when the caller has all the time', async () => {
    const setup = await startUnconnected({
      scheme: 'memory',
      server: { ...quick, limits: { maxCallMs: 30 } },
      services: [new Vault()],
    });
    const peer = await dishonestClient('memory', setup.url);
    peer.say(3, { kind: 'call', id: 1, method: methodId('hold'), args: [] });
    expect((await peer.answer(1)).message).to.include({ kind: 'error', code: 'DEADLINE_EXCEEDED' });
    peer.say(3, { kind: 'call', id: 2, method: methodId('hold'), args: [], timeoutMs: 2 ** 50 });
    expect((await peer.answer(2)).message).to.include({ kind: 'error', code: 'DEADLINE_EXCEEDED' });
    peer.close();
    await setup.stop();
  });
});
