// What the peer's manifest says of its methods: by name for those who call them, and held to what classes declare.

import { SealwireError } from '../base/errors.js';
import { findWeakened, type Manifest } from '../contract/manifest.js';
import { collectRpcs } from '../contract/metadata.js';
import { reservedServiceName } from '../contract/names.js';
import type { RemoteMethod } from './caller.js';
import type { ServiceClass } from './proxy.js';

/** By full name, `Arena.move`; those of Sealwire's own service, which nobody else calls, or all others. */
export function remoteMethods(
  manifest: Manifest,
  which: 'own' | 'others',
): ReadonlyMap<string, RemoteMethod> {
  const methods = new Map<string, RemoteMethod>();
  for (const service of manifest.services) {
    if ((service.name === reservedServiceName) !== (which === 'own')) continue;
    for (const { id, name, security, oneWay, stream } of service.methods) {
      const fullName = `${service.name}.${name}`;
      methods.set(fullName, { id, fullName, security, oneWay, stream });
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
