// Pings of a connection that is quiet, and its end when nothing comes back.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import type { SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { Heartbeat } from '../../lib/rpc/heartbeat.js';
import { ManualClock } from '../support/manual-clock.js';
import { refusal } from '../support/refusal.js';

const both = Security.Encrypted | Security.Authenticated;

function start({ hasKeys = true, asks = true, chokes = false } = {}) {
  const clock = new ManualClock();
  const sent: string[] = [];
  const failures: SealwireError[] = [];
  const heartbeat = new Heartbeat({
    settings: asks ? { intervalMs: 100, timeoutMs: 40 } : undefined,
    clock,
    hasKeys,
    way: {
      send(flags, message) {
        if (chokes) throw new Error('the send buffer is full');
        sent.push(`${flags} ${toHex(message)}`);
      },
      fail: (error) => failures.push(error),
    },
  });
  return { clock, sent, failures, heartbeat };
}

describe('rpc: heartbeat', () => {
  it('asks who is quiet, under both flags, and ends the connection when nothing comes back', () => {
    const { clock, sent, failures } = start();
    clock.advance(99);
    expect(sent).to.deep.equal([]);
    clock.advance(1);
    expect(sent).to.deep.equal([`${both} 920c01`]);
    clock.advance(39);
    expect(failures).to.deep.equal([]);
    clock.advance(1);
    expect(failures.map(({ code, reason }) => [code, reason])).to.deep.equal([
      ['CONNECTION_CLOSED', 'heartbeat-timeout'],
    ]);
    expect(clock.timers).to.equal(0);
  });

  it('asks nobody who says something, and makes no timer for what comes in', () => {
    const { clock, sent, failures, heartbeat } = start();
    for (let round = 0; round < 10; round++) {
      clock.advance(99);
      for (let message = 0; message < 5; message++) heartbeat.heard(both);
      expect(clock.timers).to.equal(1);
    }
    expect([sent, failures]).to.deep.equal([[], []]);
  });

  it('goes on after an answer, and counts its pings', () => {
    const { clock, sent, failures, heartbeat } = start();
    clock.advance(120);
    heartbeat.heard(both);
    heartbeat.pong(both);
    clock.advance(120);
    expect(sent).to.deep.equal([`${both} 920c01`, `${both} 920c02`]);
    clock.advance(39);
    expect(failures).to.deep.equal([]);
    clock.advance(1);
    expect(failures).to.have.length(1);
  });

  it('goes over to keys that come later: they are a sign of life, and what was sent before them is answered', () => {
    const { clock, sent, failures, heartbeat } = start({ hasKeys: false });
    clock.advance(100);
    expect(sent.splice(0)).to.deep.equal(['0 920c01']);
    // Its answer is on its way without keys, and will not count.
    heartbeat.secured();
    heartbeat.heard(Security.None);
    heartbeat.pong(Security.None);
    heartbeat.ping(Security.None, 7);
    expect(sent.splice(0)).to.deep.equal([`${both} 920d07`]);
    clock.advance(40);
    expect(failures).to.deep.equal([]);
    clock.advance(100);
    expect(sent).to.deep.equal([`${both} 920c02`]);
    heartbeat.heard(Security.None);
    clock.advance(40);
    expect(failures).to.have.length(1);
  });

  it('takes nothing without a tag for a sign of life, where there are keys', () => {
    for (const flags of [Security.None, Security.Encrypted]) {
      const { clock, failures, heartbeat } = start();
      clock.advance(110);
      heartbeat.heard(flags);
      clock.advance(30);
      expect(failures, String(flags)).to.have.length(1);
    }
    const authenticated = start();
    authenticated.clock.advance(110);
    authenticated.heartbeat.heard(Security.Authenticated);
    authenticated.clock.advance(30);
    expect(authenticated.failures).to.deep.equal([]);
  });

  it('asks in the clear where there are no keys, and anything counts', () => {
    const { clock, sent, failures, heartbeat } = start({ hasKeys: false });
    clock.advance(100);
    expect(sent).to.deep.equal(['0 920c01']);
    heartbeat.heard(Security.None);
    clock.advance(40);
    expect(failures).to.deep.equal([]);
    heartbeat.ping(Security.None, 7);
    expect(sent.at(-1)).to.equal('0 920d07');
  });

  it('answers, also where it asks nothing', () => {
    const { clock, sent, heartbeat } = start({ asks: false });
    expect(clock.timers).to.equal(0);
    heartbeat.ping(both, 3);
    expect(sent).to.deep.equal([`${both} 920d03`]);
  });

  it('refuses pings and pongs with less protection than there is', () => {
    const { heartbeat, sent } = start();
    for (const flags of [Security.None, Security.Encrypted, Security.Authenticated]) {
      refusal('PROTOCOL_ERROR', () => heartbeat.ping(flags, 1));
      refusal('PROTOCOL_ERROR', () => heartbeat.pong(flags));
    }
    expect(sent).to.deep.equal([]);
  });

  it('notices a peer that reads nothing, too, and stops when it is told to', () => {
    const { clock, failures } = start({ chokes: true });
    clock.advance(140);
    expect(failures).to.have.length(1);
    const { clock: other, heartbeat } = start();
    heartbeat.stop();
    expect(other.timers).to.equal(0);
  });
});
