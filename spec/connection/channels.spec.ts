// Large messages in fragments: interleaved, paced, in order within their channel; volatile ones; backpressure.

import { expect } from 'chai';
import { fragmentBytes, fragmentHeaderBytes } from '../../lib/wire/fragment.js';
import { frameTypes } from '../../lib/wire/frame.js';
import { thrownBy } from '../handshake/roles.js';
import { anonymous, established, type Joined, type JoinOptions, turns } from './joined.js';

const kib64 = 65_536;
const mib = 2 ** 20;
const bulk = (length: number, seed = 1) =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + seed + (index >>> 8)) & 0xff);
const types = (frames: readonly Uint8Array[]) => frames.map((frame) => frame[0]! & 0x3f);
const start = (options: JoinOptions = {}) => established({ ...anonymous, ...options });

/** What has come, as `flags:length:first byte`. */
const arrivals = ({ server }: Joined) =>
  server.owner.delivered.map(({ flags, body }) => `${flags}:${body.length}:${body[0]}`);

function expectSame(body: Uint8Array, sent: Uint8Array): void {
  expect(Buffer.compare(body, sent), 'the bytes that were sent').to.equal(0);
}

describe('connection, channels', () => {
  it('carries a large message in fragments, whole and unchanged, under its flags', async () => {
    for (const flags of [0, 1, 2, 3]) {
      const joined = start();
      const message = bulk(300_001);
      joined.client.connection.send(flags, message.slice(), 'bulk');
      await turns(joined, 40);
      expect(joined.server.owner.delivered).to.have.length(1);
      expect(joined.server.owner.delivered[0]!.flags).to.equal(flags);
      expectSame(joined.server.owner.delivered[0]!.body, message);
      const frames = joined.client.end.sent.slice(2);
      expect(new Set(types(frames))).to.deep.equal(new Set([frameTypes.fragment]));
      // Small ones first, in case that others have something to say; then as large as every peer accepts.
      const lengths = frames.map(({ length }) => length);
      expect(Math.max(...lengths.slice(0, 2))).to.be.at.most(fragmentBytes + fragmentHeaderBytes + 24);
      expect(lengths).to.have.length(2 + Math.ceil((300_001 - 2 * fragmentBytes) / (kib64 - 29)));
      expect(Math.max(...lengths)).to.be.within(kib64 - 24, kib64);
      expect(joined.client.clock.waitingForEndOfTurn, 'nothing left to do').to.equal(0);
      expect(joined.server.clock.timers, 'nothing left to wait for').to.equal(0);
    }
  });

  it('works without keys, and from the server too', async () => {
    const joined = start({ plain: true });
    joined.server.connection.send(0, bulk(100_000));
    await turns(joined, 10);
    expectSame(joined.client.owner.delivered[0]!.body, bulk(100_000));
  });

  it('keeps what fits a frame whole, on any channel, while nothing is in its way', () => {
    const joined = start();
    joined.client.connection.send(3, bulk(kib64 - 24), 'a');
    joined.line.flow();
    expect(types(joined.client.end.sent.slice(2))).to.deep.equal([frameTypes.messages]);
  });

  it('lets a message of another channel pass between two fragments: at most 64 KiB are before it', async () => {
    const joined = start({ clientLimits: { maxSendBufferBytes: 4 * mib } });
    joined.client.connection.send(3, bulk(2 * mib), 'bulk');
    const sentBefore: number[] = [];
    for (let ping = 1; ping <= 25; ping++) {
      await turns(joined, 1);
      const queued = joined.client.end.bufferedBytes;
      joined.client.connection.send(3, Uint8Array.of(ping), 'pings');
      sentBefore.push(queued);
      await turns(joined, 1);
      expect(arrivals(joined), 'at once').to.have.length(ping);
    }
    expect(Math.max(...sentBefore)).to.be.at.most(kib64);
    await turns(joined, 100);
    expect(arrivals(joined)).to.have.length(26);
    expectSame(joined.server.owner.delivered.at(-1)!.body, bulk(2 * mib));
  });

  it('cuts it small again as soon as somebody else has something to say', async () => {
    const beside: readonly ((joined: Joined) => void)[] = [
      ({ client }) => client.connection.send(3, Uint8Array.of(1), 'pings'),
      ({ client }) => client.connection.send(3, bulk(100_000), 'other'),
    ];
    for (const say of beside) {
      const joined = start({ clientLimits: { maxSendBufferBytes: 4 * mib } });
      const { sent } = joined.client.end;
      joined.client.connection.send(3, bulk(2 * mib), 'bulk');
      await turns(joined, 8);
      expect(sent.at(-1)!.length, 'alone').to.be.greaterThan(kib64 - 24);
      say(joined);
      const before = sent.length;
      await turns(joined, 2);
      const lengths = sent.slice(before).map(({ length }) => length);
      expect(Math.max(0, ...lengths), 'beside another').to.be.at.most(fragmentBytes + 100);
    }
  });

  it('holds no more than about 64 KiB in a socket that nobody reads, and lets others by when it is read again', async () => {
    const joined = start({ clientLimits: { maxSendBufferBytes: 4 * mib } });
    const { client } = joined;
    client.end.stuckBytes = 1;
    client.connection.send(3, bulk(2 * mib), 'bulk');
    // The line is not carried: all that was written stays in the socket.
    for (let turn = 0; turn < 50; turn++) {
      client.clock.endTurn();
      await Promise.resolve();
    }
    expect(client.end.bufferedBytes).to.be.within(kib64, kib64 + 2 * fragmentBytes);
    client.connection.send(3, Uint8Array.of(9), 'pings');
    expect(client.connection.backpressure.queuedBytes).to.be.greaterThan(2 * mib - kib64);
    client.end.stuckBytes = 0;
    await turns(joined, 4);
    expect(arrivals(joined)).to.deep.equal(['3:1:9']);
  });

  it('keeps the order of a channel, the default one included, whatever the sizes and flags', async () => {
    for (const channel of [undefined, 'orders']) {
      const joined = start();
      const sizes = [10, 200_000, 20, 30, 70_000, 5, 16_384, 16_385, 1];
      sizes.forEach((size, index) => {
        joined.client.connection.send(index % 2 === 0 ? 3 : 2, new Uint8Array(size).fill(index), channel);
      });
      await turns(joined, 60);
      expect(arrivals(joined).map((arrival) => Number(arrival.split(':')[2]))).to.deep.equal([
        0, 1, 2, 3, 4, 5, 6, 7, 8,
      ]);
    }
  });

  it('gives every channel its turn', async () => {
    const joined = start();
    for (const [index, channel] of ['a', 'b', 'c'].entries()) {
      joined.client.connection.send(3, bulk(320_000, index), channel);
    }
    await turns(joined, 100);
    expect(joined.server.owner.delivered.map(({ body }) => body[0])).to.deep.equal([0, 1, 2]);
    // Had they gone one by one, the first would have come at a third of the way.
    const fragments = joined.client.end.sent.slice(2).length;
    expect(fragments).to.equal(3 * Math.ceil(320_000 / fragmentBytes));
  });

  it('goes on through key updates in the middle of a message', async () => {
    const joined = start({ clientLimits: { rekeyAfterRecords: 4 } });
    joined.client.connection.send(3, bulk(400_000), 'bulk');
    for (let ping = 0; ping < 10; ping++) {
      joined.client.connection.send(2, Uint8Array.of(ping), 'pings');
      await turns(joined, 1);
    }
    await turns(joined, 40);
    expect(joined.client.connection.generations.sending).to.be.greaterThan(5);
    expect(joined.server.owner.delivered).to.have.length(11);
    expectSame(joined.server.owner.delivered.find(({ body }) => body.length > 1)!.body, bulk(400_000));
  });

  it('has no more open than the receiver promises to hold: 16 messages, and twice the largest', async () => {
    const many = start({ clientLimits: { maxSendBufferBytes: 64 * mib } });
    for (let index = 0; index < 40; index++)
      many.client.connection.send(3, bulk(50_000 + kib64, index), `${index}`);
    await turns(many, 400);
    expect(many.server.owner.ends).to.deep.equal([]);
    expect(many.server.owner.delivered).to.have.length(40);

    const large = start({ serverLimits: { maxMessageBytes: kib64 * 4 } });
    for (let index = 0; index < 6; index++)
      large.client.connection.send(3, bulk(kib64 * 4, index), `${index}`);
    await turns(large, 200);
    expect(large.server.owner.ends).to.deep.equal([]);
    expect(large.server.owner.delivered).to.have.length(6);
  });

  it('refuses before anything is sent what is larger than the peer accepts', () => {
    const joined = start({ serverLimits: { maxMessageBytes: 100_000 } });
    const error = thrownBy(() => joined.client.connection.send(3, bulk(100_001), 'bulk'));
    expect(error).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'message-size' });
    expect(joined.client.end.sent).to.have.length(2);
    joined.client.connection.send(3, bulk(100_000), 'bulk');
  });

  it('sends what waits before a peaceful end, and drops it after a fault', () => {
    const peaceful = start();
    peaceful.client.connection.send(3, bulk(500_000), 'bulk');
    peaceful.client.connection.close();
    peaceful.line.flow();
    expect(peaceful.server.owner.delivered).to.have.length(1);
    expect(peaceful.server.owner.end!.reason).to.equal('normal');
    expect(peaceful.server.clock.timers).to.equal(0);

    const faulty = start();
    faulty.client.connection.send(3, bulk(500_000), 'bulk');
    faulty.client.end.inject(Uint8Array.of(0x3f));
    faulty.line.flow();
    expect(faulty.server.owner.delivered).to.deep.equal([]);
    expect(faulty.server.owner.end!.reason).to.equal('protocol-error');
    expect(faulty.server.clock.timers).to.equal(0);
  });

  describe('backpressure', () => {
    const limits = { sendHighWaterBytes: 200_000, maxSendBufferBytes: mib };

    it('begins at the high-water mark and ends at half of it, told once each; writable() waits in between', async () => {
      const joined = start({ clientLimits: limits });
      const { client } = joined;
      await client.connection.writable();
      client.connection.send(3, bulk(199_000), 'bulk');
      await turns(joined, 0);
      expect(client.connection.backpressure.full).to.equal(false);
      client.connection.send(3, bulk(100_000), 'bulk');
      expect(client.connection.backpressure.full).to.equal(true);
      expect(client.owner.pressures, 'not from inside send()').to.deep.equal([]);
      let roomAt: number | undefined;
      const waiting = client.connection.writable().then(() => {
        roomAt = client.connection.backpressure.queuedBytes;
      });
      client.clock.endTurn();
      expect(client.owner.pressures.map(({ full }) => full)).to.deep.equal([true]);
      await turns(joined, 3);
      expect(roomAt, 'not yet').to.equal(undefined);
      await turns(joined, 30);
      await waiting;
      expect(roomAt).to.be.at.most(100_000);
      expect(client.owner.pressures.map(({ full }) => full)).to.deep.equal([true, false]);
    });

    it('keeps nobody waiting when the connection ends, and a full buffer refuses', async () => {
      const joined = start({ clientLimits: limits });
      const { client } = joined;
      client.connection.send(3, bulk(900_000), 'bulk');
      const refused = thrownBy(() => client.connection.send(3, bulk(200_000), 'other'));
      expect(refused).to.include({ code: 'RESOURCE_EXHAUSTED', reason: 'send-buffer' });
      const waiting = client.connection.writable();
      joined.line.client.breakDown();
      await waiting;
      await client.connection.writable();
      expect(thrownBy(() => client.connection.send(3, bulk(1), 'bulk')).code).to.equal('CONNECTION_CLOSED');
    });

    it('lets a volatile message wait behind a little of its channel', async () => {
      const joined = start();
      joined.client.end.stuckBytes = kib64;
      joined.client.connection.send(0, bulk(10), 'moves');
      expect(joined.client.connection.send(0, bulk(11), 'moves', true)).to.equal(true);
      expect(joined.client.end.sent, 'the socket is full').to.have.length(2);
      joined.client.end.stuckBytes = 0;
      await turns(joined, 14);
      expect(joined.server.owner.delivered.map(({ body }) => body.length)).to.deep.equal([21]);
    });

    it('drops volatile messages that would be stale, counts them, and tells it once a turn', async () => {
      const joined = start();
      const { client } = joined;
      const send = (channel: string) => client.connection.send(0, bulk(10), channel, true);
      expect(send('moves')).to.equal(true);
      client.connection.send(0, bulk(200_000), 'moves');
      expect(send('moves')).to.equal(false);
      expect(send('moves')).to.equal(false);
      expect(send('looks'), 'another channel').to.equal(true);
      expect(client.connection.backpressure.dropped).to.equal(2);
      client.clock.endTurn();
      expect(client.owner.pressures.map(({ dropped }) => dropped)).to.deep.equal([2]);
      await turns(joined, 20);
      expect(joined.server.owner.delivered.map(({ body }) => body.length)).to.deep.equal([10, 10, 200_000]);
      expect(send('moves')).to.equal(true);
    });
  });
});
