// The known answers of spec/vectors, read where the specs run.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(resolve('spec', 'vectors', `${name}.json`), 'utf8')) as T;
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
