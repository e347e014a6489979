// Type tests of calls for many, and of the rules that say who may call.

import {
  type ClientGroup,
  type NetworkingManager,
  type Peer,
  Rpc,
  type SealwireError,
  Security,
  type TargetOutcome,
  type Targets,
  type TargetsProxy,
  type TargetsResult,
} from '../../lib/index.js';
import { type Equal, expectType } from './equal.js';

interface Hud {
  readonly title: string;
  damage(points: number): void;
  chooseColour(choices: string[], title?: string): Promise<string>;
  watch(): AsyncGenerator<number>;
  then(): void;
}

expectType<
  Equal<
    TargetsProxy<Hud>,
    {
      readonly damage: (points: number) => Promise<TargetsResult<void>>;
      readonly chooseColour: (choices: string[], title?: string) => Promise<TargetsResult<string>>;
    }
  >
>(true);

export async function calls(server: NetworkingManager, peer: Peer): Promise<void> {
  const targets = server
    .everyone()
    .except(peer, 7, server.group('red'))
    .and(server.only([peer, 3]));
  expectType<Equal<typeof targets, Targets>>(true);
  const { settled, succeeded } = await targets
    .rpc<Hud>('Hud', { onFull: 'disconnect' })
    .chooseColour(['red']);
  expectType<Equal<typeof settled, ReadonlyMap<number, TargetOutcome<string>>>>(true);
  expectType<Equal<typeof succeeded, number>>(true);
  for (const outcome of settled.values()) {
    if (outcome.ok) expectType<Equal<typeof outcome.value, string>>(true);
    else expectType<Equal<typeof outcome.error, SealwireError>>(true);
    // @ts-expect-error not known before ok was looked at
    void outcome.value;
  }
  const untyped = await targets.invoke('Hud.damage', [5]);
  expectType<Equal<typeof untyped, TargetsResult<unknown>>>(true);
  const many = await server.invokeClientRpc<string>(targets, 'Hud.chooseColour', [[]], { onFull: 'report' });
  expectType<Equal<typeof many, TargetsResult<string>>>(true);
  const one = await server.invokeClientRpc<string>(peer, 'Hud.chooseColour', [[]]);
  expectType<Equal<typeof one, string>>(true);
  const group = server.group('red').add(peer).add(5).remove(peer);
  expectType<Equal<typeof group, ClientGroup>>(true);
  expectType<Equal<typeof group.clients, readonly Peer[]>>(true);
  const joined = await group.join(peer);
  expectType<Equal<typeof joined, void>>(true);
  server.allowJoin((client, name) => client.identity !== undefined && name !== 'admins');
  server.setOwner('Ship', peer).setOwner('Ship', 'ada').setOwner('Ship', undefined);
  // @ts-expect-error streams are read from one client
  void targets.rpc<Hud>('Hud').watch();
  // @ts-expect-error arguments as the method has them
  void targets.rpc<Hud>('Hud').damage('5');
  // @ts-expect-error what to do with a full buffer
  void targets.rpc<Hud>('Hud', { onFull: 'wait' });
  // @ts-expect-error one client has no such choice
  void server.invokeClientRpc(peer, 'Hud.damage', [5], { onFull: 'report' });
  // @ts-expect-error names of groups are text
  server.group(5);
  // @ts-expect-error a policy says yes or no
  server.allowJoin(() => 'yes');
}

export class Ship {
  readonly crew: Set<number> = new Set<number>();

  @Rpc(Security.Authenticated, { allow: 'owner' })
  steer(): void {}

  @Rpc(Security.Authenticated, { allow: (caller, args) => caller.id > 0 && args.length === 0 })
  ring(): void {}

  @Rpc(Security.Authenticated, {
    allow: async (caller: Peer, [room], ship: Ship) => ship.crew.has(caller.id) && room !== 'bridge',
  })
  enter(room: string): void {
    void room;
  }

  // @ts-expect-error 'owner' is the only word
  @Rpc(Security.Authenticated, { allow: 'anybody' })
  sink(): void {}

  // @ts-expect-error a rule says yes or no
  @Rpc(Security.Authenticated, { allow: () => 1 })
  paint(): void {}
}
