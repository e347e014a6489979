// Frames that the relay makes up, on a connection with keys: plain frames that pretend to be part of it, records that
// nobody sealed, pieces of the handshake, key updates. Also records of which the flags are stripped, which is the one
// thing that a relay can do to a record without being noticed by the record itself: section 3 of docs/protocol.md.

import { expect } from 'chai';
import type { Sender } from '../../samples/tour/relay.js';
import { type CallMessage, decodeCallMessages, encodeCallMessages } from '../reference/call-messages.js';
import { schemes, startUnconnected } from '../support/pair.js';
import { codeOf, eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { dishonestClient } from './dishonest.js';
import { Stand, tried } from './stand.js';
import { methodId, Vault } from './vault.js';

const sides = ['client', 'server'] as const;

interface Injection {
  readonly name: string;
  readonly frame: (stand: Stand, to: Sender) => Uint8Array;
  /** PROTOCOL_ERROR, or the reason of RECORD_REJECTED. */
  readonly noticed: string;
}

const plain = (type: number, ...body: number[]): Uint8Array => Uint8Array.of(type, ...body);
const forged = (first: number, sequence: number, body: number): Uint8Array =>
  Uint8Array.of(first, 1, 0, 0, 0, 0, 0, sequence, ...new Uint8Array(body));

/** Whoever is attacked has opened one record before: the next sequence is 1. */
const injections: readonly Injection[] = [
  { name: 'a plain close frame', frame: () => plain(4, 0), noticed: 'PROTOCOL_ERROR' },
  {
    name: 'a plain close frame with a body too long',
    frame: () => plain(4, 0, 0),
    noticed: 'PROTOCOL_ERROR',
  },
  {
    name: 'a close frame that is only Encrypted',
    frame: () => forged(0x84, 1, 1),
    noticed: 'PROTOCOL_ERROR',
  },
  { name: 'a close frame with a made-up tag', frame: () => forged(0xc4, 1, 17), noticed: 'tag' },
  { name: 'a plain handshake frame', frame: (stand) => stand.recorded.client[0]!, noticed: 'PROTOCOL_ERROR' },
  {
    name: 'the ServerHello of this connection',
    frame: (stand) => stand.recorded.server[0]!,
    noticed: 'PROTOCOL_ERROR',
  },
  {
    name: 'the flight that it has had',
    frame: (stand, to) => stand.recorded[to === 'client' ? 'server' : 'client'][1]!,
    noticed: 'epoch',
  },
  { name: 'its own flight', frame: (stand, to) => stand.recorded[to][1]!, noticed: 'epoch' },
  {
    name: 'a handshake record that is only Encrypted',
    frame: () => forged(0x81, 1, 40),
    noticed: 'PROTOCOL_ERROR',
  },
  { name: 'a plain key update', frame: () => plain(3), noticed: 'PROTOCOL_ERROR' },
  { name: 'a key update with a made-up tag', frame: () => forged(0xc3, 1, 16), noticed: 'tag' },
  { name: 'a key update that is only Encrypted', frame: () => forged(0x83, 1, 0), noticed: 'key-update' },
  { name: 'a plain frame of unknown type', frame: () => plain(6), noticed: 'PROTOCOL_ERROR' },
  { name: 'a sealed frame of unknown type', frame: () => forged(0xff, 1, 17), noticed: 'PROTOCOL_ERROR' },
  { name: 'a frame of type 0', frame: () => plain(0), noticed: 'PROTOCOL_ERROR' },
  { name: 'an empty plain frame of messages', frame: () => plain(2), noticed: 'PROTOCOL_ERROR' },
  {
    name: 'an empty Encrypted frame of messages',
    frame: () => forged(0x82, 1, 0),
    noticed: 'PROTOCOL_ERROR',
  },
  { name: 'a plain message of unknown kind', frame: () => plain(2, 0x92, 99, 1), noticed: 'PROTOCOL_ERROR' },
  { name: 'a plain message that is no array', frame: () => plain(2, 0xc0), noticed: 'PROTOCOL_ERROR' },
  { name: 'a plain message that is cut off', frame: () => plain(2, 0x94, 0, 1), noticed: 'PROTOCOL_ERROR' },
];

for (const scheme of schemes) {
  describe(`attack: injected frames over ${scheme}`, () => {
    nothingUncaught();

    for (const to of sides) {
      for (const { name, frame, noticed } of injections.filter((_, index) => tried(scheme, index))) {
        it(`${name}, to the ${to}, ends the connection and only that one`, async () => {
          const stand = await Stand.open(scheme);
          expect(await stand.call('client', 'needs3', ['before'], 3)).to.equal('before');
          const held = codeOf(stand.call(to, 'hold', ['held'], 3));
          await eventually('the call', () => stand.runs(to).includes('held'));
          stand.inject(to, frame(stand, to));
          await stand.bothEnded();
          expect(await held).to.equal('CONNECTION_CLOSED');
          const expected =
            noticed === 'PROTOCOL_ERROR'
              ? { code: 'PROTOCOL_ERROR' }
              : { code: 'RECORD_REJECTED', reason: noticed };
          expect(stand.ends[to]).to.include(expected);
          const other = to === 'client' ? 'server' : 'client';
          expect(stand.ends[other]).to.include({ code: 'CONNECTION_CLOSED', reason: 'protocol-error' });
          await stand.bystanderCalls();
          expect(stand.server.clients.size).to.equal(1);
          await stand.close();
        });
      }
    }

    for (const flags of [1, 2, 3]) {
      it(`a plain cancellation of a call under ${flags} ends the connection and cancels nothing by itself`, async () => {
        const stand = await Stand.open(scheme);
        const held = outcomeOf(stand.call('client', 'hold', ['held'], flags));
        await eventually('the call', () => stand.runs('client').length === 1);
        stand.inject('server', plain(2, ...encodeCallMessages([{ kind: 'cancel', id: 1 }])));
        await stand.bothEnded();
        expect(await held).to.include({ kind: 'failed', code: 'CONNECTION_CLOSED' });
        expect(stand.ends.server).to.include({ code: 'PROTOCOL_ERROR' });
        await stand.bystanderCalls();
        await stand.close();
      });

      it(`a plain result of a call under ${flags} ends the connection and is nobody's answer`, async () => {
        for (const from of sides) {
          const stand = await Stand.open(scheme);
          const held = outcomeOf(stand.call(from, 'hold', ['held'], flags));
          await eventually('the call', () => stand.runs(from).length === 1);
          stand.inject(from, plain(2, ...encodeCallMessages([{ kind: 'result', id: 1, value: 'forged' }])));
          await stand.bothEnded();
          expect(await held).to.include({ kind: 'failed', code: 'CONNECTION_CLOSED' });
          expect(stand.ends[from]).to.include({ code: 'PROTOCOL_ERROR' });
          await stand.bystanderCalls();
          await stand.close();
        }
      });
    }

    it('a plain call runs only what asks for no protection, and its answer is in the clear', async () => {
      const stand = await Stand.open(scheme);
      await stand.call('client', 'needs3', ['before'], 3);
      const before = stand.recorded.server.length;
      const answers = (): CallMessage[] =>
        stand.recorded.server.slice(before).flatMap((frame) => decodeCallMessages(frame.subarray(1)));
      for (const [index, name] of ['needs1', 'needs2', 'needs3', 'tell', 'needs0'].entries()) {
        const method = methodId(name);
        const call: CallMessage =
          name === 'tell'
            ? { kind: 'notify', method, args: [name] }
            : { kind: 'call', id: 100 + index, method, args: [name] };
        stand.inject('server', plain(2, ...encodeCallMessages([call])));
      }
      await eventually('the answers', () => answers().length === 4);
      expect(stand.runs('client')).to.deep.equal(['before', 'needs0']);
      expect(answers().map((answer) => ('code' in answer ? answer.code : answer.kind))).to.deep.equal([
        'SECURITY_REQUIRED',
        'SECURITY_REQUIRED',
        'SECURITY_REQUIRED',
        'result',
      ]);
      expect(stand.recorded.server.slice(before).every((frame) => frame[0] === 2)).to.equal(true);
      await stand.close();
    });

    for (const from of sides) {
      for (const required of [0, 2]) {
        it(`an Authenticated call of the ${from} that is stripped to None, where ${required} is required`, async () => {
          const stand = await Stand.open(scheme);
          const answersBefore = stand.recorded[from === 'client' ? 'server' : 'client'].length;
          stand.attack(from, (frame, index) =>
            index === 0 ? [Uint8Array.of(2, ...frame.subarray(8, -16))] : [frame],
          );
          const call = codeOf(stand.call(from, required === 0 ? 'needs0' : 'needs2', ['stripped'], 2));
          expect(await call).to.equal('CONNECTION_CLOSED');
          // What needs nothing is run, as any forged call of it would be; what does, is not.
          expect(stand.runs(from)).to.deep.equal(required === 0 ? ['stripped'] : []);
          const callee = from === 'client' ? 'server' : 'client';
          await eventually(
            'both ends',
            () => stand.ends[from] !== undefined && stand.ends[callee] !== undefined,
          );
          // The answer is in the clear, and so the caller ends the connection.
          const answer = stand.recorded[callee][answersBefore]!;
          expect(answer[0]).to.equal(2);
          expect(Buffer.from(answer).includes('SECURITY_REQUIRED')).to.equal(required === 2);
          expect(stand.ends[from]).to.include({ code: 'PROTOCOL_ERROR' });
          await stand.bystanderCalls();
          await stand.close();
        });

        it(`an answer to the ${from} that is stripped to None, where ${required} is required`, async () => {
          const stand = await Stand.open(scheme);
          const callee = from === 'client' ? 'server' : 'client';
          stand.attack(callee, (frame, index) =>
            index === 0 ? [Uint8Array.of(2, ...frame.subarray(8, -16))] : [frame],
          );
          const call = codeOf(stand.call(from, required === 0 ? 'needs0' : 'needs2', ['x'], 2));
          expect(await call).to.equal('CONNECTION_CLOSED');
          expect(stand.ends[from]).to.include({ code: 'PROTOCOL_ERROR' });
          await stand.bystanderCalls();
          await stand.close();
        });
      }
    }

    it('a plain call that is replayed does not run twice, even where nothing protects it', async () => {
      const stand = await Stand.open(scheme);
      stand.attack('client', (frame, index) => (index === 0 ? [frame, frame] : [frame]));
      await codeOf(stand.call('client', 'needs0', ['once'], 0));
      await stand.bothEnded();
      expect(stand.ends.server).to.include({ code: 'PROTOCOL_ERROR' });
      expect(stand.runs('client')).to.deep.equal(['once']);
      await stand.bystanderCalls();
      await stand.close();
    });
  });

  describe(`attack: key updates over ${scheme}`, () => {
    nothingUncaught();
    const soon = { limits: { rekeyAfterRecords: 4 } };
    const isUpdate = (frame: Uint8Array): boolean => frame[0] === 0xc3;

    for (const from of sides) {
      const attacked: [string, (frame: Uint8Array) => Uint8Array[], string][] = [
        ['replayed', (frame) => [frame, frame], 'epoch'],
        ['dropped', () => [], 'epoch'],
        ['made a plain frame', () => [Uint8Array.of(3)], 'PROTOCOL_ERROR'],
        [
          'changed in its tag',
          (frame) => [Uint8Array.of(...frame.subarray(0, -1), frame.at(-1)! ^ 1)],
          'tag',
        ],
        ['moved to Encrypted', (frame) => [Uint8Array.of(0x83, ...frame.subarray(1))], 'key-update'],
      ];
      for (const [name, change, noticed] of attacked) {
        it(`of the ${from}, ${name}: the connection ends, and only that one`, async () => {
          const stand = await Stand.open(scheme, soon);
          let updates = 0;
          stand.attack(from, (frame) => {
            if (!isUpdate(frame)) return [frame];
            updates += 1;
            return updates === 1 ? change(frame) : [frame];
          });
          let answered = 0;
          let code = 'answered';
          while (code === 'answered' && answered < 12) {
            code = await codeOf(stand.call(from, 'needs0', [answered], 3));
            if (code === 'answered') answered += 1;
          }
          expect(code).to.equal('CONNECTION_CLOSED');
          expect(stand.runs(from)).to.have.length(answered);
          const receiver = from === 'client' ? 'server' : 'client';
          await eventually('the end', () => stand.ends[receiver] !== undefined);
          const expected =
            noticed === 'PROTOCOL_ERROR'
              ? { code: 'PROTOCOL_ERROR' }
              : { code: 'RECORD_REJECTED', reason: noticed };
          expect(stand.ends[receiver]).to.include(expected);
          await stand.bystanderCalls();
          await stand.close();
        });
      }

      it(`of the ${from} that nobody touches go on for many generations, and no call notices`, async () => {
        const stand = await Stand.open(scheme, soon);
        for (let call = 0; call < 40; call++) {
          expect(await stand.call(from, 'needs0', [call], 1 + (call % 3))).to.equal(call);
        }
        expect(stand.recorded[from].filter(isUpdate).length).to.be.at.least(10);
        await stand.close();
      });
    }
  });
}

describe('attack: records that a peer with keys seals', () => {
  nothingUncaught();

  const cases: [string, (seal: Seal) => Uint8Array, string][] = [
    ['a key update as its first record', (seal) => seal(3, 3, []), 'RECORD_REJECTED'],
    ['a frame of unknown type', (seal) => seal(3, 6, [0]), 'PROTOCOL_ERROR'],
    ['a fragment without content', (seal) => seal(3, 5, [0, 0, 0, 1, 0]), 'PROTOCOL_ERROR'],
    ['a fragment with a last of 2', (seal) => seal(3, 5, [0, 0, 0, 1, 2, 0x90]), 'PROTOCOL_ERROR'],
    ['a handshake frame', (seal) => seal(3, 1, [20, 0, 0, 0]), 'PROTOCOL_ERROR'],
    ['an empty frame of messages', (seal) => seal(3, 2, []), 'PROTOCOL_ERROR'],
    ['a close frame that is only Authenticated', (seal) => seal(2, 4, [0]), 'PROTOCOL_ERROR'],
    ['a close frame that is only Encrypted', (seal) => seal(1, 4, [0]), 'PROTOCOL_ERROR'],
    ['a close frame without a code', (seal) => seal(3, 4, []), 'PROTOCOL_ERROR'],
    ['a close frame with two codes', (seal) => seal(3, 4, [0, 0]), 'PROTOCOL_ERROR'],
  ];
  for (const [name, make, code] of cases) {
    it(`${name} ends that connection, and only that one`, async () => {
      const setup = await startUnconnected({ scheme: 'memory', services: [new Vault()] });
      let ended: string | undefined;
      setup.server.on('clientDisconnected', (_peer, error) => {
        ended ??= error.code;
      });
      await setup.connect();
      const peer = await dishonestClient('memory', setup.url);
      peer.sendFrame(make((flags, type, body) => peer.seal(flags, type, Uint8Array.from(body))));
      await eventually('the end', () => peer.ended !== undefined && ended !== undefined);
      expect(ended).to.equal(code);
      expect(peer.ended?.by).to.include({ by: 'peer', closeCode: 3 });
      expect(await setup.client.invokeServerRpc('Vault.needs3', ['x'])).to.equal('x');
      await setup.stop();
    });
  }

  it('a key update behind a record is followed by both', async () => {
    const setup = await startUnconnected({ scheme: 'memory', services: [new Vault()] });
    const peer = await dishonestClient('memory', setup.url);
    for (let id = 1; id <= 300; id++) {
      peer.say(2, { kind: 'call', id, method: methodId('needs2'), args: [id] });
      peer.sendFrame(peer.peer.updateKeys());
    }
    expect((await peer.answer(300)).message).to.deep.equal({ kind: 'result', id: 300, value: 300 });
    expect(peer.direction.generation).to.equal(301);
    peer.close();
    await setup.stop();
  });
});

type Seal = (flags: number, type: number, body: readonly number[]) => Uint8Array;
