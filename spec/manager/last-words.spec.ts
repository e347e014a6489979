// What a client says before it leaves is heard, although it is more than its share of a turn.

import { expect } from 'chai';
import { Rpc, Security } from '../../decorators/index.js';
import { type Scheme, startPair } from '../support/pair.js';
import { eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

class Diary {
  readonly entries: number[] = [];

  @Rpc(Security.None, { oneWay: true })
  enter(entry: number): void {
    this.entries.push(entry);
    // A page takes a while: all of them are far more than a share.
    const untilMs = performance.now() + 0.05;
    while (performance.now() < untilMs);
  }
}

describe('manager: last words', () => {
  nothingUncaught();

  for (const scheme of ['tcp', 'ws', 'memory'] satisfies Scheme[]) {
    it(`are heard, all of them and in order, before the connection is over (${scheme})`, async () => {
      const diary = new Diary();
      const pair = await startPair({ scheme, services: [diary] });
      const ends: [code: string, reason: string | undefined, entries: number][] = [];
      pair.server.on('clientDisconnected', (_peer, { code, reason }) =>
        ends.push([code, reason, diary.entries.length]),
      );
      const many = 2000;
      for (let entry = 0; entry < many; entry++) void pair.client.invokeServerRpc('Diary.enter', [entry]);
      await pair.client.stop();
      await eventually('the server knows', () => ends.length > 0);
      expect(diary.entries).to.deep.equal(Array.from({ length: many }, (_, entry) => entry));
      expect(ends).to.deep.equal([['CONNECTION_CLOSED', 'normal', many]]);
      await pair.stop();
    });
  }
});
