// The content of fragments.json: large messages cut into fragments, sealed, with other frames in between; what a
// receiver refuses; and the extension that announces how large a message may be. See vectors.ts.

import { Direction } from './direction.js';
import { cut } from './fragments.js';
import { sha256 } from './key-schedule.js';
import { announce, encodeExtensions } from './messages.js';
import { concat, text, u8, u32 } from './notation.js';
import { Authenticated, Both, Encrypted, frameTypes, plainFrame, suites } from './record.js';

const secret = sha256(text('sealwire vectors, traffic secret of generation 1'));
const message = (length: number, start: number) =>
  Uint8Array.from({ length }, (_, index) => (start + index) & 0xff);

export function fragmentVectors(): object {
  return {
    streams: Object.values(suites).map((suite) => ({ suite, trafficSecret: secret, ...interleaved(suite) })),
    refused: refused(),
    extensions: extensions(),
  };
}

/** Two messages whose fragments take turns, a whole message and a key update between them, and one without flags. */
function interleaved(suite: number): object {
  const direction = new Direction(suite, 1, secret);
  const [first, second, plain] = [message(50, 0), message(30, 100), message(9, 200)];
  const a = cut(1, first, 20);
  const b = cut(3, second, 10);
  const sealed = (flags: number, body: Uint8Array) => direction.seal(flags, frameTypes.fragment, body);
  const frames = [
    sealed(Both, a[0]!),
    sealed(Authenticated, b[0]!),
    sealed(Both, a[1]!),
    direction.seal(Encrypted, frameTypes.messages, text('between')),
    plainFrame(frameTypes.fragment, cut(4, plain, 100)[0]!),
    direction.sealKeyUpdate(),
    sealed(Authenticated, b[1]!),
    sealed(Authenticated, b[2]!),
    sealed(Both, a[2]!),
  ];
  const delivered = [
    { flags: Encrypted, body: text('between') },
    { flags: 0, body: plain },
    { flags: Authenticated, body: second },
    { flags: Both, body: first },
  ];
  return { frames, delivered };
}

/** Bodies of fragments in a row, under their flags; the last of them is refused. `maxMessageBytes` is 65,536. */
function refused(): object[] {
  const part = (transfer: number, last: number, bytes: number) =>
    concat(u32(transfer), u8(last), new Uint8Array(bytes).fill(0x90));
  const plain = (...bodies: Uint8Array[]) => bodies.map((body) => ({ flags: 0, body }));
  return [
    { why: 'no content', fragments: plain(part(1, 0, 0)) },
    { why: 'cut short', fragments: plain(part(1, 0, 0).slice(0, 4)) },
    { why: 'a last of 2', fragments: plain(part(1, 2, 1)) },
    { why: 'a number that was used', fragments: plain(part(1, 1, 1), part(1, 1, 1)) },
    { why: 'a number that is not larger', fragments: plain(part(5, 0, 1), part(4, 0, 1)) },
    {
      why: 'flags that differ',
      fragments: [
        { flags: Both, body: part(1, 0, 1) },
        { flags: 0, body: part(1, 1, 1) },
      ],
    },
    {
      why: 'a seventeenth unfinished message',
      fragments: plain(...Array.from({ length: 17 }, (_, index) => part(index, 0, 1))),
    },
  ];
}

function extensions(): object[] {
  return [65_536, 16_777_216].map((maxMessageBytes) => {
    const announced = announce({ manifest: [], maxFrameBytes: 65_536, maxMessageBytes });
    return { maxMessageBytes, body: encodeExtensions(announced) };
  });
}
