// x509-limbo: path validation cases written by others. Ours answers as they say, but for the cases listed here, each
// with its reason; no case may be added to that list without one.

import { expect } from 'chai';
import { validateCertificateChain } from '../../../lib/certificate/path/path.js';
import { backends } from '../../crypto/backends.js';
import { sharedVectors } from '../../support/requirements.js';
import { fromPem } from '../workshop.js';

interface LimboCase {
  readonly id: string;
  readonly features: readonly string[];
  readonly validation_kind: 'SERVER' | 'CLIENT';
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: { readonly kind: string; readonly value: string } | null;
}

/** Rules that RFC 5280 gives to CAs, not to those who verify (§6), where refusing would cost and protect nobody. */
const acceptedOnPurpose: Readonly<Record<string, string>> = {
  'rfc5280::nc::permitted-dns-match-noncritical':
    'name constraints must be marked critical by the CA; they are applied here however they are marked',
  'rfc5280::ski::root-missing-ski': 'a hint for finding issuers; a root that Node trusts has none either',
  'rfc5280::ski::intermediate-missing-ski': 'a hint for finding issuers; names and signatures decide',
  'rfc5280::root-non-critical-basic-constraints':
    'the CA flag is read however it is marked; one root that Node trusts has it so',
};

/** Rules of the CA/Browser Forum for public CAs: this validator serves private ones above all. */
const forumRules: readonly string[] = [
  'webpki::aki::root-with-aki-authoritycertissuer',
  'webpki::aki::root-with-aki-authoritycertserialnumber',
  'webpki::cn::ipv4-leading-zeros-mismatch',
  'webpki::cn::ipv6-uppercase-mismatch',
  'webpki::cn::ipv6-uncompressed-mismatch',
  'webpki::cn::punycode-not-in-san',
  'webpki::cn::utf8-vs-punycode-mismatch',
  'webpki::san::san-critical-with-nonempty-subject',
  'webpki::ee-basicconstraints-ca',
  // `openssl x509 -req` without extensions makes leaves like this one (there version 1, here 2).
  'webpki::v1-cert',
];

const refusedOnPurpose: Readonly<Record<string, string>> = {
  'pathlen::validation-ignores-pathlen-in-leaf':
    'the leaf is a CA whose key usage has no digitalSignature: its key may not sign a handshake',
};

/** What is not offered: revocation lists, a limit on the depth of a path, and rules that limbo itself calls pedantic. */
function isOffered({ features }: LimboCase): boolean {
  return !features.some(
    (name) => name === 'has-crl' || name === 'max-chain-depth' || name.startsWith('pedantic'),
  );
}

for (const crypto of backends) {
  describe(`x509-limbo with ${crypto.name}`, function () {
    this.timeout(20_000);
    let cases: LimboCase[] = [];
    before(function () {
      cases = sharedVectors<{ testcases: LimboCase[] }>(this, 'limbo/limbo.json').testcases.filter(isOffered);
    });

    it('is answered as limbo says, but for the cases above, each within a second', () => {
      const wronglyAccepted: string[] = [];
      const wronglyRefused: string[] = [];
      for (const limbo of cases) {
        const started = performance.now();
        const { ok } = validateCertificateChain({
          crypto,
          leaf: fromPem(limbo.peer_certificate),
          intermediates: limbo.untrusted_intermediates.map(fromPem),
          roots: limbo.trusted_certs.map(fromPem),
          hostname: limbo.expected_peer_name?.value,
          // Cases without a time were made to be valid for centuries.
          time: new Date(limbo.validation_time ?? '2026-11-20T12:00:00Z'),
          purpose: limbo.validation_kind === 'SERVER' ? 'server' : 'client',
        });
        expect(performance.now() - started, `milliseconds for ${limbo.id}`).to.be.lessThan(1000);
        if (ok && limbo.expected_result === 'FAILURE') wronglyAccepted.push(limbo.id);
        if (!ok && limbo.expected_result === 'SUCCESS') wronglyRefused.push(limbo.id);
      }
      expect(cases.length, 'cases').to.be.at.least(93);
      expect(wronglyRefused).to.have.members(Object.keys(refusedOnPurpose));
      expect(wronglyAccepted).to.have.members([...Object.keys(acceptedOnPurpose), ...forumRules]);
    });
  });
}
