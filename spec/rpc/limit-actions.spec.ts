import { expect } from 'chai';
import { type OnLimit, resolveLimitActions } from '../../lib/rpc/limit-actions.js';
import { refusal } from '../support/refusal.js';

describe('rpc/limit-actions', () => {
  it('refuses calls and disconnects who goes on, unless it is told otherwise', () => {
    expect(resolveLimitActions()).to.deep.equal({
      callsInFlight: 'refuse',
      streams: 'refuse',
      refusedCalls: 'disconnect',
      strayMessages: 'disconnect',
      unreadAnswers: 'disconnect',
      unreadCalls: 'refuse',
    });
    expect(resolveLimitActions({ streams: 'drop', unreadAnswers: 'drop' })).to.include({
      callsInFlight: 'refuse',
      streams: 'drop',
      unreadAnswers: 'drop',
    });
  });

  it('refuses what makes no sense, saying why and what to write', () => {
    const bad: [unknown, RegExp][] = [
      [null, /onLimit must be an object/],
      ['drop', /onLimit must be an object/],
      [{ calls: 'drop' }, /onLimit.calls does not exist; known are: callsInFlight/],
      [{ constructor: 'drop' }, /onLimit.constructor does not exist/],
      [{ callsInFlight: 'wait' }, /onLimit.callsInFlight must be 'refuse' or 'drop' or 'disconnect'$/],
      [{ streams: undefined }, /onLimit.streams must be/],
      [{ strayMessages: 'refuse' }, /must be 'drop' or 'disconnect': nobody waits for an answer/],
      [{ unreadAnswers: 'refuse' }, /must be 'drop' or 'disconnect': it would take an answer/],
      [{ unreadCalls: 'drop' }, /must be 'refuse' or 'disconnect': whoever calls/],
    ];
    for (const [onLimit, message] of bad) {
      const told = refusal('INVALID_CONFIG', () => resolveLimitActions(onLimit as OnLimit));
      expect(told, JSON.stringify(onLimit)).to.match(message);
    }
  });
});
