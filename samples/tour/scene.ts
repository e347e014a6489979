// The first chapter of the tour: who is there, and what the eavesdropper sees while two sides agree on keys.

import type { Peer } from 'sealwire';
import { loadIdentity } from 'sealwire/certificate';
import { serverCommonName } from './credentials.js';
import { codeOf, outcome } from './errors.js';
import type { Expectations } from './expectations.js';
import { bytes, flagsOf } from './frame.js';
import type { Page } from './page.js';
import type { Stage, Visitor } from './stage.js';

const flights = {
  client: ['ClientHello', 'Extensions, Finished'],
  server: ['ServerHello', 'Extensions, Certificate, CertificateVerify, Finished'],
} as const;

/** Resolves to the client of the scene, and to this client as the server sees it. */
export async function showScene(
  stage: Stage,
  page: Page,
  expectations: Expectations,
): Promise<{ visitor: Visitor; peer: Peer }> {
  const { credentials, house } = stage;
  const visitor = await stage.visit();
  page.chapter('1  The scene');
  page.line();
  page.fact('authority', `"${credentials.authorityName}", made a moment ago; only its certificate is shared`);
  page.fact(
    'PFX',
    `${bytes(credentials.pfx.length)}, the server's certificate and key under a random passphrase`,
  );
  page.fact('server', `${house.url}, loads the PFX`);
  page.fact('eavesdropper', `${visitor.relay.url}, a relay to the server that keeps a copy of every frame`);
  page.fact('client', 'dials the relay without knowing, and trusts that authority alone');
  page.line();
  const guess = await outcome(async () => loadIdentity({ pfx: credentials.pfx, passphrase: 'a guess' }));
  expectations.same(
    codeOf(guess),
    'PFX_PASSPHRASE',
    'another passphrase does not open the PFX: PFX_PASSPHRASE',
  );

  const peer = await visitor.connect();
  const { client, eavesdropper } = visitor;
  page.text(
    'Client and server shake hands in one round trip, and whatever follows the two hellos is sealed:',
  );
  page.line();
  for (const { from, index, bytes: frame } of eavesdropper.frames) {
    const state = flagsOf(frame) === 0 ? 'in the clear' : 'sealed';
    page.fact(
      `from the ${from}`,
      `${flights[from][index] ?? 'more of it'}: ${bytes(frame.length)}, ${state}`,
    );
  }
  page.line();
  const security = client.connection?.security;
  expectations.same(
    [security?.protection, security?.group],
    ['signed', 'x25519'],
    `there are keys, signed with the certificate: ${security?.group}, ${security?.suite}`,
  );
  expectations.same(
    client.connection?.exportKey('tour', 32),
    peer.exportKey('tour', 32),
    'both sides derive the same key, and it never was on the wire',
  );
  expectations.same(
    eavesdropper.since(0).map(flagsOf),
    [0, 0, 3, 3],
    'nothing but the two hellos went by in the clear',
  );
  expectations.same(
    [serverCommonName, 'Arena', 'login'].filter((name) => eavesdropper.hasRead(name)),
    [],
    'the certificate and the names of services and methods could not be read',
  );
  return { visitor, peer };
}
