// One service, declared with decorators. dialects.spec.ts compiles this file with every tool and in every dialect
// that users have, and undecorated.ts declares the same service without: all must give the same manifest.

import { Rpc, Security } from '../../../decorators/index.js';
import { buildManifest, encodeManifest } from '../../../lib/contract/manifest.js';
import { collectRpcs } from '../../../lib/contract/metadata.js';
import type { Parameters } from '../../../lib/contract/parameters.js';

export interface Profile {
  readonly name: string;
}

export class Lobby {
  @Rpc(Security.Authenticated)
  chat(_text: string): void {}

  @Rpc(Security.Encrypted, { name: 'whisperTo' })
  whisper(_to: string, _text: string): void {}

  @Rpc()
  topic(): string {
    return 'welcome';
  }

  audit(): void {}
}

export class Arena extends Lobby {
  #games = 0;

  @Rpc(Security.Authenticated, { oneWay: true })
  move(_x: number, _y: number): void {}

  @Rpc(Security.Encrypted | Security.Authenticated, { timeoutMs: 500 })
  async login(name: string, _pin: string): Promise<Profile> {
    this.#games++;
    return { name };
  }

  @Rpc()
  scoreboard(): number[] {
    return [this.#games];
  }

  /** Overridden without @Rpc: no longer reachable. */
  override topic(): string {
    return 'secret';
  }

  wipe(): void {}
}

/** Made inside the compiled file, with the copy of the contract that it imports. */
export function manifestBytes(): Uint8Array {
  return manifestOf(new Arena());
}

export function manifestBytesOfClass(): Uint8Array {
  return manifestOf(Arena);
}

export function manifestOf(target: object): Uint8Array {
  return encodeManifest(buildManifest([{ name: 'Arena', target }]));
}

/** What this dialect tells of the parameters of a method. */
export function parametersOf(name: string): Parameters {
  return collectRpcs(Arena).get(name)!.metadata.parameters;
}
