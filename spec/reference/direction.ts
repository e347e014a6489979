// One direction of a connection, section 2 of docs/protocol.md: its generation, and the sequence that counts every
// record of that generation. A receiver takes exactly the next sequence under the current epoch.

import { type DirectionKeys, directionKeys, nextTrafficSecret } from './key-schedule.js';
import { refuseUnless } from './notation.js';
import { Both, decodeRecordHeader, type FirstByte, frameTypes, openRecord, sealRecord } from './record.js';

const maxRecords = 2 ** 24;
const maxBodyBytes = 2 ** 37;

export interface Opened extends FirstByte {
  body: Uint8Array;
}

export class Direction {
  readonly suite: number;
  generation: number;
  sequence = 0;
  private bodyBytes = 0;
  private trafficSecret: Uint8Array;
  private keys: DirectionKeys;

  /** Generation 0 is made from a handshake traffic secret, generation 1 from a traffic secret. */
  constructor(suite: number, generation: number, trafficSecret: Uint8Array) {
    this.suite = suite;
    this.generation = generation;
    this.trafficSecret = trafficSecret;
    this.keys = directionKeys(trafficSecret);
  }

  seal(flags: number, type: number, body: Uint8Array): Uint8Array {
    this.refuseBeyondBounds(body.length);
    const header = { flags, type, epoch: this.generation % 256, sequence: this.sequence };
    const frame = sealRecord(this.suite, this.keys, header, body);
    this.count(body.length);
    return frame;
  }

  open(frame: Uint8Array): Opened {
    const { flags, type, epoch, sequence } = decodeRecordHeader(frame);
    refuseUnless(epoch === this.generation % 256, 'another epoch');
    refuseUnless(sequence === this.sequence, 'another sequence');
    const body = openRecord(this.suite, this.keys, frame);
    this.refuseBeyondBounds(body.length);
    this.count(body.length);
    return { flags, type, body };
  }

  /** The sender's half of a key update: a record under the old keys, then the next generation. */
  sealKeyUpdate(): Uint8Array {
    if (this.sequence === 0) throw new RangeError('a key update may not be the first of its generation');
    const frame = this.seal(Both, frameTypes.keyUpdate, new Uint8Array(0));
    this.nextGeneration();
    return frame;
  }

  /** The receiver's half, for a record that has been opened. */
  takeKeyUpdate({ flags, body }: Opened): void {
    refuseUnless(flags === Both, 'a key update has both flags');
    refuseUnless(body.length === 0, 'a key update has an empty body');
    refuseUnless(this.sequence > 1, 'a key update as the first record of its generation');
    this.nextGeneration();
  }

  private nextGeneration(): void {
    this.trafficSecret = nextTrafficSecret(this.trafficSecret);
    this.keys = directionKeys(this.trafficSecret);
    this.generation++;
    this.sequence = 0;
    this.bodyBytes = 0;
  }

  private refuseBeyondBounds(bodyLength: number): void {
    refuseUnless(this.sequence < maxRecords, 'more than 2^24 records under one generation');
    refuseUnless(this.bodyBytes + bodyLength <= maxBodyBytes, 'more than 2^37 bytes under one generation');
  }

  private count(bodyLength: number): void {
    this.sequence++;
    this.bodyBytes += bodyLength;
  }
}
