// The first half of the tour: a call under each of the four flags, and one from the server to its client, with the bytes
// that went over the wire and what the eavesdropper could read of them.
//
// What can be read is not deduced from the flags: the recorded bytes are searched for words of the call.

import { type Peer, Security } from 'sealwire';
import type { Eavesdropper } from './eavesdropper.js';
import type { Expectations } from './expectations.js';
import { bytes, explainFrame, fieldStyles, flagsOf, messagesType, nameFlags, typeOf } from './frame.js';
import { printFrame } from './hexdump.js';
import type { Page } from './page.js';
import type { Sender } from './relay.js';
import type { Stage, Visitor } from './stage.js';

interface Demonstration {
  readonly method: string;
  /** What the @Rpc of arena.ts says. */
  readonly declared: number;
  readonly caller: Sender;
  /** The call as a program writes it. */
  readonly written: string;
  readonly call: () => Promise<unknown>;
  /** Words that stand in the request and in the answer, to look for on the wire. */
  readonly asked: string;
  readonly answered: string;
  readonly remark: string;
}

export async function showFlags(
  stage: Stage,
  { visitor, peer }: { readonly visitor: Visitor; readonly peer: Peer },
  page: Page,
  expectations: Expectations,
): Promise<void> {
  page.chapter('2  Four flags');
  page.text(
    'Every method says with @Rpc how it must be protected, and its calls and answers travel so. Without a flag a frame is ' +
      'one byte and the message. With any flag it is a record:',
  );
  page.line();
  for (const line of recordPicture(page)) page.line(`    ${line}`);
  page.text(
    'The sequence numbers the records of one direction. It is part of the nonce, so no two records are sealed alike, ' +
      'and the receiver takes exactly the next one. Messages are MessagePack, and methods go by number: their names ' +
      'were agreed, sealed, in the handshake.',
  );

  for (const [index, demonstration] of demonstrations(visitor, peer).entries()) {
    await demonstrate(`2.${index + 1}`, demonstration, visitor.eavesdropper, page, expectations);
  }
  expectations.same(
    stage.warnings,
    ['SEALWIRE_MALLEABLE'],
    'Sealwire warned, once, of the RPC that is declared Encrypted alone: SEALWIRE_MALLEABLE',
  );
  expectations.same(visitor.hud.shown, ['the gates close at nine'], 'the client showed the announcement');
  expectations.same(
    stage.house.arena.runs.map(({ security }) => security),
    [Security.None, Security.Authenticated, Security.Encrypted, Security.Encrypted | Security.Authenticated],
    'each method saw, in callContext(), the flags that its message really had',
  );
}

function demonstrations({ arena }: Visitor, peer: Peer): readonly Demonstration[] {
  const hud = peer.rpc<Visitor['hud']>('Hud');
  return [
    {
      method: 'Arena.scoreboard',
      declared: Security.None,
      caller: 'client',
      written: "arena.scoreboard('forum')",
      call: () => arena.scoreboard('forum'),
      asked: 'forum',
      answered: 'hypatia',
      remark: 'Public and cheap: no key is touched. Anybody on the path can read it, and change it too.',
    },
    {
      method: 'Arena.move',
      declared: Security.Authenticated,
      caller: 'client',
      written: "arena.move('north', 1)",
      call: () => arena.move('north', 1),
      asked: 'north',
      answered: '1 to the north',
      remark: 'Still readable, but the tag proves who sent it: nobody on the path can make one that fits.',
    },
    {
      method: 'Arena.whisper',
      declared: Security.Encrypted,
      caller: 'client',
      written: "arena.whisper('bob', 'meet me at 7')",
      call: () => arena.whisper('bob', 'meet me at 7'),
      asked: 'meet me at 7',
      answered: 'told bob',
      remark:
        'Unreadable, but without a tag it is malleable: flip a bit here, and the same bit flips in the text. ' +
        'Chapter 3 does it. Never for secrets, nor for anything that is acted on.',
    },
    {
      method: 'Arena.login',
      declared: Security.Encrypted | Security.Authenticated,
      caller: 'client',
      written: "arena.login('ada', 'swordfish')",
      call: () => arena.login('ada', 'swordfish'),
      asked: 'swordfish',
      answered: 'ticket-of-the-lion',
      remark: 'What secrets need: encrypted, and the tag covers the ciphertext and the header before it.',
    },
    {
      method: 'Hud.announce',
      declared: Security.Authenticated,
      caller: 'server',
      written: "client.rpc<Hud>('Hud').announce('the gates close at nine')",
      call: () => hud.announce('the gates close at nine'),
      asked: 'the gates close at nine',
      answered: 'showing 23 letters',
      remark:
        'The other way round: the server calls its client in the same way, under keys of that direction.',
    },
  ];
}

