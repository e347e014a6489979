// Many handshakes through relays that meddle, and what became of each on both sides.
//
// A lane is a server, a relay and a client of its own, used for one attempt after the other; lanes run side by side.

import type { SealwireError } from '../../lib/base/errors.js';
import { type IssuedCertificate, issueCertificate } from '../../lib/certificate/issue/issue.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import type { ConnectionApproval } from '../../lib/manager/approval.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import type { Intercept, RelayedFrame, Sender } from '../../samples/tour/relay.js';
import { authority, clientCertificate, credentials, serverName } from '../support/authority.js';
import { type Scheme, startUnconnected, type Unconnected } from '../support/pair.js';
import { codeOf, eventually } from '../support/settled.js';
import { Vault } from './vault.js';

/** The four frames of a handshake without a client certificate. */
export const handshakeFrames = [
  { name: 'ClientHello', from: 'client', index: 0 },
  { name: 'ServerHello', from: 'server', index: 0 },
  { name: "the server's flight", from: 'server', index: 1 },
  { name: "the client's flight", from: 'client', index: 1 },
] as const;
/** What is another where the server asks for a client certificate, or approves its clients: then it may be Refused, too. */
export const certificateFrames: readonly [HandshakeFrame, HandshakeFrame] = [
  handshakeFrames[3],
  { name: 'Accepted', from: 'server', index: 2 },
];
export interface HandshakeFrame {
  readonly name: string;
  readonly from: Sender;
  /** Among the frames of its sender. */
  readonly index: number;
}

export interface Attempt {
  /** `connected`, or the code with which startClient() failed. */
  readonly client: string;
  /** `connected`, or the code that the server's encryptionFailed or clientRefused told. */
  readonly server: string;
  /** What a call got when startClient() resolved: `answered` or a code. */
  readonly call: string | undefined;
  /** The code with which the client's connection ended, if it ended by itself. */
  readonly disconnected: string | undefined;
  readonly handlerRuns: number;
  readonly ms: number;
}

export interface LaneOptions {
  readonly scheme: Scheme;
  readonly server?: NetworkConfig;
  readonly client?: NetworkConfig;
}

/** Options with the Ed25519 certificate, whose signatures have one length: every attempt has frames of the same sizes. */
export function fixedLengths(scheme: Scheme, handshakeTimeoutMs: number): LaneOptions {
  const issued = ed25519Certificate().pem;
  const limits = { handshakeTimeoutMs };
  return {
    scheme,
    server: {
      certificate: { cert: issued.certificate, key: issued.key },
      keyStretching: { iterations: 1 },
      limits,
    },
    client: { limits },
  };
}

/** The same, with a client that must show its certificate, and does. */
export function withClientCertificate(options: LaneOptions): LaneOptions {
  const certificate = credentials(clientCertificate('ada', authority(), 'ed25519'));
  const server = {
    ...options.server,
    ca: authority().pem.certificate,
    clientAuthentication: 'required' as const,
  };
  return { ...options, server, client: { ...options.client, certificate } };
}

/** The same, with a server that approves its clients, and a client that says `marker` of itself. */
export function withApproval(options: LaneOptions, marker: string, verdict: ConnectionApproval): LaneOptions {
  return {
    ...options,
    server: { ...options.server, approveConnection: verdict },
    client: { ...options.client, connectionData: marker },
  };
}

const passOn: Intercept = ({ bytes }) => [bytes];

export class Lane {
  readonly #setup: Unconnected;
  readonly #vaults: readonly Vault[];
  #intercept: Intercept = passOn;
  #serverOutcome: string | undefined;

  static async open(options: LaneOptions): Promise<Lane> {
    const vaults = [new Vault(), new Vault()];
    let lane: Lane | undefined;
    const setup = await startUnconnected({
      ...options,
      services: [vaults[0]!],
      clientServices: [vaults[1]!],
      intercept: (frame) => lane!.#intercept(frame),
    });
    lane = new Lane(setup, vaults);
    return lane;
  }

  constructor(setup: Unconnected, vaults: readonly Vault[]) {
    this.#setup = setup;
    this.#vaults = vaults;
    setup.server.on('clientConnected', (peer) => {
      this.#serverOutcome = 'connected';
      // A server that believes in the connection calls at once.
      peer.invoke('Vault.needs0').catch(() => undefined);
    });
    setup.server.on('encryptionFailed', (error) => {
      this.#serverOutcome = error.code;
    });
    setup.server.on('clientRefused', (_request, error) => {
      this.#serverOutcome = error.code;
    });
  }

  /** `meddle` sees the frames of this attempt alone. */
  async attempt(meddle: Intercept): Promise<Attempt> {
    const { client } = this.#setup;
    for (const vault of this.#vaults) vault.runs.length = 0;
    this.#serverOutcome = undefined;
    this.#intercept = meddle;
    let disconnected: string | undefined;
    const onDisconnected = (error: SealwireError): void => {
      disconnected = error.code;
    };
    client.on('disconnected', onDisconnected);
    const startedMs = performance.now();
    const started = await codeOf(this.#setup.connect());
    const call = started === 'answered' ? await codeOf(client.invokeServerRpc('Vault.needs0')) : undefined;
    const ms = performance.now() - startedMs;
    await eventually('the server knows', () => this.#serverOutcome !== undefined);
    client.off('disconnected', onDisconnected);
    const outcome: Attempt = {
      client: started === 'answered' ? 'connected' : started,
      server: this.#serverOutcome!,
      call,
      disconnected,
      handlerRuns: this.#vaults.reduce((sum, { runs }) => sum + runs.length, 0),
      ms,
    };
    await client.stop();
    return outcome;
  }

  close(): Promise<void> {
    return this.#setup.stop();
  }
}

let made: IssuedCertificate | undefined;

function ed25519Certificate(): IssuedCertificate {
  made ??= issueCertificate(nodeCrypto, { dnsNames: [serverName], issuer: authority(), keyKind: 'ed25519' });
  return made;
}

/** One attempt, on a lane of its own. */
export async function attemptOnce(options: LaneOptions, meddle: Intercept): Promise<Attempt> {
  const lane = await Lane.open(options);
  try {
    return await lane.attempt(meddle);
  } finally {
    await lane.close();
  }
}

/** Runs `jobs` over so many lanes side by side. */
export async function overLanes<Job>(
  lanes: number,
  options: LaneOptions,
  jobs: readonly Job[],
  run: (lane: Lane, job: Job) => Promise<void>,
): Promise<void> {
  const queue = [...jobs].reverse();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      const lane = await Lane.open(options);
      try {
        for (let job = queue.pop(); job !== undefined; job = queue.pop()) await run(lane, job);
      } catch (error) {
        queue.length = 0;
        throw error;
      } finally {
        await lane.close();
      }
    }),
  );
}

/** Alters one frame of the handshake and passes on everything else. */
export function altering(
  target: HandshakeFrame,
  alter: (frame: RelayedFrame) => ReturnType<Intercept>,
): Intercept {
  return (frame) =>
    frame.from === target.from && frame.index === target.index ? alter(frame) : [frame.bytes];
}

/** Frames of one untouched handshake, to know their lengths. */
export async function recordHandshake(
  options: LaneOptions,
  wanted: readonly HandshakeFrame[] = handshakeFrames,
): Promise<Uint8Array[]> {
  const lane = await Lane.open(options);
  const frames: RelayedFrame[] = [];
  await lane.attempt((frame) => {
    frames.push(frame);
    return [frame.bytes];
  });
  await lane.close();
  return wanted.map(
    ({ from, index }) => frames.find((frame) => frame.from === from && frame.index === index)!.bytes,
  );
}
