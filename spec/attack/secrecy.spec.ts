// A marker sent under Encrypted never appears in the relay's bytes; under None and Authenticated it does: as an
// argument, a result, the message and the data of an RpcError, and in calls from the server to its client.

import { expect } from 'chai';
import { type Pair, schemes, startPair } from '../support/pair.js';
import { outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { Vault } from './vault.js';

type Invoke = (name: string, args: readonly unknown[], options: { security: number }) => Promise<unknown>;

for (const scheme of schemes) {
  describe(`attack: reading along over ${scheme}`, () => {
    nothingUncaught();
    let frames: { from: string; bytes: Buffer }[] = [];
    let pair: Pair;

    before(async () => {
      pair = await startPair({
        scheme,
        services: [new Vault()],
        clientServices: [new Vault()],
        intercept({ from, bytes }) {
          frames.push({ from, bytes: Buffer.from(bytes) });
          return [bytes];
        },
      });
    });
    after(() => pair.stop());

    const directions: [string, string, () => Invoke][] = [
      [
        'client',
        'server',
        () =>
          (...call) =>
            pair.client.invokeServerRpc(...call),
      ],
      [
        'server',
        'client',
        () =>
          (...call) =>
            pair.peer.invoke(...call),
      ],
    ];
    for (const [caller, callee, invoker] of directions) {
      for (const security of [0, 1, 2, 3]) {
        const hidden = (security & 1) === 1;
        const marker = `marker-${caller}-${security}-of-nobody-else`;

        it(`${caller} calls under ${security}: argument and result are ${hidden ? 'hidden' : 'readable'}`, async () => {
          frames = [];
          expect(await invoker()('Vault.needs0', [marker], { security })).to.equal(marker);
          expect(occurrences(frames, caller, marker)).to.equal(hidden ? 0 : 1);
          expect(occurrences(frames, callee, marker)).to.equal(hidden ? 0 : 1);
          expect(frames).to.have.length(2);
        });

        it(`${caller} calls under ${security}: message and data of the error are ${hidden ? 'hidden' : 'readable'}`, async () => {
          frames = [];
          const outcome = await outcomeOf(invoker()('Vault.refuse', [marker], { security }));
          expect(outcome).to.deep.include({ kind: 'failed', code: 'NOT_FOUND' });
          expect((outcome as { error: unknown }).error).to.deep.include({
            message: `message ${marker}`,
            data: { data: marker },
          });
          expect(occurrences(frames, caller, marker)).to.equal(hidden ? 0 : 1);
          // In the message and in the data.
          expect(occurrences(frames, callee, marker)).to.equal(hidden ? 0 : 2);
          expect(frames).to.have.length(2);
        });
      }
    }

    it('shows nothing of what an unforeseen error says, under any flags', async () => {
      frames = [];
      for (const security of [0, 1, 2, 3]) {
        const outcome = await outcomeOf(
          pair.client.invokeServerRpc('Vault.crash', ['hunter2'], { security }),
        );
        expect(outcome).to.deep.include({ kind: 'failed', code: 'INTERNAL' });
        expect((outcome as { error: Error }).error.message).to.not.match(/hunter2|password/);
      }
      expect(occurrences(frames, 'server', 'hunter2')).to.equal(0);
      expect(occurrences(frames, 'server', 'password')).to.equal(0);
      expect(occurrences(frames, 'client', 'hunter2')).to.equal(2);
    });

    it('hides the certificate and the names of the methods in the handshake', async () => {
      const handshake: Buffer[] = [];
      const fresh = await startPair({
        scheme,
        services: [new Vault()],
        clientServices: [new Vault()],
        intercept({ bytes }) {
          handshake.push(Buffer.from(bytes));
          return [bytes];
        },
      });
      await fresh.stop();
      const said = Buffer.concat(handshake).toString('latin1');
      expect(said).to.not.include('Vault');
      expect(said).to.not.include('needs3');
      expect(said).to.not.include('Sealwire specs');
      // The name that the client asks for is in its hello, in the clear: docs/protocol.md section 4.1.
      expect(said.split('arena.example')).to.have.length(2);
    });
  });
}

function occurrences(frames: readonly { from: string; bytes: Buffer }[], from: string, text: string): number {
  return frames
    .filter((frame) => frame.from === from)
    .reduce((sum, { bytes }) => sum + bytes.toString('latin1').split(text).length - 1, 0);
}
