// The second half of the tour: the eavesdropper stops listening and starts to interfere. Each attack on its own
// connection; for each it is shown who noticed, with which code, what the other side was told, and that nothing ran.

import type { Peer } from 'sealwire';
import { makeCredentials } from './credentials.js';
import { codeOf, named, outcome, reasonOf } from './errors.js';
import type { Expectations } from './expectations.js';
import { bytes, explainFrame, flagsOf, messagesType, recordHeaderBytes, tagBytes, typeOf } from './frame.js';
import { printFrame } from './hexdump.js';
import type { Entry } from './journal.js';
import type { Page } from './page.js';
import type { RelayedFrame } from './relay.js';
import { openHouse, type Stage, type Visitor } from './stage.js';

/** What all attacks have in common: where they happen, and where they are told. */
interface Scene {
  readonly stage: Stage;
  readonly page: Page;
  readonly expectations: Expectations;
}

const authenticatedBit = 0x40;

export async function showAttacks(stage: Stage, page: Page, expectations: Expectations): Promise<void> {
  const scene: Scene = { stage, page, expectations };
  page.chapter('3  Attacks');
  page.text(
    'Now the relay interferes. It knows the protocol by heart and holds every frame in its hands; what it lacks are the ' +
      'keys. Each attack has a connection of its own, and a bystander plays on at the same server all the time.',
  );
  const farewells = [await forge(scene), await replay(scene), await clearFlag(scene)];
  await peel(scene);
  await impersonate(scene);
  await flip(scene);

  page.section('3.7  What an attacker learns');
  page.text(
    'Forged, replayed or stripped: the reason stands in the log of the side that noticed. The other side is told one and ' +
      'the same code, sealed, so that nobody can feel their way forward from one answer to the next.',
  );
  page.line();
  expectations.same(
    farewells,
    farewells.map(() => ({ reason: 'protocol-error', type: 4, flags: 3 })),
    'after each of the three: protocol-error, in a close frame that is encrypted and authenticated',
  );
}

/** How an attacked connection ended: what the client is told, and what that looks like on the wire. */
interface Farewell {
  readonly reason: string | undefined;
  readonly type: number;
  readonly flags: number;
}

function farewellOf({ eavesdropper }: Visitor, told: Entry | undefined): Farewell {
  const last = eavesdropper.since(0, 'server').at(-1) ?? new Uint8Array();
  return { reason: told?.reason, type: typeOf(last), flags: flagsOf(last) };
}

/** The body of a readable call is changed in one byte; the tag is left as it was. */
async function forge(scene: Scene): Promise<Farewell> {
  const { page, expectations } = scene;
  page.section('3.1  One byte forged', "arena.move('north', 1)");
  page.text(
    'The call is readable, so the relay knows what it would like to change: the number behind "north", one step, ' +
      'becomes nine.',
  );
  const { visitor, noticed, told, call, ran } = await moveWithChange(scene, (frame) =>
    changeByte(frame, Buffer.from(frame).indexOf('north') + 'north'.length, () => 9),
  );
  expectations.same(named(noticed), 'RECORD_REJECTED (tag)', 'the tag does not fit: RECORD_REJECTED (tag)');
  expectations.same(codeOf(call), 'CONNECTION_CLOSED', 'the caller knows that there was no answer');
  await expectHarmless(scene, ran, 'Arena.move did not run');
  return farewellOf(visitor, told);
}

/** A call that was good, and was answered, is sent once more. */
async function replay(scene: Scene): Promise<Farewell> {
  const { stage, page, expectations } = scene;
  page.section('3.2  A message replayed', "arena.move('north', 1)");
  page.text(
    'If one step north is good, the relay thinks, two are better. It keeps the frame, lets it pass, waits for the answer ' +
      'and sends the very same bytes again. Every one of them is genuine, and so is the tag.',
  );
  let kept: Uint8Array = new Uint8Array();
  const visitor = await stage.visit((frame) => {
    if (isCall(frame)) kept = frame.bytes;
    return undefined;
  });
  const peer = await visitor.connect();
  const ran = stage.house.arena.runs.length;
  const call = await outcome(visitor.arena.move('north', 1));
  visitor.relay.inject('server', kept);
  const [noticed, told] = await bothEnds(stage, visitor, peer);

  tellFrame(page, 'what the relay sent twice', kept);
  page.line();
  tellNoticed(page, 'server noticed', noticed);
  tell(page, 'client is told', told);
  expectations.same(call, '1 to the north', 'the call itself had its answer');
  expectations.same(
    named(noticed),
    'RECORD_REJECTED (sequence)',
    'the server has had sequence 0 already: RECORD_REJECTED (sequence)',
  );
  await expectHarmless(scene, ran + 1, 'Arena.move ran once, not twice');
  return farewellOf(visitor, told);
}

