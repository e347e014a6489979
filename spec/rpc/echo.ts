// The service of the specs of calls, offered by both sides. Its name on the wire is Echo.

import { Rpc } from '../../decorators/index.js';
import { RpcError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';

const { Encrypted, Authenticated } = Security;

export class Echo {
  /** The contexts of calls to hang(), in order. */
  readonly hanging: CallContext[] = [];
  /** What note() was called with. */
  readonly notes: unknown[] = [];
  /** Names of methods that nobody may reach, and somebody did. */
  readonly trespasses: string[] = [];
  #finish: ((value: unknown) => void)[] = [];

  @Rpc()
  plain(value: unknown = undefined): unknown {
    return value;
  }

  @Rpc(Encrypted)
  encrypted(value: unknown): unknown {
    return value;
  }

  @Rpc(Authenticated)
  async authenticated(value: unknown): Promise<unknown> {
    return value;
  }

  @Rpc(Encrypted | Authenticated)
  async both(value: unknown): Promise<unknown> {
    await new Promise((resolve) => setImmediate(resolve));
    return value;
  }

  @Rpc()
  count(...args: unknown[]): number {
    return args.length;
  }

  /** The flags that the call had. */
  @Rpc()
  flags(_ignored: unknown = undefined): number {
    return callContext().security;
  }

  @Rpc()
  bytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(7);
  }

  @Rpc(Authenticated)
  fail(code: string, message: string, data: unknown = undefined): never {
    throw new RpcError(code, message, data);
  }

  @Rpc()
  crash(): never {
    throw new Error('the password is swordfish');
  }

  @Rpc(Encrypted | Authenticated)
  async crashLater(): Promise<never> {
    await Promise.resolve();
    throw new TypeError('the password is swordfish');
  }

  @Rpc()
  functionOf(): unknown {
    return () => 'swordfish';
  }

  @Rpc()
  mapOf(): unknown {
    return new Map([['password', 'swordfish']]);
  }

  /** Does not return before release(). */
  @Rpc(Authenticated)
  hang(): Promise<unknown> {
    this.hanging.push(callContext());
    return new Promise((resolve) => this.#finish.push(resolve));
  }

  @Rpc(Authenticated, { timeoutMs: 30 })
  hangBriefly(): Promise<unknown> {
    return this.hang();
  }

  @Rpc(Authenticated, { oneWay: true })
  note(value: unknown): void {
    this.notes.push(value);
  }

  @Rpc(Security.None, { oneWay: true })
  noteThenFail(value: unknown): void {
    this.notes.push(value);
    throw new RpcError('ABORTED', 'nobody waits for this');
  }

  @Rpc(Authenticated, { oneWay: true })
  async hangOneWay(): Promise<void> {
    await this.hang();
  }

  @Rpc(Security.None, { name: 'renamed' })
  anotherName(): string {
    return 'by another name';
  }

  undecorated(): void {
    this.trespasses.push('undecorated');
  }

  protected guarded(): void {
    this.trespasses.push('guarded');
  }

  get accessor(): () => void {
    this.trespasses.push('accessor');
    return () => undefined;
  }

  static start(): string {
    return 'static';
  }

  /** Lets every method that hangs return. */
  release(value: unknown = 'released'): void {
    for (const finish of this.#finish.splice(0)) finish(value);
  }
}
