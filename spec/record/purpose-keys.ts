// All keys of a generation at once, for specs that compare them; the library derives each when it is first needed.

import type { TrafficSecret } from '../../lib/record/traffic-keys.js';

export interface PurposeKeys {
  readonly both: Uint8Array;
  readonly authenticated: Uint8Array;
  readonly encrypted: Uint8Array;
  readonly iv: Uint8Array;
}

export function purposeKeys(secret: TrafficSecret): PurposeKeys {
  return {
    both: secret.key('both'),
    authenticated: secret.key('authenticated'),
    encrypted: secret.key('encrypted'),
    iv: secret.iv(),
  };
}
