// Whoever is on the path of a connection that begins in the clear: what they strip, edit, delay, repeat, swap and make up
// of its beginning and of the handshake that follows. No secured call runs by their doing, and nothing that was to be
// sealed is ever among the relay's bytes.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { defaultLimits } from '../../lib/base/limits.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { encodeCall, encodeNotify } from '../../lib/wire/call-message.js';
import { frameTypes, plainFrame } from '../../lib/wire/frame.js';
import {
  decodePlainHello,
  encodeHelloRequest,
  encodePlainHello,
  messageTypes,
} from '../../lib/wire/handshake-message.js';
import type { Intercept, Sender } from '../../samples/tour/relay.js';
import { type BegunPlain, beginPlain, Desk, plainHandshakeType } from '../manager/begun-plain.js';
import { credentials, serverCertificate, strangeAuthority } from '../support/authority.js';
import { type Scheme, schemes, startUnconnected } from '../support/pair.js';
import { eventually, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import { tried } from './stand.js';

const marker = 'the-marker-of-what-must-be-sealed';
const helloRequest = plainFrame(frameTypes.handshake, encodeHelloRequest().bytes);

/** For handshakes that are to fail by it; long enough for the opening. */
const soon = 300;

interface Told {
  /** `answered`, or the code of what became of a secured call. */
  readonly client: string;
  readonly server: string;
  /** `encryptionFailed`, by side. */
  readonly failed: Partial<Record<Sender, string>>;
  /** How often a secured call ran. */
  readonly runs: number;
}

const codeFor = async (call: Promise<unknown>): Promise<string> => {
  const outcome = await outcomeOf(call);
  return outcome.kind === 'answered' ? 'answered' : outcome.code;
};

/** Both sides make a secured call over a connection that began in the clear, with `meddle` in between. */
async function attempt(options: {
  scheme?: Scheme;
  meddle: Intercept;
  /** Who asks for keys first. */
  begins?: Sender;
  config?: NetworkConfig;
  server?: NetworkConfig;
  inject?: (pair: BegunPlain) => void;
  timeoutMs?: number;
}): Promise<Told> {
  const { meddle, begins = 'client', config, inject, timeoutMs = 10_000 } = options;
  const limits = { handshakeTimeoutMs: timeoutMs };
  const pair = await beginPlain({
    scheme: options.scheme ?? 'memory',
    client: { limits, ...config },
    server: { limits, ...config, ...options.server },
    intercept: meddle,
  });
  expect(await pair.client.rpc(Desk).open('in the clear')).to.equal('in the clear');
  inject?.(pair);
  const fromClient = () => codeFor(pair.client.rpc(Desk).secret(`${marker} of the client`));
  const fromServer = () => codeFor(pair.peer.rpc(Desk).secret(`${marker} of the server`));
  const calls = begins === 'client' ? [fromClient(), fromServer()] : [fromServer(), fromClient()];
  const told = await Promise.all(calls);
  const over = Object.values(told).some((code) => code !== 'answered');
  if (over) await eventually('the server knows', () => pair.server.clients.size === 0);
  await pair.stop();
  expect(readable(pair.frames), 'in the relay’s bytes').to.deep.equal([]);
  const heard = [...pair.desk.heard, ...pair.clientDesk.heard].filter((word) =>
    String(word).startsWith(marker),
  );
  return {
    client: told[begins === 'client' ? 0 : 1]!,
    server: told[begins === 'client' ? 1 : 0]!,
    failed: Object.fromEntries(Object.entries(pair.failures).map(([side, { code }]) => [side, code])),
    runs: heard.length,
  };
}

function readable(frames: BegunPlain['frames']): string[] {
  return frames
    .map(({ bytes }) => Buffer.from(bytes).toString('latin1'))
    .filter((text) => text.includes(marker));
}

/** No secured call ran, and whoever can know was told by a code. */
function expectFoundOut(told: Told, what: string): void {
  expect(told.runs, `${what}: ran`).to.equal(0);
  for (const side of [told.client, told.server]) {
    expect(['ENCRYPTION_UNAVAILABLE', 'CONNECTION_CLOSED'], `${what}: ${side}`).to.include(side);
  }
  expect(Object.values(told.failed), what).to.not.deep.equal([]);
  for (const code of Object.values(told.failed)) expect(code, what).to.match(/^[A-Z_]+$/);
}

/** The frames of the handshake on a living connection, as its relay sees them. */
const frames: readonly { name: string; from: Sender; is(frame: Uint8Array, nth: number): boolean }[] = [
  {
    name: 'ClientHello',
    from: 'client',
    is: (frame) => plainHandshakeType(frame) === messageTypes.clientHello,
  },
  {
    name: 'ServerHello',
    from: 'server',
    is: (frame) => plainHandshakeType(frame) === messageTypes.serverHello,
  },
  { name: "the server's flight", from: 'server', is: isSealedHandshake },
  { name: "the client's flight", from: 'client', is: isSealedHandshake },
];
const request = {
  name: 'HelloRequest',
  from: 'server' as const,
  is: (frame: Uint8Array) => plainHandshakeType(frame) === messageTypes.helloRequest,
};

function isSealedHandshake(frame: Uint8Array): boolean {
  return frame[0] === (0xc0 | frameTypes.handshake);
}

/** Makes something else of one frame. */
const altering =
  (target: (typeof frames)[number], alter: (bytes: Uint8Array) => ReturnType<Intercept>): Intercept =>
  ({ from, bytes, index }) =>
    from === target.from && target.is(bytes, index) ? alter(bytes) : [bytes];

function flipped(bytes: Uint8Array, at: number, bits = 1): Uint8Array {
  const changed = bytes.slice();
  changed[at]! ^= bits;
  return changed;
}

describe('attack: encryption on demand', () => {
  nothingUncaught();

  describe('the handshake on a living connection', () => {
    for (const [index, scheme] of schemes.entries()) {
      it(`is held up, and what waited for it was never sent (${scheme})`, async () => {
        const dropped = frames.filter((_target, place) => tried(scheme, place + index));
        await Promise.all([
          ...dropped.map(async (target) => {
            const told = await attempt({ scheme, timeoutMs: soon, meddle: altering(target, () => []) });
            expectFoundOut(told, `${target.name} is dropped`);
          }),
          // Nobody but the server asks, or the client would begin by itself.
          onlyServerAsks(
            scheme,
            altering(request, () => []),
          ).then((told) => expectFoundOut(told, request.name)),
        ]);
      });
    }

    it('is delayed for longer than it may take', async () => {
      await Promise.all(
        frames.map(async (target) => {
          let pair: BegunPlain | undefined;
          const told = await attempt({
            timeoutMs: soon,
            inject: (begun) => {
              pair = begun;
            },
            meddle: altering(target, (bytes) => {
              const to = target.from === 'client' ? 'server' : 'client';
              setTimeout(() => pair!.relay!.inject(to, bytes), soon + 50);
              return [];
            }),
          });
          expectFoundOut(told, `${target.name} is delayed`);
        }),
      );
    });

    it('is edited, wherever it is', async () => {
      const lengths = await recorded();
      for (const target of frames) {
        const length = lengths.get(target.name)!;
        const step = Math.max(1, Math.floor(length / 25));
        // The first byte says what a frame is: another kind of frame is another attack.
        for (let at = 1; at < length; at += step) {
          const bits = 1 << (at % 8);
          const told = await attempt({
            meddle: altering(target, (bytes) => [flipped(bytes, Math.min(at, bytes.length - 1), bits)]),
          });
          expectFoundOut(told, `${target.name}, byte ${at}`);
        }
      }
    });

    it('is cut short, or goes on', async () => {
      for (const target of frames) {
        for (const alter of [
          (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1),
          (bytes: Uint8Array) => Uint8Array.of(...bytes, 0),
        ]) {
          const told = await attempt({ meddle: altering(target, (bytes) => [alter(bytes)]) });
          expectFoundOut(told, target.name);
        }
      }
    });

    it('is repeated: the connection ends, and what ran had keys', async () => {
      for (const target of frames) {
        const told = await attempt({ meddle: altering(target, (bytes) => [bytes, bytes]) });
        expect([told.client, told.server], target.name).to.not.deep.equal(['answered', 'answered']);
        if (target === frames[0] || target === frames[1]) expectFoundOut(told, target.name);
      }
    });

    it('is put in another order', async () => {
      const swaps: [(typeof frames)[number], (frame: Uint8Array) => boolean][] = [
        [frames[1]!, isSealedHandshake],
        // Whatever is sealed behind it: the first call under keys.
        [frames[3]!, (frame) => (frame[0]! & 0xc0) !== 0 && !isSealedHandshake(frame)],
      ];
      for (const [first, isNext] of swaps) {
        let held: Uint8Array | undefined;
        const told = await attempt({
          meddle({ from, bytes, index }) {
            if (from !== first.from) return [bytes];
            if (held === undefined && first.is(bytes, index)) {
              held = bytes;
              return [];
            }
            return held !== undefined && isNext(bytes) ? [bytes, held] : [bytes];
          },
        });
        expectFoundOut(told, first.name);
      }
    });

    it('is replaced by that of another connection', async () => {
      const [first, second]: Map<string, Uint8Array>[] = [new Map(), new Map()];
      for (const seen of [first!, second!]) {
        await attempt({
          meddle({ from, bytes, index }) {
            for (const target of frames)
              if (from === target.from && target.is(bytes, index)) seen.set(target.name, bytes);
            return [bytes];
          },
        });
      }
      for (const target of frames) {
        const told = await attempt({ meddle: altering(target, () => [first!.get(target.name)!]) });
        expectFoundOut(told, `${target.name} of another`);
      }
    });

    it('is ended by a farewell of nobody', async () => {
      for (const code of [0, 2, 5, 9]) {
        const told = await attempt({
          meddle: altering(frames[1]!, () => [plainFrame(frameTypes.close, Uint8Array.of(code))]),
        });
        expectFoundOut(told, `close ${code}`);
      }
    });

    it('is with somebody else: the certificate says so', async () => {
      const stranger = { certificate: credentials(serverCertificate(strangeAuthority())) };
      const told = await attempt({ meddle: ({ bytes }) => [bytes], server: stranger });
      expectFoundOut(told, 'a stranger');
      expect(told.failed).to.deep.equal({ client: 'CERTIFICATE_REJECTED', server: 'HANDSHAKE_FAILED' });
    });
  });

  describe('what is said in the clear', () => {
    for (const target of ['client', 'server'] as const) {
      // Every bit is changed in spec/handshake/on-demand.spec.ts: here calls are made as well.
      it(`is changed in any byte of the hello of the ${target}: refused at once, or found out by the handshake`, async () => {
        const fates: Record<string, number> = { refused: 0, 'found out': 0 };
        let length = 1;
        for (let at = 0; at < length; at++) {
          const fate = await useHello(({ from, bytes, index }) => {
            if (from !== target || index !== 0) return [bytes];
            ({ length } = bytes);
            return [flipped(bytes, at, 1 << ((at * 3) % 8))];
          }, `byte ${at}`);
          fates[fate]! += 1;
        }
        expect(fates.refused! + fates['found out']!).to.equal(length);
        // Flags, names and sizes among them: they look as good as what they were.
        expect(fates['found out']).to.be.greaterThan(20);
      });

      it(`is a manifest of the ${target} that asks for nothing: it is not believed about calls by name`, async () => {
        for (const [method, declared] of [
          ['secret', 3],
          ['secrets', 11],
          ['tell', 6],
        ] as const) {
          for (const flags of [0, 1, 2, declared & 8, declared & 4, 11]) {
            if (flags === declared) continue;
            const fate = await useHello(({ from, bytes, index }) => {
              if (from !== target || index !== 0) return [bytes];
              return [withFlags(bytes, method, declared, flags)];
            }, `${method}, ${flags}`);
            expect(fate).to.equal('found out');
          }
        }
      });
    }

    for (const target of ['client', 'server'] as const) {
      it(`lacks on_demand, taken out of the hello of the ${target}: no connection`, async () => {
        const setup = await startUnconnected({
          scheme: 'memory',
          services: [new Desk()],
          server: { encryption: 'onDemand' },
          client: { encryption: 'onDemand' },
          intercept: ({ from, bytes, index }) =>
            from === target && index === 0 ? [without(bytes)] : [bytes],
        });
        const failed: string[] = [];
        setup.server.on('encryptionFailed', ({ code }) => failed.push(code));
        setup.client.on('encryptionFailed', ({ code }) => failed.push(code));
        expect(await outcomeOf(setup.connect())).to.include({
          code: 'HANDSHAKE_FAILED',
          reason: 'encryption-mismatch',
        });
        if (target === 'client') await eventually('both know', () => failed.length === 2);
        expect(new Set(failed)).to.deep.equal(new Set(['HANDSHAKE_FAILED']));
        await setup.stop();
      });
    }

    it('is on_demand, put into the hello of a client that has encryption off: it fails, and nothing is secured', async () => {
      const setup = await startUnconnected({
        scheme: 'memory',
        services: [new Desk()],
        server: { encryption: 'onDemand' },
        client: { enableEncryption: false },
        intercept: ({ from, bytes, index }) =>
          from === 'client' && index === 0 ? [withOnDemand(bytes)] : [bytes],
      });
      expect(await codeFor(setup.connect())).to.equal('HANDSHAKE_FAILED');
      await setup.stop();
    });

    it('is a ClientHello, answered as a server of old answers a PlainHello', async () => {
      const wrote: Uint8Array[] = [];
      let hello: Uint8Array | undefined;
      const plain = await beginPlain({ scheme: 'memory' });
      hello = plain.frames.find(({ from }) => from === 'server')!.bytes;
      await plain.stop();
      for (const answer of [hello, without(hello)]) {
        const setup = await startUnconnected({
          scheme: 'memory',
          client: { encryption: 'onDemand', connectionData: marker },
          intercept({ from, bytes }) {
            wrote.push(bytes);
            return from === 'server' ? [answer] : [bytes];
          },
        });
        expect(await outcomeOf(setup.connect())).to.include({ code: 'HANDSHAKE_FAILED' });
        await setup.stop();
      }
      expect(wrote.filter((bytes) => Buffer.from(bytes).includes(marker))).to.deep.equal([]);
    });
  });

  describe('what is made up', () => {
    const passOn: Intercept = ({ bytes }) => [bytes];
    const to =
      (side: Sender, ...made: Uint8Array[]) =>
      (pair: BegunPlain) =>
        pair.relay!.inject(side, ...made);

    it('is a HelloRequest: a handshake, as if the server had asked', async () => {
      const told = await attempt({ meddle: passOn, inject: to('client', helloRequest) });
      expect(told).to.deep.equal({ client: 'answered', server: 'answered', failed: {}, runs: 2 });
    });

    it('is a handshake frame that nobody waits for', async () => {
      const full = plainFrame(frameTypes.handshake, Uint8Array.of(65, 0, 0, 1, 0));
      const cases: [string, Sender, Uint8Array][] = [
        ['a HelloRequest with a body', 'client', full],
        ['a ServerHello', 'client', plainFrame(frameTypes.handshake, Uint8Array.of(2, 0, 0, 0))],
        ['a HelloRequest for a server', 'server', helloRequest],
        ['no message', 'server', plainFrame(frameTypes.handshake, new Uint8Array(0))],
        ['a ClientHello of no bytes', 'server', plainFrame(frameTypes.handshake, Uint8Array.of(1, 0, 0, 0))],
        ['a sealed one', 'server', Uint8Array.of(0xc1, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(32))],
        ['a sealed message', 'client', Uint8Array.of(0xc2, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(32))],
        ['one that is too large', 'server', plainFrame(frameTypes.handshake, new Uint8Array(70_000))],
        ['one that is too large', 'client', plainFrame(frameTypes.handshake, new Uint8Array(70_000))],
      ];
      for (const [what, side, frame] of cases) {
        const told = await attempt({ meddle: passOn, inject: to(side, frame) });
        expectFoundOut(told, `${what}, to the ${side}`);
        if (frame.length > 65_536) expect(told.failed[side]).to.equal('LIMIT_EXCEEDED');
      }
    });

    it('is a call or event without protection, where the method asks for some: not run', async () => {
      // A method's number is its place in the manifest: count, held, open, secret, secrets, tell.
      const made: [Sender, number, Uint8Array][] = [
        ['server', 3, encodeCall(1000, 3, ['forged'], 0, defaultLimits, {})],
        ['server', 5, encodeNotify(5, ['forged'], defaultLimits)],
        ['client', 3, encodeCall(1000, 3, ['forged'], 0, defaultLimits, {})],
      ];
      for (const [side, , message] of made) {
        const pair = await beginPlain({ scheme: 'memory' });
        const refused: string[] = [];
        pair[side].on('callRefused', (_peer, _method, code) => refused.push(code));
        pair.relay!.inject(side, plainFrame(frameTypes.messages, message));
        await eventually('it is refused', () => refused.length > 0);
        expect([refused, pair.desk.heard, pair.clientDesk.heard]).to.deep.equal([
          ['SECURITY_REQUIRED'],
          [],
          [],
        ]);
        await pair.stop();
      }
    });

    it('is a farewell in the clear when there are keys', async () => {
      const cases: [Sender, Uint8Array][] = [
        ['server', plainFrame(frameTypes.close, Uint8Array.of(0))],
        ['client', plainFrame(frameTypes.close, Uint8Array.of(0))],
      ];
      for (const [side, frame] of cases) {
        const pair = await beginPlain({ scheme: 'memory' });
        await pair.client.connection!.establishEncryption();
        await eventually('both are', () => pair.events.length === 2);
        // An answer under keys tells the client that it cannot be refused any more; a server knows before.
        if (side === 'client') expect(await pair.client.rpc(Desk).secret(1)).to.deep.equal([1, 3]);
        pair.relay!.inject(side, frame);
        await eventually('both know', () => pair.events.length === 4);
        expect(pair.events).to.include(`${side} lost PROTOCOL_ERROR`);
        await pair.stop();
      }
    });

    it('is another ClientHello when there are keys: the connection ends', async () => {
      const pair = await beginPlain({ scheme: 'memory' });
      await pair.client.connection!.establishEncryption();
      await eventually('both are', () => pair.events.length === 2);
      const hello = pair.frames.find(({ bytes }) => plainHandshakeType(bytes) === messageTypes.clientHello)!;
      pair.relay!.inject('server', hello.bytes);
      await eventually('both know', () => pair.events.length === 4);
      expect(pair.events).to.include('server lost PROTOCOL_ERROR');
      expect(toHex(hello.bytes)).to.not.equal('');
      await pair.stop();

      const other = await beginPlain({ scheme: 'memory' });
      await other.peer.establishEncryption();
      await eventually('both are', () => other.events.length === 2);
      other.relay!.inject('client', helloRequest);
      await eventually('both know', () => other.events.length === 4);
      expect(other.events).to.include('client lost PROTOCOL_ERROR');
      await other.stop();
    });
  });
});

/** Both sides use a connection that has begun with a hello that was changed; `found out` where it could begin. */
async function useHello(meddle: Intercept, what: string): Promise<'refused' | 'found out'> {
  const wrote: Uint8Array[] = [];
  const desks = [new Desk(), new Desk()];
  const setup = await startUnconnected({
    scheme: 'memory',
    services: [desks[0]!],
    clientServices: [desks[1]!],
    server: { encryption: 'onDemand', keyStretching: { iterations: 1 } },
    client: { encryption: 'onDemand' },
    intercept(frame) {
      wrote.push(frame.bytes);
      return meddle(frame);
    },
  });
  const failed: string[] = [];
  setup.client.on('encryptionFailed', ({ code }) => failed.push(`client ${code}`));
  setup.server.on('encryptionFailed', ({ code }) => failed.push(`server ${code}`));
  const connected = await codeFor(setup.connect());
  let fate: 'refused' | 'found out' = 'refused';
  if (connected === 'answered' && setup.server.clients.size === 1) {
    fate = 'found out';
    const [peer] = setup.server.clients.values();
    const calls = [setup.client.connection!, peer!].flatMap((side) => [
      side.rpc<Desk>('Desk').secret(marker),
      side.invoke('Desk.tell', [marker]),
      side.invoke('Desk.open', [marker], { security: 1 }),
      side.rpc<Desk>('Desk').secrets(1).next(),
      side.establishEncryption(),
    ]);
    for (const outcome of await Promise.all(calls.map(codeFor))) {
      expect(outcome, what).to.match(/^[A-Z_]+$/);
    }
    await eventually('both know', () => failed.length === 2);
    expect(failed.toSorted(), what).to.deep.equal(['client HANDSHAKE_FAILED', 'server HANDSHAKE_FAILED']);
  } else {
    // A server that cannot read the manifest has said its hello by then, and hangs up.
    expect(connected, what).to.match(/^(HANDSHAKE_FAILED|HANDSHAKE_TIMEOUT|PROTOCOL_ERROR|answered)$/);
    await eventually('it is over', () => setup.client.connection === undefined);
  }
  await setup.stop();
  expect(
    desks.flatMap(({ heard }) => heard),
    what,
  ).to.deep.equal([]);
  expect(
    wrote.filter((bytes) => Buffer.from(bytes).includes(marker)),
    what,
  ).to.deep.equal([]);
  return fate;
}

/** The same PlainHello with other flags for one method of its manifest. */
function withFlags(frame: Uint8Array, method: string, declared: number, flags: number): Uint8Array {
  const entry = Buffer.from([method.length, ...Buffer.from(method), declared]);
  const at = Buffer.from(frame).indexOf(entry);
  expect(at).to.be.greaterThan(0);
  const changed = frame.slice();
  changed[at + entry.length - 1] = flags;
  return changed;
}

/** Only the server wants keys, which it must ask its client for. */
async function onlyServerAsks(scheme: Scheme, meddle: Intercept): Promise<Told> {
  const limits = { handshakeTimeoutMs: soon };
  const pair = await beginPlain({ scheme, client: { limits }, server: { limits }, intercept: meddle });
  const server = await codeFor(pair.peer.rpc(Desk).secret(marker));
  await pair.stop();
  expect(readable(pair.frames)).to.deep.equal([]);
  const failed = Object.fromEntries(Object.entries(pair.failures).map(([side, { code }]) => [side, code]));
  return { client: server, server, failed, runs: pair.clientDesk.heard.length };
}

/** The lengths of the frames of one untouched handshake. */
async function recorded(): Promise<Map<string, number>> {
  const lengths = new Map<string, number>();
  await attempt({
    meddle({ from, bytes, index }) {
      for (const target of frames)
        if (from === target.from && target.is(bytes, index)) lengths.set(target.name, bytes.length);
      return [bytes];
    },
  });
  return lengths;
}

/** The same PlainHello without on_demand. */
function without(frame: Uint8Array): Uint8Array {
  const { transport, extensions } = decodePlainHello(frame.subarray(5));
  const rest = new Map([...extensions].filter(([type]) => type !== 8));
  return plainFrame(frameTypes.handshake, encodePlainHello({ transport, extensions: rest }).bytes);
}

function withOnDemand(frame: Uint8Array): Uint8Array {
  const { transport, extensions } = decodePlainHello(frame.subarray(5));
  const more = new Map([...extensions, [8, new Uint8Array(0)]]);
  return plainFrame(frameTypes.handshake, encodePlainHello({ transport, extensions: more }).bytes);
}
