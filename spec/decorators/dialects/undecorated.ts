// The service of arena.ts, declared without decorators. Plain enough for Node's type stripping.

import { defineRpcs, rpc, Security } from '../../../decorators/index.js';
import { buildManifest, encodeManifest } from '../../../lib/contract/manifest.js';
import type { Profile } from './arena.js';

export class Lobby {
  chat(_text: string): void {}

  whisper(_to: string, _text: string): void {}

  topic(): string {
    return 'welcome';
  }

  audit(): void {}
}

defineRpcs(Lobby, {
  chat: rpc(Security.Authenticated),
  whisper: rpc(Security.Encrypted, { name: 'whisperTo' }),
  topic: rpc(),
});

export class Arena extends Lobby {
  move(_x: number, _y: number): void {}

  async login(name: string, _pin: string): Promise<Profile> {
    return { name };
  }

  scoreboard(): number[] {
    return [];
  }

  override topic(): string {
    return 'secret';
  }

  wipe(): void {}
}

defineRpcs(Arena, {
  move: rpc(Security.Authenticated, { oneWay: true }),
  login: rpc(Security.Encrypted | Security.Authenticated, { timeoutMs: 500 }),
  scoreboard: rpc(),
});

export function manifestBytes(): Uint8Array {
  return manifestOf(new Arena());
}

export function manifestBytesOfClass(): Uint8Array {
  return manifestOf(Arena);
}

function manifestOf(target: object): Uint8Array {
  return encodeManifest(buildManifest([{ name: 'Arena', target }]));
}
