// Peers that hold the keys of the handshake and cheat about approval: clients that do not wait for the verdict, or say what
// they are twice, too long, as nonsense or where it does not belong; servers that refuse or accept without having said that
// they would, say both, say neither, or have more to say than there is room for.

import { expect } from 'chai';
import type { ApprovalVerdict } from '../../lib/manager/approval.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { encodeValue } from '../reference/call-messages.js';
import { Direction } from '../reference/direction.js';
import { finishedMac, type HandshakeSecrets } from '../reference/key-schedule.js';
import {
  announce,
  decodeMessages,
  type Extension,
  encodeExtensions,
  encodeMessage,
  encodePlainHello,
  encodeRefused,
  type Message,
  messageTypes,
} from '../reference/messages.js';
import { concat, u8 } from '../reference/notation.js';
import type { Peer } from '../reference/peer.js';
import { frameTypes, plainFrame } from '../reference/record.js';
import type { ReferenceServerOptions } from '../reference/server.js';
import { transcriptHash } from '../reference/transcript.js';
import { startUnconnected, transport } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { type Alter, dishonestClient, dishonestServer, realClient } from './dishonest.js';
import { methodId, Vault, vaultManifest } from './vault.js';

const { extensions, finished, accepted, refused } = messageTypes;
const handshakeFailed = 2;
const none = new Uint8Array(0);
const yes = true as unknown as ApprovalVerdict;

interface Inside {
  readonly suite: number;
  readonly secrets: HandshakeSecrets;
  readonly transcript: readonly Message[];
}

const inside = (peer: Peer): Inside => peer as unknown as Inside;

/** The client's messages before Finished, altered, with a Finished that fits them. */
function cheating(cheat: (messages: Message[]) => Message[], behind: readonly Message[] = []): Alter {
  return (peer, frame) => {
    if (frame[0] !== 0xc1) return frame;
    const { suite, secrets, transcript } = inside(peer);
    const secret = secrets.clientHandshakeTraffic;
    const own = decodeMessages(new Direction(suite, 0, secret).open(frame).body).slice(0, -1);
    const said = cheat(own);
    const mac = finishedMac(secret, transcriptHash([...transcript.slice(0, 6), ...said]));
    const body = concat(...[...said, { type: finished, body: mac }, ...behind].map(encodeMessage));
    return new Direction(suite, 0, secret).seal(3, frameTypes.handshake, body);
  };
}

const saying = (...more: readonly Extension[]): Message => ({
  type: extensions,
  body: encodeExtensions([...announce({ manifest: vaultManifest, maxFrameBytes: 65_536 }), ...more]),
});
const data = (bytes: Uint8Array): Extension => ({ type: 5, data: bytes });
const ticket = data(encodeValue(['ticket']));

const cheats: readonly [what: string, Alter, reason: string][] = [
  ['its data twice', cheating(() => [saying(ticket, ticket)]), 'malformed'],
  ['its data in two messages', cheating(() => [saying(ticket), saying(ticket)]), 'unexpected-message'],
  ['its data behind Finished', cheating((own) => own, [saying(ticket)]), 'unexpected-message'],
  ['too much', cheating(() => [saying(data(encodeValue([new Uint8Array(16_381)])))]), 'malformed'],
  [
    'as much as fits a record',
    cheating(() => [saying(data(new Uint8Array(60_000).fill(0x91)))]),
    'malformed',
  ],
  ['nothing', cheating(() => [saying(data(none))]), 'malformed'],
  ['no array', cheating(() => [saying(data(encodeValue('ticket')))]), 'malformed'],
  ['an array of two', cheating(() => [saying(data(encodeValue(['ticket', 1])))]), 'malformed'],
  ['what is no MessagePack', cheating(() => [saying(data(Uint8Array.of(0x91, 0xc1)))]), 'malformed'],
  ['an extension type', cheating(() => [saying(data(Uint8Array.of(0x91, 0xd4, 1, 1)))]), 'malformed'],
  [
    'a count that is not there',
    cheating(() => [saying(data(Uint8Array.of(0x91, 0xdd, 255, 255, 255, 255)))]),
    'malformed',
  ],
  ['text that is none', cheating(() => [saying(data(Uint8Array.of(0x91, 0xa1, 0xff)))]), 'malformed'],
  [
    'a key of the prototype',
    cheating(() => [saying(data(encodeValue([new Map([['__proto__', 1]])])))]),
    'malformed',
  ],
  ['too deep', cheating(() => [saying(data(Uint8Array.from([...Array(40).fill(0x91), 0x90])))]), 'malformed'],
  ['that a verdict follows', cheating(() => [saying({ type: 6, data: none })]), 'malformed'],
  ['Accepted itself', cheating((own) => [...own, { type: accepted, body: none }]), 'unexpected-message'],
  ['Refused itself', cheating((own) => [...own, { type: refused, body: none }]), 'unexpected-message'],
];

