// Moments and fingerprints as people read them: times to the minute, in UTC as certificates have them, and how far
// away they are; hexadecimal that fits a line.

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const yearMs = 365.25 * dayMs;

/** `2027-11-20 14:05 UTC (in 365 days)` */
export function moment(date: Date, now: Date): string {
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC (${distance(date, now)})`;
}

/** `in 12 days`, `3 days ago`, `now`. */
export function distance(date: Date, now: Date): string {
  const ms = date.getTime() - now.getTime();
  const length = duration(Math.abs(ms));
  if (length === undefined) return 'now';
  return ms > 0 ? `in ${length}` : `${length} ago`;
}

function duration(ms: number): string | undefined {
  // Days up to two years: that is what renewals are planned in.
  if (ms >= 2 * yearMs) return counted(Math.round(ms / yearMs), 'year');
  if (ms >= 2 * dayMs) return counted(Math.round(ms / dayMs), 'day');
  if (ms >= 2 * hourMs) return counted(Math.floor(ms / hourMs), 'hour');
  if (ms >= minuteMs) return counted(Math.floor(ms / minuteMs), 'minute');
  return undefined;
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Lower case and without colons: 64 characters for a SHA-256. */
export function plainHex(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}
