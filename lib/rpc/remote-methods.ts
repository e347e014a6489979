// What the peer's manifest says of its methods: by name for those who call them, and held to what classes declare.
//
//   manifest's bytes ─ the same as of another peer, of late ─▸ what was read then
//                    └ new ─▸ decoded, and remembered where it is short
//
// The clients of a server are mostly of one kind: what they offer is read once and held once, however many they are.

import { SealwireError } from '../base/errors.js';
import { Recent } from '../base/recent.js';
import { decodeManifest, findWeakened, type Manifest } from '../contract/manifest.js';
import { collectRpcs } from '../contract/metadata.js';
import { reservedServiceName } from '../contract/names.js';
import type { RemoteMethod } from './caller.js';
import type { ServiceClass } from './proxy.js';

/** What a peer offers. Peers may share one of these: nothing of it changes. */
export interface Offer {
  readonly manifest: Manifest;
  /** By full name, `Arena.move`. */
  readonly methods: ReadonlyMap<string, RemoteMethod>;
  /** Sealwire's own, likewise, which nobody else calls. */
  readonly reserved: ReadonlyMap<string, RemoteMethod>;
}

/**
 * Decoded, a manifest has some twenty times as many bytes: peers that send what nobody else has make this side remember
 * 1.5 MB at most, and whatever is asked for again stays.
 */
const read = new Recent<Offer>({ maxEntries: 16, maxBytes: 4096 });

/** Throws what {@link decodeManifest} throws. */
export function readOffer(bytes: Uint8Array): Offer {
  const known = read.find(bytes);
  if (known !== undefined) return known;
  const manifest = decodeManifest(bytes);
  const offer: Offer = {
    manifest,
    methods: remoteMethods(manifest, 'others'),
    reserved: remoteMethods(manifest, 'own'),
  };
  read.remember([bytes], () => offer);
  return offer;
}

function remoteMethods(manifest: Manifest, which: 'own' | 'others'): ReadonlyMap<string, RemoteMethod> {
  const methods = new Map<string, RemoteMethod>();
  for (const service of manifest.services) {
    if ((service.name === reservedServiceName) !== (which === 'own')) continue;
    for (const { id, name, security, oneWay, stream } of service.methods) {
      const fullName = `${service.name}.${name}`;
      methods.set(fullName, Object.freeze({ id, fullName, security, oneWay, stream }));
    }
  }
  return methods;
}

/** Throws POLICY_MISMATCH when a method is protected less than the class declares, or is not offered. */
export function checkPolicy(agreed: Manifest, service: ServiceClass<object>): void {
  const offer = agreed.services.find(({ name }) => name === service.name);
  const weakened = findWeakened(offer?.methods ?? [], collectRpcs(service));
  if (weakened.length === 0) return;
  throw new SealwireError(
    'POLICY_MISMATCH',
    `the peer does not offer ${weakened.map((method) => `${service.name}.${method}`).join(', ')} with the protection ` +
      'that the class declares: deploy the same version on both sides',
  );
}

/** For an error message: the names, as far as they help. */
export function offered(methods: ReadonlyMap<string, RemoteMethod>): string {
  const names = [...methods.keys()];
  if (names.length === 0) return 'none';
  return names.length <= 8
    ? names.join(', ')
    : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}
