// What is WebSocket's own: who is let in, what is refused, and the limits before the handshake is done, held against
// plain `ws`, plain HTTP and a client that writes its bytes by hand.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { WebSocket, WebSocketServer } from 'ws';
import { BrowserWebSocketTransport } from '../../lib/transport/browser-websocket.js';
import type { ListenOptions, TransportConnection } from '../../lib/transport/transport.js';
import { WebSocketTransport } from '../../lib/transport/websocket.js';
import {
  connectOptions,
  failure,
  frameLimits,
  inTurnAndItsPromises,
  Meeting,
  pattern,
  pause,
  Recorder,
  sameFrames,
  sealwireError,
  until,
} from './meeting.js';

describe('transport/websocket', () => {
  let meeting: Meeting;
  let accepted: { connection: TransportConnection; recorder: Recorder }[];
  let cleanUp: (() => void)[];

  beforeEach(() => {
    meeting = new Meeting(
      (url) => new WebSocketTransport(url),
      (url) => new WebSocketTransport(url),
    );
    accepted = [];
    cleanUp = [];
  });
  afterEach(async () => {
    for (const task of cleanUp) task();
    await meeting.end();
  });

  const accept = (connection: TransportConnection): void => {
    accepted.push({ connection, recorder: Recorder.on(connection) });
  };

  async function listen(options: Partial<ListenOptions> = {}, path = ''): Promise<string> {
    return (await meeting.listen(`ws://127.0.0.1:0${path}`, { accept, ...options })).url;
  }

  function plainClient(url: string, protocols: string[] = ['sealwire.1']): WebSocket {
    const client = new WebSocket(url, protocols);
    client.on('error', () => {});
    cleanUp.push(() => client.terminate());
    return client;
  }

  /** Goes through the opening handshake by hand; what is written afterwards is on the spec. */
  async function rawClient(url: string): Promise<Socket> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    cleanUp.push(() => socket.destroy());
    socket.write(upgradeRequest('sealwire.1'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).to.match(/^HTTP\/1\.1 101 /);
    await until(() => accepted.length > 0);
    return socket;
  }

  /** The answer to a request for the upgrade, as text. */
  async function askRaw(url: string, head: string): Promise<string> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    cleanUp.push(() => socket.destroy());
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.write(head);
    await once(socket, 'close');
    return answer;
  }

  describe('who is let in', () => {
    it('refuses a client without the sub-protocol with a clear 400', async () => {
      const url = await listen();
      for (const head of [upgradeRequest(), upgradeRequest('chat'), upgradeRequest('sealwire.10')]) {
        const answer = await askRaw(url, head);
        expect(answer).to.match(/^HTTP\/1\.1 400 Bad Request\r\n/);
        expect(answer).to.contain('Sealwire server').and.to.contain('sealwire.1');
      }
      expect(accepted).to.have.length(0);
    });

    it('lets in a client that offers it among others, and answers with it alone', async () => {
      const client = plainClient(await listen(), ['chat', 'sealwire.1']);
      await once(client, 'open');
      expect(client.protocol).to.equal('sealwire.1');
    });

    it('agrees to no compression', async () => {
      const client = plainClient(await listen()); // ws offers permessage-deflate by itself
      await once(client, 'open');
      expect(client.extensions).to.equal('');
    });

    it('refuses another path, and tells a plain HTTP client where it is', async () => {
      const url = await listen({}, '/arena');
      expect(url).to.match(/^ws:\/\/127\.0\.0\.1:\d+\/arena$/);
      expect(await askRaw(url, upgradeRequest('sealwire.1', '/other'))).to.match(/^HTTP\/1\.1 404 /);
      const answer = await askRaw(url, 'GET /arena HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(answer)
        .to.match(/^HTTP\/1\.1 426 /)
        .and.to.contain('Sealwire server');
      await meeting.dial(url);
      await meeting.dial(`${url}?token=1`);
      await until(() => accepted.length === 2);
    });

    it('hangs up on who has not asked for the upgrade yet when it stops listening', async () => {
      const listener = await meeting.listen('ws://127.0.0.1:0', { accept });
      const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write('GET / HTTP/1.1\r\n');
      await pause(20);
      await listener.close();
      await once(socket, 'close');
    });
  });

  describe('whom it dials', () => {
    it('leaves TLS to a server that is given, and needs to know what to show and what to check without', async () => {
      expect(() => new WebSocketTransport('wss://game.example', { server: createHttpServer() }))
        .to.throw(/ws:\/\//)
        .that.satisfies(sealwireError('INVALID_CONFIG'));
      const bare = new WebSocketTransport('wss://127.0.0.1:0');
      const wanted = sealwireError('INVALID_CONFIG');
      expect(await failure(bare.connect(connectOptions()))).to.satisfy(wanted);
      expect(await failure(bare.listen({ ...frameLimits, accept: () => undefined }))).to.satisfy(wanted);
    });

    it('sends the headers it is given, and refuses impossible ones', async () => {
      const server = createHttpServer();
      const url = await started(server);
      const headers = { 'X-Room': 'red' };
      new WebSocketTransport(url, { headers }).connect(connectOptions()).catch(() => {});
      const [asked, socket] = (await once(server, 'upgrade')) as [{ headers: object }, Socket];
      socket.destroy();
      expect(asked.headers).to.include({ 'x-room': 'red', 'sec-websocket-protocol': 'sealwire.1' });
      const impossible = new WebSocketTransport(url, { headers: { 'a\nb': 'c' } });
      expect(await failure(impossible.connect(connectOptions()))).to.satisfy(sealwireError('INVALID_CONFIG'));
    });

    for (const [name, make] of [
      ['websocket', (url: string) => new WebSocketTransport(url)],
      ['browser-websocket', (url: string) => new BrowserWebSocketTransport(url, { WebSocket })],
    ] as const) {
      const reason = name === 'websocket' ? 'not-sealwire' : 'unreachable';

      it(`${name}: refuses a WebSocket server that is not Sealwire's`, async () => {
        const server = createHttpServer();
        const others = new WebSocketServer({ server, handleProtocols: () => false });
        const error = await failure(make(await started(server)).connect(connectOptions()));
        expect(error).to.satisfy(sealwireError('CONNECT_FAILED', reason));
        others.close();
      });

      it(`${name}: refuses an HTTP server without WebSocket`, async () => {
        const server = createHttpServer((_request, response) => void response.writeHead(403).end());
        const error = await failure(make(await started(server)).connect(connectOptions()));
        expect(error).to.satisfy(sealwireError('CONNECT_FAILED', reason));
        if (name === 'websocket') expect(error.message).to.contain('403');
      });

      it(`${name}: refuses a server that speaks no HTTP`, async () => {
        const server = createTcpServer((socket) => void socket.end('\x05sealwire?'));
        cleanUp.push(() => server.close());
        await once(server.listen(0, '127.0.0.1'), 'listening');
        const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const error = await failure(make(url).connect(connectOptions()));
        expect(error).to.satisfy(sealwireError('CONNECT_FAILED', reason));
      });

      it(`${name}: gives up on a server that never answers when it is told to`, async () => {
        const sockets: Socket[] = [];
        const server = createTcpServer((socket) => void sockets.push(socket.on('error', () => {}).resume()));
        cleanUp.push(() => server.close());
        await once(server.listen(0, '127.0.0.1'), 'listening');
        const controller = new AbortController();
        const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const attempt = failure(make(url).connect(connectOptions(controller.signal)));
        await until(() => sockets.length === 1);
        controller.abort();
        expect(await attempt).to.satisfy(sealwireError('CONNECT_FAILED', 'aborted'));
        await until(() => sockets[0]!.destroyed);
      });

      it(`${name}: refuses text from a server`, async () => {
        const server = createHttpServer();
        const others = new WebSocketServer({ server });
        const closeCode = new Promise((resolve) => {
          others.on('connection', (peer) => {
            peer.on('close', resolve);
            peer.send('hello');
          });
        });
        const connection = await make(await started(server)).connect(connectOptions());
        expect(await Recorder.on(connection).ended).to.satisfy(sealwireError('PROTOCOL_ERROR'));
        expect(await closeCode).to.equal(name === 'websocket' ? 1003 : 4000);
        others.close();
      });
    }
  });

  it('takes what a server sends with its answer to the upgrade before what it sends next', async () => {
    const server = createHttpServer();
    server.on('upgrade', (request, socket) => {
      const accept = createHash('sha1')
        .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      const frame = (index: number) => Buffer.from([0x82, 1, index]);
      const answer = `HTTP/1.1 101 \r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sealwire.1\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(answer), frame(0)]));
      setImmediate(() => socket.write(frame(1)));
      setTimeout(() => socket.write(frame(2)), 20);
      cleanUp.push(() => socket.destroy());
    });
    const connection = await new WebSocketTransport(await started(server)).connect(connectOptions());
    cleanUp.push(() => connection.destroy());
    // Long enough that all of them are there before anybody wants them.
    await pause(50);
    const recorder = Recorder.on(connection);
    await recorder.count(3);
    expect(recorder.frames.map(([index]) => index)).to.deep.equal([0, 1, 2]);
  });

  it('keeps large messages, fragments and pings apart that come in the same chunks, at both ends', async () => {
    const server = createHttpServer();
    const others = new WebSocketServer({ server });
    const connected = once(others, 'connection') as Promise<[WebSocket]>;
    const client = await new WebSocketTransport(await started(server)).connect(connectOptions());
    cleanUp.push(() => client.destroy());
    const [peerOfClient] = await connected;
    const peerOfServer = plainClient(await listen());
    await until(() => accepted.length === 1);
    const ends = [
      { connection: client, recorder: Recorder.on(client), peer: peerOfClient },
      { ...accepted[0]!, peer: peerOfServer },
    ];
    for (const { connection, recorder, peer } of ends) {
      connection.setMaxFrameBytes(2 ** 20);
      const pongs: string[] = [];
      peer.on('pong', (data) => void pongs.push(data.toString()));
      const sent: Uint8Array[] = [];
      const pings: string[] = [];
      for (let index = 0; index < 200; index++) {
        const message = pattern((index * 7919) % 60_000, index);
        if (message.length === 0) continue;
        sent.push(message);
        if (index % 5 === 0) {
          const half = message.length >> 1;
          peer.send(message.subarray(0, half), { fin: false });
          peer.send(message.subarray(half), { fin: true });
        } else peer.send(message);
        if (index % 7 === 0) {
          pings.push(`ping ${index}`.padEnd(120, '.'));
          peer.ping(pings.at(-1));
        }
      }
      await recorder.count(sent.length);
      expect(sameFrames(recorder.frames, sent)).to.equal(true);
      await until(() => pongs.length === pings.length);
      expect(pongs).to.deep.equal(pings);
    }
    others.close();
  });

  it('sends the frames of a handshake that one turn and its promises make in one write', async () => {
    const socket = await rawClient(await listen());
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const { connection } = accepted[0]!;
    const frames = Array.from({ length: 5 }, (_, index) => pattern(20, index));
    await inTurnAndItsPromises(frames.map((frame) => () => connection.send(frame)));
    // Nothing has left by then: what is read in one chunk may have been written in many.
    expect(connection.bufferedBytes).to.equal(5 * 22);
    await until(() => chunks.length > 0);
    expect(Buffer.concat(chunks)).to.have.length(5 * 22);
    expect(chunks).to.have.length(1);
  });

  describe('what comes in', () => {
    it('closes with 1003 on text', async () => {
      const client = plainClient(await listen());
      await once(client, 'open');
      client.send('hello');
      const [code] = await once(client, 'close');
      expect(code).to.equal(1003);
      expect(await accepted[0]!.recorder.ended).to.satisfy(sealwireError('PROTOCOL_ERROR'));
    });

    it('closes with 1009 on a message that is too large', async () => {
      const client = plainClient(await listen({ maxFrameBytes: 100, maxFrameBytesLater: 1000 }));
      await once(client, 'open');
      accepted[0]!.connection.setMaxFrameBytes(500);
      client.send(pattern(501));
      const [code] = await once(client, 'close');
      expect(code).to.equal(1009);
      expect(await accepted[0]!.recorder.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
    });

    it('answers pings', async () => {
      const client = plainClient(await listen());
      await once(client, 'open');
      client.ping('are you there');
      const [data] = await once(client, 'pong');
      expect(String(data)).to.equal('are you there');
    });

    it('refuses what breaks RFC 6455', async () => {
      const socket = await rawClient(await listen());
      socket.write(Uint8Array.of(0x82, 0x01, 0x00)); // not masked
      expect(await accepted[0]!.recorder.ended).to.satisfy(sealwireError('PROTOCOL_ERROR'));
    });

    it('takes a vanished connection for an error', async () => {
      const socket = await rawClient(await listen());
      socket.end();
      expect(await accepted[0]!.recorder.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
    });
  });

  describe('limits before the handshake is done', () => {
    const limits = { maxFrameBytes: 10_000, maxFrameBytesLater: 2 ** 20 };
    const millionBytes = Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 0);

    it('destroys a connection that drips more bytes than are allowed, though no message is complete', async () => {
      const socket = await rawClient(await listen(limits));
      const { connection, recorder } = accepted[0]!;
      socket.write(millionBytes);
      let written = millionBytes.length;
      while (recorder.closedCalls === 0 && written < 900_000) {
        socket.write(new Uint8Array(500));
        written += 500;
        await pause(1);
      }
      expect(await recorder.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
      expect(written).to.be.within(14_096, 899_999); // in the end the message would be whole
      expect(connection.bufferedBytes).to.be.lessThan(100);
      await until(() => socket.destroyed);
    });

    // Not pings: `ws` itself cuts off who sends those faster than the answers leave.
    it('counts pongs and empty fragments as well', async () => {
      for (const piece of [Uint8Array.of(0x8a, 0x80, 0, 0, 0, 0), Uint8Array.of(0x00, 0x80, 0, 0, 0, 0)]) {
        accepted = [];
        const socket = await rawClient(await listen(limits));
        socket.write(Uint8Array.of(0x02, 0x81, 0, 0, 0, 0, 7));
        const flood = Buffer.concat(Array.from({ length: 800 }, () => piece));
        for (let sent = 0; sent < 3; sent++) {
          socket.write(flood);
          await pause(5);
        }
        expect(await accepted[0]!.recorder.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
      }
    });

    it('are lifted by setMaxFrameBytes()', async () => {
      const socket = await rawClient(await listen(limits));
      const { connection, recorder } = accepted[0]!;
      connection.setMaxFrameBytes(2 ** 20);
      socket.write(millionBytes);
      socket.write(new Uint8Array(1_000_000));
      await recorder.count(1);
      expect(recorder.frames[0]).to.have.length(1_000_000);
    });

    it('are lifted in time when the frame that ends the handshake has others right behind it', async () => {
      const url = await listen({
        ...limits,
        accept: (connection) => {
          const recorder = new Recorder();
          recorder.onFrame = () => connection.setMaxFrameBytes(2 ** 20);
          connection.open(recorder);
          accepted.push({ connection, recorder });
        },
      });
      const client = await meeting.dial(url);
      for (let index = 0; index < 10; index++) client.send(pattern(9000, index));
      await until(() => accepted.length === 1);
      await accepted[0]!.recorder.count(10);
    });

    it('bound what a server may send to a client', async () => {
      const server = createHttpServer();
      const others = new WebSocketServer({ server });
      others.on('connection', (peer) => {
        peer.on('error', () => {});
        peer.send(new Uint8Array(12_000), { fin: false });
        peer.send(new Uint8Array(12_000), { fin: false });
      });
      const transport = new WebSocketTransport(await started(server));
      const connection = await transport.connect({ ...connectOptions(), ...limits });
      expect(await Recorder.on(connection).ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
      others.close();
    });
  });

  it('refuses a giant length as soon as it is announced after the handshake', async () => {
    const socket = await rawClient(await listen());
    const { connection, recorder } = accepted[0]!;
    connection.setMaxFrameBytes(2 ** 20);
    socket.write(Uint8Array.of(0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0)); // 2^20 + 1
    expect(await recorder.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
  });

  it('refuses a message in too many fragments after the handshake', async () => {
    const socket = await rawClient(await listen());
    const { connection, recorder } = accepted[0]!;
    connection.setMaxFrameBytes(2 ** 20);
    socket.write(Uint8Array.of(0x02, 0x81, 0, 0, 0, 0, 7));
    socket.write(Buffer.concat(Array.from({ length: 1100 }, () => Uint8Array.of(0, 0x81, 0, 0, 0, 0, 7))));
    expect(await recorder.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
  });

  describe('on an HTTP server of the application', () => {
    it('listens at its path and leaves everything else alone, also when it stops', async () => {
      const server = createHttpServer((_request, response) => void response.end('the application'));
      const app = new WebSocketServer({ noServer: true });
      server.on('upgrade', (asked, socket, head) => {
        if (asked.url === '/app')
          app.handleUpgrade(asked, socket, head, (peer) => peer.send('the application'));
      });
      const url = await started(server);
      const listener = await new WebSocketTransport(`${url}/rpc`, { server }).listen({
        ...frameLimits,
        accept,
      });
      expect(listener.url).to.equal(`${url}/rpc`);

      const connection = await meeting.dial(listener.url);
      connection.send(pattern(3));
      await until(() => accepted.length === 1);
      await accepted[0]!.recorder.count(1);
      const other = plainClient(`${url}/app`);
      expect(String((await once(other, 'message'))[0])).to.equal('the application');

      await listener.close();
      expect(server.listening).to.equal(true);
      expect(await body(url)).to.equal('the application');
      connection.send(pattern(4));
      await accepted[0]!.recorder.count(2);
      expect(other.readyState).to.equal(WebSocket.OPEN);
    });

    it('waits until it is started, and names its port', async () => {
      const server = createHttpServer((_request, response) => void response.end('the application'));
      cleanUp.push(() => server.close());
      const listening = new WebSocketTransport('ws://127.0.0.1/rpc', { server }).listen({
        ...frameLimits,
        accept,
      });
      server.listen(0, '127.0.0.1');
      const listener = await listening;
      expect(listener.url).to.equal(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`);
      expect(await askRaw(listener.url, upgradeRequest('sealwire.1', '/'))).to.match(/^HTTP\/1\.1 404 /);
      await listener.close();
      const error = await failure(meeting.dial(listener.url));
      expect(error).to.satisfy(sealwireError('CONNECT_FAILED', 'not-sealwire'));
    });
  });

  async function started(server: Server): Promise<string> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    cleanUp.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
});

function upgradeRequest(protocol?: string, path = '/'): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function body(url: string): Promise<string> {
  const asked = request(url.replace('ws:', 'http:'), { agent: false }).end();
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}
