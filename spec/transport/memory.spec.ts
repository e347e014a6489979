// What is memory's own: both ends live in one process, so that a receiver can touch the sender while it is called.

import { expect } from 'chai';
import { MemoryTransport } from '../../lib/transport/memory.js';
import { Meeting, pattern, pause, Recorder, sameFrames, sealwireError } from './meeting.js';

describe('transport/memory', () => {
  const make = (url: string): MemoryTransport => new MemoryTransport(url);
  let meeting: Meeting;

  beforeEach(() => {
    meeting = new Meeting(make, make);
  });
  afterEach(() => meeting.end());

  it('drops what is queued when the receiver of a frame cuts off its sender', async () => {
    const { client, server } = await meeting.pair('memory://spec');
    const atServer = new Recorder();
    atServer.onFrame = () => client.destroy();
    server.open(atServer);
    for (let index = 0; index < 3; index++) client.send(pattern(10, index));
    expect(await atServer.ended).to.satisfy(sealwireError('CONNECTION_CLOSED'));
    expect(atServer.frames).to.have.length(1);
    expect(client.bufferedBytes).to.equal(0);
  });

  it('delivers what the sender sent and closed with while its peer was being called', async () => {
    const { client, server } = await meeting.pair('memory://spec');
    const atServer = new Recorder();
    atServer.onFrame = () => {
      client.send(pattern(10, 2));
      client.close();
    };
    server.open(atServer);
    client.send(pattern(10, 1));
    expect(await atServer.ended).to.equal(undefined);
    expect(sameFrames(atServer.frames, [pattern(10, 1), pattern(10, 2)])).to.equal(true);
  });

  it('lets timers run between two ends that answer each other for ever', async () => {
    const { client, server } = await meeting.pair('memory://spec', { raised: true });
    const ends = [client, server].map((connection) => {
      const recorder = new Recorder();
      recorder.onFrame = () => connection.send(pattern(1));
      connection.open(recorder);
      return recorder;
    });
    client.send(pattern(1));
    await pause(10);
    expect(ends[0]!.frames.length).to.be.greaterThan(1);
  });
});
