// What lib/transport/transport.ts promises, held against every transport. The browser's is run over the global
// WebSocket where there is one (Node from 22 on), and over the class of the package `ws` elsewhere.

import { execFile } from 'node:child_process';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { WebSocket as PackageWebSocket } from 'ws';
import { concat } from '../../lib/base/bytes.js';
import {
  type BrowserWebSocketConstructor,
  BrowserWebSocketTransport,
} from '../../lib/transport/browser-websocket.js';
import { MemoryTransport } from '../../lib/transport/memory.js';
import { TcpTransport } from '../../lib/transport/tcp.js';
import {
  type ClientTransport,
  closeTimeLimitMs,
  type ServerTransport,
  type TransportConnection,
} from '../../lib/transport/transport.js';
import { WebSocketTransport } from '../../lib/transport/websocket.js';
import {
  connectOptions,
  failure,
  Meeting,
  pattern,
  pause,
  Recorder,
  sameFrames,
  sealwireError,
  until,
} from './meeting.js';
import { withTls } from './tls-ends.js';

const globalWebSocket = (globalThis as { WebSocket?: BrowserWebSocketConstructor }).WebSocket;
const WebSocket = globalWebSocket ?? PackageWebSocket;

interface Suite {
  readonly name: string;
  readonly scheme: string;
  readonly kind: string;
  readonly server: (url: string) => ServerTransport;
  readonly client: (url: string) => ClientTransport;
}

const suites: readonly Suite[] = [
  {
    name: 'websocket',
    scheme: 'ws',
    kind: 'websocket',
    server: (url) => new WebSocketTransport(url),
    client: (url) => new WebSocketTransport(url),
  },
  {
    name: `browser-websocket over ${globalWebSocket ? 'the global WebSocket' : 'the WebSocket of ws'}`,
    scheme: 'ws',
    kind: 'websocket',
    server: (url) => new WebSocketTransport(url),
    client: (url) => new BrowserWebSocketTransport(url, { WebSocket }),
  },
  {
    name: 'tcp',
    scheme: 'tcp',
    kind: 'tcp',
    server: (url) => new TcpTransport(url),
    client: (url) => new TcpTransport(url),
  },
  {
    name: 'websocket over TLS',
    scheme: 'wss',
    kind: 'websocket',
    server: (url) => withTls(new WebSocketTransport(url)),
    client: (url) => withTls(new WebSocketTransport(url)),
  },
  {
    name: 'tcp over TLS',
    scheme: 'tls',
    kind: 'tcp',
    server: (url) => withTls(new TcpTransport(url)),
    client: (url) => withTls(new TcpTransport(url)),
  },
  {
    name: 'memory',
    scheme: 'memory',
    kind: 'memory',
    server: (url) => new MemoryTransport(url),
    client: (url) => new MemoryTransport(url),
  },
];

/** Of its own, and large: from Node 26 on shorter ones may stand in its pool. */
function hasMemory({ length, buffer }: Uint8Array): boolean {
  return length >= 12 * 1024 && length === buffer.byteLength;
}

/** Looks at the large chunks that sockets of Node read from now on: how many there are, and how many are no more. */
function watchChunks(): { readonly large: number; readonly gone: number; end(): void } {
  const chunks: Uint8Array[] = [];
  const { emit } = Socket.prototype;
  Socket.prototype.emit = function (this: Socket, ...told: unknown[]) {
    const [event, chunk] = told;
    if (event === 'data' && chunk instanceof Uint8Array && hasMemory(chunk)) chunks.push(chunk);
    return emit.apply(this, told as Parameters<typeof emit>);
  };
  return {
    get large() {
      return chunks.length;
    },
    get gone() {
      return chunks.filter(({ length }) => length === 0).length;
    },
    end() {
      Socket.prototype.emit = emit;
    },
  };
}

