// Type tests of rpc(): what a service looks like from the other side, and what the compiler keeps from being sent.

import {
  type NetworkingManager,
  type Peer,
  Rpc,
  type RpcProxy,
  type RpcStream,
  type Security,
  type ServiceClass,
} from '../../lib/index.js';
import { type Equal, expectType } from './equal.js';

interface Profile {
  readonly name: string;
  readonly level: number;
}

declare const privateKey: unique symbol;

declare class Arena {
  score: number;
  readonly players: Map<string, Profile>;
  /** Holds anything at all: it must not pass for a method. */
  anything: unknown;
  login(name: string, pin: string): Promise<Profile>;
  scoreboard(): readonly Profile[];
  move(x: number, y: number): void;
  jump(height?: number): void;
  say(channel: string, ...words: string[]): number;
  pick(first: [number, string], ...rest: [...numbers: number[], last: boolean]): string;
  later(): Promise<Promise<number>>;
  thenable(): PromiseLike<bigint>;
  maybe(): Promise<string> | undefined;
  never(): never;
  bound(this: Arena, x: number): boolean;
  isProfile(value: unknown): value is Profile;
  either(value: 'red' | 'blue'): 'ok' | null;
  bytes(value: Uint8Array): Uint8Array;
  optional?(): void;
  get total(): number;
  static start(): void;
  protected rank(): number;
  private secret(): string;
  // biome-ignore lint/suspicious/noExplicitAny: a class from JavaScript may hold it, and it must not pass for a method
  loose: any;
  // biome-ignore lint/suspicious/noThenProperty: a service may have one, and its proxy must not
  then(resolve: () => void): void;
  toString(): string;
  toJSON(): object;
  valueOf(): number;
  [Symbol.iterator](): Iterator<number>;
  [privateKey](): void;
  7(): void;
}

declare class Store<Item> {
  constructor(folder: string);
  put(item: Item): Promise<number>;
  all(): Item[];
}

declare abstract class Base {
  constructor(size: number, name?: string);
  ping(): 'pong';
  abstract run(speed: number): Promise<void>;
}

declare class Derived extends Base {
  constructor();
  run(speed: number): Promise<void>;
  extra(): number;
}

declare class Hud {
  damage(amount: number): void;
}

type Called<Service, Name extends keyof RpcProxy<Service>> = RpcProxy<Service>[Name];

export function methodsAreTyped(client: NetworkingManager): void {
  const arena = client.rpc<Arena>('Arena');
  expectType<Equal<typeof arena, RpcProxy<Arena>>>(true);
  expectType<Equal<Called<Arena, 'login'>, (name: string, pin: string) => Promise<Profile>>>(true);
  expectType<Equal<Called<Arena, 'scoreboard'>, () => Promise<readonly Profile[]>>>(true);
  expectType<Equal<Called<Arena, 'move'>, (x: number, y: number) => Promise<void>>>(true);
  expectType<Equal<Called<Arena, 'jump'>, (height?: number) => Promise<void>>>(true);
  expectType<Equal<Called<Arena, 'say'>, (channel: string, ...words: string[]) => Promise<number>>>(true);
  expectType<Equal<Called<Arena, 'later'>, () => Promise<number>>>(true);
  expectType<Equal<Called<Arena, 'thenable'>, () => Promise<bigint>>>(true);
  expectType<Equal<Called<Arena, 'maybe'>, () => Promise<string | undefined>>>(true);
  expectType<Equal<Called<Arena, 'never'>, () => Promise<never>>>(true);
  expectType<Equal<Called<Arena, 'bound'>, (x: number) => Promise<boolean>>>(true);
  expectType<Equal<Called<Arena, 'isProfile'>, (value: unknown) => Promise<boolean>>>(true);
  expectType<Equal<Called<Arena, 'either'>, (value: 'red' | 'blue') => Promise<'ok' | null>>>(true);
  expectType<Equal<Called<Arena, 'bytes'>, (value: Uint8Array) => Promise<Uint8Array>>>(true);
  void arena.pick([1, 'a'], 1, 2, 3, true);
  void arena.say('all');
  void arena.say('all', 'hello', 'there');
  void arena.jump();
}

