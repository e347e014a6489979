// Section 6 of docs/protocol.md: what a side serves, and how each method must be protected.
//
//   manifest = u8 serviceCount { vec8 serviceName ‖ u16 methodCount { vec8 methodName ‖ u8 flags } }

import { concat, Reader, readText, refuseUnless, text, u8, u16, vec8 } from './notation.js';

export interface Method {
  name: string;
  /** bit 0 Encrypted, bit 1 Authenticated, bit 2 one-way, bit 3 stream */
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
    const service: Service = { name: readName(reader, isServiceName), methods: [] };
    const methodCount = reader.u16();
    refuseUnless(methodCount >= 1, 'a service has one method at least');
    methodsInAll += methodCount;
    refuseUnless(methodsInAll <= 4096, 'a manifest has at most 4096 methods');
    for (let index = 0; index < methodCount; index++) {
      const method: Method = { name: readName(reader, isMethodName), flags: reader.u8() };
      refuseUnless(method.flags <= 15, 'a flag that is not named');
      refuseUnless((method.flags & 12) !== 12, 'a one-way method has no stream');
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

function readName(reader: Reader, isName: (name: string) => boolean): string {
  const bytes = reader.vec8();
  refuseUnless(bytes.length >= 1 && bytes.length <= 128, 'names have 1 to 128 bytes');
  const name = readText(bytes);
  refuseUnless(isName(name), 'a name that is no identifier');
  return name;
}

function isMethodName(name: string): boolean {
  const excluded = ['__proto__', 'constructor', 'prototype', 'then'];
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) && !excluded.includes(name);
}

function isServiceName(name: string): boolean {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*([.-][\p{ID_Continue}$]+)*$/u.test(name);
}
