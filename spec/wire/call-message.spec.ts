// The messages of calls: known answers, other forms of the same values, and what is refused.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { defaultLimits } from '../../lib/base/limits.js';
import {
  type CallMessage,
  decodeCallMessages,
  encodeArgumentEnd,
  encodeArgumentStop,
  encodeCall,
  encodeCancel,
  encodeCredit,
  encodeEnd,
  encodeError,
  encodeItem,
  encodeNotify,
  encodePing,
  encodePong,
  encodeResult,
} from '../../lib/wire/call-message.js';
import type { Metadata } from '../../lib/wire/call-metadata.js';
import { decoded } from '../support/decoded.js';
import { fromHex, vectors } from '../support/vectors.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface MessageVector {
  messages: ({ kind: CallMessage['kind'] } & { [field: string]: Json })[];
  body: string;
}
const { callMessages, callMessagesInOtherForms, refused } = vectors<{
  callMessages: MessageVector[];
  callMessagesInOtherForms: MessageVector[];
  refused: { what: string; why: string; body: string }[];
}>('messages');

const limits = defaultLimits;
const decode = (body: Uint8Array) => decodeCallMessages(body, limits);

/** A value of the vectors: `$bytes` is binary, `$integer` beyond what a number holds. */
function plainValue(json: Json): unknown {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return json.map(plainValue);
  if (typeof json.$bytes === 'string') return fromHex(json.$bytes);
  if (typeof json.$integer === 'string') return BigInt(json.$integer);
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, plainValue(value)]));
}

/** As lib gives it: what was left out has its meaning filled in. */
function expectedOf(vector: MessageVector): unknown[] {
  return vector.messages.map(({ kind, ...fields }) => {
    const message = Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, plainValue(value)]),
    );
    if (kind === 'call') return { kind, timeoutMs: 0, ...message };
    if (kind === 'result') return { kind, value: undefined, ...message };
    if (kind === 'error') return { kind, data: undefined, ...message };
    if (kind === 'item' || kind === 'argumentItem') return { kind, value: undefined, ...message };
    if (kind === 'argumentEnd') {
      const { id, ...error } = message;
      return { kind, id, error: 'code' in error ? { data: undefined, ...error } : undefined };
    }
    return { kind, ...message };
  });
}

/** An item tells its length, which is no field of its own. */
function fieldsOf(message: CallMessage): object {
  if (message.kind !== 'item' && message.kind !== 'argumentItem') return decoded(message);
  const { bytes: _, ...fields } = message;
  return fields;
}

function encode(message: CallMessage): Uint8Array {
  switch (message.kind) {
    case 'call':
      return encodeCall(message.id, message.method, message.args, message.timeoutMs, limits, message);
    case 'notify':
      return encodeNotify(message.method, message.args, limits, message.metadata);
    case 'result':
      return encodeResult(message.id, message.value, limits);
    case 'error':
      return encodeError(message.id, message.code, message.message, message.data, limits);
    case 'cancel':
      return encodeCancel(message.id);
    case 'item':
    case 'argumentItem':
      return encodeItem(message.kind, message.id, message.value, limits);
    case 'end':
      return encodeEnd(message.id);
    case 'credit':
    case 'argumentCredit':
      return encodeCredit(message.kind, message.id, message.bytes);
    case 'argumentEnd':
      return encodeArgumentEnd(message.id, message.error, limits);
    case 'argumentStop':
      return encodeArgumentStop(message.id);
    case 'ping':
      return encodePing(message.id);
    case 'pong':
      return encodePong(message.id);
  }
}

