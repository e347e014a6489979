// Manifests against the second implementation's answers (spec/vectors/messages.json).

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { decodeManifest, encodeManifest } from '../../lib/contract/manifest.js';
import { fromHex, vectors } from '../support/vectors.js';

const { manifests, refused } = vectors<{
  manifests: {
    services: { name: string; methods: { name: string; flags: number }[] }[];
    data: string;
    ids: Record<string, number>;
  }[];
  refused: { what: string; why: string; body: string }[];
}>('messages');

describe('manifest, known answers', () => {
  for (const [index, { services, data, ids }] of manifests.entries()) {
    it(`reads and says manifest ${index}, and numbers its methods`, () => {
      const manifest = decodeManifest(fromHex(data));
      const read = manifest.services.map(({ name, methods }) => ({
        name,
        methods: methods.map((method) => ({
          name: method.name,
          flags: method.security | (method.oneWay ? 4 : 0) | (method.stream ? 8 : 0),
        })),
      }));
      expect(read).to.deep.equal(services);
      const numbered = manifest.services.flatMap((service) =>
        service.methods.map((method) => [`${service.name}.${method.name}`, method.id]),
      );
      expect(Object.fromEntries(numbered)).to.deep.equal(ids);
      expect(toHex(encodeManifest(manifest))).to.equal(data);
    });
  }

  for (const { why, body } of refused.filter(({ what }) => what === 'manifest')) {
    it(`refuses ${why}`, () => {
      expect(() => decodeManifest(fromHex(body)))
        .to.throw(SealwireError)
        .with.property('code', 'PROTOCOL_ERROR');
    });
  }
});
