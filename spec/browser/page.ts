// The program of the page: a Sealwire client as an application would bundle it, with commands for the spec to give.
//
// esbuild compiles it from this source, decorators and all, through the exports of package.json. Only types come
// from the server. Of the DOM it needs nothing, and what it answers is plain data.

import {
  type CallOptions,
  type ConnectionSecurity,
  callContext,
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

/** What the spec may ask of the page; the answers are plain data. */
export class Commands {
  readonly #hud = new Hud();
  #client = new NetworkingManager();
  #disconnected: Caught | undefined;

  environment(): Record<string, unknown> {
    const page = globalThis as { isSecureContext?: boolean; process?: object; Buffer?: object };
    return {
      isSecureContext: page.isSecureContext,
      subtle: typeof (crypto as { subtle?: object }).subtle,
      process: typeof page.process,
      Buffer: typeof page.Buffer,
    };
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

  #arena(options?: CallOptions): RpcProxy<Arena> {
    return this.#client.rpc<Arena>('Arena', options);
  }
}

(globalThis as { commands?: Commands }).commands = new Commands();

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
