// A message as it came, with all of it decoded: the arguments of calls wait until somebody asks, and are no fields then.

import type { CallMessage } from '../../lib/wire/call-message.js';

/** The same, as a plain object without the fields that were left out. */
export function decoded(message: CallMessage): CallMessage {
  if (message.kind !== 'call' && message.kind !== 'notify') return message;
  const fields = Object.entries({ ...message, args: message.args });
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined)) as unknown as CallMessage;
}
