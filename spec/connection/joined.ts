// Two connections over a Line, on a clock that moves by hand, and owners that write down what they are told.

import { expect } from 'chai';
import { utf8 } from '../../lib/base/bytes.js';
import type { SealwireError } from '../../lib/base/errors.js';
import { type Limits, resolveLimits } from '../../lib/base/limits.js';
import { Connection } from '../../lib/connection/connection.js';
import type { ConnectionOwner, PeerChecked } from '../../lib/connection/owner.js';
import type { Backpressure } from '../../lib/connection/pressure.js';
import { type ClientHandshakeConfig, startClientHandshake } from '../../lib/handshake/client.js';
import { type PlainHandshakeConfig, startPlainClient, startPlainServer } from '../../lib/handshake/plain.js';
import { startSecureClient } from '../../lib/handshake/secure-transport-client.js';
import { type ServerHandshakeConfig, startServerHandshake } from '../../lib/handshake/server.js';
import type { Established, Handshake, PendingVerdict } from '../../lib/handshake/state.js';
import type { SecureChannel } from '../../lib/transport/secure-channel.js';
import { closeCodes, frameTypes, plainFrame } from '../../lib/wire/frame.js';
import { clientConfig, identity, only, serverConfig } from '../handshake/roles.js';
import { ManualClock } from '../support/manual-clock.js';
import { Line, type LineEnd } from './line.js';

export interface Delivered {
  readonly flags: number;
  readonly body: Uint8Array;
}

/** Writes down what it is told, and what it is told after the end, which is always too much. */
export class Owner implements ConnectionOwner {
  readonly chains: (readonly Uint8Array[])[] = [];
  readonly sessions: Established[] = [];
  readonly delivered: Delivered[] = [];
  readonly ends: SealwireError[] = [];
  /** What came after the end: to be empty. A throw would be caught by the connection, and seen by nobody. */
  readonly late: string[] = [];
  readonly pressures: Backpressure[] = [];
  /** What the client said of itself, as the server was shown it. */
  readonly connectionData: (Uint8Array | undefined)[] = [];
  /** What the peer is found to be; by default good, at once. A client gives what it says of itself. */
  verdict: () => PeerChecked | Promise<PeerChecked> = () => undefined;
  whenEstablished: () => void = () => undefined;
  whenDelivered: (delivered: Delivered) => void = () => undefined;

  checkPeer({
    peerChain,
    peer,
  }: Pick<PendingVerdict, 'peerChain' | 'peer'>): PeerChecked | Promise<PeerChecked> {
    this.#note('checkPeer');
    this.chains.push(peerChain);
    this.connectionData.push(peer.connectionData);
    return this.verdict();
  }

  established(established: Established): void {
    this.#note('established');
    this.sessions.push(established);
    this.whenEstablished();
  }

  messages(flags: number, body: Uint8Array): void {
    this.#note('messages');
    this.delivered.push({ flags, body: body.slice() });
    this.whenDelivered({ flags, body });
  }

  backpressure(state: Backpressure): void {
    this.#note('backpressure');
    this.pressures.push(state);
  }

  closed(error: SealwireError): void {
    this.#note('closed');
    this.ends.push(error);
  }

  get end(): SealwireError | undefined {
    return this.ends[0];
  }

  #note(call: string): void {
    if (this.ends.length > 0) this.late.push(call);
  }
}

export interface JoinOptions {
  readonly client?: Partial<ClientHandshakeConfig>;
  readonly server?: Partial<ServerHandshakeConfig>;
  readonly clientLimits?: Partial<Limits>;
  readonly serverLimits?: Partial<Limits>;
  /** What is left of the time for the handshake on the client. */
  readonly clientHandshakeTimeoutMs?: number;
  /** Without keys. */
  readonly plain?: boolean;
  /** Without keys: the server judges its client. */
  readonly plainApproval?: boolean;
  /** Over TLS that both let count. */
  readonly tls?: SecureChannel;
  readonly prepare?: (joined: Joined) => void;
}

export interface Side {
  readonly connection: Connection;
  readonly owner: Owner;
  readonly clock: ManualClock;
  readonly end: LineEnd;
}

export interface Joined {
  readonly line: Line;
  readonly client: Side;
  readonly server: Side;
}

