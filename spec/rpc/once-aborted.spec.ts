import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { onceAborted } from '../../lib/rpc/once-aborted.js';

describe('rpc/once-aborted', () => {
  const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

  it('has one listener for a signal that many wait for, and none when nobody does', () => {
    const { signal } = new AbortController();
    const stops = Array.from({ length: 100 }, () => onceAborted([signal], () => undefined));
    expect(listeners(signal)).to.equal(1);
    for (const stop of stops.splice(1)) stop();
    expect(listeners(signal)).to.equal(1);
    stops[0]!();
    stops[0]!();
    expect(listeners(signal)).to.equal(0);
  });

  it('waits again where nobody has waited for a while', () => {
    const controller = new AbortController();
    onceAborted([controller.signal], () => undefined)();
    let called = 0;
    onceAborted([controller.signal], () => (called += 1));
    expect(listeners(controller.signal)).to.equal(1);
    controller.abort();
    expect(called).to.equal(1);
  });

  it('calls each back once, in the order in which they came, and not those that stopped', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: string[] = [];
    const note = (name: string) => () => void called.push(name);
    const twice = note('twice');
    onceAborted([signal], twice);
    onceAborted([signal], note('stopped'))();
    onceAborted([signal], twice);
    onceAborted([signal], note('last'));
    controller.abort();
    expect(called).to.deep.equal(['twice', 'twice', 'last']);
    expect(listeners(signal)).to.equal(0);
  });

  it('does not call back who is stopped by another one, or begins to wait too late', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const called: string[] = [];
    let stopSecond = (): void => undefined;
    onceAborted([signal], () => {
      called.push('first');
      stopSecond();
      onceAborted([signal], () => called.push('late'))();
      onceAborted([signal], () => called.push('too late'));
    });
    stopSecond = onceAborted([signal], () => called.push('second'));
    onceAborted([signal], () => called.push('third'));
    controller.abort();
    expect(called).to.deep.equal(['first', 'third']);
  });

  it('waits for the first of several signals, and tells which; the others may come, too', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const told: AbortSignal[] = [];
    const stop = onceAborted([one.signal, other.signal], (signal) => told.push(signal));
    other.abort();
    expect(told).to.deep.equal([other.signal]);
    stop();
    one.abort();
    expect(told).to.deep.equal([other.signal]);
    expect([one, other].map(({ signal }) => listeners(signal))).to.deep.equal([0, 0]);
  });

  it('does not make Node warn of a leak', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    const stops = Array.from({ length: 20 }, () => onceAborted([signal], () => undefined));
    await new Promise((resolve) => setImmediate(resolve));
    for (const stop of stops) stop();
    process.off('warning', note);
    expect(warnings).to.deep.equal([]);
  });
});
