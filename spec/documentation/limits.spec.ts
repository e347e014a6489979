// The tables of docs/limits.md are those of the code: every limit with its default, and what may happen at each.

import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { defaultLimits } from '../../lib/base/limits.js';
import { defaultLimitActions, type OnLimit, resolveLimitActions } from '../../lib/rpc/limit-actions.js';

/** The rows below a heading's table, cell by cell, without the ticks of code. */
function rowsBelow(head: string): string[][] {
  const page = readFileSync('docs/limits.md', 'utf8');
  const table = page.slice(page.indexOf(head)).split('\n\n', 1)[0]!;
  const rows = table.split('\n').slice(2);
  return rows.filter((row) => row.startsWith('|')).map((row) => row.split('|').slice(1, -1).map(bare));
}

function bare(cell: string): string {
  return cell.replaceAll('`', '').trim();
}

describe('docs/limits.md', () => {
  it('has every limit with its default', () => {
    const told = rowsBelow('| `limits` | default |').map(([name, value]) => [
      name,
      Number(value!.replaceAll(',', '')),
    ]);
    expect(told).to.deep.equal(Object.entries(defaultLimits));
  });

  it('has what may happen at each, and what happens by default', () => {
    const rows = rowsBelow('| `onLimit` | what goes beyond |');
    expect(Object.fromEntries(rows.map(([name, , , usual]) => [name, usual]))).to.deep.equal(
      defaultLimitActions,
    );
    for (const [name, , possible] of rows) {
      for (const action of ['refuse', 'drop', 'disconnect']) {
        const attempt = () => resolveLimitActions({ [name!]: action } as OnLimit);
        if (possible!.split(', ').includes(action)) expect(attempt).not.to.throw();
        else expect(attempt, `${name} ${action}`).to.throw('must be');
      }
    }
  });
});
