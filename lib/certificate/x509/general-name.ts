// GeneralName (RFC 5280 §4.2.1.6): what a subject alternative name lists, and what name constraints build on.
//
//   otherName [0]   rfc822Name [1] IA5String   dNSName [2] IA5String   x400Address [3]   directoryName [4] Name
//   ediPartyName [5]   uniformResourceIdentifier [6] IA5String   iPAddress [7] OCTET STRING   registeredID [8]

import { contextTag, type DerElement, DerReader, readText, tags } from '../../base/der.js';
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.js';
import { asciiLowerCase, isDnsName } from './dns-name.js';
import { malformedCertificate } from './malformed.js';

export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  /** Octets: 4 or 16 of an address; in name constraints 8 or 32, address and mask. */
  | { readonly kind: 'ip'; readonly value: Uint8Array }
  | { readonly kind: 'directory'; readonly value: DistinguishedName }
  /** Anything else: the identifier octet, and the octets as they are. */
  | { readonly kind: 'other'; readonly tag: number; readonly value: Uint8Array };

const rfc822NameTag = contextTag(1, false);
const dnsNameTag = contextTag(2, false);
const directoryNameTag = contextTag(4, true);
const uriTag = contextTag(6, false);
const ipAddressTag = contextTag(7, false);
const otherTags: readonly number[] = [
  contextTag(0, true),
  contextTag(3, true),
  contextTag(5, true),
  contextTag(8, false),
];

/** Reads the content of `GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName`, however it is tagged. */
export function readGeneralNames(content: Uint8Array): GeneralName[] {
  const reader = new DerReader(content);
  const names: GeneralName[] = [];
  do names.push(readGeneralName(reader.next()));
  while (!reader.done);
  return names;
}

/** Reads one name of a subject alternative name. */
export function readGeneralName(element: DerElement): GeneralName {
  const name = readNameForm(element);
  // §4.2.1.6: exactly four octets or exactly sixteen.
  if (name.kind === 'ip' && name.value.length !== 4 && name.value.length !== 16) {
    throw malformedCertificate('an IP address has neither 4 nor 16 octets');
  }
  return name;
}

/** Reads a GeneralName without judging the length of an iPAddress: in name constraints it has a mask behind it. */
export function readNameForm(element: DerElement): GeneralName {
  switch (element.tag) {
    case rfc822NameTag:
      return { kind: 'email', value: ia5Text(element) };
    case dnsNameTag:
      return { kind: 'dns', value: ia5Text(element) };
    case uriTag:
      return { kind: 'uri', value: ia5Text(element) };
    case ipAddressTag:
      return { kind: 'ip', value: element.content };
    case directoryNameTag: {
      // Name is a CHOICE, so its tag is explicit (X.680 §31.2.7).
      const reader = new DerReader(element.content);
      const value = readDistinguishedName(reader.expect(tags.sequence));
      reader.finish();
      return { kind: 'directory', value };
    }
    default:
      if (!otherTags.includes(element.tag)) throw malformedCertificate('a name is of no known form');
      return { kind: 'other', tag: element.tag, value: element.content };
  }
}

/**
 * An rfc822Name as it is compared, the local part as it is and the host in lower case (§7.5); undefined when it is not
 * a mailbox. Quoted local parts that hold an `@` are not understood.
 */
export function normalMailbox(mailbox: string): string | undefined {
  const [local, host, ...others] = mailbox.split('@', 3);
  if (!local || host === undefined || others.length > 0 || !isDnsName(asciiLowerCase(host))) return undefined;
  return `${local}@${asciiLowerCase(host)}`;
}

/** The implicit tag hides that this is an IA5String. */
function ia5Text(element: DerElement): string {
  return readText({ ...element, tag: tags.ia5String });
}