async function demonstrate(
  number: string,
  { method, declared, caller, written, call, asked, answered, remark }: Demonstration,
  eavesdropper: Eavesdropper,
  page: Page,
  expectations: Expectations,
): Promise<void> {
  const callee: Sender = caller === 'client' ? 'server' : 'client';
  page.section(`${number}  ${method}`, `@Rpc(${nameFlags(declared)})`);
  page.text(remark);
  page.line();

  const mark = eavesdropper.count;
  const result = await call();
  const [request, ...moreRequests] = messages(eavesdropper, mark, caller);
  const [answer, ...moreAnswers] = messages(eavesdropper, mark, callee);
  if (request === undefined || answer === undefined) throw new Error(`${method}: the relay saw no frames`);

  page.fact('call', written);
  page.fact('result', JSON.stringify(result));
  page.line();
  for (const [name, sender, receiver, frame] of [
    ['request', caller, callee, request],
    ['answer', callee, caller, answer],
  ] as const) {
    page.line(`  ${page.paint(`${name}, ${sender} → ${receiver}, ${bytes(frame.length)}`, 'dim')}`);
    printFrame(page, frame);
    page.line(`    ${explainFrame(page, frame)}`);
    page.line();
  }

  const read = [asked, answered].filter((words) => eavesdropper.hasRead(words));
  page.fact(
    'eavesdropper',
    read.length > 0
      ? `read ${read.map((words) => `"${words}"`).join(' and ')}`
      : 'found none of the words: only the time, the direction, the length and the flags',
  );
  const secret = (declared & Security.Encrypted) !== 0;
  expectations.same(
    [moreRequests.length, moreAnswers.length, flagsOf(request), flagsOf(answer)],
    [0, 0, declared, declared],
    'one frame each way, and both carry the flags that the method declares',
  );
  expectations.same(
    read,
    secret ? [] : [asked, answered],
    secret
      ? `neither "${asked}" nor "${answered}" could be read`
      : `"${asked}" and "${answered}" could be read by everybody on the path`,
  );
}

function messages(eavesdropper: Eavesdropper, mark: number, from: Sender): readonly Uint8Array[] {
  return eavesdropper.since(mark, from).filter((frame) => typeOf(frame) === messagesType);
}

function recordPicture(page: Page): readonly string[] {
  const flags = page.paint('E A type', fieldStyles['flags and type']);
  const epoch = page.paint('epoch', fieldStyles.epoch);
  const sequence = page.paint('sequence', fieldStyles.sequence);
  const body = page.paint('body', fieldStyles.body);
  const tag = page.paint('tag', fieldStyles.tag);
  return [
    '┌──────────┬────────┬──────────┬──────────────┬──────────────────┐',
    `│ ${flags} │ ${epoch}  │ ${sequence} │ ${body}         │ ${tag}, with A only │   E = Encrypted`,
    '│ 1 byte   │ 1 byte │ 6 bytes  │ the messages │ 16 bytes         │   A = Authenticated',
    '└──────────┴────────┴──────────┴──────────────┴──────────────────┘',
  ];
}