/** The flag is taken out of the first byte, everything else stays. */
async function clearFlag(scene: Scene): Promise<Farewell> {
  const { page, expectations } = scene;
  page.section('3.3  The flag stripped', "arena.move('north', 1)");
  page.text(
    'Where the flag Authenticated is not set, nobody looks for a tag. So the relay clears that one bit and leaves the ' +
      'rest alone. Now header and tag are part of the message, and that makes no sense.',
  );
  const { visitor, noticed, told, call, ran } = await moveWithChange(scene, (frame) =>
    changeByte(frame, 0, (first) => first & ~authenticatedBit),
  );
  expectations.same(named(noticed), 'PROTOCOL_ERROR', 'there is no message in it: PROTOCOL_ERROR');
  expectations.same(codeOf(call), 'CONNECTION_CLOSED', 'the caller knows that there was no answer');
  await expectHarmless(scene, ran, 'Arena.move did not run');
  return farewellOf(visitor, told);
}

/** Header and tag are cut off, so that a plain frame with a perfect message is left. */
async function peel(scene: Scene): Promise<void> {
  const { stage, page, expectations } = scene;
  page.section('3.4  The flag stripped, with care', "arena.move('north', 1)");
  page.text(
    'The relay does better: it cuts off header and tag as well. What is left is a plain frame with a perfect message, ' +
      'and it could say any number of steps. But the server knows what Arena.move must have.',
  );
  let peeled: Uint8Array = new Uint8Array();
  const visitor = await stage.visit((frame) => {
    if (!isCall(frame)) return undefined;
    peeled = Uint8Array.of(messagesType, ...frame.bytes.subarray(recordHeaderBytes, -tagBytes));
    return [peeled];
  });
  const peer = await visitor.connect();
  const ran = stage.house.arena.runs.length;
  const mark = visitor.eavesdropper.count;
  const call = await outcome(visitor.arena.move('north', 1));
  const refused = await stage.house.journal.entry('callRefused', { peer: peer.id });
  const [gone, noticed] = await bothEnds(stage, visitor, peer);
  const [answer] = visitor.eavesdropper.since(mark, 'server');

  tellFrame(page, 'what the relay sent on, a plain frame', peeled);
  if (answer) tellFrame(page, 'what the server answered, plain since the call was plain', answer);
  page.line();
  tellNoticed(page, 'server noticed', refused);
  tellNoticed(page, 'client noticed', noticed);
  page.fact('call failed with', `\`${codeOf(call)}\``);
  tell(page, 'server, later', gone);
  expectations.same(named(refused), 'SECURITY_REQUIRED', 'the server refused the call: SECURITY_REQUIRED');
  expectations.same(
    named(noticed),
    'PROTOCOL_ERROR',
    'the client takes no answer that is weaker than its call, and hangs up: PROTOCOL_ERROR',
  );
  expectations.same(codeOf(call), 'CONNECTION_CLOSED', 'the caller knows that there was no answer');
  expectations.same(
    named(gone),
    'RECORD_REJECTED (sequence)',
    "the number of the client's farewell tells the server that a record is missing before it",
  );
  await expectHarmless(scene, ran, 'Arena.move did not run');
}

/** The relay leads to a server of the attacker's own, with a certificate of the attacker's own authority. */
async function impersonate(scene: Scene): Promise<void> {
  const { stage, page, expectations } = scene;
  page.section('3.5  A certificate of another authority', 'client.startClient(…)');
  page.text(
    'No longer a forger but a whole server: with keys of its own, an Arena of its own, and a certificate for the same ' +
      'address. Only that it comes from an authority that this client has never heard of.',
  );
  const impostor = await openHouse(makeCredentials('Impostor authority'));
  const ran = stage.house.arena.runs.length;
  const visitor = await stage.visit(undefined, impostor);
  const failure = await outcome(visitor.connect());
  const noticed = await visitor.journal.entry('encryptionFailed');
  const told = await impostor.journal.entry('encryptionFailed');
  await impostor.server.stop();
  const sent = visitor.eavesdropper.since(0, 'client');
  const farewell = sent.at(-1);

  if (farewell) tellFrame(page, 'the last thing that the client said: close, code 2', farewell);
  page.line();
  tellNoticed(page, 'client noticed', noticed);
  tell(page, 'impostor is told', told);
  expectations.same(
    named(noticed),
    'CERTIFICATE_REJECTED (untrusted)',
    'the client refused the certificate: CERTIFICATE_REJECTED (untrusted)',
  );
  expectations.same(named(failure), named(noticed), 'startClient() rejected with the same');
  expectations.same(
    named(told),
    'HANDSHAKE_FAILED (handshake-failed)',
    'the impostor learns that it failed, and not why: HANDSHAKE_FAILED (handshake-failed)',
  );
  expectations.same(sent.map(typeOf), [1, 4], 'the client said hello and close, and nothing in between');
  expectations.same(impostor.arena.runs, [], 'nothing ran at the impostor');
  await expectHarmless(scene, ran, 'nothing ran at the server');
}

