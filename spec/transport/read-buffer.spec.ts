// Sockets that read into the same memory: each gives out its own bytes, and what it gave out stays as it was.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { expect } from 'chai';
import { connectReading } from '../../lib/transport/read-buffer.js';
import { pattern, pause, sameFrames, until } from './meeting.js';

describe('transport/read-buffer', () => {
  let server: Server;
  let accepted: Socket[];
  let dialled: Socket[];

  beforeEach(async () => {
    accepted = [];
    dialled = [];
    server = createServer((socket) => void accepted.push(socket.on('error', () => {})));
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(() => {
    for (const socket of [...accepted, ...dialled]) socket.destroy();
    server.close();
  });

  /** A socket, and the other end of it. */
  async function pair(): Promise<{ socket: Socket; peer: Socket }> {
    const { port } = server.address() as AddressInfo;
    const socket = connectReading({ host: '127.0.0.1', port });
    dialled.push(socket);
    await once(socket, 'connect');
    await until(() => accepted.length === dialled.length);
    return { socket, peer: accepted.at(-1)! };
  }

  function bytesOf(chunks: readonly Uint8Array[]): number {
    return chunks.reduce((sum, { length }) => sum + length, 0);
  }

  it('keeps what many sockets read apart, also what was read long ago', async () => {
    const pairs = [];
    for (let index = 0; index < 20; index++) pairs.push(await pair());
    const got: Buffer[][] = pairs.map(() => []);
    for (const [index, { socket }] of pairs.entries()) socket.on('data', (chunk) => got[index]!.push(chunk));
    // Some shorter than what Node cuts from its pool, some longer than is read at once.
    const sent = pairs.map((_, index) => [1, 100, 5000, 70_000].map((length) => pattern(length, index)));
    for (let step = 0; step < 4; step++) {
      for (const [index, { peer }] of pairs.entries()) peer.write(sent[index]![step]!);
      await until(() => got.every((chunks) => bytesOf(chunks) === bytesOf(sent[0]!.slice(0, step + 1))));
    }
    for (const [index, chunks] of got.entries())
      expect(sameFrames([Buffer.concat(chunks)], [Buffer.concat(sent[index]!)]), `socket ${index}`).to.equal(
        true,
      );
  });

  it('reads nothing while a socket is paused, and all of it in order afterwards', async () => {
    const { socket, peer } = await pair();
    const chunks: Buffer[] = [];
    let paused = false;
    socket.on('data', (chunk) => {
      expect(paused, 'a chunk while it is paused').to.equal(false);
      chunks.push(chunk);
      paused = true;
      socket.pause();
    });
    const sent = pattern(300_000);
    peer.write(sent);
    while (bytesOf(chunks) < sent.length) {
      await until(() => paused);
      await pause(5);
      paused = false;
      socket.resume();
    }
    expect(sameFrames([Buffer.concat(chunks)], [sent])).to.equal(true);
  });

  it('tells the end behind the last byte', async () => {
    const { socket, peer } = await pair();
    const told: string[] = [];
    socket.on('data', (chunk: Buffer) => told.push(chunk.toString()));
    socket.on('end', () => told.push('end'));
    socket.on('close', () => told.push('close'));
    peer.end('last');
    await until(() => told.includes('close'));
    expect(told).to.deep.equal(['last', 'end', 'close']);
  });
});