declare class Feed {
  watch(match: string): AsyncGenerator<Profile, number, string>;
  iterable(): AsyncIterable<number>;
  later(): Promise<AsyncIterable<string>>;
  upload(name: string, parts: AsyncIterable<Uint8Array>): Promise<number>;
  both(values: AsyncIterable<number>): AsyncGenerator<string>;
  // biome-ignore lint/suspicious/noExplicitAny: a method from JavaScript may return it
  loose(): any;
  unknown(): Promise<unknown>;
  fails(): Promise<never>;
  array(): number[];
}

/** A stream there is a stream here; a streamed argument stays what it is. */
export async function streamsAreTyped(feed: RpcProxy<Feed>): Promise<void> {
  expectType<Equal<Called<Feed, 'watch'>, (match: string) => RpcStream<Profile>>>(true);
  expectType<Equal<Called<Feed, 'iterable'>, () => RpcStream<number>>>(true);
  expectType<Equal<Called<Feed, 'later'>, () => RpcStream<string>>>(true);
  expectType<
    Equal<Called<Feed, 'upload'>, (name: string, parts: AsyncIterable<Uint8Array>) => Promise<number>>
  >(true);
  expectType<Equal<Called<Feed, 'both'>, (values: AsyncIterable<number>) => RpcStream<string>>>(true);
  // biome-ignore lint/suspicious/noExplicitAny: what came in as any goes out as any
  expectType<Equal<Called<Feed, 'loose'>, () => Promise<any>>>(true);
  expectType<Equal<Called<Feed, 'unknown'>, () => Promise<unknown>>>(true);
  expectType<Equal<Called<Feed, 'fails'>, () => Promise<never>>>(true);
  expectType<Equal<Called<Feed, 'array'>, () => Promise<number[]>>>(true);
  for await (const profile of feed.watch('m1')) expectType<Equal<typeof profile, Profile>>(true);
  const last = await feed.watch('m1').next();
  // What the generator returns stays where it is.
  if (last.done) expectType<Equal<typeof last.value, undefined>>(true);
  // @ts-expect-error a stream is no promise
  feed.watch('m1').then;
  // @ts-expect-error these are no bytes
  void feed.upload('x', feed.iterable());
}

/** Every name that the proxy has: private and protected members, fields, accessors, symbols are not among them. */
export function nothingElseIsThere(): void {
  expectType<
    Equal<
      keyof RpcProxy<Arena>,
      | 'login'
      | 'scoreboard'
      | 'move'
      | 'jump'
      | 'say'
      | 'pick'
      | 'later'
      | 'thenable'
      | 'maybe'
      | 'never'
      | 'bound'
      | 'isProfile'
      | 'either'
      | 'bytes'
    >
  >(true);
  expectType<Equal<keyof RpcProxy<object>, never>>(true);
  expectType<Equal<keyof RpcProxy<Hud>, 'damage'>>(true);
}

export async function wrongCallsAreErrors(client: NetworkingManager): Promise<void> {
  const arena = client.rpc<Arena>('Arena');
  // @ts-expect-error too few arguments
  await arena.login('ada');
  // @ts-expect-error too many arguments
  await arena.scoreboard(1);
  // @ts-expect-error a string where a number belongs
  await arena.move('1', 2);
  // @ts-expect-error one of the rest has another type
  await arena.say('all', 'hello', 5);
  // @ts-expect-error a variant that does not exist
  await arena.either('green');
  // @ts-expect-error the last of the rest is a boolean
  await arena.pick([1, 'a'], 1, 2);
  // @ts-expect-error no such method
  await arena.logout();
  // @ts-expect-error a field
  void arena.score;
  // @ts-expect-error an accessor
  void arena.total;
  // @ts-expect-error a field that may hold anything
  void arena.loose;
  // @ts-expect-error private
  await arena.secret();
  // @ts-expect-error protected
  await arena.rank();
  // @ts-expect-error static
  await arena.start();
  // @ts-expect-error a proxy is no promise: awaiting it sends nothing
  arena.then(() => undefined);
  // @ts-expect-error a symbol cannot be sent
  arena[Symbol.iterator]();
  // @ts-expect-error a proxy is not callable
  arena();
  // @ts-expect-error methods cannot be replaced
  arena.move = async () => undefined;
  // @ts-expect-error the result of a synchronous method is a promise here
  const board: readonly Profile[] = arena.scoreboard();
  // @ts-expect-error login answers with a profile
  const level: number = await arena.login('ada', '1234');
  // @ts-expect-error a method without a result
  const moved: string = await arena.move(1, 2);
  void [board, level, moved];
}

