// Changes to one certificate of a chain: to its bytes, to what is signed, to the signature itself, and to its company.
//
//   bytes       anything, anywhere: the signature is hardly ever right
//   a stranger  what is signed is changed, and signed by a key of the same kind that nobody trusts; that key's own
//               certificate, a look-alike of the true issuer's, stands among the intermediates now and then
//   the issuer  the same, signed by the true key: it may be accepted, and reaches the rules behind signatures
//   signature   values that some verifiers take for the same: negated, padded, reduced, under another algorithm

import { concat } from '../../lib/base/bytes.js';
import { der } from '../../lib/base/der.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { PrivateKey, SignatureAlgorithm } from '../../lib/crypto/provider.js';
import type { SeededRandom } from '../support/random.js';
import { type CertificateCase, signatureNumbers } from './certificate-case.js';
import type { Corpus, StrangerKind } from './corpus.js';
import { type Growth, mutate } from './der-mutators.js';
import { type DerNode, readTree, writeTree } from './der-tree.js';

export type MutatedChain = Omit<CertificateCase, 'kind' | 'backend'>;

export function mutateChain(corpus: Corpus, random: SeededRandom, growth: Growth): MutatedChain {
  const sample = pick(corpus.chains, random);
  const all = [sample.leaf, ...sample.intermediates, ...sample.roots];
  // Leaves are what strangers send; one in eight changes a root.
  const position = random.below(2) ? 0 : random.below(all.length);
  const original = all[position]!;
  const others = pick(corpus.chains, random);
  const other = pick([others.leaf, ...others.intermediates, ...others.roots], random);
  const { bytes, mutation, company = [], authentic = false } = mutateCertificate();
  const changed = all.map((each, index) => (index === position ? bytes : each));
  const part = position === 0 ? 'leaf' : position <= sample.intermediates.length ? 'intermediate' : 'root';
  const { name, hostname, time, purpose } = sample;
  return {
    name,
    mutation: `${part}: ${mutation}`,
    leaf: changed[0]!,
    intermediates: [...changed.slice(1, 1 + sample.intermediates.length), ...company],
    roots: changed.slice(1 + sample.intermediates.length),
    hostname,
    time,
    purpose,
    originals: [sample.leaf, ...sample.intermediates],
    originalRoots: sample.roots,
    mutant: bytes,
    authentic,
  };

  function mutateCertificate(): Changed {
    const parts = readCertificate(original);
    const way = random.below(8);
    if (parts === undefined || way < 4) {
      const { bytes, name } = mutate(original, random, other, growth);
      return { bytes, mutation: name };
    }
    if (way === 4) return changeSignature(parts, original, random);
    const { bytes: tbs, name } = mutate(parts.tbs, random, other, growth);
    const signer = sample.signers?.[position];
    if (way === 5 && signer !== undefined) {
      return {
        bytes: sign(tbs, parts, importKey(signer)),
        mutation: `by its issuer: ${name}`,
        authentic: true,
      };
    }
    return byStranger(tbs, name, parts, all[position + 1] ?? original);
  }

  function byStranger(tbs: Uint8Array, name: string, parts: CertificateParts, issuer: Uint8Array): Changed {
    const kind = strangerKind(parts.signatureAlgorithm);
    if (kind === undefined) return { bytes: sign(tbs, parts, undefined), mutation: `unsigned: ${name}` };
    const key = importKey(corpus.strangers[kind]);
    // Unchanged but for the signature, too: then nothing else is wrong.
    const signed = random.below(8) === 0 ? parts.tbs : tbs;
    const count = [0, 1, 1, 1, 2, 15][random.below(6)]!;
    const company = Array.from({ length: count }, (_, index) => lookAlike(issuer, key, index)).filter(
      (each) => each !== undefined,
    );
    return {
      bytes: sign(signed, parts, key),
      mutation: `by a stranger with ${count} look-alikes: ${name}`,
      company,
    };
  }
}

interface Changed {
  readonly bytes: Uint8Array;
  readonly mutation: string;
  /** Further intermediates. */
  readonly company?: readonly Uint8Array[];
  readonly authentic?: boolean;
}

