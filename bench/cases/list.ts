// All cases, in the order in which they run and are shown. Those with the same candidates stand together: a quick run keeps their
// processes.

import { callCases, flagCases, payloadCases, tcpCases } from './calls.js';
import type { Case } from './case.js';
import { eventCases } from './events.js';
import { handshakeCases } from './handshakes.js';
import { idleCases } from './idle.js';

export const cases: readonly Case[] = [
  ...callCases,
  ...eventCases,
  ...payloadCases,
  ...flagCases,
  ...tcpCases,
  ...handshakeCases,
  ...idleCases,
];
