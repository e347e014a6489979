// Where records are attacked: one server, a victim behind a relay, and a bystander behind the same relay that goes on
// calling. A script decides what becomes of each record of the victim, in one direction.

import type { SealwireError } from '../../lib/base/errors.js';
import type { NetworkConfig } from '../../lib/manager/config.js';
import { NetworkingManager } from '../../lib/manager/node.js';
import type { Peer } from '../../lib/rpc/peer.js';
import type { Sender } from '../../samples/tour/relay.js';
import { authority, serverName } from '../support/authority.js';
import { type Scheme, startUnconnected, type Unconnected } from '../support/pair.js';
import { eventually } from '../support/settled.js';
import { Vault } from './vault.js';

/** Takes a frame of the victim's traffic, with its number from 0, and gives what is sent in its place. */
export type Script = (frame: Uint8Array, index: number, stand: Stand) => readonly Uint8Array[];

const handshakeFrames = 2;

/**
 * Records are the same on every transport, so each attack of a table is tried over memory and, in turn, over one of
 * the two kinds of sockets: that keeps the specs fast.
 */
export function tried(scheme: Scheme, index: number): boolean {
  return scheme === 'memory' || (index % 2 === 0) === (scheme === 'tcp');
}

export class Stand {
  readonly server: NetworkingManager;
  readonly victim: NetworkingManager;
  readonly bystander: NetworkingManager;
  /** Runs on the server, the bystander's among them. */
  readonly served: Vault;
  /** Runs on the victim. */
  readonly servedByVictim: Vault;
  /** The victim, as the server sees it. */
  readonly peer: Peer;
  /** Why the victim's connection ended, on either side. */
  readonly ends: Partial<Record<Sender, SealwireError>> = {};
  /** Frames of the victim's connection as they were sent, by sender: the handshake too. */
  readonly recorded: Readonly<Record<Sender, Uint8Array[]>>;
  /** Frames of the bystander's connection. */
  readonly bystanderRecorded: Readonly<Record<Sender, Uint8Array[]>>;
  bystanderEnd: SealwireError | undefined;
  readonly #setup: Unconnected;
  readonly #scripts: Partial<Record<Sender, Script>>;

  static async open(scheme: Scheme, config: NetworkConfig = {}): Promise<Stand> {
    const served = new Vault();
    const servedByVictim = new Vault();
    const recorded: Record<Sender, Uint8Array[]>[] = [
      { client: [], server: [] },
      { client: [], server: [] },
    ];
    const scripts: Partial<Record<Sender, Script>> = {};
    let stand: Stand | undefined;
    const setup = await startUnconnected({
      scheme,
      services: [served],
      clientServices: [servedByVictim],
      server: { keyStretching: { iterations: 1 }, ...config },
      client: config,
      intercept({ from, index, connection, bytes }) {
        recorded[connection]![from].push(bytes.slice());
        const script = connection === 1 && index >= handshakeFrames ? scripts[from] : undefined;
        return script === undefined ? [bytes] : script(bytes, index - handshakeFrames, stand!);
      },
    });
    const bystander = new NetworkingManager({ ca: authority().pem.certificate, serverName });
    await bystander.startClient(setup.url);
    // The server is through with a handshake a little later than its client.
    await eventually('the bystander is in', () => setup.server.clients.size === 1);
    const connected = new Promise<Peer>((resolve) => setup.server.on('clientConnected', resolve));
    await setup.connect();
    stand = new Stand({ setup, bystander, served, servedByVictim, recorded, scripts, peer: await connected });
    return stand;
  }

  constructor(parts: {
    setup: Unconnected;
    bystander: NetworkingManager;
    served: Vault;
    servedByVictim: Vault;
    recorded: readonly Record<Sender, Uint8Array[]>[];
    scripts: Partial<Record<Sender, Script>>;
    peer: Peer;
  }) {
    const { setup, bystander } = parts;
    this.server = setup.server;
    this.victim = setup.client;
    this.bystander = bystander;
    this.served = parts.served;
    this.servedByVictim = parts.servedByVictim;
    this.bystanderRecorded = parts.recorded[0]!;
    this.recorded = parts.recorded[1]!;
    this.peer = parts.peer;
    this.#setup = setup;
    this.#scripts = parts.scripts;
    setup.client.on('disconnected', (error) => {
      this.ends.client = error;
    });
    setup.server.on('clientDisconnected', (peer, error) => {
      if (peer === this.peer) this.ends.server = error;
      else this.bystanderEnd = error;
    });
    bystander.on('disconnected', (error) => {
      this.bystanderEnd = error;
    });
  }

  /** From now on the records of `from` go through `script`. */
  attack(from: Sender, script: Script): void {
    this.#scripts[from] = script;
  }

  /** Frames of the relay's own, to the victim or to the server in the victim's name. */
  inject(to: Sender, ...frames: readonly Uint8Array[]): void {
    this.#setup.relay!.inject(to, ...frames);
  }

  /** A call of the victim's, or of the server to the victim. */
  call(from: Sender, method: string, args: readonly unknown[], security: number): Promise<unknown> {
    return from === 'client'
      ? this.victim.invokeServerRpc(`Vault.${method}`, args, { security })
      : this.peer.invoke(`Vault.${method}`, args, { security });
  }

  /** What ran where calls of `from` run, without the bystander's. */
  runs(from: Sender): unknown[] {
    const vault = from === 'client' ? this.served : this.servedByVictim;
    return vault.runs.filter(({ args }) => args[0] !== 'bystander').map(({ args }) => args[0]);
  }

  async bothEnded(): Promise<void> {
    await eventually(
      'both sides know',
      () => this.ends.client !== undefined && this.ends.server !== undefined,
    );
  }

  /** A call of the bystander's, which must work whatever happens to the victim. */
  async bystanderCalls(): Promise<void> {
    const answer = await this.bystander.invokeServerRpc('Vault.needs3', ['bystander']);
    if (answer !== 'bystander' || this.bystanderEnd) throw new Error('the bystander was disturbed');
  }

  async close(): Promise<void> {
    await this.bystander.stop();
    await this.#setup.stop();
  }
}