function startClient(config: ClientHandshakeConfig, tls: SecureChannel | undefined) {
  return tls ? startSecureClient(config, tls) : startClientHandshake(config);
}

/** Two connections that have said nothing to each other yet. */
export function join(options: JoinOptions = {}): Joined {
  const line = new Line();
  const side = (
    end: LineEnd,
    handshake: Handshake,
    limits: Limits,
    handshakeTimeoutMs: number,
    firstFrame?: Uint8Array,
  ): Side => {
    const owner = new Owner();
    const clock = new ManualClock();
    const connection = new Connection({
      transport: end,
      handshake,
      ...(firstFrame && { firstFrame }),
      limits,
      clock,
      handshakeTimeoutMs,
      owner,
    });
    return { connection, owner, clock, end };
  };
  const clientLimits = resolveLimits(options.clientLimits);
  const serverLimits = resolveLimits(options.serverLimits);
  const plain = (limits: Limits): PlainHandshakeConfig => ({
    transport: 3,
    manifest: Uint8Array.of(0),
    maxFrameBytes: limits.maxFrameBytes,
    maxMessageBytes: limits.maxMessageBytes,
  });
  const hello = options.plain
    ? startPlainClient(plain(clientLimits))
    : startClient(
        clientConfig({
          maxFrameBytes: clientLimits.maxFrameBytes,
          maxMessageBytes: clientLimits.maxMessageBytes,
          ...options.client,
        }),
        options.tls,
      );
  const answering = options.plain
    ? startPlainServer({ ...plain(serverLimits), approves: options.plainApproval === true })
    : startServerHandshake(
        serverConfig({
          identities: only(identity('ed25519')),
          maxFrameBytes: serverLimits.maxFrameBytes,
          maxMessageBytes: serverLimits.maxMessageBytes,
          secure: options.tls,
          ...options.server,
        }),
      );
  const joined: Joined = {
    line,
    client: side(
      line.client,
      hello.handshake,
      clientLimits,
      options.clientHandshakeTimeoutMs ?? clientLimits.handshakeTimeoutMs,
      hello.send,
    ),
    server: side(line.server, answering, serverLimits, serverLimits.handshakeTimeoutMs),
  };
  options.prepare?.(joined);
  return joined;
}

/** Two connections whose handshake is over. */
export function established(options: JoinOptions = {}): Joined {
  const joined = join(options);
  joined.line.flow();
  for (const { owner } of [joined.client, joined.server]) {
    expect(owner.ends).to.deep.equal([]);
    expect(owner.sessions).to.have.length(1);
  }
  return joined;
}

/** So many turns of the event loop on both sides; what is sent arrives at the end of each. */
export async function turns(joined: Joined, count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    joined.client.clock.endTurn();
    joined.server.clock.endTurn();
    joined.line.flow();
    // Who waited for the transport goes on in a microtask.
    for (let tick = 0; tick < 4; tick++) await Promise.resolve();
  }
}

export const anonymous: JoinOptions = { client: { signed: false }, server: { identities: undefined } };

/** Frames that `end` sends while `act` runs. */
export function framesOf(end: LineEnd, act: () => void): Uint8Array[] {
  const before = end.sent.length;
  act();
  return end.sent.slice(before);
}

/** Lets promises that are settled call back. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** The body of some message. */
export const message: Uint8Array = utf8('a message');
export const plainClose = (code: number): Uint8Array => plainFrame(frameTypes.close, Uint8Array.of(code));

/** What the peer was told, by the last frame: only of use before there are keys. */
export function toldInTheClear(side: Side): string | undefined {
  const last = side.end.sent.at(-1)!;
  if (last[0] !== frameTypes.close) return undefined;
  return Object.entries(closeCodes).find(([, code]) => code === last[1])?.[0];
}

/** Ended once, as said, with no timer left. */
export function expectEnd(side: Side, code: string, reason?: string): void {
  expect(side.owner.ends.map((error) => error.code)).to.deep.equal([code]);
  if (reason !== undefined) expect(side.owner.end!.reason).to.equal(reason);
  expect(side.owner.late, 'told after the end').to.deep.equal([]);
  expect(side.clock.timers).to.equal(0);
}

/** Flips bits of one byte, in place. */
export function changed(frame: Uint8Array, index: number, bits: number): Uint8Array {
  frame[index] = frame[index]! ^ bits;
  return frame;
}
