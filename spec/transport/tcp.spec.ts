// The framing of lib/transport/tcp.ts, held against a client that writes its bytes by hand.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { TcpTransport } from '../../lib/transport/tcp.js';
import { closeTimeLimitMs, type TransportConnection } from '../../lib/transport/transport.js';
import {
  failure,
  inTurnAndItsPromises,
  Meeting,
  pattern,
  pause,
  Recorder,
  sameFrames,
  sealwireError,
  until,
} from './meeting.js';

const maxFrameBytesLater = 2 ** 20;

describe('transport/tcp', () => {
  let meeting: Meeting;
  let port: number;
  let accepted: { connection: TransportConnection; recorder: Recorder }[];
  let raw: Socket[];

  beforeEach(async () => {
    meeting = new Meeting(
      (url) => new TcpTransport(url),
      (url) => new TcpTransport(url),
    );
    accepted = [];
    raw = [];
    const listener = await meeting.listen('tcp://127.0.0.1:0', {
      maxFrameBytes: 1000,
      maxFrameBytesLater,
      accept: (connection) => void accepted.push({ connection, recorder: Recorder.on(connection) }),
    });
    port = Number(new URL(listener.url).port);
  });

  afterEach(async () => {
    for (const socket of raw) socket.destroy();
    await until(() => accepted.every(({ recorder }) => recorder.closedCalls === 1));
    await meeting.end();
  });

  async function dialRaw(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    socket.on('error', () => {});
    raw.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  async function dialRawAlone(): Promise<{
    socket: Socket;
    connection: TransportConnection;
    recorder: Recorder;
  }> {
    const socket = await dialRaw();
    await until(() => accepted.length === 1);
    return { socket, ...accepted[0]! };
  }

  function framed(frame: Uint8Array): Buffer {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(frame.length);
    return Buffer.concat([header, frame]);
  }

  it('puts frames together wherever the stream was cut', async () => {
    const frames = [pattern(1, 1), pattern(5, 2), pattern(70, 3)];
    const stream = Buffer.concat(frames.map(framed));
    await Promise.all(
      Array.from({ length: stream.length + 1 }, async (_, cut) => {
        const socket = await dialRaw();
        socket.write(stream.subarray(0, cut));
        await pause(20);
        socket.write(stream.subarray(cut));
      }),
    );
    await until(() => accepted.length === stream.length + 1);
    for (const { recorder } of accepted) {
      await recorder.count(3);
      expect(sameFrames(recorder.frames, frames)).to.equal(true);
    }
  });

  it('puts frames together from single bytes', async () => {
    const { socket, recorder } = await dialRawAlone();
    const frames = [pattern(1, 1), pattern(40, 2), pattern(3, 3)];
    for (const byte of Buffer.concat(frames.map(framed))) {
      socket.write(Uint8Array.of(byte));
      await pause(1);
    }
    await recorder.count(3);
    expect(sameFrames(recorder.frames, frames)).to.equal(true);
  });

  it('puts a large frame together from many small chunks, with another one behind it', async () => {
    const { socket, connection, recorder } = await dialRawAlone();
    connection.setMaxFrameBytes(maxFrameBytesLater);
    const frames = [pattern(maxFrameBytesLater, 1), pattern(300, 2)];
    const stream = Buffer.concat(frames.map(framed));
    for (let offset = 0; offset < stream.length; offset += 1999) {
      socket.write(stream.subarray(offset, offset + 1999));
      if (offset % 20 === 0) await new Promise(setImmediate);
    }
    await recorder.count(2);
    expect(sameFrames(recorder.frames, frames)).to.equal(true);
  });

  it('refuses a giant length as soon as it is announced', async () => {
    const { socket, recorder } = await dialRawAlone();
    socket.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    expect(await recorder.ended).to.satisfy(sealwireError('LIMIT_EXCEEDED'));
  });

  it('reserves no memory for a length that was only announced', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const sockets = await Promise.all(Array.from({ length: 100 }, dialRaw));
    await until(() => accepted.length === 100);
    for (const { connection } of accepted) connection.setMaxFrameBytes(maxFrameBytesLater);
    for (const socket of sockets) socket.write(Uint8Array.of(0, 0x10, 0, 0, 1, 2, 3, 4, 5));
    await pause(50);
    const reservedBytes = process.memoryUsage().arrayBuffers - before;
    expect(accepted.some(({ recorder }) => recorder.closedCalls > 0)).to.equal(false);
    // 100 MiB were announced; each chunk that was read may pin 64 KiB of the reader.
    expect(reservedBytes).to.be.lessThan(20 * 2 ** 20);
  });

  it('refuses what is no frame: an empty one, and HTTP', async () => {
    for (const [bytes, code] of [
      ['\0\0\0\0', 'PROTOCOL_ERROR'],
      ['GET / HTTP/1.1\r\n\r\n', 'LIMIT_EXCEEDED'],
    ] as const) {
      const socket = await dialRaw();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(bytes);
      await until(() => accepted.length === 1);
      expect(await accepted[0]!.recorder.ended).to.satisfy(sealwireError(code));
      await closed;
      accepted = [];
    }
  });

  it('takes a FIN between two frames for peace, and inside a frame for an error', async () => {
    const frame = framed(pattern(10));
    for (const [length, peaceful] of [
      [0, true],
      [2, false],
      [4, false],
      [7, false],
      [14, true],
    ] as const) {
      accepted = [];
      const { socket, recorder } = await dialRawAlone();
      socket.end(frame.subarray(0, length));
      socket.resume();
      const error = await recorder.ended;
      if (peaceful) expect(error, `${length} bytes`).to.equal(undefined);
      else expect(error, `${length} bytes`).to.satisfy(sealwireError('CONNECTION_CLOSED'));
    }
  });

  it('tells a reset as an error', async () => {
    const { socket, recorder } = await dialRawAlone();
    socket.resetAndDestroy();
    expect(await recorder.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
  });

  it('cuts off a half-open peer that ended and does not read what is queued', async () => {
    const { socket, connection, recorder } = await dialRawAlone();
    for (let index = 0; index < 16; index++) connection.send(pattern(2 ** 20));
    socket.end();
    const started = performance.now();
    expect(await recorder.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
    expect(performance.now() - started).to.be.within(closeTimeLimitMs - 100, closeTimeLimitMs + 1000);
  });

  it('lets go of a socket that is cut while its FIN is being sent', async () => {
    // libuv refuses to reset it then, and Node 20 would keep it for ever: no closed(), and a process that cannot end.
    for (const frames of [0, 1]) {
      const { connection, recorder } = await dialRawAlone();
      if (frames === 1) connection.send(pattern(10));
      connection.close();
      connection.destroy();
      await until(() => recorder.closedCalls === 1);
      expect(await recorder.ended).to.equal(undefined);
      accepted.length = 0;
    }
  });

  it('finishes with a peer that ended first but still reads', async () => {
    const { socket, connection, recorder } = await dialRawAlone();
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    for (let index = 0; index < 8; index++) connection.send(pattern(2 ** 20));
    socket.end();
    expect(await recorder.ended).to.equal(undefined);
    await until(() => received === 8 * (2 ** 20 + 4));
  });

  it('sends the frames of one turn in one write', async () => {
    const { socket, connection } = await dialRawAlone();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const frames = Array.from({ length: 20 }, (_, index) => pattern(20, index));
    for (const frame of frames) connection.send(frame);
    expect(connection.bufferedBytes).to.equal(20 * 24);
    await until(() => chunks.length > 0);
    expect(chunks).to.have.length(1);
    expect(Buffer.concat(chunks).equals(Buffer.concat(frames.map(framed)))).to.equal(true);
  });

  it('sends with them what the promises of the turn lead to', async () => {
    const { socket, connection } = await dialRawAlone();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    const frames = Array.from({ length: 20 }, (_, index) => pattern(20, index));
    await inTurnAndItsPromises(frames.map((frame) => () => connection.send(frame)));
    // Nothing has left by then: what is read in one chunk may have been written in many.
    expect(connection.bufferedBytes).to.equal(20 * 24);
    await until(() => chunks.length > 0);
    expect(Buffer.concat(chunks).equals(Buffer.concat(frames.map(framed)))).to.equal(true);
    expect(chunks).to.have.length(1);
  });

  it('wants a host, a port and no path', async () => {
    for (const wrong of [
      'tcp://127.0.0.1',
      'tcp://127.0.0.1:1/path',
      'tcp://127.0.0.1:70000',
      'ws://127.0.0.1:1',
    ]) {
      expect(() => new TcpTransport(wrong))
        .to.throw()
        .that.satisfies(sealwireError('INVALID_CONFIG'));
    }
    const error = await failure(meeting.dial('tcp://no-such-host.invalid:7777'));
    expect(error).to.satisfy(sealwireError('CONNECT_FAILED', 'unknown-host'));
  });
});
