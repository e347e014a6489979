// The way out of a caller or a dispatcher, written down instead of sent.

import { SealwireError } from '../../lib/base/errors.js';
import { defaultLimits } from '../../lib/base/limits.js';
import type { Outgoing } from '../../lib/rpc/caller.js';
import { type CallMessage, decodeCallMessages } from '../../lib/wire/call-message.js';
import { decoded } from '../support/decoded.js';

export class FakeOutgoing implements Outgoing {
  readonly allowed: number;
  flight: number | undefined;
  readonly sent: { readonly flags: number; readonly message: CallMessage }[] = [];
  /** Errors that the next messages meet, one each; undefined lets one pass. */
  readonly obstacles: (SealwireError | undefined)[] = [];

  constructor(allowed = 0b1111) {
    this.allowed = allowed;
  }

  readonly send = (flags: number, message: Uint8Array): void => {
    const obstacle = this.obstacles.shift();
    if (obstacle !== undefined) throw obstacle;
    for (const sent of decodeCallMessages(message, defaultLimits))
      this.sent.push({ flags, message: decoded(sent) });
  };

  /** What was sent since the last look. */
  take(): { readonly flags: number; readonly message: CallMessage }[] {
    return this.sent.splice(0);
  }
}

export const tooLarge = (): SealwireError =>
  new SealwireError('RESOURCE_EXHAUSTED', 'too large', { reason: 'message-size' });
export const notRead = (): SealwireError =>
  new SealwireError('RESOURCE_EXHAUSTED', 'not read', { reason: 'send-buffer' });
