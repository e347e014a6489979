// Section 6 of docs/protocol.md: what a side serves, and how each method must be protected.
//
//   manifest = u8 serviceCount { vec8 serviceName ‖ u16 methodCount { vec8 methodName ‖ u8 flags } }

import { concat, Reader, readText, refuseUnless, text, u8, u16, vec8 } from './notation.js';

export interface Method {
  name: string;
  /** bit 0 Encrypted, bit 1 Authenticated, bit 2 one-way */
  flags: number;
}

export interface Service {
  name: string;
  methods: Method[];
}

export function encodeManifest(services: Service[]): Uint8Array {
  return concat(
    u8(services.length),
    ...services.flatMap(({ name, methods }) => [
      vec8(text(name)),
      u16(methods.length),
      ...methods.flatMap((method) => [vec8(text(method.name)), u8(method.flags)]),
    ]),
  );
}

export function decodeManifest(data: Uint8Array): Service[] {
  const reader = new Reader(data);
  const services: Service[] = [];
  let methodsInAll = 0;
  for (let left = reader.u8(); left > 0; left--) {
    const service: Service = { name: readName(reader), methods: [] };
    const methodCount = reader.u16();
    methodsInAll += methodCount;
    refuseUnless(methodsInAll <= 4096, 'a manifest has at most 4096 methods');
    for (let index = 0; index < methodCount; index++) {
      const method: Method = { name: readName(reader), flags: reader.u8() };
      refuseUnless(method.flags <= 7, 'a flag that is not named');
      // JavaScript's < on strings compares UTF-16 code units.
      const before = service.methods[index - 1];
      refuseUnless(before === undefined || before.name < method.name, 'methods are sorted and distinct');
      service.methods.push(method);
    }
    refuseUnless(!services.some(({ name }) => name === service.name), 'two services of one name');
    services.push(service);
  }
  reader.end();
  return services;
}

function readName(reader: Reader): string {
  const name = reader.vec8();
  refuseUnless(name.length >= 1 && name.length <= 128, 'names have 1 to 128 bytes');
  return readText(name);
}
