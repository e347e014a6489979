// Name constraints (RFC 5280 §4.2.1.10): a CA may be limited to names within some subtrees, or outside of some.
//
//   NameConstraints ::= SEQUENCE { permittedSubtrees [0] OPTIONAL, excludedSubtrees [1] OPTIONAL }
//   GeneralSubtree  ::= SEQUENCE { base GeneralName, minimum [0] DEFAULT 0, maximum [1] OPTIONAL }
//
// Here they are read; constrained-name.ts holds the names of the certificates below against them.

import { contextTag, type DerElement, DerReader } from '../../base/der.js';
import type { DistinguishedName } from './distinguished-name.js';
import { asciiLowerCase, isDnsName } from './dns-name.js';
import { normalMailbox, readNameForm } from './general-name.js';
import { malformedCertificate } from './malformed.js';

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

export type Subtree =
  /** Lower case; for mail a mailbox, a host, or a domain behind a dot; for URIs one of the latter two. */
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly address: Uint8Array; readonly mask: Uint8Array }
  | { readonly kind: 'directory'; readonly value: DistinguishedName }
  | { readonly kind: 'other'; readonly tag: number };

/** Reads the value of the extension. */
export function readNameConstraints(value: DerReader): NameConstraints {
  const fields = value.sequence();
  const permitted = fields.optional(contextTag(0, true));
  const excluded = fields.optional(contextTag(1, true));
  fields.finish();
  if (!permitted && !excluded) throw malformedCertificate('its name constraints are empty');
  return { permitted: readSubtrees(permitted), excluded: readSubtrees(excluded) };
}

function readSubtrees(list: DerElement | undefined): Subtree[] {
  if (list === undefined) return [];
  const subtrees: Subtree[] = [];
  const reader = new DerReader(list.content);
  do {
    const subtree = reader.sequence();
    subtrees.push(readBase(subtree.next()));
    // §4.2.1.10: minimum is 0, which DER leaves out, and maximum is absent.
    subtree.finish();
  } while (!reader.done);
  return subtrees;
}

function readBase(element: DerElement): Subtree {
  const base = readNameForm(element);
  switch (base.kind) {
    case 'dns': {
      const value = asciiLowerCase(base.value);
      // Empty is every name. A dot in front means something for mail and URIs alone; whether `.example` includes
      // `example` is read in both ways.
      if (value !== '' && !isDnsName(value))
        throw malformedCertificate('a DNS name constraint is no DNS name');
      return { kind: 'dns', value };
    }
    case 'email': {
      const value = base.value.includes('@') ? normalMailbox(base.value) : asciiLowerCase(base.value);
      const host = value?.split('@').at(-1) ?? '';
      if (value === undefined || !isDnsName(host.startsWith('.') ? host.slice(1) : host)) {
        throw malformedCertificate('a mail name constraint is neither a mailbox nor a host nor a domain');
      }
      return { kind: 'email', value };
    }
    case 'uri': {
      const value = asciiLowerCase(base.value);
      if (!isDnsName(value.startsWith('.') ? value.slice(1) : value)) {
        throw malformedCertificate('a URI name constraint is neither a host nor a domain');
      }
      return { kind: 'uri', value };
    }
    case 'ip': {
      const half = base.value.length / 2;
      if (half !== 4 && half !== 16)
        throw malformedCertificate('an IP name constraint is not an address and a mask');
      const mask = base.value.subarray(half);
      if (!isPrefixMask(mask)) throw malformedCertificate('the mask of an IP name constraint has gaps');
      return { kind: 'ip', address: base.value.subarray(0, half), mask };
    }
    case 'directory':
      return { kind: 'directory', value: base.value };
    case 'other':
      return { kind: 'other', tag: element.tag };
  }
}

/** RFC 4632: ones, then zeros. */
function isPrefixMask(mask: Uint8Array): boolean {
  let bits = '';
  for (const octet of mask) bits += octet.toString(2).padStart(8, '0');
  return /^1*0*$/.test(bits);
}
