// The name of a failure that a caller is not told about: it stands in the caller's message and in the event `callFailed`
// of the side that ran the method. So what a user reports is found in the log.

/** Crockford's base 32: no I, L, O, U, to be read out over a telephone. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const characters = 8;

/**
 * 40 random bits, such as `7H2KQX0M`. It protects nothing, and yet is not Math.random(): whoever sees enough of that
 * one's numbers can tell the next, and the application may draw cards with it.
 */
export function newIncident(): string {
  const random = globalThis.crypto.getRandomValues(new Uint8Array(characters));
  return Array.from(random, (byte) => alphabet[byte & 31]).join('');
}

/** What the caller reads. */
export function incidentMessage(incident: string): string {
  return `the method failed; the other side's log has the reason, incident ${incident}`;
}
