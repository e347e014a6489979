// What a relay can do to the frames that approval adds to: the client's flight with its connection data, and the server's
// verdict. Every bit of Accepted and of headers over memory, a bit of every other byte; cuts, drops, repetitions; over
// sockets some of them. Nobody comes in who was not let in, nobody reads a reason that the server did not give, and
// nobody on the path reads what the client says of itself, however both sides are configured.

import { expect } from 'chai';
import type { ApprovalVerdict } from '../../lib/manager/approval.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import type { Intercept } from '../../samples/tour/relay.js';
import { encodeMessage, encodeRefused, messageTypes } from '../reference/messages.js';
import { frameTypes, plainFrame } from '../reference/record.js';
import {
  authority,
  clientCertificate,
  credentials,
  serverCertificate,
  strangeAuthority,
} from '../support/authority.js';
import { type Scheme, schemes, startUnconnected } from '../support/pair.js';
import { SeededRandom } from '../support/random.js';
import { outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import {
  type Attempt,
  altering,
  attemptOnce,
  certificateFrames,
  fixedLengths,
  type LaneOptions,
  recordHandshake,
  withApproval,
} from './attempts.js';
import { attemptChanges, type Change, cut, flip } from './frame-changes.js';
import { tried } from './stand.js';
import { Vault } from './vault.js';

const marker = 'swordfish 7H2KQX0M';
const reason = { approved: false, code: 'FULL', message: `no seat for ${marker}`, data: [marker] } as const;
const yes = true as unknown as ApprovalVerdict;
const [flight, verdict] = certificateFrames;
const farOffMs = 5000;
const broken = ['HANDSHAKE_FAILED', 'PROTOCOL_ERROR', 'LIMIT_EXCEEDED'];

function lanes(scheme: Scheme, lets: boolean): LaneOptions {
  return withApproval(fixedLengths(scheme, farOffMs), marker, ({ connectionData }) => {
    if (connectionData !== marker) throw new Error('the connection data were changed on the way');
    return lets ? yes : reason;
  });
}

/** Neither side takes what was changed for what it was; what the server has said, it stands by. */
function expectNothing(attempt: Attempt, { frame, what }: Change, lets: boolean): void {
  expect(attempt.client, what).to.be.oneOf(broken);
  expect(attempt.call, what).to.equal(undefined);
  expect(attempt.handlerRuns, what).to.equal(0);
  expect(attempt.ms, what).to.be.lessThan(farOffMs);
  if (frame === verdict) expect(attempt.server, what).to.equal(lets ? 'connected' : 'APPROVAL_DENIED');
  else expect(attempt.server, what).to.be.oneOf(broken);
}

describe('attack: the frames of an approval', () => {
  nothingUncaught();

  const tryAll = (scheme: Scheme, lets: boolean, changes: readonly Change[]): Promise<number> =>
    attemptChanges(lanes(scheme, lets), changes, (attempt, change) => expectNothing(attempt, change, lets));

  for (const lets of [true, false]) {
    it(`establish nothing, and tell no other reason, whichever is changed (${lets ? 'Accepted' : 'Refused'})`, async function () {
      this.timeout(60_000);
      const random = new SeededRandom(0xa99);
      const [flightBytes, verdictBytes] = await recordHandshake(lanes('memory', lets), certificateFrames);
      const bytes = Array.from(verdictBytes!, (_, byte) => byte);
      const headerBits = Array.from({ length: 8 * 12 }, (_, bit) => bit);
      const changes = [
        ...(lets ? Array.from({ length: 8 * bytes.length }, (_, bit) => flip(verdict, bit)) : []),
        ...(lets ? [] : headerBits.map((bit) => flip(verdict, bit))),
        ...(lets ? [] : bytes.map((byte) => flip(verdict, 8 * byte + random.below(8)))),
        ...bytes.slice(1).map((length) => cut(verdict, length)),
        ...Array.from(flightBytes!, (_, byte) => flip(flight, 8 * byte + random.below(8))),
      ];
      expect(changes.length).to.be.greaterThan(300);
      expect(await tryAll('memory', lets, changes)).to.equal(changes.length);
    });
  }

  for (const scheme of ['tcp', 'ws'] as const) {
    it(`establish nothing over ${scheme} when they are changed or cut`, async function () {
      this.timeout(60_000);
      const random = new SeededRandom(0xa99);
      const frames = await recordHandshake(lanes(scheme, false), certificateFrames);
      const changes = certificateFrames.flatMap((frame, which) =>
        Array.from(frames[which]!, (_, byte) => byte)
          .filter((byte) => byte > 0 && byte % 3 === 0 && tried(scheme, byte / 3))
          .flatMap((byte) => [flip(frame, 8 * byte + random.below(8)), cut(frame, byte)]),
      );
      expect(await tryAll(scheme, false, changes)).to.equal(changes.length);
    });
  }

  for (const scheme of schemes) {
    const once = (lets: boolean, meddle: Intercept): Promise<Attempt> =>
      attemptOnce(lanes(scheme, lets), meddle);

    it(`are what they were when nobody meddles, so that what fails fails for that (${scheme})`, async () => {
      const good = await once(true, ({ bytes }) => [bytes]);
      expect(good).to.include({ client: 'connected', server: 'connected', call: 'answered' });
      const refused = await once(false, ({ bytes }) => [bytes]);
      expect(refused).to.include({ client: 'APPROVAL_DENIED', server: 'APPROVAL_DENIED', handlerRuns: 0 });
    });

    it(`may be dropped, repeated or swapped for a forgery: nobody is let in by it, or refused for a reason (${scheme})`, async () => {
      const forged = plainFrame(
        frameTypes.handshake,
        encodeMessage({ type: messageTypes.refused, body: encodeRefused({ code: 'FORGED', message: '' }) }),
      );
      const admission = plainFrame(
        frameTypes.handshake,
        encodeMessage({ type: messageTypes.accepted, body: new Uint8Array(0) }),
      );
      const noise = new Uint8Array(60).fill(0xc1);
      const meddlings: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array[], string])[] = [
        ['dropped', () => [], 'HANDSHAKE_FAILED'],
        ['repeated', (bytes) => [bytes, bytes.slice()], 'APPROVAL_DENIED'],
        ['a plain Refused', () => [forged], 'HANDSHAKE_FAILED'],
        ['a plain Accepted', () => [admission], 'HANDSHAKE_FAILED'],
        ['noise', () => [noise], 'HANDSHAKE_FAILED'],
      ];
      for (const [what, alter, client] of meddlings) {
        const attempt = await once(
          false,
          altering(verdict, ({ bytes }) => alter(bytes)),
        );
        expect(attempt, what).to.include({ client, server: 'APPROVAL_DENIED', handlerRuns: 0 });
      }
      const refused = await once(
        true,
        altering(verdict, () => [forged]),
      );
      expect(refused).to.include({ client: 'HANDSHAKE_FAILED', handlerRuns: 0 });
    });
  }

  describe('connectionData', () => {
    const certificates = {
      server: { clientAuthentication: 'required' as const, ca: authority().pem.certificate },
      client: { certificate: credentials(clientCertificate('ada')) },
    };
    const setups: readonly (readonly [string, NetworkConfig, NetworkConfig, string])[] = [
      ['signed', {}, {}, 'answered'],
      ['signed, approved', { approveConnection: () => yes }, {}, 'answered'],
      ['signed, refused', { approveConnection: () => false }, {}, 'APPROVAL_DENIED'],
      ['with a client certificate', certificates.server, certificates.client, 'answered'],
      ['anonymous', { signKeyExchange: false }, { signKeyExchange: false }, 'answered'],
      [
        'anonymous, refused with it as a reason',
        { signKeyExchange: false, approveConnection: () => reason },
        { signKeyExchange: false },
        'APPROVAL_DENIED',
      ],
      [
        'without encryption',
        { enableEncryption: false },
        { enableEncryption: false },
        'ENCRYPTION_UNAVAILABLE',
      ],
      ['to a server without encryption', { enableEncryption: false }, {}, 'HANDSHAKE_FAILED'],
      ['to a server with encryption, from none', {}, { enableEncryption: false }, 'ENCRYPTION_UNAVAILABLE'],
      [
        'to a server that is somebody else',
        { certificate: credentials(serverCertificate(strangeAuthority())) },
        {},
        'CERTIFICATE_REJECTED',
      ],
      [
        'to a server whose certificate is refused later',
        {},
        { validateCertificate: async () => false },
        'CERTIFICATE_REJECTED',
      ],
      ['to a server that signs nothing', { signKeyExchange: false }, {}, 'HANDSHAKE_FAILED'],
      ['with the least flags', { minimumSecurity: 0 }, { minimumSecurity: 0 }, 'answered'],
    ];
    for (const [index, [what, server, client, expected]] of setups.entries()) {
      for (const scheme of schemes.filter((each) => tried(each, index))) {
        it(`is never read on the path, and never leaves for whom it is not meant: ${what} (${scheme})`, async () => {
          const said: Record<string, Buffer[]> = { client: [], server: [] };
          let asked = 0;
          const setup = await startUnconnected({
            scheme,
            services: [new Vault()],
            server,
            client: {
              ...client,
              connectionData: () => {
                asked += 1;
                return { ticket: marker, bytes: new TextEncoder().encode(marker) };
              },
            },
            intercept({ from, bytes }) {
              said[from]!.push(Buffer.from(bytes));
              return [bytes];
            },
          });
          const outcome = await outcomeOf(setup.connect());
          await setup.stop();
          expect(outcome.kind === 'answered' ? 'answered' : outcome.code).to.equal(expected);
          const everything = Buffer.concat([...said.client!, ...said.server!]).toString('latin1');
          expect(everything).to.not.include(marker);
          const isMeant = expected === 'answered' || expected === 'APPROVAL_DENIED';
          expect(asked).to.equal(isMeant ? 1 : 0);
          // Who was not meant has at most a hello of the client, and its farewell.
          if (!isMeant) expect(Buffer.concat(said.client!.slice(1)).length).to.be.lessThan(3);
          if (expected === 'ENCRYPTION_UNAVAILABLE') expect(said.client).to.deep.equal([]);
        });
      }
    }
  });
});
