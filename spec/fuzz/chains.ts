// Chains of certificates to mutate: from our issuer with every kind of key, with name constraints, and from x509-limbo.

import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { validateCertificateChain } from '../../lib/certificate/path/path.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { KeyKind, PrivateKey } from '../../lib/crypto/provider.js';
import {
  altNames,
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  fromPem,
  keyIdentifier,
  keyUsage,
  type Made,
  make,
  makeCa,
  nameConstraints,
  nameOf,
  newKey,
  now,
  oids,
} from '../certificate/workshop.js';

/** A chain that is accepted, where every certificate is needed. */
export interface ChainSample {
  readonly name: string;
  readonly leaf: Uint8Array;
  readonly intermediates: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
  readonly hostname: string | undefined;
  readonly time: number;
  readonly purpose: 'server' | 'client';
  /** PKCS #8 of those who signed: the leaf, then each intermediate. Unknown where others made the chain. */
  readonly signers: readonly Uint8Array[] | undefined;
}

export const host = 'arena.example';
const keyKinds: readonly KeyKind[] = ['p256', 'rsa-2048', 'p384', 'ed25519'];
const dayMs = 24 * 3600 * 1000;

export function chainSamples(): ChainSample[] {
  const samples = [...keyKinds.map(issuedChain), issuedPair(), constrainedChain(), ...limboChains()];
  return samples.filter(isAccepted).filter(needsAll);
}

/** Root, two intermediates, server, all with one kind of key. */
function issuedChain(keyKind: KeyKind): ChainSample {
  const notBefore = new Date(now.getTime() - dayMs);
  const root = issueCertificate(nodeCrypto, { commonName: 'Fuzz root', ca: true, keyKind, notBefore });
  const upper = issueCertificate(nodeCrypto, {
    commonName: 'Fuzz upper',
    ca: { pathLength: 1 },
    keyKind,
    notBefore,
    issuer: root,
  });
  const lower = issueCertificate(nodeCrypto, {
    commonName: 'Fuzz lower',
    ca: { pathLength: 0 },
    keyKind,
    notBefore,
    issuer: upper,
  });
  const leaf = issueCertificate(nodeCrypto, {
    commonName: host,
    dnsNames: [host, `*.${host}`],
    ipAddresses: ['127.0.0.1', '2001:db8::1'],
    keyKind,
    notBefore,
    issuer: lower,
  });
  return fromIssued(`issued ${keyKind}`, 'server', root, [lower, upper], leaf);
}

/** Root and client. */
function issuedPair(): ChainSample {
  const notBefore = new Date(now.getTime() - dayMs);
  const root = issueCertificate(nodeCrypto, { commonName: 'Fuzz root', ca: true, notBefore });
  const leaf = issueCertificate(nodeCrypto, {
    commonName: 'ada',
    purpose: 'client',
    notBefore,
    issuer: root,
  });
  return fromIssued('issued client', 'client', root, [], leaf);
}

function fromIssued(
  name: string,
  purpose: 'server' | 'client',
  root: IssuedCertificate,
  intermediates: readonly IssuedCertificate[],
  leaf: IssuedCertificate,
): ChainSample {
  return {
    name,
    leaf: leaf.certificate,
    intermediates: intermediates.map(({ certificate }) => certificate),
    roots: [root.certificate],
    hostname: purpose === 'server' ? host : undefined,
    time: now.getTime(),
    purpose,
    signers: [...intermediates, root].map(({ key }) => key.export()),
  };
}

/** Everything that a validator has rules for, in one chain of Ed25519 certificates. */
function constrainedChain(): ChainSample {
  const root = makeCa({
    subject: nameOf([oids.subjectKeyIdentifier, 'odd'], ['2.5.4.3', 'Constrained root']),
  });
  const permitted = [host, 'ip:127.0.0.0/255.0.0.0', 'ip:2001:db8::/ffff:ffff::', 'email:arena.example'];
  const middle = makeCa({
    subject: 'Constrained issuer',
    issuer: root,
    pathLength: 0,
    extensions: [nameConstraints(permitted, ['evil.arena.example', 'ip:10.0.0.0/255.0.0.0'])],
  });
  const leaf = makeLeaf(middle, newKey());
  return {
    name: 'constrained',
    leaf: leaf.der,
    intermediates: [middle.der],
    roots: [root.der],
    hostname: host,
    time: now.getTime(),
    purpose: 'server',
    signers: [middle.key.export(), root.key.export()],
  };
}

function makeLeaf(issuer: Made, key: PrivateKey): Made {
  return make({
    subject: nameOf(['2.5.4.6', 'NL'], ['2.5.4.10', 'Arena'], ['2.5.4.3', host]),
    issuer,
    key,
    extensions: [
      basicConstraints(false),
      keyUsage(0),
      extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'),
      altNames(
        host,
        `www.${host}`,
        'ip:127.0.0.1',
        'ip:2001:db8::1',
        'email:ada@arena.example',
        'uri:https://arena.example/',
      ),
      extension(oids.subjectKeyIdentifier, false, der20(key)),
      authorityKeyIdentifier(keyIdentifier(issuer.key)),
    ],
  });
}

function der20(key: PrivateKey): Uint8Array {
  return Uint8Array.of(4, 20, ...keyIdentifier(key));
}

interface LimboCase {
  readonly id: string;
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: { readonly value: string } | null;
}

/** Those that are to be accepted; none where the folder is missing. */
function limboChains(): ChainSample[] {
  const file = resolve('..', 'shared', 'vectors', 'limbo', 'limbo.json');
  if (!existsSync(file)) return [];
  const { testcases } = JSON.parse(readFileSync(file, 'utf8')) as { testcases: LimboCase[] };
  return testcases
    .filter(({ expected_result }) => expected_result === 'SUCCESS')
    .map((limbo) => ({
      name: `limbo ${limbo.id}`,
      leaf: fromPem(limbo.peer_certificate),
      intermediates: limbo.untrusted_intermediates.map(fromPem),
      roots: limbo.trusted_certs.map(fromPem),
      hostname: limbo.expected_peer_name?.value,
      time: Date.parse(limbo.validation_time ?? '2026-11-20T12:00:00Z'),
      purpose: limbo.validation_kind === 'SERVER' ? 'server' : 'client',
      signers: undefined,
    }));
}

function isAccepted(sample: ChainSample): boolean {
  const { time, ...rest } = sample;
  return validateCertificateChain({ crypto: nodeCrypto, ...rest, time: new Date(time) }).ok;
}

/** A mutant of a certificate that nobody needs would show nothing. */
function needsAll(sample: ChainSample): boolean {
  const without = (list: readonly Uint8Array[], index: number): Uint8Array[] => list.toSpliced(index, 1);
  return (
    sample.intermediates.every(
      (_, index) => !isAccepted({ ...sample, intermediates: without(sample.intermediates, index) }),
    ) && sample.roots.every((_, index) => !isAccepted({ ...sample, roots: without(sample.roots, index) }))
  );
}
