// What a WebSocket client leaves unmasked: frames of ciphertext, and nothing else (lib/transport/masking.ts).

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import { frameTypes } from '../../lib/wire/frame.js';
import { authority, credentials, serverCertificate, serverName } from '../support/authority.js';
import { startTap } from '../support/tap.js';

class Echo {
  @Rpc()
  echo(text: string): string {
    return text;
  }
}

interface MaskedFrame {
  readonly opcode: number;
  readonly key: number;
  /** As it is meant, without its mask. */
  readonly payload: Buffer;
}

const binary = 2;
const close = 8;

/** The frames of RFC 6455 §5.2 behind the request of the upgrade. */
function framesOf(bytes: Buffer): MaskedFrame[] {
  const frames: MaskedFrame[] = [];
  let at = bytes.indexOf('\r\n\r\n') + 4;
  while (at < bytes.length) {
    const opcode = bytes[at]! & 0x0f;
    let length = bytes[at + 1]! & 0x7f;
    expect(bytes[at + 1]! & 0x80, 'the mask bit').to.equal(0x80);
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    const mask = bytes.subarray(at, at + 4);
    const payload = bytes.subarray(at + 4, at + 4 + length).map((byte, index) => byte ^ mask[index % 4]!);
    frames.push({ opcode, key: mask.readUInt32BE(), payload: Buffer.from(payload) });
    at += 4 + length;
  }
  return frames;
}

describe('manager/masking', () => {
  it('masks all that a client sends over WebSocket, but for frames of ciphertext', async () => {
    const server = new NetworkingManager({ certificate: credentials(serverCertificate()) });
    server.register(new Echo());
    const tap = await startTap(await server.startServer('ws://127.0.0.1:0'));
    const client = new NetworkingManager({ ca: authority().pem.certificate, serverName });
    try {
      await client.startClient(tap.url);
      for (const length of [1, 100, 100_000, 200_000]) {
        for (const security of [0, 1, 2, 3]) {
          const text = 'a'.repeat(length);
          expect(await client.invokeServerRpc('Echo.echo', [text], { security })).to.equal(text);
        }
      }
      await client.stop();
      const frames = framesOf(tap.toServer);
      const seen = new Set<string>();
      for (const { opcode, key, payload } of frames) {
        const flags = payload[0]! >> 6;
        const isHandshake = (payload[0]! & 0x3f) === frameTypes.handshake;
        const isSpared = opcode === binary && !isHandshake && (flags & 2) !== 0;
        seen.add(opcode === binary ? `${isHandshake ? 'handshake' : 'later'} ${flags}` : `${opcode}`);
        if (isSpared) expect(key).to.equal(0);
        else expect(key, `a frame that begins with ${payload[0]}`).to.not.equal(0);
      }
      expect([...seen].sort()).to.deep.equal(
        ['handshake 0', 'handshake 3', 'later 0', 'later 1', 'later 2', 'later 3', `${close}`].sort(),
      );
      const keys = frames.map(({ key }) => key).filter((key) => key !== 0);
      expect(new Set(keys).size, 'no key comes twice').to.equal(keys.length);
    } finally {
      await client.stop();
      await tap.stop();
      await server.stop();
    }
  });
});
