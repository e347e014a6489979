// What services and methods may be called: the same rule for what is declared here and for what a peer's manifest
// says (docs/protocol.md section 6). The full name of a method is `Service.method`, so a method name has no dot.
//
//   method   a JavaScript identifier (ECMA-262 §12.7): a letter of any script, $ or _, then also digits and marks
//   service  the same, and behind its first part further ones, each after a dot or a hyphen: game.Arena, arena-2
//
// Both have 1 to 128 bytes of UTF-8.

import { utf8 } from '../base/bytes.js';

/** The service that Sealwire itself offers: docs/protocol.md section 10. Nobody else can register it, or call it. */
export const reservedServiceName = 'sealwire';

const maxNameBytes = 128;
const methodPattern = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const servicePattern = /^[\p{ID_Start}$_][\p{ID_Continue}$]*(?:[.-][\p{ID_Continue}$]+)*$/u;

/** Names that mean something else on the object that offers the methods: with `then`, `await` would call it. */
const reservedMethodNames = new Set(['__proto__', 'constructor', 'prototype', 'then']);

/** What is wrong with the name of a method, to stand behind it in a sentence; undefined when nothing is. */
export function methodNameFault(name: string): string | undefined {
  if (reservedMethodNames.has(name)) return 'is reserved: it has a meaning of its own on every object';
  return fault(name, methodPattern, 'is not an identifier: use letters, digits, _ and $');
}

/** The same for the name of a service. */
export function serviceNameFault(name: string): string | undefined {
  return fault(
    name,
    servicePattern,
    'is not made of identifiers: use letters, digits, _ and $, with single dots or hyphens between',
  );
}

function fault(name: string, pattern: RegExp, why: string): string | undefined {
  // A character is a byte at least: so nothing long is encoded, or matched.
  if (name.length > maxNameBytes || utf8(name).length > maxNameBytes) {
    return `is longer than ${maxNameBytes} bytes of UTF-8`;
  }
  return pattern.test(name) ? undefined : why;
}
