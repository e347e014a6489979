// What leaves a connection and when: batches, limits, key updates. Turns of the event loop and time are moved by hand.

import { expect } from 'chai';
import { concat, toHex, utf8 } from '../../lib/base/bytes.js';
import { frameTypes, plainHeaderBytes, recordHeaderBytes } from '../../lib/wire/frame.js';
import { thrownBy } from '../handshake/roles.js';
import {
  anonymous,
  established,
  framesOf,
  type Joined,
  type JoinOptions,
  type Side,
  turns,
} from './joined.js';

const overheadBytes = 24;
const word = (text: string) => utf8(text);
const filled = (length: number, byte = 7) => new Uint8Array(length).fill(byte);

function send(side: Side, flags: number, ...messages: string[]): void {
  for (const message of messages) side.connection.send(flags, word(message));
}

/** What arrived, as `flags:text`, and nothing left to come. */
function arrived({ line, server }: Joined): string[] {
  line.flow();
  return server.owner.delivered.map(({ flags, body }) => `${flags}:${Buffer.from(body).toString('latin1')}`);
}

describe('connection, sending', () => {
  const start = (options: JoinOptions = {}) => established({ ...anonymous, ...options });

  describe('batches', () => {
    it('sends the first message of a turn at once, each turn', () => {
      const joined = start();
      for (let turn = 0; turn < 3; turn++) {
        expect(framesOf(joined.client.end, () => send(joined.client, 3, `m${turn}`))).to.have.length(1);
        joined.client.clock.endTurn();
      }
      expect(arrived(joined)).to.deep.equal(['3:m0', '3:m1', '3:m2']);
    });

    it('sends the later ones of a turn in one frame when it ends, and not before', () => {
      const joined = start();
      const { client } = joined;
      expect(framesOf(client.end, () => send(client, 3, 'a', 'b', 'c', 'd'))).to.have.length(1);
      expect(framesOf(client.end, () => client.clock.endTurn())).to.have.length(1);
      expect(arrived(joined)).to.deep.equal(['3:a', '3:bcd']);
    });

    it('goes on gathering while turns are busy, and sends at once again after an idle one', () => {
      const { client } = start();
      send(client, 3, 'a', 'b');
      client.clock.endTurn();
      expect(
        framesOf(client.end, () => send(client, 3, 'c')),
        'the turn after a batch',
      ).to.have.length(0);
      expect(framesOf(client.end, () => client.clock.endTurn())).to.have.length(1);
      client.clock.endTurn();
      expect(client.clock.waitingForEndOfTurn).to.equal(0);
      expect(framesOf(client.end, () => send(client, 3, 'd'))).to.have.length(1);
    });

    it('asks for the end of a turn once, and not at all when idle', () => {
      const { client } = start();
      expect(client.clock.waitingForEndOfTurn).to.equal(0);
      send(client, 0, 'a', 'b', 'c');
      expect(client.clock.waitingForEndOfTurn).to.equal(1);
    });

    it('looks soon whether there is anything to gather while there was nothing, and waits for whole turns while there is', () => {
      const { client } = start();
      const { clock } = client;
      const asked: string[] = [];
      for (const when of ['soon', 'endOfTurn'] as const) {
        const ask = clock[when].bind(clock);
        clock[when] = (callback) => {
          asked.push(when);
          ask(callback);
        };
      }
      const turn = (...messages: string[]): string[] => {
        asked.length = 0;
        send(client, 3, ...messages);
        clock.endTurn();
        return [...asked];
      };
      expect(turn('a')).to.deep.equal(['soon']);
      expect(turn('b')).to.deep.equal(['soon']);
      expect(turn('c', 'd'), 'there was something to gather').to.deep.equal(['soon']);
      expect(turn(), 'an idle turn').to.deep.equal([]);
      expect(turn('e', 'f')).to.deep.equal(['endOfTurn']);
      expect(turn('g'), 'one, and it has waited').to.deep.equal(['endOfTurn']);
      expect(turn('h')).to.deep.equal(['soon']);
    });

    it('lets go what fills a packet and is work enough for the peer, while the turn goes on', () => {
      const { line, client } = start();
      const sent = (messages: number, bytes: number): number =>
        framesOf(client.end, () => {
          for (let index = 0; index < messages; index++) client.connection.send(3, filled(bytes));
        }).length;
      const endTurn = (): number => framesOf(client.end, () => client.clock.endTurn()).length;
      expect(sent(2, 10), 'the first one, and from now on they are gathered').to.equal(1);
      endTurn();
      for (const [flight, messages] of [
        [undefined, 64],
        [1000, 64],
        [20, 20],
        [1, 16],
      ] as const) {
        line.flow();
        if (flight !== undefined) client.connection.flight = flight;
        expect(sent(messages - 1, 400), 'too few').to.equal(0);
        expect(endTurn()).to.equal(1);
        expect(sent(messages, Math.floor(1399 / messages)), 'they fill no packet').to.equal(0);
        expect(endTurn()).to.equal(1);
        expect(sent(messages, Math.ceil(1400 / messages))).to.equal(1);
        expect(sent(2 * messages + 1, 100), 'and again').to.equal(2);
        expect(endTurn(), 'the last one').to.equal(1);
      }
    });

    it('lets go what answers a frame when that is handled, if it fills a packet', () => {
      const { line, client, server } = start();
      const answered = (answers: number): number => {
        server.owner.whenDelivered = () => {
          for (let index = 0; index < answers; index++) server.connection.send(3, filled(100));
        };
        client.connection.send(3, word('a'));
        client.clock.endTurn();
        return framesOf(server.end, () => line.flow()).length;
      };
      expect(answered(2), 'the first one').to.equal(1);
      server.clock.endTurn();
      expect(answered(15), 'too few').to.equal(0);
      server.clock.endTurn();
      expect(answered(16)).to.equal(1);
      expect(
        framesOf(server.end, () => server.clock.endTurn()),
        'nothing is left',
      ).to.have.length(0);
    });

    it('closes a batch when the flags change, and keeps the order', () => {
      const joined = start();
      for (const [index, flags] of [0, 1, 2, 3, 3, 2, 1, 0, 0, 0, 2, 2].entries()) {
        send(joined.client, flags, String.fromCharCode(97 + index));
      }
      joined.client.clock.endTurn();
      expect(arrived(joined)).to.deep.equal(['0:a', '1:b', '2:c', '3:de', '2:f', '1:g', '0:hij', '2:kl']);
    });

    it('closes a batch when it is full', () => {
      const joined = start({ clientLimits: { maxBatchBytes: 10 } });
      const { client } = joined;
      send(client, 3, 'first');
      const frames = framesOf(client.end, () => send(client, 3, '12345', '67890', 'abcde'));
      expect(frames).to.have.length(1);
      client.clock.endTurn();
      expect(arrived(joined)).to.deep.equal(['3:first', '3:1234567890', '3:abcde']);
    });

    it('gives a message that is larger than a batch a frame of its own', () => {
      const joined = start({ clientLimits: { maxBatchBytes: 10 } });
      send(joined.client, 3, 'first', 'ab', 'x'.repeat(30), 'cd');
      joined.client.clock.endTurn();
      expect(arrived(joined)).to.deep.equal(['3:first', '3:ab', `3:${'x'.repeat(30)}`, '3:cd']);
    });

    it('never makes a batch that the peer would refuse', async () => {
      const joined = start({
        clientLimits: { maxBatchBytes: 65_536 },
        serverLimits: { maxFrameBytes: 65_536 },
      });
      // Eight of them fit a batch, and not a frame: what seals it needs room, too.
      const messageBytes = 65_520 / 8;
      for (let round = 0; round < 9; round++) {
        for (let index = 0; index < 9; index++) joined.client.connection.send(3, filled(messageBytes));
        await turns(joined, 14);
      }
      const traffic = joined.client.end.sent.slice(2);
      expect(Math.max(...traffic.map(({ length }) => length))).to.equal(7 * messageBytes + overheadBytes);
      const bytes = joined.server.owner.delivered.reduce((sum, { body }) => sum + body.length, 0);
      expect(bytes).to.equal(81 * messageBytes);
    });

    it('leaves before the farewell, and keeps the messages’ bytes', () => {
      const joined = start();
      send(joined.client, 3, 'a', 'b', 'c');
      joined.client.connection.close();
      expect(arrived(joined)).to.deep.equal(['3:a', '3:bc']);
      expect(joined.server.owner.end!.reason).to.equal('normal');
      expect(framesOf(joined.client.end, () => joined.client.clock.endTurn())).to.deep.equal([]);
    });

    it('is laid out as the flags say', () => {
      const { client } = start();
      const lengths = { 0: plainHeaderBytes, 1: recordHeaderBytes, 2: overheadBytes, 3: overheadBytes };
      for (const [flags, overhead] of Object.entries(lengths)) {
        const [frame] = framesOf(client.end, () => client.connection.send(Number(flags), filled(40)));
        expect(frame).to.have.length(overhead + 40);
        client.clock.endTurn();
        // Encrypted hides the bytes, and nothing else does.
        const readable = toHex(frame!).includes('07'.repeat(40));
        expect(readable, `flags ${flags}`).to.equal((Number(flags) & 1) === 0);
      }
    });
  });

  describe('limits', () => {
    it('refuses a message that the peer would refuse, and sends on', () => {
      const joined = start({ serverLimits: { maxFrameBytes: 65_536, maxMessageBytes: 65_536 } });
      const { client } = joined;
      for (const flags of [0, 1, 2, 3]) {
        const error = thrownBy(() => client.connection.send(flags, filled(65_536 + 1)));
        expect(error).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'message-size' });
        const largest = filled(65_536 - overheadBytes);
        const [frame] = framesOf(client.end, () => {
          client.connection.send(flags, largest);
          client.clock.endTurn();
        });
        expect(frame!.length).to.be.at.most(65_536);
        client.clock.endTurn();
        joined.line.flow();
      }
      joined.line.flow();
      expect(joined.server.owner.delivered).to.have.length(4);
      expect(client.owner.ends).to.deep.equal([]);
    });

    it('refuses to pile up what the peer does not read: what is queued and what is gathered count', () => {
      const { client } = start({ clientLimits: { maxSendBufferBytes: 1000 } });
      client.end.stuckBytes = 700;
      client.connection.send(0, filled(100));
      const error = thrownBy(() => client.connection.send(0, filled(300)));
      expect(error).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'send-buffer' });
      client.connection.send(0, filled(100));
      expect(thrownBy(() => client.connection.send(0, filled(100))).reason).to.equal('send-buffer');
      client.end.stuckBytes = 0;
      client.connection.send(0, filled(100));
      expect(client.owner.ends).to.deep.equal([]);
    });

    it('takes exactly as much as the buffer may have', () => {
      const { client } = start({ clientLimits: { maxSendBufferBytes: 1000 } });
      client.end.stuckBytes = 0;
      const queued = client.end.bufferedBytes;
      expect(queued).to.equal(0);
      client.end.stuckBytes = 900;
      expect(thrownBy(() => client.connection.send(0, filled(101))).reason).to.equal('send-buffer');
      client.connection.send(0, filled(100));
    });
  });

  describe('key updates', () => {
    const types = (frames: Uint8Array[]) => frames.map((frame) => frame[0]! & 0x3f);

    /** Sends one message each way per turn, under flags that go round, and expects all to arrive. */
    function converse(joined: Joined, turns: number): void {
      const before = joined.server.owner.delivered.length;
      for (let turn = 0; turn < turns; turn++) {
        for (const { connection, clock } of [joined.client, joined.server]) {
          connection.send(turn & 3, word(`${turn}`));
          clock.endTurn();
        }
        joined.line.flow();
      }
      for (const { owner } of [joined.client, joined.server]) {
        expect(owner.ends).to.deep.equal([]);
        const bodies = owner.delivered.slice(before).map(({ flags, body }) => [flags, toHex(body)]);
        const sent = Array.from({ length: turns }, (_, turn) => [turn & 3, toHex(word(`${turn}`))]);
        expect(bodies).to.deep.equal(sent);
      }
    }

    it('come before the record that would be one too many, in each direction by itself', () => {
      const joined = start({
        clientLimits: { rekeyAfterRecords: 3 },
        serverLimits: { rekeyAfterRecords: 5 },
      });
      converse(joined, 40);
      // Of 40 messages 30 are records; a generation of 3 has 2 of them and the key update, one of 5 has 4.
      expect(joined.client.connection.generations).to.deep.equal({ sending: 15, receiving: 8 });
      expect(joined.server.connection.generations).to.deep.equal({ sending: 8, receiving: 15 });
      const sent = types(joined.client.end.sent.slice(2));
      expect(sent.filter((type) => type === frameTypes.keyUpdate)).to.have.length(14);
    });

    it('goes past the epoch’s 8 bits', () => {
      const joined = start({ clientLimits: { rekeyAfterRecords: 2 } });
      for (let turn = 0; turn < 300; turn++) {
        send(joined.client, 3, `${turn}`);
        joined.client.clock.endTurn();
      }
      expect(arrived(joined)).to.have.length(300);
      expect(joined.server.connection.generations.receiving).to.equal(300);
    });

    it('come before the byte that would be one too many', () => {
      const joined = start({ clientLimits: { rekeyAfterBytes: 100 } });
      const { client } = joined;
      const sendAlone = (length: number) => {
        const frames = framesOf(client.end, () => client.connection.send(3, filled(length)));
        client.clock.endTurn();
        return types(frames);
      };
      const { messages, keyUpdate } = frameTypes;
      expect(sendAlone(60)).to.deep.equal([messages]);
      expect(sendAlone(40)).to.deep.equal([messages]);
      expect(sendAlone(1)).to.deep.equal([keyUpdate, messages]);
      expect(sendAlone(99)).to.deep.equal([messages]);
      // A message that alone is more than a generation may have still goes, under keys of its own.
      expect(sendAlone(500)).to.deep.equal([keyUpdate, messages]);
      expect(sendAlone(1)).to.deep.equal([keyUpdate, messages]);
      expect(arrived(joined)).to.have.length(6);
    });

    it('come when the keys are old, and not for keys that have sealed nothing', () => {
      const joined = start({ clientLimits: { rekeyAfterMs: 1000 } });
      const { client } = joined;
      client.clock.advance(5000);
      send(client, 3, 'a');
      client.clock.endTurn();
      expect(client.connection.generations.sending, 'unused until now').to.equal(1);
      send(client, 3, 'b');
      client.clock.endTurn();
      expect(client.connection.generations.sending).to.equal(2);
      client.clock.advance(999);
      send(client, 3, 'c');
      client.clock.endTurn();
      expect(client.connection.generations.sending).to.equal(2);
      client.clock.advance(1);
      send(client, 3, 'd');
      client.clock.endTurn();
      expect(client.connection.generations.sending).to.equal(3);
      expect(arrived(joined)).to.deep.equal(['3:a', '3:b', '3:c', '3:d']);
    });

    it('count batches as what they are, and plain messages not at all', () => {
      const joined = start({ clientLimits: { rekeyAfterBytes: 30 } });
      const { client } = joined;
      for (let index = 0; index < 10; index++) send(client, 0, '0123456789');
      client.clock.endTurn();
      client.clock.endTurn();
      expect(client.connection.generations.sending).to.equal(1);
      send(client, 3, '0123456789', '0123456789', '0123456789');
      client.clock.endTurn();
      expect(client.connection.generations.sending).to.equal(1);
      client.clock.endTurn();
      send(client, 3, '0');
      client.clock.endTurn();
      expect(client.connection.generations.sending).to.equal(2);
      const bodies = arrived(joined).map((text) => text.slice(2));
      expect(concat(bodies.map(word))).to.have.length(131);
    });
  });
});
