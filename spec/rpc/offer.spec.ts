// What peers offer is read once for all that say the same, and held once.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { encodeManifest, type Manifest } from '../../lib/contract/manifest.js';
import { reservedServiceName } from '../../lib/contract/names.js';
import { readOffer } from '../../lib/rpc/remote-methods.js';

const manifest = (...services: [name: string, ...methods: string[]][]): Uint8Array => {
  let id = 0;
  const named = services.map(([name, ...methods]): Manifest['services'][number] => ({
    name,
    methods: methods.map((method) => ({
      id: id++,
      name: method,
      security: 3,
      oneWay: false,
      stream: false,
    })),
  }));
  return encodeManifest({ services: named });
};

describe('rpc: what a peer offers', () => {
  it('is its methods by full name, and those of Sealwire’s own by themselves', () => {
    const { methods, reserved } = readOffer(manifest(['Arena', 'join', 'move'], [reservedServiceName, 'x']));
    expect([...methods]).to.deep.equal([
      ['Arena.join', { id: 0, fullName: 'Arena.join', security: 3, oneWay: false, stream: false }],
      ['Arena.move', { id: 1, fullName: 'Arena.move', security: 3, oneWay: false, stream: false }],
    ]);
    expect([...reserved.keys()]).to.deep.equal([`${reservedServiceName}.x`]);
  });

  it('is one object for all peers that say the same, and another for those who say anything else', () => {
    const bytes = manifest(['Hud', 'damage']);
    const offer = readOffer(bytes);
    expect(readOffer(manifest(['Hud', 'damage']))).to.equal(offer);
    expect(readOffer(manifest(['Hud', 'damage2']))).to.not.equal(offer);
    // Whoever still has the memory that it came in has no say in what is remembered.
    bytes.fill(0);
    expect(readOffer(manifest(['Hud', 'damage']))).to.equal(offer);
    expect(offer.methods.get('Hud.damage')).to.be.frozen;
  });

  it('is not remembered where it is long, and forgotten where others come', () => {
    const long = manifest(['Long', ...Array.from({ length: 500 }, (_, index) => `method${1000 + index}`)]);
    expect(long.length).to.be.greaterThan(4096);
    expect(readOffer(long)).to.not.equal(readOffer(long));
    const first = readOffer(manifest(['First', 'a']));
    for (let index = 0; index < 16; index++) readOffer(manifest([`Other${index}`, 'a']));
    expect(readOffer(manifest(['First', 'a']))).to.not.equal(first);
  });

  it('is refused every time where it is malformed', () => {
    for (let time = 0; time < 2; time++)
      expect(() => readOffer(Uint8Array.of(1)))
        .to.throw(SealwireError)
        .with.property('code', 'PROTOCOL_ERROR');
  });
});
