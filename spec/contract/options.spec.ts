import { expect } from 'chai';
import { checkOptions, type RpcOptions } from '../../lib/contract/options.js';
import type { StandardSchema } from '../../lib/contract/standard-schema.js';
import { refusal } from '../support/refusal.js';

const schema: StandardSchema<unknown, unknown[]> = {
  '~standard': { version: 1, vendor: 'spec', validate: (value) => ({ value: value as unknown[] }) },
};

const check = (options: unknown, security = 0): void => checkOptions('ping', security, options as RpcOptions);

describe('contract/options', () => {
  it('takes what it knows', () => {
    const good: RpcOptions[] = [
      {},
      { name: 'pong', oneWay: true, idempotent: false, stream: false },
      { timeoutMs: 1, stream: true, result: schema, params: schema },
      { params: [], result: Object.assign(() => 1, schema) },
      { params: [schema, schema], idempotent: true, channel: 'map' },
      { channel: 'ü'.repeat(32) },
      { rateLimit: { perSecond: 0.1 } },
      { rateLimit: { perSecond: 1_000_000, burst: 1_000_000, onExceeded: 'disconnect' } },
      { rateLimit: { perSecond: 1, burst: 1, onExceeded: 'drop' } },
      { allow: 'owner', requiresIdentity: true },
      { claims: { role: ['admin', 'referee'], region: 3 } },
    ];
    for (const options of good) check(options, 2);
  });

  it('refuses unknown ones and values that are none, saying what to write', () => {
    const bad: [unknown, RegExp][] = [
      [null, /options of ping must be an object/],
      [7, /options of ping must be an object/],
      [{ timeout: 5 }, /unknown option timeout; this version knows name, .*rateLimit/],
      [{ name: 7 }, /must be a string/],
      [{ oneWay: 1 }, /oneWay of ping must be a boolean/],
      [{ stream: 'yes' }, /stream of ping must be a boolean/],
      [{ idempotent: null }, /idempotent of ping must be a boolean/],
      [{ requiresIdentity: 1 }, /requiresIdentity of ping must be a boolean/],
      [{ claims: {} }, /claims of ping asks for nothing/],
      [{ claims: 'admin' }, /claims of ping must be an object/],
      [{ allow: 'everybody' }, /allow of ping must be 'owner' or a function/],
      ...[0, -1, 1.5, NaN, Infinity, 2 ** 31, '5'].map((timeoutMs): [object, RegExp] => [
        { timeoutMs },
        /timeoutMs of ping .* 1 to 2147483647/,
      ]),
      [{ params: {} }, /params of ping must be a Standard Schema/],
      [{ params: null }, /params of ping must be/],
      [{ params: [schema, String] }, /params of ping must be/],
      [{ params: { '~standard': { ...schema['~standard'], version: 2 } } }, /params of ping must be/],
      [{ params: { '~standard': { version: 1, vendor: 'x' } } }, /params of ping must be/],
      [{ params: { '~standard': null } }, /params of ping must be/],
      [{ result: [schema] }, /result of ping must be a Standard Schema/],
      [{ result: 'string' }, /result of ping/],
      [{ channel: '' }, /channel of ping must be a string of 1 to 64 bytes/],
      [{ channel: 7 }, /channel of ping/],
      [{ channel: 'ü'.repeat(33) }, /channel of ping/],
      [{ channel: '\ud800' }, /channel of ping/],
      [{ rateLimit: 5 }, /rateLimit of ping must be an object: \{ perSecond/],
      [{ rateLimit: null }, /rateLimit of ping must be an object/],
      [{ rateLimit: {} }, /perSecond of rateLimit of ping must be a number above 0/],
      [{ rateLimit: { perSecond: 5, per: 1 } }, /rateLimit of ping has the unknown option per;/],
      ...[0, -1, NaN, Infinity, 1_000_001, '5'].map((perSecond): [object, RegExp] => [
        { rateLimit: { perSecond } },
        /perSecond of rateLimit of ping/,
      ]),
      ...[0, 1.5, NaN, 1_000_001, '5'].map((burst): [object, RegExp] => [
        { rateLimit: { perSecond: 1, burst } },
        /burst of rateLimit of ping must be a whole number/,
      ]),
      [{ rateLimit: { perSecond: 1, onExceeded: 'ignore' } }, /'refuse', 'drop' or 'disconnect'/],
    ];
    for (const [options, message] of bad) {
      expect(refusal('INVALID_RPC', () => check(options, 2), JSON.stringify(options))).to.match(message);
    }
  });

  it('refuses what contradicts another option', () => {
    const bad: [RpcOptions, RegExp][] = [
      [{ oneWay: true, timeoutMs: 5 }, /leave out timeoutMs/],
      [{ oneWay: true, stream: true }, /nobody would get its items/],
      [{ oneWay: true, result: schema }, /it has no result/],
      [{ oneWay: true, idempotent: true }, /leave out idempotent/],
      [{ stream: true, idempotent: true }, /not tried again/],
    ];
    for (const [options, message] of bad)
      expect(refusal('INVALID_RPC', () => check(options))).to.match(message);
  });

  it('takes callers that must be known only where nobody can call in their name', () => {
    for (const security of [0, 1]) {
      for (const options of [
        { requiresIdentity: true },
        { allow: 'owner' },
        { allow: () => true },
        { claims: { role: 'admin' } },
      ]) {
        const message = refusal('INVALID_RPC', () => check(options, security));
        expect(message).to.include(`${Object.keys(options)[0]} of ping needs Security.Authenticated`);
        check(options, security | 2);
      }
      check({ requiresIdentity: false }, security);
    }
  });
});