describe('messages of calls', () => {
  for (const [index, vector] of callMessages.entries()) {
    it(`reads and says ${vector.messages.map(({ kind }) => kind).join(', ')} (${index})`, () => {
      const read = decode(fromHex(vector.body));
      expect(read.map(fieldsOf)).to.deep.equal(expectedOf(vector));
      const again = read.flatMap((message) => [...encode(message)]);
      expect(decode(new Uint8Array(again)).map(fieldsOf)).to.deep.equal(read.map(fieldsOf));
    });
  }

  it('reads the same values in longer forms', () => {
    expect(callMessagesInOtherForms).to.have.length.greaterThan(5);
    for (const vector of callMessagesInOtherForms) {
      expect(decode(fromHex(vector.body)).map(fieldsOf), vector.body).to.deep.equal(expectedOf(vector));
    }
  });

  it('says short messages in the bytes of docs/protocol.md section 9', () => {
    expect(toHex(encodeCancel(1))).to.equal('920401');
    expect(toHex(encodeResult(1, undefined, limits))).to.equal('920201');
    expect(toHex(encodeResult(1, null, limits))).to.equal('930201c0');
    expect(toHex(encodeCall(1, 0, [], 0, limits))).to.equal('950001009000');
    expect(toHex(encodeNotify(1, [2], limits))).to.equal('9301019102');
    expect(toHex(encodeError(1, 'NO', '', undefined, limits))).to.equal('940301a24e4fa0');
    expect(toHex(encodeError(1, 'NO', '', null, limits))).to.equal('950301a24e4fa0c0');
  });

  it('says the messages of streams in the bytes of docs/protocol.md section 9', () => {
    expect(toHex(encodeItem('item', 1, 'a', limits))).to.equal('930501a161');
    expect(toHex(encodeItem('item', 1, undefined, limits))).to.equal('920501');
    expect(toHex(encodeItem('argumentItem', 1, null, limits))).to.equal('930801c0');
    expect(toHex(encodeEnd(1))).to.equal('920601');
    expect(toHex(encodeCredit('credit', 1, 300))).to.equal('930701cd012c');
    expect(toHex(encodeCredit('argumentCredit', 1, 1))).to.equal('930a0101');
    expect(toHex(encodeArgumentEnd(1, undefined, limits))).to.equal('920901');
    expect(toHex(encodeArgumentStop(1))).to.equal('920b01');
    const extras = { streamArgument: 0, metadata: { k: 'v' }, channel: 'c' };
    expect(toHex(encodeCall(1, 0, [null], 0, limits, extras))).to.equal(
      '980001' + '0091c000' + '81a16ba176' + '00a163',
    );
    expect(toHex(encodeCall(1, 0, [null], 0, limits, { streamArgument: 0 }))).to.equal('9700010091c000c000');
  });

  it('tells how long each item was, in the form in which it came', () => {
    const body = [
      ...encodeItem('item', 1, 'x'.repeat(100), limits),
      ...encodeItem('argumentItem', 2, 1, limits),
    ];
    const longer = [0xdc, 0, 3, 5, 1, 0xd3, 0, 0, 0, 0, 0, 0, 0, 1];
    const lengths = decode(new Uint8Array([...body, ...longer])).map(
      (message) => 'bytes' in message && message.bytes,
    );
    expect(lengths).to.deep.equal([105, 4, 14]);
  });

  it('sends no metadata that the other side would refuse', () => {
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`k${index}`, '']));
    const bad: [unknown, RegExp][] = [
      [null, /no map/],
      [['a'], /no map/],
      ['a', /no map/],
      [many, /more than 32/],
      [{ K: '' }, /a key/],
      [{ ['k'.repeat(65)]: '' }, /a key/],
      [{ k: 1 }, /a value at k/],
      [{ k: undefined }, /a value at k/],
      [{ k: 'x'.repeat(8192) }, /8192 bytes/],
      [{ k: 'é'.repeat(4096) }, /8192 bytes/],
      [{ k: new Uint8Array(8192) }, /8192 bytes/],
    ];
    for (const [metadata, why] of bad) {
      for (const act of [
        () => encodeCall(1, 0, [], 0, limits, { metadata: metadata as Metadata }),
        () => encodeNotify(0, [], limits, metadata as Metadata),
      ]) {
        expect(act).to.throw(SealwireError, why).with.property('code', 'INVALID_ARGUMENT');
      }
    }
    expect(encodeNotify(0, [], limits, { k: 'x'.repeat(8191) })).to.have.length(8191 + 10);
  });

  it('names the place of what cannot be sent in the words of a call', () => {
    const cases: [() => unknown, string][] = [
      [() => encodeCall(1, 0, ['a', { b: () => 1 }], 0, limits), 'argument[1].b'],
      [() => encodeNotify(0, [Symbol('x')], limits), 'argument[0]'],
      [() => encodeResult(1, { when: new Map() }, limits), 'result.when'],
      [() => encodeItem('item', 1, [new Set()], limits), 'item[0]'],
      [() => encodeError(1, 'NO', '', [() => 1], limits), 'data[0]'],
    ];
    for (const [act, place] of cases) {
      expect(act).to.throw(SealwireError, place).with.property('code', 'INVALID_ARGUMENT');
    }
  });

  it('decodes the arguments of a call when they are asked for, and not before', () => {
    const call = encodeCall(1, 0, ['before', { a: 1 }], 0, limits, { metadata: { k: 'v' } });
    const body = new Uint8Array([...call, ...encodeNotify(1, ['before'], limits)]);
    const [first, second] = decode(body);
    const text = (at: number) => body.set(new TextEncoder().encode('behind'), at);
    text(toHex(body).indexOf(toHex(new TextEncoder().encode('before'))) / 2);
    text(toHex(body).lastIndexOf(toHex(new TextEncoder().encode('before'))) / 2);
    expect(first).to.deep.include({ id: 1, method: 0, args: ['behind', { a: 1 }], metadata: { k: 'v' } });
    expect(second).to.deep.include({ method: 1, args: ['behind'] });
  });

  describe('what is refused', () => {
    for (const { what, why, body } of refused) {
      // That a messages frame must not be empty is for connection/receive.ts to say.
      if (what !== 'callMessages' || why === 'an empty body') continue;
      it(why, () => {
        expect(() => decode(fromHex(body)))
          .to.throw(SealwireError)
          .with.property('code', 'PROTOCOL_ERROR');
      });
    }

    it('gives out no message of a body when a later one is wrong', () => {
      const good = [...encodeCancel(1), ...encodeCancel(2)];
      expect(decode(new Uint8Array(good))).to.have.length(2);
      for (const bad of [[0x90], [0x92, 4], [0xc1], [0x92, 4, 0], [0x92, 14, 1]]) {
        expect(() => decode(new Uint8Array([...good, ...bad])))
          .to.throw(SealwireError)
          .with.property('code', 'PROTOCOL_ERROR');
      }
    });
  });
});
