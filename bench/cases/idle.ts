// Idle memory: what one connection that says nothing costs the server, over many of them.
//
// A fresh server is looked at when the first ones are there and when all are, each time with its garbage collected: the
// difference of what its process holds (resident set), and of heap and buffers alone.

import type { Case } from './case.js';

export const idleCases: readonly Case[] = [
  {
    name: 'idle',
    title: 'Memory of an idle connection, server',
    unit: 'KiB',
    better: 'less',
    key: 'p256',
    work: { kind: 'idle', clients: 10_000 },
    candidates: ['sealwire', 'sealwire-tcp', 'ws', 'ws-tls', 'tls', 'socket.io'],
  },
];
