// The program of the page: a Sealwire client as an application would bundle it, with commands for the spec to give.
//
// esbuild compiles it from this source, decorators and all, through the exports of package.json. Only types come
// from the server. Of the DOM it needs nothing, and what it answers is plain data.

import {
  type CallOptions,
  type ConnectionSecurity,
  callContext,
  defaultCrypto,
  type IdentitySource,
  NetworkingManager,
  Rpc,
  RpcError,
  type RpcProxy,
  SealwireError,
  Security,
} from 'sealwire';
import { issueCertificate, loadIdentity, validateCertificateChain } from 'sealwire/certificate';
import type { Arena, Seen } from './arena.js';
import type { Flow } from './flow.js';

/** An error as the page had it in hand. */
export interface Caught {
  readonly code: string | undefined;
  readonly reason: string | undefined;
  readonly message: string;
  readonly data: unknown;
  readonly isSealwireError: boolean;
  readonly isRpcError: boolean;
}

/** What the page saw of a call by the server. */
export interface Damage {
  readonly points: number;
  readonly security: number;
  readonly suite: string | undefined;
}

class Hud {
  readonly damages: Damage[] = [];

  @Rpc(Security.Encrypted | Security.Authenticated)
  damage(points: number): string {
    const { client, security } = callContext();
    this.damages.push({ points, security, suite: client.security.suite });
    return `-${points}`;
  }
}

/** No flags, or both. */
type Kind = 'Plain' | 'Sealed';

/** What the spec may ask of the page; the answers are plain data. */
export class Commands {
  readonly #hud = new Hud();
  #client = new NetworkingManager();
  #disconnected: Caught | undefined;
  #slow: AsyncIterator<string> | undefined;

  environment(): Record<string, unknown> {
    const page = globalThis as { isSecureContext?: boolean; process?: object; Buffer?: object };
    return {
      isSecureContext: page.isSecureContext,
      subtle: typeof (crypto as { subtle?: object }).subtle,
      process: typeof page.process,
      Buffer: typeof page.Buffer,
    };
  }

  /** Which backend the connections of this page use. */
  backend(): string {
    return defaultCrypto.name;
  }

  /** A control: what the page's policy must refuse. */
  generateCode(): string {
    try {
      return new Function('return "ran"')();
    } catch (error) {
      return (error as Error).name;
    }
  }