export function theClassIsInferred(client: NetworkingManager): void {
  class Local {
    // Arguments of the constructor, and fields that they set, are no hindrance.
    readonly #seed: number;
    constructor(seed: number) {
      this.#seed = seed;
    }
    @Rpc()
    next(): number {
      return this.#seed;
    }
  }
  expectType<Equal<keyof ReturnType<typeof client.rpc<Local>>, 'next'>>(true);
  const local = client.rpc(Local);
  expectType<Equal<typeof local.next, () => Promise<number>>>(true);
  const arena = client.rpc(Base);
  expectType<Equal<typeof arena, RpcProxy<Base>>>(true);
  expectType<Equal<typeof arena.run, (speed: number) => Promise<void>>>(true);
  expectType<Equal<typeof arena.ping, () => Promise<'pong'>>>(true);
  const derived = client.rpc(Derived);
  expectType<Equal<keyof typeof derived, 'ping' | 'run' | 'extra'>>(true);
  const store = client.rpc<Store<Profile>>('Store');
  expectType<Equal<typeof store.put, (item: Profile) => Promise<number>>>(true);
  expectType<Equal<typeof store.all, () => Promise<Profile[]>>>(true);
  const strings = client.rpc(Store<string>);
  expectType<Equal<typeof strings.put, (item: string) => Promise<number>>>(true);
  // @ts-expect-error an instance is no class
  client.rpc(new Local(1));
  // @ts-expect-error neither a name nor a class
  client.rpc(5);
  // @ts-expect-error another class than the type says
  client.rpc<Arena>(Hud);
  // @ts-expect-error without a type nothing is known of the service
  client.rpc('Arena').login;
  // @ts-expect-error the type of the class itself, not of its instances: it has no methods of Arena
  client.rpc<typeof Arena>('Arena').login;
}

export function peersAreTyped(server: NetworkingManager, peer: Peer): void {
  const hud = peer.rpc<Hud>('Hud');
  expectType<Equal<typeof hud.damage, (amount: number) => Promise<void>>>(true);
  expectType<Equal<typeof hud, ReturnType<typeof server.rpc<Hud>>>>(true);
  expectType<Equal<ReturnType<typeof peer.rpc<Base>>, RpcProxy<Base>>>(true);
  void peer.rpc(Hud, { timeoutMs: 5 }).damage(1);
  void server.clients.get(1)?.rpc<Hud>('Hud').damage(3);
  // @ts-expect-error a string where a number belongs
  void hud.damage('a lot');
  // @ts-expect-error there may be no such client
  void server.clients.get(1).rpc<Hud>('Hud');
  // @ts-expect-error who is connected is not for the application to change
  server.clients.delete(1);
}

/** A helper that takes any service, as an application may write one. */
export function servicesAreGeneric<Service extends object>(
  client: NetworkingManager,
  service: ServiceClass<Service>,
): RpcProxy<Service> {
  return client.rpc(service);
}

export function optionsOfAProxy(client: NetworkingManager, flags: Security): void {
  client.rpc<Arena>('Arena', { security: flags, timeoutMs: 5, signal: AbortSignal.timeout(5) });
  // @ts-expect-error flags are numbers
  client.rpc<Arena>('Arena', { security: 'Encrypted' });
  // @ts-expect-error an option that does not exist would be believed to work
  client.rpc<Arena>('Arena', { timeout: 500 });
  // @ts-expect-error the signal, not its controller
  client.rpc<Arena>('Arena', { signal: new AbortController() });
}