interface CertificateParts {
  readonly tbs: Uint8Array;
  /** The AlgorithmIdentifier, DER. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

function readCertificate(certificate: Uint8Array): CertificateParts | undefined {
  const [outer] = readTree(certificate) ?? [];
  const [tbs, algorithm, signature] = outer?.children ?? [];
  if (!tbs || !algorithm || !signature) return undefined;
  return {
    tbs: writeTree([tbs]),
    signatureAlgorithm: writeTree([algorithm]),
    signature: signature.children ? writeTree(signature.children) : signature.content.subarray(1),
  };
}

function assemble(tbs: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): Uint8Array {
  return der.sequence(tbs, algorithm, der.bitString(signature));
}

function sign(
  tbs: Uint8Array,
  { signatureAlgorithm, signature }: CertificateParts,
  key: PrivateKey | undefined,
): Uint8Array {
  const algorithm = algorithms.get(Buffer.from(signatureAlgorithm).toString('hex'));
  if (algorithm === undefined || key === undefined || key.kind !== strangerKind(signatureAlgorithm)) {
    return assemble(tbs, signatureAlgorithm, signature);
  }
  return assemble(tbs, signatureAlgorithm, key.sign(algorithm, tbs));
}

const identifiers: readonly (readonly [SignatureAlgorithm, Uint8Array])[] = [
  ['rsa-pkcs1-sha256', der.sequence(der.oid('1.2.840.113549.1.1.11'), der.null())],
  ['ecdsa-p256-sha256', der.sequence(der.oid('1.2.840.10045.4.3.2'))],
  ['ecdsa-p384-sha384', der.sequence(der.oid('1.2.840.10045.4.3.3'))],
  ['ed25519', der.sequence(der.oid('1.3.101.112'))],
];
const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  identifiers.map(([name, bytes]) => [Buffer.from(bytes).toString('hex'), name]),
);

function strangerKind(signatureAlgorithm: Uint8Array): StrangerKind | undefined {
  const algorithm = algorithms.get(Buffer.from(signatureAlgorithm).toString('hex'));
  if (algorithm === undefined) return undefined;
  if (algorithm === 'ed25519') return 'ed25519';
  return algorithm.startsWith('rsa') ? 'rsa' : algorithm.includes('p256') ? 'p256' : 'p384';
}

const imported = new Map<Uint8Array, PrivateKey>();
function importKey(pkcs8: Uint8Array): PrivateKey {
  const key = imported.get(pkcs8) ?? nodeCrypto.importPrivateKey(pkcs8);
  imported.set(pkcs8, key);
  return key;
}

const lookAlikes = new Map<string, Uint8Array | undefined>();
function lookAlike(issuer: Uint8Array, key: PrivateKey, serial: number): Uint8Array | undefined {
  const name = `${serial} ${key.kind} ${Buffer.from(issuer).toString('base64')}`;
  if (!lookAlikes.has(name)) lookAlikes.set(name, makeLookAlike(issuer, key, serial));
  return lookAlikes.get(name);
}

/** The certificate of an issuer, all as it is but for the key, the serial number and the signature. */
function makeLookAlike(issuer: Uint8Array, key: PrivateKey, serial: number): Uint8Array | undefined {
  const [outer] = readTree(issuer) ?? [];
  const [tbs, algorithm] = outer?.children ?? [];
  const fields = tbs?.children;
  if (!fields || fields.length < 7 || !algorithm) return undefined;
  const [publicKey] = readTree(key.publicKey)!;
  fields[6] = publicKey as DerNode;
  fields[1]!.content = Uint8Array.of(1 + serial);
  const parts = {
    tbs: writeTree([tbs]),
    signatureAlgorithm: writeTree([algorithm]),
    signature: new Uint8Array(64),
  };
  return sign(parts.tbs, parts, key);
}

const orders = [
  0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  // Of Ed25519, in whose signatures numbers are little-endian.
  0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn,
] as const;

function changeSignature(parts: CertificateParts, original: Uint8Array, random: SeededRandom): Changed {
  const { tbs, signatureAlgorithm, signature } = parts;
  const numbers = signatureNumbers(signature);
  const order = signature.length > 80 ? orders[1] : orders[0];
  const ecdsa = (r: bigint, s: bigint): Uint8Array => der.sequence(der.integer(r), der.integer(s));
  const ways: [name: string, make: () => Uint8Array][] = [
    ['a zero byte behind it', () => assemble(tbs, signatureAlgorithm, concat([signature, Uint8Array.of(0)]))],
    ['a zero byte before it', () => assemble(tbs, signatureAlgorithm, concat([Uint8Array.of(0), signature]))],
    ['nothing', () => assemble(tbs, signatureAlgorithm, new Uint8Array(0))],
    ['zeros', () => assemble(tbs, signatureAlgorithm, new Uint8Array(signature.length))],
    [
      'unused bits',
      () => der.sequence(tbs, signatureAlgorithm, der.bitString(signature, 1 + random.below(7))),
    ],
    ['another algorithm outside', () => assemble(tbs, pick(identifiers, random)[1], signature)],
    [
      'another algorithm on both sides',
      () => {
        const other = pick(identifiers, random)[1];
        const nodes = readTree(tbs)!;
        nodes[0]!.children![2] = readTree(other)![0]!;
        return assemble(writeTree(nodes), other, signature);
      },
    ],
    ['a byte behind the certificate', () => concat([original, Uint8Array.of(random.below(256))])],
  ];
  if (numbers !== undefined) {
    const [r, s] = numbers;
    ways.push(
      ['(r, n - s)', () => assemble(tbs, signatureAlgorithm, ecdsa(r, order - s))],
      ['(r, s + n)', () => assemble(tbs, signatureAlgorithm, ecdsa(r, s + order))],
      ['(r + n, s)', () => assemble(tbs, signatureAlgorithm, ecdsa(r + order, s))],
      ['(r, -s)', () => assemble(tbs, signatureAlgorithm, ecdsa(r, -s))],
      ['(0, 0)', () => assemble(tbs, signatureAlgorithm, ecdsa(0n, 0n))],
      ['(r, 0)', () => assemble(tbs, signatureAlgorithm, ecdsa(r, 0n))],
      ['(n, n)', () => assemble(tbs, signatureAlgorithm, ecdsa(order, order))],
      ['(r, s) with padded numbers', () => assemble(tbs, signatureAlgorithm, padded(r, s, random))],
      [
        '(r, s, 0)',
        () => assemble(tbs, signatureAlgorithm, der.sequence(der.integer(r), der.integer(s), der.integer(0))),
      ],
    );
  } else if (signature.length === 64) {
    ways.push(['S + L', () => assemble(tbs, signatureAlgorithm, withL(signature))]);
  } else if (signature.length >= 256) {
    ways.push([
      'without its first bytes',
      () => assemble(tbs, signatureAlgorithm, signature.subarray(1 + random.below(3))),
    ]);
  }
  const [name, make] = pick(ways, random);
  return { bytes: make(), mutation: `signature: ${name}` };
}

/** INTEGERs, or the lengths around them, not in the shortest form. */
function padded(r: bigint, s: bigint, random: SeededRandom): Uint8Array {
  const [tree] = readTree(der.sequence(der.integer(r), der.integer(s)))!;
  const [one, two] = tree!.children!;
  const way = random.below(3);
  if (way === 0) tree!.form = 'padded';
  if (way === 1) one!.form = 'padded';
  if (way === 2) two!.content = concat([Uint8Array.of(0), two!.content]);
  return writeTree([tree!]);
}

/** RFC 8032 §5.1.7 refuses S that is not below L. */
function withL(signature: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(signature);
  let s = 0n;
  for (let index = 63; index >= 32; index--) s = (s << 8n) | BigInt(changed[index]!);
  s += orders[2];
  for (let index = 32; index < 64; index++, s >>= 8n) changed[index] = Number(s & 0xffn);
  return changed;
}

function pick<T>(from: readonly T[], random: SeededRandom): T {
  return from[random.below(from.length)]!;
}
