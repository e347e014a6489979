// What the vectors of handshakes have in common: what a side announces, and the keys that come out of its exporter.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { encodeManifest } from '../../lib/contract/manifest.js';
import type { Security } from '../../lib/contract/security.js';
import type { Exporter } from '../../lib/handshake/key-schedule.js';
import { fromHex } from '../support/vectors.js';

export interface Announced {
  manifest: { name: string; methods: { name: string; flags: number }[] }[];
  maxFrameBytes: number;
}

/** Methods have ids in their order; flags are those of the second implementation: 1, 2, then one-way and stream. */
export function manifestOf({ manifest }: Announced): Uint8Array {
  let id = 0;
  return encodeManifest({
    services: manifest.map(({ name, methods }) => ({
      name,
      methods: methods.map((method) => ({
        id: id++,
        name: method.name,
        security: (method.flags & 3) as Security,
        oneWay: (method.flags & 4) !== 0,
        stream: (method.flags & 8) !== 0,
      })),
    })),
  });
}

export interface Exported {
  label: string;
  context: string;
  length: number;
  key: string;
}

export function expectExported(exported: readonly Exported[], exporter: Pick<Exporter, 'export'>): void {
  for (const { label, context, length, key } of exported) {
    expect(toHex(exporter.export(label, length, fromHex(context))), label).to.equal(key);
  }
  expect(exported).to.have.length.greaterThan(0);
}
