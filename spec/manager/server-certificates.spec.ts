// Which certificate a handshake gets, and when one is told to be renewed.

import { expect } from 'chai';
import { loadIdentity } from '../../lib/certificate/identity.js';
import { type IssueOptions, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { ServerCertificates } from '../../lib/manager/server-certificates.js';
import { authority } from '../support/authority.js';
import { ManualClock } from '../support/manual-clock.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Of the clock that specs move. */
const now = new Date('2026-11-20T12:00:00Z');

function inDays(days: number): Date {
  return new Date(now.getTime() + days * dayMs);
}

function identity(options: IssueOptions) {
  const { pem } = issueCertificate(nodeCrypto, { issuer: authority(), notBefore: inDays(-300), ...options });
  return loadIdentity(nodeCrypto, { cert: pem.certificate, key: pem.key });
}

const arena = identity({ dnsNames: ['arena.example'] });
const lobby = identity({ dnsNames: ['lobby.example', '*.lobby.example'] });
const lobbyEd25519 = identity({ dnsNames: ['lobby.example'], keyKind: 'ed25519' });
const lobbyExpired = identity({ dnsNames: ['lobby.example'], notAfter: inDays(-1) });
const lobbyTooEarly = identity({
  dnsNames: ['lobby.example'],
  notBefore: inDays(1),
  notAfter: inDays(90),
});
const address = identity({ ipAddresses: ['10.0.0.5'] });
const anything = () => true;

describe('manager: the certificates of a running server', () => {
  const ignore = () => undefined;

  describe('choose', () => {
    const certificates = new ServerCertificates(
      [arena, lobbyExpired, lobbyTooEarly, lobbyEd25519, lobby, address],
      new ManualClock(now),
      ignore,
    );

    for (const [serverName, expected] of [
      ['arena.example', arena],
      ['ARENA.example', arena],
      ['eu.lobby.example', lobby],
      ['10.0.0.5', address],
    ] as const) {
      it(`takes the one that is for ${serverName}`, () => {
        expect(certificates.choose(serverName, anything)).to.equal(expected);
      });
    }

    it('prefers one that is valid now', () => {
      expect(certificates.choose('lobby.example', anything)).to.equal(lobbyEd25519);
    });

    it('takes one whose signature the client reads, for that name or any', () => {
      const p256 = ({ key }: { key: { kind: string } }) => key.kind === 'p256';
      expect(certificates.choose('lobby.example', p256)).to.equal(lobby);
      const ed25519 = ({ key }: { key: { kind: string } }) => key.kind === 'ed25519';
      expect(certificates.choose('arena.example', ed25519)).to.equal(lobbyEd25519);
      expect(certificates.choose('arena.example', () => false)).to.equal(undefined);
    });

    it('takes an expired one rather than one for another name', () => {
      const only = new ServerCertificates([arena, lobbyExpired], new ManualClock(now), ignore);
      expect(only.choose('lobby.example', anything)).to.equal(lobbyExpired);
    });

    for (const serverName of ['', 'nobody.example', 'a.b.lobby.example', 'lobby.example\0', '*']) {
      it(`takes the first for ${JSON.stringify(serverName)}, which none is for`, () => {
        expect(certificates.choose(serverName, anything)).to.equal(arena);
      });
    }
  });

  describe('expiry', () => {
    function watched(...identities: ReturnType<typeof identity>[]) {
      const clock = new ManualClock(now);
      const told: [string, number][] = [];
      const certificates = new ServerCertificates(identities, clock, ({ subjectAltName }, daysLeft) => {
        const [name] = subjectAltName ?? [];
        told.push([name?.kind === 'dns' ? name.value : 'a CA', daysLeft]);
      });
      return { clock, told, certificates };
    }

    it('is told at once and every day from two weeks before on, and goes on behind it', () => {
      const { clock, told, certificates } = watched(
        identity({ dnsNames: ['a.example'], notAfter: new Date(inDays(16).getTime() + hourMs) }),
      );
      certificates.watch();
      expect(told).to.deep.equal([]);
      clock.advance(2 * dayMs);
      expect(told).to.deep.equal([]);
      clock.advance(dayMs);
      expect(told).to.deep.equal([['a.example', 13]]);
      clock.advance(14 * dayMs);
      expect(told.map(([, days]) => days)).to.deep.equal([13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1]);
    });

    it('begins with the last third of a short life', () => {
      const { clock, told, certificates } = watched(
        identity({ dnsNames: ['b.example'], notBefore: inDays(0), notAfter: inDays(6) }),
      );
      certificates.watch();
      clock.advance(4 * dayMs);
      expect(told).to.deep.equal([]);
      clock.advance(dayMs);
      expect(told).to.deep.equal([['b.example', 1]]);
    });

    it('looks at the whole chain, for each identity', () => {
      const intermediate = issueCertificate(nodeCrypto, {
        commonName: 'Short-lived intermediate',
        ca: true,
        issuer: authority(),
        notBefore: inDays(-300),
        notAfter: inDays(3),
      });
      const below = identity({ dnsNames: ['c.example'], issuer: intermediate });
      const soon = identity({ dnsNames: ['d.example'], notAfter: inDays(4) });
      const { told, certificates } = watched(arena, below, soon);
      certificates.watch();
      expect(told).to.deep.equal([
        ['a CA', 3],
        ['d.example', 4],
      ]);
    });

    it('looks again when certificates are replaced, and at the new ones alone', () => {
      const soon = identity({ dnsNames: ['d.example'], notAfter: inDays(4) });
      const { clock, told, certificates } = watched(soon);
      certificates.watch();
      certificates.replace([arena]);
      clock.advance(3 * dayMs);
      expect(told).to.deep.equal([['d.example', 4]]);
      expect(certificates.choose('d.example', anything)).to.equal(arena);
      certificates.replace([soon]);
      expect(told).to.deep.equal([
        ['d.example', 4],
        ['d.example', 1],
      ]);
    });

    it('leaves no timer behind, and tells nothing before it is watched', () => {
      const soon = identity({ dnsNames: ['d.example'], notAfter: inDays(4) });
      const { clock, told, certificates } = watched(soon);
      certificates.replace([soon]);
      expect([told.length, clock.timers]).to.deep.equal([0, 0]);
      certificates.watch();
      certificates.watch();
      expect([told.length, clock.timers]).to.deep.equal([2, 1]);
      certificates.stop();
      clock.advance(9 * dayMs);
      expect([told.length, clock.timers]).to.deep.equal([2, 0]);
    });
  });
});
