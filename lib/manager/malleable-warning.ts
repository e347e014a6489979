// Encrypted alone is malleable (docs/security.md): once per process, whoever starts a side that offers such an RPC is told.

import { Security } from '../contract/security.js';
import type { Services } from '../rpc/registry.js';
import type { Platform } from './platform.js';

let warned = false;

export function warnOfMalleable({ methods }: Services, platform: Platform): void {
  const method = methods.find(({ security }) => security === Security.Encrypted);
  if (warned || method === undefined) return;
  warned = true;
  platform.warn(
    'SEALWIRE_MALLEABLE',
    `${method.fullName} is declared Security.Encrypted alone: nobody can read its messages, and anybody on the path can ` +
      'flip bits in them. Add Security.Authenticated unless they may be garbage.',
  );
}
