// The content of records.json and key-update.json: sealed records of every combination, suite and interesting
// sequence, and the generations of one direction. See vectors.ts.

import { Direction } from './direction.js';
import { directionKeys, sha256, trafficSecretOf } from './key-schedule.js';
import { text } from './notation.js';
import { Authenticated, Both, Encrypted, frameTypes, nonceOf, sealRecord, suites } from './record.js';

const first = sha256(text('sealwire vectors, traffic secret of generation 1'));

// Epoch is u8: generation 256 shows as epoch 0 again.
const generations = [1, 2, 255, 256];
const sequences = [0, 1, 2 ** 32, 2 ** 48 - 2];
// Around the block of AES, the block of ChaCha20, and more than one of each.
const bodyBytes = [1, 15, 16, 17, 63, 64, 65, 300];

export function recordVectors(): object {
  const records: object[] = [];
  for (const suite of Object.values(suites)) {
    for (const flags of [Encrypted, Authenticated, Both]) {
      for (const generation of generations) {
        for (const sequence of sequences) {
          const keys = directionKeys(trafficSecretOf(first, generation));
          const body = bytesCountingUp(bodyBytes[records.length % bodyBytes.length]!);
          const header = { flags, type: frameTypes.messages, epoch: generation % 256, sequence };
          records.push({
            suite,
            ...header,
            generation,
            nonce: nonceOf(keys.iv, sequence),
            body,
            frame: sealRecord(suite, keys, header, body),
          });
        }
      }
    }
  }
  return { generations: generations.map(describe), records };
}

export function keyUpdateVectors(): object {
  return {
    generations: [1, 2, 3, 254, 255, 256, 257].map(describe),
    streams: Object.values(suites).map((suite) => ({ suite, frames: streamAcrossUpdates(suite) })),
  };
}

/** What one direction sends: three records a generation, the last of them the key update, into generation 4. */
function streamAcrossUpdates(suite: number): object[] {
  const direction = new Direction(suite, 1, first);
  const frames: object[] = [];
  while (direction.generation < 4) {
    for (const flags of [Authenticated, Both]) {
      const { generation, sequence } = direction;
      const body = text(`generation ${generation}, sequence ${sequence}`);
      const type = frameTypes.messages;
      frames.push({ type, flags, generation, sequence, body, frame: direction.seal(flags, type, body) });
    }
    const { generation, sequence } = direction;
    const frame = direction.sealKeyUpdate();
    frames.push({
      type: frameTypes.keyUpdate,
      flags: Both,
      generation,
      sequence,
      body: new Uint8Array(0),
      frame,
    });
  }
  return frames;
}

function describe(generation: number): object {
  const trafficSecret = trafficSecretOf(first, generation);
  return { generation, epoch: generation % 256, trafficSecret, keys: directionKeys(trafficSecret) };
}

function bytesCountingUp(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index);
}
