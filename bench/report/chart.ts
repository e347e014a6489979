// The chart: a panel for each case, a bar for each candidate with its quartiles, the best one first, Sealwire marked.
//
// Where less is better, a candidate far behind would leave the others too short to tell apart: such a bar is cut, its number is
// not.
//
// Plain SVG without scripts, readable on light pages and dark ones: it has a background of its own, and its colours follow
// the reader's scheme.

import { number } from './number.js';
import type { CaseRows, Row } from './results.js';
import { quantile } from './statistics.js';

const width = 960;
const margin = 24;
const gap = 32;
const panelWidth = (width - 2 * margin - gap) / 2;
const labelWidth = 184;
const valueWidth = 64;
const barHeight = 14;
const rowHeight = 20;
const titleHeight = 44;
const headHeight = 72;
const barWidth = panelWidth - labelWidth - valueWidth;
/** Times the middle one. */
const cutAbove = 4;

const style = `
  .page { fill: #ffffff } text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 18px; font-weight: 600 } .panel { font-size: 14px; font-weight: 600 }
  .quiet { fill: #59636e } .bar { fill: #afb8c1 } .ours { fill: #0969da } .spread { stroke: #1f2328; stroke-width: 1.2 }
  .cut { stroke: #ffffff; stroke-width: 3 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .bar { fill: #515963 } .ours { fill: #4493f8 } .spread { stroke: #e6edf3 } .cut { stroke: #0d1117 }
  }`;

export function chart(title: string, subtitle: string, cases: readonly CaseRows[]): string {
  // The next panel goes below the shorter one of two columns.
  const heights = [headHeight, headHeight];
  const panels = cases
    .filter(({ rows }) => rows.length > 0)
    .map((one) => {
      const column = heights[0]! <= heights[1]! ? 0 : 1;
      const x = margin + column * (panelWidth + gap);
      const y = heights[column]!;
      heights[column] = y + titleHeight + one.rows.length * rowHeight + gap;
      return panel(one, x, y);
    });
  const height = Math.max(...heights);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>${style}
</style>
<rect class="page" width="${width}" height="${height}" rx="6"/>
<text class="title" x="${margin}" y="34">${escaped(title)}</text>
<text class="quiet" x="${margin}" y="54">${escaped(subtitle)}</text>
${panels.join('\n')}
</svg>
`;
}

function panel({ title, unit, better, rows }: CaseRows, x: number, y: number): string {
  const longest = Math.max(...rows.map(({ value }) => value.high));
  const middle = quantile(
    rows.map(({ value }) => value.median),
    0.5,
  );
  const scale = barWidth / (better === 'less' ? Math.min(longest, cutAbove * middle) : longest);
  const bars = rows.map((row, index) => bar(row, scale, titleHeight + index * rowHeight));
  return `<g transform="translate(${x} ${y})">
<text class="panel" y="16">${escaped(title)}</text>
<text class="quiet" y="33">${escaped(`${unit}, ${better} is better`)}</text>
${bars.join('\n')}
</g>`;
}

function bar({ candidate, title, value }: Row, scale: number, y: number): string {
  const middle = y + barHeight / 2;
  const at = (amount: number) => round(labelWidth + Math.min(Math.max(0, amount) * scale, barWidth));
  const kind = candidate.startsWith('sealwire') ? 'ours' : 'bar';
  const end = Math.max(at(value.median), labelWidth + 1);
  const cutAt = labelWidth + barWidth - 24;
  const mark =
    value.median * scale > barWidth
      ? `<path class="cut" d="M${cutAt} ${y + barHeight + 1}l6 ${-barHeight - 2}"/>`
      : `<path class="spread" d="M${at(value.low)} ${middle}H${at(value.high)}"/>`;
  return `<text x="${labelWidth - 8}" y="${middle + 4}" text-anchor="end">${escaped(title)}</text>
<rect class="${kind}" x="${labelWidth}" y="${y}" width="${round(end - labelWidth)}" height="${barHeight}" rx="2"/>
${mark}
<text x="${Math.max(end, at(value.high)) + 6}" y="${middle + 4}">${number(value.median)}</text>`;
}

const round = (value: number) => Math.round(value * 10) / 10;

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
