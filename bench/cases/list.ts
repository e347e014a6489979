// All cases, in the order in which they run and are shown.

import { callCases } from './calls.js';
import type { Case } from './case.js';
import { eventCases } from './events.js';
import { handshakeCases } from './handshakes.js';
import { idleCases } from './idle.js';

export const cases: readonly Case[] = [...callCases, ...eventCases, ...handshakeCases, ...idleCases];