/** Behind the arguments stands how long the caller waits, 60,000 ms: `cd ea 60` in MessagePack. */
const patienceBytes = 3;

/** The attack that succeeds, because the method does not ask for more. */
async function flip(scene: Scene): Promise<void> {
  const { stage, page, expectations } = scene;
  const text = 'meet me at 7';
  page.section('3.6  What Encrypted alone does not stop', `arena.whisper('bob', '${text}')`);
  page.text(
    'This one succeeds, and it should be seen once. Without a tag nobody notices a change, and a stream cipher passes ' +
      'it on, bit for bit. The relay cannot read the text, but it guesses what stands where: it flips the bits in which ' +
      '7 and 9 differ.',
  );
  let change: Change | undefined;
  const visitor = await stage.visit((frame) => {
    if (!isCall(frame)) return undefined;
    const textEnd = frame.bytes.length - patienceBytes;
    change = changeByte(frame.bytes, textEnd - 1, (byte) => byte ^ '7'.charCodeAt(0) ^ '9'.charCodeAt(0));
    return [change.frame];
  });
  await visitor.connect();
  const ran = stage.house.arena.runs.length;
  const call = await outcome(visitor.arena.whisper('bob', text));

  tellChange(page, change);
  page.fact('server', `noticed nothing, and ran ${stage.house.arena.runs.at(-1)?.call}`);
  expectations.same(
    call,
    'told bob: meet me at 9',
    'bob is told nine: Encrypted alone hides, and protects nothing',
  );
  await expectHarmless(scene, ran + 1, 'Arena.whisper ran, with a text that nobody wrote');
}

/** A step north whose frame is changed on its way, and how that ended; tells who noticed what. */
async function moveWithChange({ stage, page }: Scene, change: (frame: Uint8Array) => Change) {
  let changed: Change | undefined;
  const visitor = await stage.visit((frame) => {
    if (!isCall(frame)) return undefined;
    changed = change(frame.bytes);
    return [changed.frame];
  });
  const peer = await visitor.connect();
  const ran = stage.house.arena.runs.length;
  const call = await outcome(visitor.arena.move('north', 1));
  const [noticed, told] = await bothEnds(stage, visitor, peer);

  tellChange(page, changed);
  tellNoticed(page, 'server noticed', noticed);
  tell(page, 'client is told', told);
  page.fact('call failed with', `\`${codeOf(call)}\``);
  return { visitor, call, ran, noticed, told };
}

/** A call of the client on its way to the server. */
function isCall({ from, bytes: frame }: RelayedFrame): boolean {
  return from === 'client' && typeOf(frame) === messagesType;
}

/** How a connection ended: as the server has it in its journal, and the client in its own. */
function bothEnds(
  stage: Stage,
  visitor: Visitor,
  { id }: Peer,
): Promise<[server: Entry | undefined, client: Entry | undefined]> {
  return Promise.all([
    stage.house.journal.entry('clientDisconnected', { peer: id }),
    visitor.journal.entry('disconnected'),
  ]);
}

async function expectHarmless({ stage, expectations }: Scene, runs: number, claim: string): Promise<void> {
  expectations.same(stage.house.arena.runs.length, runs, claim);
  expectations.that(await stage.bystanderIsUndisturbed(), 'the bystander, on the same server, plays on');
}

/** A frame with one byte in it that is not the sender's. */
interface Change {
  readonly frame: Uint8Array;
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

function changeByte(original: Uint8Array, at: number, become: (byte: number) => number): Change {
  const frame = original.slice();
  const before = original[at] ?? 0;
  frame[at] = become(before);
  return { frame, at, before, after: frame[at] ?? 0 };
}

function tellChange(page: Page, change: Change | undefined): void {
  if (change === undefined) throw new Error('the relay saw no call to change');
  const { frame, at, before, after } = change;
  const what = `what the relay sent on, byte ${at} changed from ${hex(before)} to ${hex(after)}`;
  tellFrame(page, what, frame, new Set([at]));
  page.line();
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

function tellFrame(page: Page, what: string, frame: Uint8Array, changed?: ReadonlySet<number>): void {
  page.line();
  page.line(`  ${page.paint(`${what}, ${bytes(frame.length)}`, 'dim')}`);
  printFrame(page, frame, changed);
  page.line(`    ${explainFrame(page, frame)}`);
}

/** What stands in a program's own log: code, reason, and words. */
function tellNoticed(page: Page, label: string, entry: Entry | undefined): void {
  tell(page, label, entry);
  if (entry?.message) page.fact('', `"${entry.message}"`);
}

function tell(page: Page, label: string, what: unknown): void {
  page.fact(
    label,
    `\`${codeOf(what)}\`${reasonOf(what) === undefined ? '' : `, reason \`${reasonOf(what)}\``}`,
  );
}
