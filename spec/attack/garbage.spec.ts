// Bytes that mean nothing, from a seed, thrown at a server's port and sent as frames: whoever is connected goes on calling,
// nobody gets in, and the process lives.

import { connect as connectSocket } from 'node:net';
import { expect } from 'chai';
import { type Scheme, startUnconnected, transport } from '../support/pair.js';
import { SeededRandom } from '../support/random.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Vault } from './vault.js';

for (const scheme of ['tcp', 'ws'] as const) {
  describe(`attack: garbage on a raw socket over ${scheme}`, () => {
    nothingUncaught();

    it('never hurts another client', async () => {
      const random = new SeededRandom(0xbad);
      const vault = new Vault();
      const setup = await startUnconnected({
        scheme,
        server: { keyStretching: { iterations: 1 } },
        services: [vault],
      });
      let strangers = 0;
      setup.server.on('clientConnected', () => (strangers += 1));
      await setup.connect();
      const port = Number(new URL(setup.url).port);
      // 60 streams of anything, one of 10,000 small frames with their lengths in front, and 10,000 small frames over
      // 50 connections that speak the transport as they should.
      const frames = Array.from({ length: 10_000 }, () => random.bytes(1 + random.below(7)));
      const framed = Buffer.concat(frames.map((frame) => Uint8Array.of(0, 0, 0, frame.length, ...frame)));
      const streams = Array.from({ length: 60 }, () => random.bytes(1 + random.below(3000)));
      await Promise.all([
        ...[framed, ...streams].map((bytes) => throwAt(port, bytes)),
        ...Array.from({ length: 50 }, (_, part) =>
          sendFrames(scheme, setup.url, frames.slice(200 * part, 200 * (part + 1))),
        ),
      ]);
      for (let call = 0; call < 20; call++) {
        expect(await setup.client.invokeServerRpc('Vault.needs3', [call])).to.equal(call);
      }
      expect(vault.runs).to.have.length(20);
      expect(strangers).to.equal(1);
      await setup.stop();
    });
  });
}

/** Sends the bytes and waits until the other side has had enough of them. */
function throwAt(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectSocket({ host: '127.0.0.1', port }, () => socket.end(bytes));
    socket.resume();
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
  });
}

/** Sends whole frames, and waits until the other side has closed. */
async function sendFrames(scheme: Scheme, url: string, frames: readonly Uint8Array[]): Promise<void> {
  const limits = { maxFrameBytes: 2 ** 16, maxFrameBytesLater: 2 ** 16 };
  const connection = await transport(scheme, url).connect({
    signal: new AbortController().signal,
    ...limits,
  });
  await new Promise<void>((resolve) => {
    connection.open({ frame: () => undefined, closed: () => resolve() });
    for (const frame of frames) connection.send(frame);
  });
}
