// The short form of `npm run fuzz`: the same mutants and judges, some thousands of them, and proof that the judges judge.

import { expect } from 'chai';
import { SealwireError } from '../../lib/base/errors.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { requireProgram, sharedVectorPath } from '../support/requirements.js';
import { type Campaign, describeTally, newTally, runOne } from './campaign.js';
import { type Corpus, makeCorpus } from './corpus.js';
import { failuresFolder, writeFailures } from './failures.js';
import { mutantNumber, shortGrowth } from './mutants.js';
import { errorFault, MeteredCrypto, messageFault, stopwatch } from './probe.js';
import { caseFromJson, caseToJson, type FuzzKind, fuzzKinds, judge } from './verdict.js';

/** Mutants of each seed: the first finds again what it has found before, the second looks for something new. */
const counts: Readonly<Record<FuzzKind, number>> = { certificate: 1800, pfx: 800, pem: 1000 };
const knownSeed = 20_261_120;
const freshSeed: number = Math.floor(Math.random() * 2 ** 31);

let corpus: Corpus;

describe('mutated files', function () {
  this.timeout(120_000);
  before(() => {
    corpus ??= makeCorpus();
  });

  it('have originals of every kind to come from', () => {
    expect(corpus.chains.length, 'chains').to.be.at.least(6);
    expect(corpus.pfx.length, 'PFX files').to.be.at.least(80);
    expect(corpus.pem.length, 'PEM files').to.equal(36);
  });

  it('have originals that others made, too', function () {
    requireProgram(this, 'openssl', 'version');
    sharedVectorPath(this, 'limbo/limbo.json');
    sharedVectorPath(this, 'pfx/index.json');
    expect(corpus.chains.length, 'chains').to.be.at.least(25);
    expect(corpus.pfx.length, 'PFX files').to.be.at.least(88);
  });

  for (const kind of fuzzKinds) {
    for (const [name, seed] of Object.entries({ known: knownSeed, fresh: freshSeed })) {
      it(`of the kind ${kind} are refused with a code, in bounded time and memory: ${name} seed`, () => {
        const campaign: Campaign = { corpus, seed, kinds: [kind], growth: shortGrowth };
        const tally = newTally();
        for (let index = 0; index < counts[kind]; index++) runOne(campaign, index, tally);
        const told = writeFailures(tally.failures, seed, failuresFolder).join('\n');
        expect(tally.failed, `failures with seed ${seed}:\n${told}\n`).to.equal(0);
        // Most are refused, or the mutators change nothing; some get past the first look.
        expect(tally.kinds[kind].count).to.equal(counts[kind]);
        expect(Object.keys(tally.kinds[kind].outcomes).length, describeTally(tally)).to.be.at.least(3);
      });
    }
  }

  it('are the same for the same number, and the same again after a file', () => {
    const told = (index: number) => {
      const { name, mutation } = mutantNumber(corpus, 7, index, fuzzKinds, shortGrowth);
      return `${name}: ${mutation}`;
    };
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    expect(numbers.map(told)).to.deep.equal(numbers.map(told));
    expect(new Set(numbers.map(told)).size).to.be.at.least(150);
    for (const index of numbers) {
      const one = mutantNumber(corpus, 7, index, fuzzKinds, shortGrowth);
      const read = caseFromJson(caseToJson(one));
      expect(caseToJson(read)).to.equal(caseToJson(one));
      if (one.kind === 'certificate') expect(read).to.have.deep.property('mutant', one.mutant);
    }
  });
});

describe('the judges of mutated files', () => {
  const mutant = (kind: FuzzKind) => mutantNumber(corpus, 1, 0, [kind], shortGrowth);
  before(() => {
    corpus ??= makeCorpus();
  });

  it('find a certificate that is accepted and is none of the originals', () => {
    const [chain] = corpus.chains;
    const { leaf, intermediates, roots, hostname, time, purpose } = chain!;
    const known = { leaf, intermediates, roots, hostname, time, purpose, mutant: leaf, authentic: false };
    const fuzzCase = { ...mutant('certificate'), ...known, backend: 'node', originalRoots: roots } as const;
    expect(
      judge({ ...fuzzCase, kind: 'certificate', originals: [leaf, ...intermediates] } as never).fault,
    ).to.equal(undefined);
    expect(judge({ ...fuzzCase, kind: 'certificate', originals: intermediates } as never).fault).to.equal(
      'is accepted',
    );
  });

  it('find a PFX file and a key that give another identity', () => {
    const [pfx, ...others] = corpus.pfx;
    const other = others.find(
      ({ expected }) => expected.publicKey.length !== pfx!.expected.publicKey.length,
    )!;
    const pfxCase = { ...mutant('pfx'), ...pfx!, backend: 'node', authentic: false };
    expect(judge(pfxCase as never).fault).to.equal(undefined);
    expect(judge({ ...pfxCase, expected: other.expected } as never).fault).to.contain('another identity');
    const pemCase = { ...mutant('pem'), ...corpus.pem[0]!, backend: 'node', certIsOriginal: true };
    expect(judge(pemCase as never).fault).to.equal(undefined);
    expect(judge({ ...pemCase, expected: other.expected } as never).fault).to.contain('another certificate');
  });

  it('find what is no coded error, hides one, or tells too much', () => {
    const codes = ['INVALID_CERTIFICATE'];
    const error = (message: string, cause?: unknown) =>
      new SealwireError('INVALID_CERTIFICATE', message, { cause });
    expect(errorFault(error('fine'), codes)).to.equal(undefined);
    expect(errorFault(new TypeError('oops'), codes)).to.contain('TypeError');
    expect(errorFault('text', codes)).to.contain('no error');
    expect(errorFault(new SealwireError('INTERNAL', 'x'), codes)).to.contain('INTERNAL');
    expect(errorFault(error('x', new RangeError('too deep')), codes)).to.contain('hides');
    expect(errorFault(error('wrong: battery staple'), codes, 'battery staple')).to.contain('passphrase');
    expect(messageFault('x'.repeat(5000))).to.contain('5000');
    expect(messageFault('a\nb')).to.contain('control');
    expect(messageFault('a\u202eb')).to.contain('control');
  });

  it('count time, allocations and iterations, and do not run what would take long', () => {
    const meter = new MeteredCrypto(nodeCrypto);
    const idle = [1, 2, 3].map((value) => meter.measure(() => value));
    expect(idle[0]!.result).to.deep.equal({ value: 1 });
    const busy = meter.measure(() => {
      const elapsedMs = stopwatch();
      while (elapsedMs() < 20);
      return (
        new Uint8Array(3_000_000).length + Array.from({ length: 10_000 }, (_, index) => ({ index })).length
      );
    });
    expect(busy.ms).to.be.at.least(19);
    expect(Math.min(...idle.map(({ ms }) => ms))).to.be.lessThan(busy.ms / 4);
    // At least what stays; the interpreter boxes numbers on the way.
    if (busy.allocated !== undefined) expect(busy.allocated).to.be.at.least(3_100_000);
    const idleBytes = idle.map(({ allocated = 0 }) => allocated);
    expect(Math.min(...idleBytes)).to.be.lessThan(20_000);
    const salt = new Uint8Array(8);
    const derived = meter.measure(() => meter.provider.pbkdf2('sha1', salt, salt, 1_900_000_000, 32));
    expect(derived).to.include({ iterations: 2 * 1_900_000_000, mostIterations: 1_900_000_000 });
    expect(meter.measure(() => meter.provider.iterateHash('sha1', salt, 7)).iterations).to.equal(7);
  });
});
