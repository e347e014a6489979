import { expect } from 'chai';
import fc from 'fast-check';
import { ByteWriter, toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import {
  buildManifest,
  decodeManifest,
  encodeManifest,
  findWeakened,
  type Manifest,
} from '../../lib/contract/manifest.js';
import { type DeclaredRpc, defineRpc } from '../../lib/contract/metadata.js';
import type { Security } from '../../lib/contract/security.js';

/** A class with the given RPCs; 4 in the flags makes one one-way, 8 a stream. */
function service(methods: Record<string, number>): new () => object {
  class Service {}
  for (const [name, flags] of Object.entries(methods)) {
    const method = (flags & 8) !== 0 ? async function* () {} : (): void => {};
    defineRpc(name, method, flags & 3, { oneWay: (flags & 4) !== 0 });
    Object.defineProperty(Service.prototype, name, { value: method });
  }
  return Service;
}

/** Bytes of a manifest that need not be valid; the counts tell the truth unless given. */
function manifest(
  services: [string, [string, number][], number?][],
  count: number = services.length,
): Uint8Array {
  const writer = new ByteWriter().u8(count);
  for (const [name, methods, methodCount = methods.length] of services) {
    writer.string(1, name).u16(methodCount);
    for (const [method, flags] of methods) writer.string(1, method).u8(flags);
  }
  return writer.finish();
}

function expectMalformed(bytes: Uint8Array, message: RegExp): void {
  expect(() => decodeManifest(bytes), toHex(bytes.subarray(0, 40)))
    .to.throw(message)
    .with.property('code', 'PROTOCOL_ERROR');
}

describe('contract/manifest', () => {
  it('numbers services in the order of registration, methods in the order of code units', () => {
    const built = buildManifest([
      { name: 'Zoo', target: service({ b: 0, a: 1, ｚ: 2, 𝒜: 3, Z: 4 }) },
      { name: 'Ant', target: new (service({ x: 7 }))() },
    ]);
    expect(built).to.deep.equal({
      services: [
        {
          name: 'Zoo',
          methods: [
            { id: 0, name: 'Z', security: 0, oneWay: true, stream: false },
            { id: 1, name: 'a', security: 1, oneWay: false, stream: false },
            { id: 2, name: 'b', security: 0, oneWay: false, stream: false },
            // U+1D49C is larger than U+FF5A, its first code unit D835 is smaller.
            { id: 3, name: '𝒜', security: 3, oneWay: false, stream: false },
            { id: 4, name: 'ｚ', security: 2, oneWay: false, stream: false },
          ],
        },
        { name: 'Ant', methods: [{ id: 5, name: 'x', security: 3, oneWay: true, stream: false }] },
      ],
    });
    expect(decodeManifest(encodeManifest(built))).to.deep.equal(built);
  });

  it('has the bytes of docs/protocol.md section 6', () => {
    const built = buildManifest([{ name: 'Ab', target: service({ move: 6, c: 3 }) }]);
    expect(toHex(encodeManifest(built))).to.equal(
      ['01', '02', '4162', '0002', '01', '63', '03', '04', '6d6f7665', '06'].join(''),
    );
    const streams = buildManifest([{ name: 'A', target: service({ s: 9 }) }]);
    expect(streams.services[0]?.methods[0]).to.include({ security: 1, oneWay: false, stream: true });
    expect(toHex(encodeManifest(streams))).to.equal('010141000101' + '73' + '09');
    expect(decodeManifest(encodeManifest(streams))).to.deep.equal(streams);
    expect(toHex(encodeManifest(buildManifest([])))).to.equal('00');
    expect(decodeManifest(Uint8Array.of(0))).to.deep.equal({ services: [] });
  });

  it('refuses to be built from bad names, repeated services, and too many of anything', () => {
    const target = service({ a: 0 });
    const many = Object.fromEntries(Array.from({ length: 2049 }, (_, index) => [`m${index}`, 0]));
    const bad: [Parameters<typeof buildManifest>[0], RegExp][] = [
      [[{ name: 'a b', target }], /service name "a b"/],
      [[{ name: '', target }], /service name ""/],
      [
        [
          { name: 'A', target },
          { name: 'A', target },
        ],
        /two services are named A/,
      ],
      [[{ name: 'A', target: class {} }], /has no RPC/],
      [Array.from({ length: 256 }, (_, index) => ({ name: `S${index}`, target })), /255 services/],
      [
        [
          { name: 'A', target: service(many) },
          { name: 'B', target: service(many) },
        ],
        /4096 RPCs/,
      ],
    ];
    for (const [services, message] of bad) {
      expect(() => buildManifest(services))
        .to.throw(message)
        .with.property('code', 'INVALID_RPC');
    }
  });

  it('takes as much as it may hold', () => {
    const many = Object.fromEntries(Array.from({ length: 4096 }, (_, index) => [`m${index}`, 0]));
    const methods = decodeManifest(encodeManifest(buildManifest([{ name: 'A', target: service(many) }])));
    expect(methods.services[0]?.methods.at(-1)?.id).to.equal(4095);
    const services = Array.from({ length: 255 }, (_, index) => ({
      name: `S${index}`,
      target: service({ a: 0 }),
    }));
    expect(decodeManifest(encodeManifest(buildManifest(services))).services).to.have.length(255);
  });

  it('is refused with names that are not valid', () => {
    for (const name of ['', 'a b', '.a', 'x'.repeat(129), 'a\0']) {
      expectMalformed(manifest([[name, [['a', 0]]]]), /service has a name/);
    }
    for (const name of ['', 'a.b', 'a-b', '__proto__', 'constructor', 'then', 'x'.repeat(129)]) {
      expectMalformed(manifest([['A', [[name, 0]]]]), /method has a name/);
    }
    const invalidText = manifest([['A', [['a', 0]]]]);
    invalidText[2] = 0xff;
    expectMalformed(invalidText, /UTF-8/);
  });

  it('is refused with repetitions, disorder, empty services and unknown flags', () => {
    expectMalformed(
      manifest([
        ['A', [['a', 0]]],
        ['A', [['b', 0]]],
      ]),
      /two services/,
    );
    expectMalformed(
      manifest([
        [
          'A',
          [
            ['a', 0],
            ['a', 0],
          ],
        ],
      ]),
      /repeated/,
    );
    expectMalformed(
      manifest([
        [
          'A',
          [
            ['b', 0],
            ['a', 0],
          ],
        ],
      ]),
      /in order/,
    );
    expectMalformed(manifest([['A', []]]), /no methods/);
    for (let bit = 4; bit < 8; bit++) expectMalformed(manifest([['A', [['a', 1 << bit]]]]), /flags/);
  });

  it('is refused with a one-way method that streams', () => {
    expectMalformed(manifest([['A', [['a', 12]]]]), /one-way/);
  });

  it('is refused with too many methods before they are read', () => {
    expectMalformed(manifest([['A', [['a', 0]], 4097]]), /more than 4096/);
    expectMalformed(
      manifest([
        ['A', [['a', 0]]],
        ['B', [], 4096],
      ]),
      /more than 4096/,
    );
    expectMalformed(manifest([['A', [['a', 0]], 4096]]), /past the end/);
  });

  it('is refused when cut anywhere, and with a byte more', () => {
    const bytes = manifest([
      [
        'Arena',
        [
          ['login', 3],
          ['move', 6],
        ],
      ],
      ['Hud', [['damage', 2]]],
    ]);
    decodeManifest(bytes);
    for (let length = 0; length < bytes.length; length++)
      expectMalformed(bytes.slice(0, length), /past the end/);
    expectMalformed(Uint8Array.of(...bytes, 0), /left over/);
  });

  it('survives any bytes with nothing but PROTOCOL_ERROR, and encodes what it accepted to the same bytes', () => {
    const valid = manifest([
      [
        'Arena',
        [
          ['login', 3],
          ['move', 6],
        ],
      ],
      ['Hud', [['damage', 2]]],
    ]);
    const mutated = fc
      .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 3 })
      .map((changes) => {
        const bytes = valid.slice();
        for (const [offset, byte] of changes) bytes[offset] = byte;
        return bytes;
      });
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), mutated), (bytes) => {
        let decoded: Manifest;
        try {
          decoded = decodeManifest(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(SealwireError).with.property('code', 'PROTOCOL_ERROR');
          return;
        }
        accepted++;
        expect(toHex(encodeManifest(decoded))).to.equal(toHex(bytes));
      }),
      { numRuns: 2000 },
    );
    expect(accepted).to.be.above(50);
  });

  it('tells which methods are offered with less protection than declared', () => {
    const agreed = [0, 1, 2, 3].map((security) => ({
      id: security,
      name: `m${security}`,
      security: security as Security,
      oneWay: false,
      stream: false,
    }));
    const declared = (security: number): Map<string, DeclaredRpc> =>
      new Map(
        ['m0', 'm1', 'm2', 'm3', 'gone'].map((name) => [
          name,
          {
            key: name,
            metadata: {
              name,
              security: security as Security,
              oneWay: false,
              stream: false,
              requiresIdentity: false,
              idempotent: false,
              parameters: { least: 0, most: undefined, types: [] },
            },
          },
        ]),
      );
    expect(findWeakened(agreed, declared(0))).to.deep.equal(['gone']);
    expect(findWeakened(agreed, declared(1))).to.deep.equal(['m0', 'm2', 'gone']);
    expect(findWeakened(agreed, declared(2))).to.deep.equal(['m0', 'm1', 'gone']);
    expect(findWeakened(agreed, declared(3))).to.deep.equal(['m0', 'm1', 'm2', 'gone']);
    expect(findWeakened([], new Map())).to.deep.equal([]);
  });
});
