// How long calls may take, what ends them early, and what travels with them. Run it: node dist/samples/guide/calls.js

import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CallContext, callContext, NetworkingManager, Rpc, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

class Oracle {
  /** Nobody may keep it busy for more than two seconds, whatever they ask for. */
  @Rpc(Security.Authenticated, { timeoutMs: 2000 })
  async ask(question: string): Promise<string> {
    // Before the first await: behind it, callContext() is that of nobody.
    const { signal, deadline } = callContext();
    const msLeft = Number(deadline) - Date.now();
    try {
      // Whatever takes an AbortSignal can be given this one: timers, fetch(), child processes, database drivers.
      await sleep(10_000, undefined, { signal });
      return '42';
    } finally {
      ended.push(question);
      console.log(`${question} I had less than ${msLeft > 1000 ? 2000 : 1000} ms to think about it.`);
    }
  }

  /** Asks its caller back, twice. */
  @Rpc(Security.Authenticated)
  async duel(): Promise<string[]> {
    const context = callContext();
    // Made before the first await: this call ends with the one that it is made for, by its deadline or its signal.
    const first = await context.client.rpc<Player>('Player').draw();
    // Behind an await, say so.
    const second = await context.client.rpc<Player>('Player', { context }).draw();
    return [first, second];
  }

  /** What a caller says beside the arguments. */
  @Rpc(Security.Authenticated)
  trace(): string {
    const { metadata } = callContext();
    return `trace ${metadata['trace-id'] ?? 'unknown'}`;
  }
}

class Player {
  readonly #cards = ['seven', 'ace'];

  @Rpc(Security.Authenticated)
  async draw(): Promise<string> {
    const { signal } = callContext();
    const card = this.#cards.shift();
    if (card !== undefined) return card;
    drawing.push(callContext());
    // No cards are left: until whoever asks gives up.
    await once(signal, 'abort');
    throw signal.reason;
  }
}

const ended: string[] = [];
/** Contexts of calls that wait for a card. */
const drawing: CallContext[] = [];
const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['oracle.example'], issuer: authority });
const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Oracle());
const url = await server.startServer('ws://127.0.0.1:0');
const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'oracle.example' });
client.register(new Player());
await client.startClient(url);

// A time limit for each call that is made through this object.
const impatient = client.rpc<Oracle>('Oracle', { timeoutMs: 50 });
equal(await codeOf(impatient.ask('Why?')), 'DEADLINE_EXCEEDED');

// A date, for what must be done by then. The sooner of both counts, and that of the method.
const deadline = new Date(Date.now() + 50);
equal(await codeOf(client.invokeServerRpc('Oracle.ask', ['When?'], { deadline })), 'DEADLINE_EXCEEDED');

// A signal: for a button, or for several calls that are given up together.
const giveUp = new AbortController();
const answers = client.rpc<Oracle>('Oracle', { signal: giveUp.signal });
setTimeout(() => giveUp.abort(), 20);
equal(await codeOf(answers.ask('Who?')), 'CANCELLED');

// Calls that a method makes in its turn end with the call that they are made for.
const oracle = client.rpc<Oracle>('Oracle');
deepEqual(await oracle.duel(), ['seven', 'ace']);
equal(await codeOf(client.rpc<Oracle>('Oracle', { timeoutMs: 50 }).duel()), 'DEADLINE_EXCEEDED');

// Metadata travels beside the arguments, under the flags of the call.
equal(await client.rpc<Oracle>('Oracle', { metadata: { 'trace-id': 'd71f' } }).trace(), 'trace d71f');

// The other side hears of each end, and stops.
while (ended.length < 3 || !drawing[0]?.signal.aborted) await sleep(5);

await client.stop();
await server.stop();

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SealwireError) return error.code;
    throw error;
  }
  return 'it answered';
}