  async connect(url: string, ca: string, own?: IdentitySource): Promise<ConnectionSecurity | Caught> {
    this.#client = new NetworkingManager({ ca, ...(own && { certificate: own }) });
    // With a name: minified, the class is called something else.
    this.#client.register('Hud', this.#hud);
    this.#disconnected = undefined;
    this.#client.on('disconnected', (error) => {
      this.#disconnected = caught(error);
    });
    try {
      await this.#client.startClient(url);
    } catch (error) {
      return caught(error);
    }
    return this.#client.connection!.security;
  }

  async callEach(): Promise<Seen[]> {
    const arena = this.#arena();
    return [
      await arena.open('word-open'),
      await arena.encrypted('word-encrypted'),
      await arena.authenticated('word-authenticated'),
      await arena.sealed('word-sealed'),
    ];
  }

  raise(): Promise<Seen> {
    return this.#arena({ security: Security.Encrypted | Security.Authenticated }).open('word-raised');
  }

  squares(count: number): Promise<number[]> {
    const arena = this.#arena();
    return Promise.all(Array.from({ length: count }, (_, number) => arena.square(number)));
  }

  refuse(): Promise<Caught> {
    return this.#arena().refuse().catch(caught);
  }

  whoAmI(): Promise<string | Caught> {
    return this.#arena().whoAmI().catch(caught);
  }

  stumble(): Promise<Caught> {
    return this.#arena().stumble().catch(caught);
  }

  async upload(bytes: number): Promise<{ sha256: string; isReversed: boolean }> {
    const data = pattern(bytes);
    const { sha256, reversed } = await this.#arena().upload(data);
    const isReversed =
      reversed.length === data.length && reversed.every((byte, index) => byte === data.at(-1 - index));
    return { sha256, isReversed };
  }

  strike(points: number): Promise<string> {
    return this.#arena().strike(points);
  }

  damages(): readonly Damage[] {
    return this.#hud.damages;
  }

  async exporters(label: string): Promise<{ page: string; server: string }> {
    const server = await this.#arena().exporter(label);
    return { page: hex(this.#client.connection!.exportKey(label, 32)), server };
  }

  /** Takes `count` items of a stream of the server, and leaves its loop. */
  async watch(kind: Kind, word: string, count: number): Promise<string[]> {
    const items: string[] = [];
    for await (const item of this.#flow()[`count${kind}`](word, 0)) {
      items.push(item);
      if (items.length === count) break;
    }
    return items;
  }

  /** Streams words to the server, of which it takes `most`; says how many were made, and whether `finally` has run. */
  async join(kind: Kind, words: string[], most: number): Promise<{ joined: string; made: string }> {
    const log = { made: 0, isOver: false };
    const joined = await this.#flow()[`join${kind}`](made(words, log), most);
    // Told to stop, the page hears of it behind the answer or before it.
    while (!log.isOver) await new Promise((resolve) => setTimeout(resolve, 1));
    return { joined, made: `${log.made} of ${words.length}` };
  }

  /** Streams words there and takes them back one by one, each asked for by the one before. */
  async shout(kind: Kind, words: string[]): Promise<string[]> {
    const shouted: string[] = [];
    const heard: (() => void)[] = [];
    async function* inTurn(): AsyncGenerator<string> {
      for (const word of words) {
        yield word;
        await new Promise<void>((resolve) => heard.push(resolve));
      }
    }
    for await (const word of this.#flow()[`shout${kind}`](inTurn())) {
      shouted.push(word);
      heard.shift()?.();
    }
    return shouted;
  }

  /** Begins to read a stream of large items, slowly: {@link takeSlowly}. */
  beginSlowly(kind: Kind, word: string, bytes: number): void {
    this.#slow = this.#flow()[`count${kind}`](word, bytes)[Symbol.asyncIterator]();
  }

  async takeSlowly(count: number): Promise<void> {
    for (let index = 0; index < count; index++) await this.#slow?.next();
  }

  async endSlowly(): Promise<void> {
    await this.#slow?.return?.();
  }

  async stop(): Promise<{ hasConnection: boolean; later: Caught | Seen }> {
    await this.#client.stop();
    const later = await this.#arena().open('word-late').catch(caught);
    return { hasConnection: this.#client.connection !== undefined, later };
  }

  disconnected(): Caught | undefined {
    return this.#disconnected;
  }

  validate(leaf: string, root: string, hostname: string): string {
    const verdict = validateCertificateChain({ leaf, roots: [root], hostname, purpose: 'server' });
    return verdict.ok ? 'ok' : verdict.reason;
  }

  /** Issues a root and a server's certificate in the page, and reads the latter back out of a PFX file. */
  issue(name: string, passphrase: string): { root: string; certificate: string; kind: string } {
    const issuer = issueCertificate({ commonName: 'A page', ca: true });
    const issued = issueCertificate({ dnsNames: [name], issuer });
    const { key } = loadIdentity({ pfx: issued.pfx(passphrase), passphrase });
    return { root: issuer.pem.certificate, certificate: issued.pem.certificate, kind: key.kind };
  }

  #flow(): RpcProxy<Flow> {
    return this.#client.rpc<Flow>('Flow');
  }

  #arena(options?: CallOptions): RpcProxy<Arena> {
    return this.#client.rpc<Arena>('Arena', options);
  }
}

(globalThis as { commands?: Commands }).commands = new Commands();

async function* made(words: string[], log: { made: number; isOver: boolean }): AsyncGenerator<string> {
  try {
    for (const word of words) {
      log.made += 1;
      yield word;
      // As long as whatever makes a word in a real page takes.
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    log.isOver = true;
  }
}

/** Bytes that nothing compresses to a constant; the spec makes the same. */
function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

function caught(error: unknown): Caught {
  const sealwire = error instanceof SealwireError ? error : undefined;
  return {
    code: sealwire?.code,
    reason: sealwire?.reason,
    message: error instanceof Error ? error.message : String(error),
    data: error instanceof RpcError ? error.data : undefined,
    isSealwireError: sealwire !== undefined,
    isRpcError: error instanceof RpcError,
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
