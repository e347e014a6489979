// The tour's exit code says that every expectation held, so the recorder behind it must not be able to lie.

import { expect } from 'chai';
import { Expectations } from '../../samples/tour/expectations.js';
import { Page } from '../../samples/tour/page.js';

describe('samples/tour: Expectations', () => {
  let printed: string[];
  let expectations: Expectations;

  beforeEach(() => {
    printed = [];
    expectations = new Expectations(new Page((line) => printed.push(line), false));
  });

  it('exits with 0 when all held', () => {
    expectations.same({ flags: [1, 2] }, { flags: [1, 2] }, 'the same, deeply');
    expectations.that(true, 'true');
    expectations.summarize();
    expect(printed).to.deep.equal(['  ✓ the same, deeply', '  ✓ true', '', '✓ All 2 expectations held.']);
    expect(expectations.exitCode).to.equal(0);
  });

  it('exits with 1 when one did not hold, and shows what there was instead', () => {
    expectations.that(true, 'true');
    expectations.same('REPLAYED', 'RECORD_REJECTED', 'the replay is refused');
    expectations.that(true, 'true again');
    expectations.summarize();
    expect(printed).to.deep.equal([
      '  ✓ true',
      '  ✗ the replay is refused',
      '    expected "RECORD_REJECTED", but it is "REPLAYED"',
      '  ✓ true again',
      '',
      '✗ 1 of 3 expectations did not hold.',
    ]);
    expect(expectations.exitCode).to.equal(1);
  });

  it('exits with 1 when a condition is false', () => {
    expectations.that(false, 'the bystander plays on');
    expect(printed[0]).to.equal('  ✗ the bystander plays on');
    expect(expectations.exitCode).to.equal(1);
  });

  it('tells undefined, 1 and "1" apart', () => {
    expectations.same(undefined, null, 'nothing');
    expectations.same('1', 1, 'one');
    expect(expectations.broken).to.equal(2);
    expect(printed).to.contain('    expected null, but it is undefined');
  });

  it('exits with 1 when nothing was expected at all', () => {
    expectations.summarize();
    expect(expectations.exitCode).to.equal(1);
    expect(printed.at(-1)).to.equal('✗ There was no expectation.');
  });
});