for (const suite of suites) {
  describe(`transport compliance: ${suite.name}`, () => {
    const inMemory = suite.scheme === 'memory';
    const freeUrl = inMemory ? 'memory://compliance' : `${suite.scheme}://127.0.0.1:0`;
    let meeting: Meeting;

    beforeEach(() => {
      meeting = new Meeting(suite.server, suite.client);
    });
    afterEach(() => meeting.end());

    describe('addresses', () => {
      it('listens where it says, names the real port and who is at the other end', async () => {
        const { client, server, listener } = await meeting.pair(freeUrl);
        expect(client.kind).to.equal(suite.kind);
        expect(server.kind).to.equal(suite.kind);
        if (inMemory) {
          expect(listener.url).to.equal('memory://compliance');
          expect(server.remoteAddress).to.match(/^memory:\/\/compliance#\d+$/);
        } else {
          expect(listener.url).to.match(new RegExp(`^${suite.scheme}://127\\.0\\.0\\.1:[1-9]\\d+$`));
          expect(client.remoteAddress).to.equal(new URL(listener.url).host);
          expect(server.remoteAddress).to.match(/^127\.0\.0\.1:\d+$/);
        }
      });

      it('knows the host name that is dialled', () => {
        if (inMemory) {
          expect(suite.client('memory://game').hostname).to.equal(undefined);
          return;
        }
        expect(suite.client(`${suite.scheme}://game.example:7777`).hostname).to.equal('game.example');
        expect(suite.client(`${suite.scheme}://[::1]:7777`).hostname).to.equal('::1');
      });

      if (!inMemory) {
        for (const host of ['[::1]', '0.0.0.0', 'localhost']) {
          it(`listens on ${host}`, async () => {
            const { client, server, listener } = await meeting.pair(`${suite.scheme}://${host}:0`);
            expect(listener.url).to.match(/:[1-9]\d+$/);
            expect(listener.url.startsWith(`${suite.scheme}://${host}:`)).to.equal(true);
            const received = Recorder.on(server);
            client.send(pattern(5));
            await received.count(1);
            if (host === '[::1]') expect(server.remoteAddress).to.match(/^\[::1\]:\d+$/);
          });
        }
      }

      for (const wrong of [
        '',
        'nonsense',
        'http://127.0.0.1:1',
        `${suite.scheme}://`,
        `${suite.scheme}://a:b@c:1`,
      ]) {
        it(`refuses the address "${wrong}" when it is made`, () => {
          expect(() => suite.client(wrong))
            .to.throw()
            .that.satisfies(sealwireError('INVALID_CONFIG'));
        });
      }

      it('rejects with LISTEN_FAILED where somebody listens already', async () => {
        const listener = await meeting.listen(freeUrl);
        const error = await failure(meeting.listen(listener.url));
        expect(error).to.satisfy(sealwireError('LISTEN_FAILED'));
        expect(error.message).to.contain(listener.url).and.to.contain('another');
      });
    });

    describe('connecting', () => {
      it('rejects with CONNECT_FAILED where nobody listens, and says what to check', async () => {
        const listener = await meeting.listen(freeUrl);
        await listener.close();
        const error = await failure(suite.client(listener.url).connect(connectOptions()));
        expect(error).to.satisfy(sealwireError('CONNECT_FAILED'));
        expect(error.message)
          .to.contain(listener.url)
          .and.to.match(/started|start the server/);
      });

      it('rejects with CONNECT_FAILED when it is given up, before or while connecting', async () => {
        const listener = await meeting.listen(freeUrl);
        const aborted = await failure(
          suite.client(listener.url).connect(connectOptions(AbortSignal.abort())),
        );
        expect(aborted).to.satisfy(sealwireError('CONNECT_FAILED', 'aborted'));
        const controller = new AbortController();
        const attempt = failure(suite.client(listener.url).connect(connectOptions(controller.signal)));
        controller.abort();
        expect(await attempt).to.satisfy(sealwireError('CONNECT_FAILED', 'aborted'));
      });

      it('is not touched by a signal that is aborted later', async () => {
        const controller = new AbortController();
        const { client, server } = await meeting.pair(freeUrl, { signal: controller.signal });
        controller.abort();
        const received = Recorder.on(server);
        client.send(pattern(9));
        await received.count(1);
      });
    });

    describe('frames', () => {
      it('arrive whole and in order, 1000 of mixed sizes both ways at once', async () => {
        const { client, server } = await meeting.pair(freeUrl, { raised: true });
        const atClient = Recorder.on(client);
        const atServer = Recorder.on(server);
        const sizes = [1, 2, 125, 126, 127, 1024, 1025, 1500, 20_000, 65_535, 65_536, 70_001];
        const frames = Array.from({ length: 1000 }, (_, index) =>
          pattern(index % 50 === 0 ? sizes[(index / 50) % sizes.length]! : (index * 7919) % 900 || 1, index),
        );
        for (const frame of frames) {
          client.send(frame.slice());
          server.send(frame.slice());
        }
        await Promise.all([atClient.count(1000), atServer.count(1000)]);
        expect(sameFrames(atServer.frames, frames)).to.equal(true);
        expect(sameFrames(atClient.frames, frames)).to.equal(true);
      });

      it('are plain Uint8Arrays, so that slice() copies', async () => {
        const { client, server } = await meeting.pair(freeUrl);
        const atClient = Recorder.on(client);
        const atServer = Recorder.on(server);
        client.send(Buffer.from([1, 2, 3]));
        server.send(Buffer.from([1, 2, 3]));
        await Promise.all([atClient.count(1), atServer.count(1)]);
        for (const frame of [atClient.frames[0]!, atServer.frames[0]!]) {
          expect(Object.getPrototypeOf(frame)).to.equal(Uint8Array.prototype);
        }
      });

      it('may be changed in place by the receiver, without disturbing anybody', async () => {
        const { client, server } = await meeting.pair(freeUrl, { raised: true });
        const received = new Recorder();
        received.onFrame = (frame) => frame.fill(0);
        server.open(received);
        const first = pattern(40, 1);
        const second = pattern(3000, 2);
        client.send(first);
        client.send(second);
        client.send(pattern(41, 3));
        await received.count(3);
        // Recorded before they were overwritten.
        expect(sameFrames(received.frames, [pattern(40, 1), pattern(3000, 2), pattern(41, 3)])).to.equal(
          true,
        );
        if (inMemory) expect(sameFrames([first, second], [pattern(40, 1), pattern(3000, 2)])).to.equal(true);
      });

      it('wait for open() and come first', async () => {
        const { client, server } = await meeting.pair(freeUrl);
        for (let index = 0; index < 3; index++) {
          client.send(pattern(10, index));
          server.send(pattern(10, index));
        }
        await pause(30);
        for (const [sender, receiver] of [
          [client, server],
          [server, client],
        ] as const) {
          const received = new Recorder();
          receiver.open(received);
          sender.send(pattern(10, 3));
          expect(received.frames).to.have.length(0); // never from inside open()
          await received.count(4);
          expect(
            sameFrames(
              received.frames,
              [0, 1, 2, 3].map((index) => pattern(10, index)),
            ),
          ).to.equal(true);
        }
      });

      it('have one receiver', async () => {
        const { client } = await meeting.pair(freeUrl);
        client.open(new Recorder());
        expect(() => client.open(new Recorder()))
          .to.throw()
          .that.satisfies(sealwireError('INVALID_STATE'));
      });
    });

    describe('limits', () => {
      for (const receiverName of ['server', 'client'] as const) {
        const setUp = async (maxFrameBytes: number, maxFrameBytesLater: number) => {
          const pair = await meeting.pair(freeUrl, { maxFrameBytes, maxFrameBytesLater });
          const receiver = pair[receiverName];
          const sender = receiverName === 'server' ? pair.client : pair.server;
          return { receiver, atReceiver: Recorder.on(receiver), sender, atSender: Recorder.on(sender) };
        };

        it(`accepts the largest frame at the ${receiverName}, before and after setMaxFrameBytes()`, async () => {
          const { receiver, atReceiver, sender } = await setUp(1000, 100_000);
          sender.send(pattern(1000, 1));
          await atReceiver.count(1);
          receiver.setMaxFrameBytes(100_000);
          sender.send(pattern(100_000, 2));
          await atReceiver.count(2);
          expect(sameFrames(atReceiver.frames, [pattern(1000, 1), pattern(100_000, 2)])).to.equal(true);
        });

        it(`refuses a larger frame at the ${receiverName} before setMaxFrameBytes()`, async () => {
          const { atReceiver, sender, atSender } = await setUp(1000, 100_000);
          sender.send(pattern(1001));
          expect(await atReceiver.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
          expect(await atSender.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
          expect(atReceiver.frames).to.have.length(0);
        });

        it(`refuses a larger frame at the ${receiverName} after setMaxFrameBytes()`, async () => {
          const { receiver, atReceiver, sender, atSender } = await setUp(1000, 100_000);
          receiver.setMaxFrameBytes(100_000);
          sender.send(pattern(100_001));
          sender.send(pattern(1));
          expect(await atReceiver.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
          expect(await atSender.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
          expect(atReceiver.frames).to.have.length(0);
        });

        it(`refuses too many bytes at the ${receiverName} before setMaxFrameBytes()`, async () => {
          const { atReceiver, sender } = await setUp(10_000, 100_000);
          sender.send(pattern(10_000));
          sender.send(pattern(5000));
          expect(await atReceiver.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
          expect(atReceiver.frames).to.have.length(1);
        });

        it(`refuses too many frames at the ${receiverName} before setMaxFrameBytes()`, async () => {
          const { atReceiver, sender } = await setUp(10_000, 100_000);
          for (let index = 0; index < 65; index++) sender.send(pattern(1));
          expect(await atReceiver.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
          expect(atReceiver.frames).to.have.length(64);
        });
      }

      it('refuses an empty frame', async () => {
        const { client, server } = await meeting.pair(freeUrl);
        client.open(new Recorder());
        const received = Recorder.on(server);
        client.send(new Uint8Array(0));
        expect(await received.ended).to.satisfy(sealwireError('PROTOCOL_ERROR'));
      });

      it('counts what a slow reader has not taken', async () => {
        const { client, server } = await meeting.pair(freeUrl, { maxFrameBytes: 2 ** 20 });
        server.setMaxFrameBytes(2 ** 20);
        expect(client.bufferedBytes).to.equal(0);
        const frame = pattern(2 ** 18);
        for (let index = 0; index < 64; index++) client.send(frame.slice());
        await pause(50);
        const before = client.bufferedBytes;
        expect(before).to.be.greaterThan(2 ** 18);
        for (let index = 0; index < 8; index++) client.send(frame.slice());
        expect(client.bufferedBytes).to.be.at.least(before + 8 * 2 ** 18);
        const received = Recorder.on(server);
        await received.count(72);
        await until(() => client.bufferedBytes === 0);
        expect(received.frames.every((each) => each.length === frame.length)).to.equal(true);
      });
    });

    const inPieces = (from: TransportConnection, frame: Uint8Array): void =>
      from.sendApart!([frame.subarray(0, 8), frame.subarray(8, 9000), frame.subarray(9000)]);
    const inMadeMemory = (from: TransportConnection, frame: Uint8Array): void => {
      const memory = from.frameMemory!(frame.length, true)!;
      memory.set(frame, memory.length - frame.length);
      from.sendMemory!(memory);
    };
    for (const [what, send] of [
      ['in pieces', inPieces],
      ['in memory of its own making', inMadeMemory],
    ] as const) {
      it(`carries a frame ${what} like any other, in its place among others, of any length and in both directions`, async () => {
        const { client, server } = await meeting.pair(freeUrl, { raised: true });
        if (client.sendApart === undefined) {
          expect(suite.name).to.match(/^(browser|memory)/);
          expect(client.frameMemory).to.equal(undefined);
          return;
        }
        for (const [from, to] of [
          [client, server],
          [server, client],
        ] as const) {
          const received = Recorder.on(to);
          const expected: Uint8Array[] = [];
          // Around the lengths at which a WebSocket header grows.
          for (const length of [1, 125, 126, 127, 300, 65_535, 65_536, 200_000]) {
            send(from, pattern(length));
            from.send(pattern(3), true);
            expected.push(pattern(length), pattern(3));
          }
          await received.count(expected.length);
          expect(sameFrames(received.frames, expected)).to.equal(true);
          await from.drained(0);
          expect(from.bufferedBytes).to.equal(0);
        }
        client.close();
        send(client, pattern(8));
      });
    }

    it('gives back the memory of pieces when they have left, and not before; of nothing else', async () => {
      const { client, server } = await meeting.pair(freeUrl, { raised: true });
      if (client.sendApart === undefined) return;
      const received = Recorder.on(server);
      const [frame, piece, small] = [pattern(70_000), pattern(70_000), pattern(100)];
      const shared = pattern(70_000);
      client.send(frame, true);
      client.sendApart([small, piece, shared.subarray(1)]);
      expect(piece.length, 'not yet').to.equal(70_000);
      await received.count(2);
      await until(() => piece.length === 0);
      expect([frame, small, shared].map(({ length }) => length)).to.deep.equal([70_000, 100, 70_000]);
      expect(
        sameFrames(received.frames, [frame, concat([small, pattern(70_000), shared.subarray(1)])]),
      ).to.equal(true);

      // What the system is not through with stays.
      const unsent = Array.from({ length: 100 }, () => pattern(2 ** 18));
      server.pause?.();
      for (const each of unsent) client.sendApart([each]);
      await pause(50);
      expect(unsent.at(-1)!.length).to.equal(2 ** 18);
      client.destroy();
    });

    it('gives back what large frames were read in, unless TLS was around them, and never what a receiver has', async () => {
      const { client, server } = await meeting.pair(freeUrl, { raised: true });
      const watched = watchChunks();
      try {
        for (const [from, to] of [
          [client, server],
          [server, client],
        ] as const) {
          const received = new Recorder();
          const given: Uint8Array[] = [];
          received.onFrame = (frame) => void given.push(frame);
          to.open(received);
          const sent = Array.from({ length: 40 }, (_, index) =>
            pattern(index % 4 === 0 ? 50 : 40_000, index),
          );
          for (const frame of sent) from.send(frame);
          await received.count(sent.length);
          // Long after their chunks have gone.
          expect(sameFrames(given, sent)).to.equal(true);
        }
      } finally {
        watched.end();
      }
      const isBare = suite.scheme === 'ws' || suite.scheme === 'tcp';
      if (!isBare) expect(watched.gone).to.equal(0);
      // All but the first, until it is known where frames begin.
      else if (!suite.name.startsWith('browser')) expect(watched.gone).to.be.above(0.5 * watched.large);
    });

    it('makes no memory for what a client masks, which cannot be written in advance', async () => {
      const { client, server } = await meeting.pair(freeUrl);
      const lengths = [client, server].map((end) => end.frameMemory?.(8, false)?.length);
      const headers = { websocket: [undefined, 10], tcp: [12, 12], memory: [undefined, undefined] }[
        client.kind
      ];
      // Browsers mask by themselves.
      expect(lengths).to.deep.equal(suite.name.startsWith('browser') ? [undefined, 10] : headers);
    });

    it('says that its frames are framed alike where they are, and never for what a client masks', async () => {
      const { client, server } = await meeting.pair(freeUrl);
      const framings = {
        websocket: [undefined, 'websocket'],
        tcp: ['tcp', 'tcp'],
        memory: [undefined, undefined],
      }[client.kind];
      expect([client.plainFraming, server.plainFraming]).to.deep.equal(framings);
    });

    describe('drained()', () => {
      it('resolves at once where no more is buffered than that', async () => {
        const { client } = await meeting.pair(freeUrl);
        await client.drained(0);
        await client.drained(100);
      });

      it('waits until a slow reader has taken enough, each waiter for itself', async () => {
        const { client, server } = await meeting.pair(freeUrl, { maxFrameBytes: 2 ** 20 });
        server.setMaxFrameBytes(2 ** 20);
        const frame = pattern(2 ** 18);
        for (let index = 0; index < 64; index++) client.send(frame.slice());
        await pause(50);
        const seen: number[] = [];
        const waiting = [2 ** 21, 0, 2 ** 20].map(async (belowBytes) => {
          await client.drained(belowBytes);
          expect(client.bufferedBytes).to.be.at.most(belowBytes);
          seen.push(belowBytes);
        });
        await pause(30);
        expect(seen, 'nobody reads').to.deep.equal([]);
        Recorder.on(server);
        await Promise.all(waiting);
        // Browsers are looked at now and then, and memory moves all at once: the three may have come together.
        expect([...seen].sort((a, b) => b - a)).to.deep.equal([2 ** 21, 2 ** 20, 0]);
      });

      for (const how of ['here', 'there'] as const) {
        it(`keeps nobody waiting when ${how === 'here' ? 'this' : 'the other'} side cuts the connection`, async () => {
          const { client, server } = await meeting.pair(freeUrl, { maxFrameBytes: 2 ** 20 });
          client.open(new Recorder());
          for (let index = 0; index < 64; index++) client.send(pattern(2 ** 18));
          await pause(20);
          const waiting = client.drained(0);
          if (how === 'here') client.destroy();
          else server.destroy();
          await waiting;
          await client.drained(0);
        });
      }
    });

    describe('the end', () => {
      /**
       * Until open() has taken effect, and what a TLS server says behind its handshake (tickets) is read: where a reset comes
       * together with bytes, libuv tells of the end of the stream and of no error, which is peace to whoever is above.
       */
      const settled = () => pause(suite.name.endsWith('TLS') ? 50 : 2);

      for (const closerName of ['client', 'server'] as const) {
        it(`is peaceful when the ${closerName} closes, and what was queued arrives`, async () => {
          const { client, server } = await meeting.pair(freeUrl, { raised: true });
          const [closer, other] = closerName === 'client' ? [client, server] : [server, client];
          const atCloser = Recorder.on(closer);
          const atOther = Recorder.on(other);
          const frames = Array.from({ length: 40 }, (_, index) => pattern(65_000, index));
          for (const frame of frames) closer.send(frame.slice());
          closer.close();
          closer.close();
          closer.send(pattern(77));
          expect(await atOther.ended).to.equal(undefined);
          expect(await atCloser.ended).to.equal(undefined);
          expect(sameFrames(atOther.frames, frames)).to.equal(true);
          other.send(pattern(1));
          other.close();
          other.destroy();
          await pause(10);
          expect(atOther.closedCalls).to.equal(1);
          expect(atCloser.closedCalls).to.equal(1);
        });

        it(`comes at once when the ${closerName} destroys it, and is no peace for the other side`, async () => {
          const { client, server } = await meeting.pair(freeUrl);
          const [closer, other] = closerName === 'client' ? [client, server] : [server, client];
          const atCloser = Recorder.on(closer);
          const atOther = Recorder.on(other);
          await settled();
          closer.destroy();
          closer.destroy();
          expect(atCloser.closedCalls).to.equal(0); // never from inside destroy()
          expect(await atCloser.ended).to.equal(undefined);
          expect(await atOther.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
          closer.close();
          closer.send(pattern(1));
          await pause(10);
          expect(atCloser.closedCalls).to.equal(1);
        });

        it(`brings no frame any more to the ${closerName} that closed`, async () => {
          const { client, server } = await meeting.pair(freeUrl);
          const [closer, other] = closerName === 'client' ? [client, server] : [server, client];
          const atCloser = new Recorder();
          atCloser.onFrame = () => closer.close();
          closer.open(atCloser);
          const atOther = Recorder.on(other);
          for (let index = 0; index < 20; index++) other.send(pattern(20, index));
          expect(await atCloser.ended).to.equal(undefined);
          expect(await atOther.ended).to.equal(undefined);
          expect(atCloser.frames).to.have.length(1);
        });
      }

      it('is peaceful when both sides close at once', async () => {
        const { client, server } = await meeting.pair(freeUrl);
        const atClient = Recorder.on(client);
        const atServer = Recorder.on(server);
        client.close();
        server.close();
        expect(await atClient.ended).to.equal(undefined);
        expect(await atServer.ended).to.equal(undefined);
      });

      it('needs no open() on the side that closes', async () => {
        const { client, server } = await meeting.pair(freeUrl);
        const atServer = Recorder.on(server);
        server.send(pattern(500)); // never read
        client.close();
        expect(await atServer.ended).to.equal(undefined);
        await pause(50);
        const late = Recorder.on(client);
        await Promise.resolve();
        expect(late.closedCalls).to.equal(1); // all was over before open()
        expect(await late.ended).to.equal(undefined);
      });

      it('is told to a receiver that comes late', async () => {
        const { client, server } = await meeting.pair(freeUrl);
        await settled();
        server.destroy();
        await pause(20);
        const late = Recorder.on(client);
        expect(await late.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
        expect(await Recorder.on(server).ended).to.equal(undefined);
      });

      it('costs a receiver that throws its own connection and nothing else', async () => {
        const listener = await meeting.listen(freeUrl);
        const bad = await meeting.connect(listener.url);
        const good = await meeting.connect(listener.url);
        const atBad = new Recorder();
        const thrown = new Error('spec');
        atBad.onFrame = () => {
          throw thrown;
        };
        bad.server.open(atBad);
        const atGood = Recorder.on(good.server);
        const atBadClient = Recorder.on(bad.client);
        bad.client.send(pattern(3));
        bad.client.send(pattern(4));
        const error = await atBad.ended;
        expect(error).to.satisfy(sealwireError('INTERNAL'));
        expect(error?.cause).to.equal(thrown);
        expect(await atBadClient.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
        expect(atBad.frames).to.have.length(1);
        good.client.send(pattern(5));
        await atGood.count(1);
      });

      it('survives a receiver that throws in closed()', async () => {
        const { client, server } = await meeting.pair(freeUrl);
        const atServer = new Recorder();
        atServer.onClosed = () => {
          throw new Error('spec');
        };
        server.open(atServer);
        client.open(new Recorder());
        client.close();
        await atServer.ended;
        await pause(5);
      });

      it('costs an accept() that throws its own connection and nothing else', async () => {
        const atServer: Recorder[] = [];
        const listener = await meeting.listen(freeUrl, {
          accept: (connection) => {
            atServer.push(Recorder.on(connection));
            throw new Error('spec');
          },
        });
        for (let attempt = 0; attempt < 2; attempt++) {
          // On TCP the reset may be here before connect() is done.
          const client = await meeting.dial(listener.url).catch((error: unknown) => error as Error);
          if (client instanceof Error) expect(client).to.satisfy(sealwireError('CONNECT_FAILED'));
          else expect(await Recorder.on(client).ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
        }
        expect(atServer).to.have.length(2);
        for (const each of atServer) expect(await each.ended).to.satisfy(sealwireError('INTERNAL'));
      });

      it('of listening leaves accepted connections alive and frees the address', async () => {
        const { client, server, listener } = await meeting.pair(freeUrl);
        await listener.close();
        await listener.close();
        const error = await failure(suite.client(listener.url).connect(connectOptions()));
        expect(error).to.satisfy(sealwireError('CONNECT_FAILED'));
        const atServer = Recorder.on(server);
        const atClient = Recorder.on(client);
        client.send(pattern(3));
        server.send(pattern(4));
        await Promise.all([atServer.count(1), atClient.count(1)]);
        await meeting.listen(listener.url);
      });
    });
  });
}

describe('transport compliance: all of them', () => {
  // But TLS over TCP, which Node ends by itself on the side that reads nothing: see tls.spec.ts.
  it('cut off whoever does not finish closing in time, with an error', async () => {
    const started = performance.now();
    await Promise.all(
      suites
        .filter(({ scheme }) => scheme !== 'tls')
        .map(async (suite) => {
          const url = suite.scheme === 'memory' ? 'memory://slow' : `${suite.scheme}://127.0.0.1:0`;
          const meeting = new Meeting(suite.server, suite.client);
          const { client } = await meeting.pair(url); // the server's side is never opened, so it reads nothing
          const atClient = Recorder.on(client);
          client.close();
          expect(await atClient.ended, suite.name).to.satisfy(sealwireError('CONNECTION_CLOSED'));
          await meeting.end();
        }),
    );
    expect(performance.now() - started).to.be.within(closeTimeLimitMs - 50, closeTimeLimitMs + 1000);
  });

  it('keep no process alive once everything is closed', async () => {
    const script = `
      const { WebSocketTransport } = await import(process.argv[1] + 'websocket.js');
      const { BrowserWebSocketTransport } = await import(process.argv[1] + 'browser-websocket.js');
      const { TcpTransport } = await import(process.argv[1] + 'tcp.js');
      const { MemoryTransport } = await import(process.argv[1] + 'memory.js');
      const { WebSocket } = await import('ws');
      const limits = { maxFrameBytes: 100, maxFrameBytesLater: 100, signal: new AbortController().signal };
      let closed = 0;
      let last = 0;
      const meet = async (server, url, dial) => {
        const receiver = { frame() {}, closed() { closed += 1; last = performance.now(); } };
        const accept = (connection) => connection.open(receiver);
        const listener = await new server(url).listen({ ...limits, accept });
        for (const how of ['close', 'destroy']) {
          const client = await dial(listener.url).connect(limits);
          client.open(receiver);
          client.send(new Uint8Array(10));
          client[how]();
        }
        await listener.close();
      };
      await meet(WebSocketTransport, 'ws://127.0.0.1:0', (url) => new WebSocketTransport(url));
      await meet(WebSocketTransport, 'ws://127.0.0.1:0', (url) => new BrowserWebSocketTransport(url, { WebSocket }));
      await meet(TcpTransport, 'tcp://127.0.0.1:0', (url) => new TcpTransport(url));
      await meet(MemoryTransport, 'memory://exit', (url) => new MemoryTransport(url));
      process.on('exit', () => console.log(closed, performance.now() - last));
    `;
    const folder = new URL('../../lib/transport/', import.meta.url).href;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script, folder],
      { timeout: 15_000 },
    );
    const [closed, stayedMs] = stdout.trim().split(' ').map(Number);
    expect(closed).to.equal(16);
    expect(stayedMs).to.be.lessThan(closeTimeLimitMs / 2); // so no timer was left behind
  });
});
