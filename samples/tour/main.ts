// The tour: `npm start`. What Sealwire does to the bytes on the wire, and what somebody on the path can do about it.
//
//   1  the scene     an authority, a PFX file, a server, an eavesdropper, a client
//   2  four flags    a call under each: the bytes, and what could be read of them       flags.ts
//   3  attacks       a byte forged, a message replayed, flags stripped, a false name     attacks.ts
//
// Everything is real, nothing is scripted. Exit code 0 only if every expectation held.

import { showAttacks } from './attacks.js';
import { Expectations } from './expectations.js';
import { showFlags } from './flags.js';
import { Page, wantsColours } from './page.js';
import { showScene } from './scene.js';
import { Stage } from './stage.js';

const page = new Page((line) => console.log(line), wantsColours(process.stdout, process.env));
const expectations = new Expectations(page);

page.title('Sealwire: a tour');
page.text(
  'A server and a client talk over one WebSocket. On the path between them sits somebody who sees every frame and may ' +
    'change it. Each remote procedure says for itself how it is protected; here you see what that does to the bytes.',
);

const stage = await Stage.set();
try {
  const guests = await showScene(stage, page, expectations);
  await showFlags(stage, guests, page, expectations);
  await showAttacks(stage, page, expectations);
} finally {
  await stage.close();
}

expectations.summarize();
process.exitCode = expectations.exitCode;
