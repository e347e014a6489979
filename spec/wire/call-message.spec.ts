// The messages of calls: known answers, other forms of the same values, and what is refused.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { defaultLimits } from '../../lib/base/limits.js';
import {
  type CallMessage,
  decodeCallMessages,
  encodeCall,
  encodeCancel,
  encodeError,
  encodeNotify,
  encodeResult,
} from '../../lib/wire/call-message.js';
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
    return { kind, ...message };
  });
}

function encode(message: CallMessage): Uint8Array {
  switch (message.kind) {
    case 'call':
      return encodeCall(message.id, message.method, message.args, message.timeoutMs, limits);
    case 'notify':
      return encodeNotify(message.method, message.args, limits);
    case 'result':
      return encodeResult(message.id, message.value, limits);
    case 'error':
      return encodeError(message.id, message.code, message.message, message.data, limits);
    case 'cancel':
      return encodeCancel(message.id);
  }
}

describe('messages of calls', () => {
  for (const [index, vector] of callMessages.entries()) {
    it(`reads and says ${vector.messages.map(({ kind }) => kind).join(', ')} (${index})`, () => {
      const read = decode(fromHex(vector.body));
      expect(read).to.deep.equal(expectedOf(vector));
      const again = read.flatMap((message) => [...encode(message)]);
      expect(decode(new Uint8Array(again))).to.deep.equal(read);
    });
  }

  it('reads the same values in longer forms', () => {
    expect(callMessagesInOtherForms).to.have.length.greaterThan(5);
    for (const vector of callMessagesInOtherForms) {
      expect(decode(fromHex(vector.body)), vector.body).to.deep.equal(expectedOf(vector));
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

  it('names the place of what cannot be sent in the words of a call', () => {
    const cases: [() => unknown, string][] = [
      [() => encodeCall(1, 0, ['a', { b: () => 1 }], 0, limits), 'argument[1].b'],
      [() => encodeNotify(0, [Symbol('x')], limits), 'argument[0]'],
      [() => encodeResult(1, { when: new Map() }, limits), 'result.when'],
      [() => encodeError(1, 'NO', '', [() => 1], limits), 'data[0]'],
    ];
    for (const [act, place] of cases) {
      expect(act).to.throw(SealwireError, place).with.property('code', 'INVALID_ARGUMENT');
    }
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
      for (const bad of [[0x90], [0x92, 4], [0xc1], [0x92, 4, 0], [0x93, 5, 1, 1]]) {
        expect(() => decode(new Uint8Array([...good, ...bad])))
          .to.throw(SealwireError)
          .with.property('code', 'PROTOCOL_ERROR');
      }
    });
  });
});
