// One call for many receivers: encoded once, and byte for byte what each would have got on its own.

import { expect } from 'chai';
import { sameBytes } from '../../lib/base/bytes.js';
import { discard } from '../../lib/base/discard.js';
import { encodeMessage } from '../../lib/wire/payload.js';
import { SharedMessage } from '../../lib/wire/shared-message.js';

const args = ['a', { b: [1, null, new Uint8Array(300)] }];

describe('wire/shared-message', () => {
  it('gives the same bytes to all receivers of a one-way call', () => {
    const shared = new SharedMessage();
    let encodings = 0;
    const one = () =>
      shared.notify([7, args], () => {
        encodings += 1;
        return encodeMessage([1, 7, args]);
      });
    const first = one();
    for (let receiver = 0; receiver < 10; receiver++) expect(one()).to.equal(first);
    expect(encodings).to.equal(1);
    expect(first).to.deep.equal(encodeMessage([1, 7, args]));
  });

  it('outlives each of its receivers, who give back what they have sent', () => {
    const shared = new SharedMessage();
    const large = [new Uint8Array(100_000).fill(7)];
    const expected = encodeMessage([1, 7, large]);
    for (let receiver = 0; receiver < 3; receiver++) {
      const message = shared.notify([7, large], () => encodeMessage([1, 7, large]));
      expect(sameBytes(message, expected)).to.equal(true);
      discard(message);
    }
    const calls = new SharedMessage();
    for (const id of [1, 300]) {
      const message = calls.call(id, [7, large], (each) => encodeMessage([0, each, 7, large]));
      expect(sameBytes(message, encodeMessage([0, id, 7, large]))).to.equal(true);
      discard(message);
      expect(message.length, 'its own').to.equal(0);
    }
  });

  it('puts the id of each receiver into a call, in every width that MessagePack has for it', () => {
    const shared = new SharedMessage();
    let encodings = 0;
    for (const id of [1, 2, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      const message = shared.call(id, [7, args, 250], (each) => {
        encodings += 1;
        return encodeMessage([0, each, 7, args, 250]);
      });
      expect(message, String(id)).to.deep.equal(encodeMessage([0, id, 7, args, 250]));
    }
    expect(encodings).to.equal(1);
  });

  it('encodes again for whatever is not the same: another number of the method, other arguments, more parts', () => {
    const shared = new SharedMessage();
    const seen = new Set<Uint8Array>();
    for (const parts of [[7, args], [8, args], [7, [...args]], [7, args, undefined], [7, args, 5], [7]]) {
      seen.add(shared.notify(parts, () => encodeMessage([1, ...parts])));
    }
    expect(seen.size).to.equal(6);
  });

  it('keeps nothing of an encoding that failed', () => {
    const shared = new SharedMessage();
    const fail = () =>
      shared.notify([7, args], () => {
        throw new TypeError('no data');
      });
    expect(fail).to.throw(TypeError);
    expect(fail).to.throw(TypeError);
    expect(shared.notify([7, args], () => new Uint8Array(1))).to.have.length(1);
  });
});