describe('attack: dishonesty about approval', () => {
  nothingUncaught();

  async function approving(approve: NetworkConfig['approveConnection'], config: NetworkConfig = {}) {
    const vault = new Vault();
    const asked: unknown[] = [];
    const setup = await startUnconnected({
      scheme: 'memory',
      services: [vault],
      server: {
        approveConnection: (request) => {
          asked.push(request.connectionData);
          return approve!(request);
        },
        ...config,
      },
    });
    const events: string[] = [];
    setup.server.on('clientConnected', ({ id }) => events.push(`connected ${id}`));
    setup.server.on('encryptionFailed', ({ code, reason }) => events.push(`${code} ${reason}`));
    setup.server.on('clientRefused', (_request, { code, reason }) => events.push(`${code} ${reason}`));
    return { setup, vault, asked, events };
  }

  describe('of a client', () => {
    for (const [what, alter, reason] of cheats) {
      it(`that says ${what} is refused, nobody is asked about it, and nothing runs`, async () => {
        const { setup, vault, asked, events } = await approving(() => yes);
        const peer = await dishonestClient('memory', setup.url, { alter });
        await eventually('the end', () => peer.ended !== undefined);
        expect(peer.ended?.by).to.include({ by: 'peer', closeCode: handshakeFailed });
        expect(events).to.deep.equal([`HANDSHAKE_FAILED ${reason}`]);
        expect([asked, vault.runs]).to.deep.equal([[], []]);
        await setup.stop();
      });
    }

    it('that is honest after all is let in, sealed anew', async () => {
      const { setup, asked, events } = await approving(() => yes);
      const alter = cheating(() => [saying(ticket)]);
      const peer = await dishonestClient('memory', setup.url, { alter });
      peer.say(3, { kind: 'call', id: 1, method: methodId('needs3'), args: ['x'] });
      expect((await peer.answer(1)).message).to.deep.equal({ kind: 'result', id: 1, value: 'x' });
      expect([asked, events]).to.deep.equal([['ticket'], ['connected 1']]);
      peer.close();
      await setup.stop();
    });

    it('that sends calls before the verdict is out, whatever the verdict will be, and nothing of it runs', async () => {
      for (const verdict of [true, false]) {
        for (const flags of [0, 3]) {
          let decide: (verdict: boolean) => void = () => undefined;
          const { setup, vault, events } = await approving(
            () =>
              new Promise<never>((resolve) => {
                decide = resolve as unknown as (verdict: boolean) => void;
              }),
          );
          const hasty: Alter = (peer, frame) => {
            if (frame[0] === 0xc1) (peer as unknown as { goOver(): void }).goOver();
            return frame;
          };
          const peer = await dishonestClient('memory', setup.url, { alter: hasty });
          const method = methodId(flags === 0 ? 'needs0' : 'needs3');
          peer.say(flags, { kind: 'call', id: 1, method, args: [] });
          await eventually('the end', () => events.length > 0);
          decide(verdict);
          await new Promise((resolve) => setImmediate(resolve));
          expect(events).to.deep.equal(['HANDSHAKE_FAILED unexpected-message']);
          expect([vault.runs.length, setup.server.clients.size]).to.deep.equal([0, 0]);
          await setup.stop();
        }
      }
    });

    it('that goes on after it was refused is not heard', async () => {
      const { setup, vault, events } = await approving(() => ({ approved: false, code: 'FULL' }));
      const peer = await dishonestClient('memory', setup.url);
      await eventually('the end', () => peer.ended !== undefined);
      expect(peer.ended!.by).to.deep.include({ by: 'peer', refusal: { code: 'FULL', message: '' } });
      expect(events).to.deep.equal(['APPROVAL_DENIED FULL']);
      expect([vault.runs.length, setup.server.clients.size]).to.deep.equal([0, 0]);
      await setup.stop();
    });

    it('that says its data in the clear is refused: in a hello, and without encryption', async () => {
      const { setup, asked, events } = await approving(() => yes, { enableEncryption: false });
      const list = [...announce({ manifest: vaultManifest, maxFrameBytes: 65_536 }), ticket];
      const body = encodePlainHello({ transport: 3, extensions: list });
      const connection = await transport('memory', setup.url).connect({
        signal: new AbortController().signal,
        maxFrameBytes: 2 ** 20,
        maxFrameBytesLater: 2 ** 20,
      });
      const heard: Uint8Array[] = [];
      const ended = new Promise<void>((resolve) => {
        connection.open({ frame: (frame) => void heard.push(frame.slice()), closed: () => resolve() });
      });
      connection.send(
        plainFrame(frameTypes.handshake, encodeMessage({ type: messageTypes.plainHello, body })),
      );
      await ended;
      expect(heard.map((frame) => [...frame])).to.deep.equal([[frameTypes.close, handshakeFailed]]);
      expect([asked, events]).to.deep.equal([[], []]);
      await setup.stop();
    });
  });

  describe('of a server', () => {
    const announcement = (verdictFollows: boolean): ReferenceServerOptions['announcement'] => ({
      manifest: vaultManifest,
      maxFrameBytes: 2 ** 20,
      allowed: 0b1111,
      ...(verdictFollows && { verdictFollows: true as const }),
    });
    /** In the place of the verdict: a message, several of them, or traffic; sealed with what keys there are. */
    const instead =
      (messages: readonly Message[], type: number = frameTypes.handshake): Alter =>
      (peer, frame) => {
        const { suite, secrets } = inside(peer);
        const sealing = new Direction(suite, 0, secrets.serverHandshakeTraffic);
        // Its verdict is the second record of generation 0; no other record of a handshake is so short.
        if (frame[0] !== 0xc1 || frame.length > 40) return frame;
        sealing.sequence = 1;
        return sealing.seal(3, type, concat(...messages.map(encodeMessage)));
      };
    const refusal = (message = '', dataBytes?: number): Message => ({
      type: refused,
      body: encodeRefused({
        code: 'FULL',
        message,
        ...(dataBytes !== undefined && { data: new Uint8Array(dataBytes) }),
      }),
    });

    const verdicts: readonly (readonly [string, readonly Message[], string])[] = [
      [
        'both, Accepted first',
        [{ type: accepted, body: none }, refusal()],
        'HANDSHAKE_FAILED unexpected-message',
      ],
      ['Refused of nothing', [{ type: refused, body: none }], 'HANDSHAKE_FAILED malformed'],
      ['Refused with too long a text', [refusal('x'.repeat(1025))], 'HANDSHAKE_FAILED malformed'],
      ['Refused with too much data', [refusal('', 8190)], 'HANDSHAKE_FAILED malformed'],
      ['Accepted with something in it', [{ type: accepted, body: u8(1) }], 'HANDSHAKE_FAILED malformed'],
      ['its Extensions again', [saying()], 'HANDSHAKE_FAILED unexpected-message'],
    ];
    for (const [what, messages, expected] of verdicts) {
      it(`that says ${what} connects nobody, and is heard with no reason`, async () => {
        const server = await dishonestServer(
          'memory',
          { announcement: announcement(true) },
          instead(messages),
        );
        const outcome = await outcomeOf(realClient().startClient(server.url));
        const { code, reason } = outcome as { code: string; reason: string };
        expect(`${code} ${reason}`).to.equal(expected);
        await server.close();
      });
    }

    it('that refuses without having announced it has no say: nobody waits, and nobody reads it', async () => {
      for (const message of [refusal('get out'), { type: accepted, body: none }]) {
        const server = await dishonestServer('memory', { announcement: announcement(false) });
        const client = realClient({ connectionData: 'ticket' });
        const ended = new Promise<unknown>((resolve) => client.on('disconnected', resolve));
        await client.startClient(server.url);
        await eventually('the server is through', () => server.connections[0]?.peer.stage === 'traffic');
        const [dishonest] = server.connections;
        const { suite, secrets } = inside(dishonest!.peer);
        const sealing = new Direction(suite, 0, secrets.serverHandshakeTraffic);
        sealing.sequence = 1;
        dishonest!.sendFrame(sealing.seal(3, frameTypes.handshake, encodeMessage(message)));
        expect(await ended).to.include({ code: 'RECORD_REJECTED', reason: 'epoch' });
        await server.close();
      }
    });

    it('that announces a verdict and sends traffic, or nothing, in its place connects nobody', async () => {
      const calling = await dishonestServer(
        'memory',
        { announcement: announcement(true) },
        instead([], frameTypes.messages),
      );
      const vault = new Vault();
      expect(await codeOf(realClient({}, [vault]).startClient(calling.url))).to.equal('HANDSHAKE_FAILED');
      await calling.close();
      const silent = await dishonestServer('memory', { announcement: announcement(true) }, (_peer, frame) =>
        frame.length < 40 && frame[0] === 0xc1 ? Uint8Array.of(0xc1) : frame,
      );
      expect(await codeOf(realClient({}, [vault]).startClient(silent.url))).to.equal('HANDSHAKE_FAILED');
      await silent.close();
      expect(vault.runs).to.deep.equal([]);
    });

    it('that refuses as it may is quoted with care', async () => {
      const server = await dishonestServer('memory', {
        announcement: announcement(true),
        refuses: () => ({
          code: 'FULL',
          message: 'ok\n\u001b]0;pwned\u0007\u202e',
          data: new Map([['a', 1]]),
        }),
      });
      const outcome = await outcomeOf(realClient().startClient(server.url));
      expect(outcome).to.include({ code: 'APPROVAL_DENIED', reason: 'FULL' });
      const { error } = outcome as { error: Error };
      expect(error).to.deep.include({ text: 'ok\\u{a}\\u{1b}]0;pwned\\u{7}\\u{202e}', data: { a: 1 } });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what may not be there
      expect(error.message).to.not.match(/[\u0000-\u001f\u202e]/);
      await server.close();
    });
  });
});
