// Colours where they are wanted and nowhere else, and no line wider than a page.

import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { Page, wantsColours } from '../../samples/tour/page.js';

const colourTerminal = { isTTY: true, hasColors: () => true };
const plainTerminal = { isTTY: true, hasColors: () => false };
const file = {};

describe('samples/tour: Page', () => {
  it('colours a terminal that has colours', () => {
    expect(wantsColours(colourTerminal, {})).to.equal(true);
    expect(wantsColours(plainTerminal, {})).to.equal(false);
    expect(wantsColours(file, {})).to.equal(false);
  });

  it('respects NO_COLOR, unless it is empty', () => {
    expect(wantsColours(colourTerminal, { NO_COLOR: '1' })).to.equal(false);
    expect(wantsColours(colourTerminal, { NO_COLOR: '' })).to.equal(true);
  });

  it('respects FORCE_COLOR above all', () => {
    expect(wantsColours(file, { FORCE_COLOR: '1' })).to.equal(true);
    expect(wantsColours(file, { FORCE_COLOR: '1', NO_COLOR: '1' })).to.equal(true);
    expect(wantsColours(colourTerminal, { FORCE_COLOR: '0' })).to.equal(false);
  });

  it('wraps text at 100 columns, not counting colours', () => {
    for (const coloured of [false, true]) {
      const printed: string[] = [];
      const page = new Page((line) => printed.push(line), coloured);
      page.text('`RECORD_REJECTED` is what it says '.repeat(12).trim());
      page.fact('label', '`RECORD_REJECTED` is what it says '.repeat(12).trim());
      const widths = printed.map((line) => stripVTControlCharacters(line).length);
      expect(Math.max(...widths)).to.be.within(85, 100);
      expect(printed.some((line) => line.includes('\x1b['))).to.equal(coloured);
      expect(printed.join('')).not.to.contain('`');
    }
  });
});
