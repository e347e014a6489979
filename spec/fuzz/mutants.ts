// The mutant of a number: the same corpus, seed and index always give the same case.

import { encodeBase64, readPem, writePem } from '../../lib/certificate/file/pem.js';
import { SeededRandom } from '../support/random.js';
import type { CertificateCase } from './certificate-case.js';
import { mutateChain } from './chain-mutators.js';
import type { Corpus } from './corpus.js';
import { type Growth, mutate } from './der-mutators.js';
import { forgePfx, forgeSealed, stages } from './forge.js';
import type { PemCase } from './pem-case.js';
import type { PfxCase } from './pfx-case.js';
import { textMutators } from './text-mutators.js';
import type { FuzzCase, FuzzKind } from './verdict.js';

/** Of ten mutants, five are certificates. */
const shares: readonly FuzzKind[] = [
  ...(['certificate', 'pfx', 'certificate', 'pem', 'certificate'] as const),
  ...(['pfx', 'certificate', 'pem', 'certificate', 'pfx'] as const),
];

/** Around the limits of the readers: 64 KiB for certificates and keys, 256 KiB for PFX files, 4 MiB for PEM. */
export const longGrowth: Growth = { usual: 60_000, rare: 1_200_000 };
/** For the specs: a hundredth of the time. */
export const shortGrowth: Growth = { usual: 6_000, rare: 40_000 };

/** One in so many goes to the backend of JavaScript. */
const nobleShare = 100;

export function mutantNumber(
  corpus: Corpus,
  seed: number,
  index: number,
  kinds: readonly FuzzKind[],
  growth: Growth,
): FuzzCase {
  const random = new SeededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  const wanted = shares.filter((kind) => kinds.includes(kind));
  const backend = random.below(nobleShare) === 0 ? 'noble' : 'node';
  switch (wanted[index % wanted.length]!) {
    case 'certificate':
      return certificateMutant(corpus, random, backend, growth);
    case 'pfx':
      return pfxMutant(corpus, random, backend, growth);
    case 'pem':
      return pemMutant(corpus, random, backend, growth);
  }
}

type Backend = 'node' | 'noble';

function certificateMutant(
  corpus: Corpus,
  random: SeededRandom,
  backend: Backend,
  growth: Growth,
): CertificateCase {
  return { kind: 'certificate', backend, ...mutateChain(corpus, random, growth) };
}

function pfxMutant(corpus: Corpus, random: SeededRandom, backend: Backend, growth: Growth): PfxCase {
  const { name, pfx, passphrase, alias, allowMissingMac, recipe, expected } = pick(corpus.pfx, random);
  const other = pick(corpus.pfx, random).pfx;
  const rest = { kind: 'pfx', backend, name, passphrase, alias, expected } as const;
  const allows = allowMissingMac || random.below(8) === 0;
  if (recipe === undefined || random.below(3) === 0) {
    const { bytes, name: mutation } = mutate(pfx, random, other, growth);
    const asText = random.below(20) === 0;
    return {
      ...rest,
      mutation,
      pfx: asText ? encodeBase64(bytes) : bytes,
      allowMissingMac: allows,
      authentic: allows,
    };
  }
  const stage = pick(stages, random);
  let mutation = `${stage}: nothing`;
  let left = 1;
  const changed = forgePfx(recipe, (at, bytes) => {
    if (at !== stage || left-- <= 0) return bytes;
    const done = mutate(bytes, random, other, growth);
    mutation = `${stage}: ${done.name}`;
    return done.bytes;
  });
  // The MAC is made over all that came before it.
  const authentic = allows || (stage !== 'mac data' && stage !== 'file');
  return { ...rest, mutation, pfx: changed, allowMissingMac: allows, authentic };
}

function pemMutant(corpus: Corpus, random: SeededRandom, backend: Backend, growth: Growth): PemCase {
  const sample = pick(corpus.pem, random);
  const other = pick(corpus.pem, random);
  const { name, passphrase, expected } = sample;
  const rest = { kind: 'pem', backend, name, passphrase, expected } as const;
  const onCert = random.below(4) === 0;
  const text = onCert ? sample.cert : sample.key;
  const { changed, mutation } = changeFile(
    text,
    onCert,
    sample,
    onCert ? other.cert : other.key,
    random,
    growth,
  );
  return onCert
    ? { ...rest, mutation: `cert: ${mutation}`, cert: changed, key: sample.key, certIsOriginal: false }
    : { ...rest, mutation: `key: ${mutation}`, cert: sample.cert, key: changed, certIsOriginal: true };
}

/** The text itself, the DER of one block, or what is encrypted in it. */
function changeFile(
  text: string,
  onCert: boolean,
  { sealed, passphrase = '' }: Corpus['pem'][number],
  other: string,
  random: SeededRandom,
  growth: Growth,
): { changed: string | Uint8Array; mutation: string } {
  const way = random.below(3);
  if (way === 0) {
    const [mutation, change] = pick(Object.entries(textMutators), random);
    const size = random.below(8) === 0 ? random.below(random.below(30) ? growth.usual : growth.rare) : 600;
    const changed = change(text, random, other, size);
    return { changed: random.below(4) === 0 ? new TextEncoder().encode(changed) : changed, mutation };
  }
  const blocks = readPem(text);
  const block = random.below(blocks.length);
  const { label, bytes, dekInfo } = blocks[block]!;
  const otherBytes = readPem(other)[0]!.bytes;
  if (!onCert && sealed !== undefined && way === 1) {
    const { bytes: pkcs8, name } = mutate(sealed.pkcs8, random, otherBytes, growth);
    const resealed = forgeSealed(pkcs8, passphrase, sealed.sealing);
    return { changed: writePem(label, resealed), mutation: `encrypted: ${name}` };
  }
  const { bytes: changed, name } = mutate(bytes, random, otherBytes, growth);
  if (dekInfo === undefined && random.below(4) === 0) {
    return { changed: random.below(2) ? changed : encodeBase64(changed), mutation: `DER: ${name}` };
  }
  const headers = dekInfo === undefined ? '' : `Proc-Type: 4,ENCRYPTED\nDEK-Info: ${dekInfo}\n\n`;
  const texts = blocks.map((each, index) =>
    index === block
      ? writePem(label, changed).replace('\n', `\n${headers}`)
      : writePem(each.label, each.bytes),
  );
  return { changed: texts.join(''), mutation: `block: ${name}` };
}

function pick<T>(from: readonly T[], random: SeededRandom): T {
  return from[random.below(from.length)]!;
}
