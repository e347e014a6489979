// Type tests of what a program keeps about its clients: declared through the package's front door, in
// samples/guide/approval.ts, it counts wherever there is a peer, and what an approval gives must fit it.

import {
  type ApprovalRequest,
  type ApprovalVerdict,
  type ConnectionData,
  callContext,
  type NetworkConfig,
  NetworkingManager,
  type Peer,
  type PeerData,
} from 'sealwire';
import type { Peer as PeerWithin } from '../../lib/rpc/peer.js';
import { type Equal, expectType } from './equal.js';

export function whatIsKept(manager: NetworkingManager, peer: Peer, within: PeerWithin): void {
  expectType<Equal<Peer['data'], PeerData>>(true);
  expectType<Equal<typeof peer.data.player.name, string>>(true);
  expectType<Equal<typeof within.data.player.score, number>>(true);
  const { player } = callContext().client.data;
  expectType<Equal<typeof player.score, number>>(true);
  manager.on('clientConnected', ({ data }) => expectType<Equal<typeof data, PeerData>>(true));
  peer.data.player.score += 1;
  peer.data = { player: { name: 'ada', score: 0 } };
  // @ts-expect-error a name that was not declared
  void peer.data.palyer;
  // @ts-expect-error a member that must be there
  peer.data = {};
}

export function approvals(): NetworkConfig[] {
  const good: NetworkConfig[] = [
    { approveConnection: () => false },
    { approveConnection: () => ({ approved: true, data: { player: { name: 'ada', score: 0 } } }) },
    { approveConnection: async () => ({ approved: false }) },
    { approveConnection: async () => ({ approved: false, code: 'FULL', message: 'no seat', data: [1] }) },
    {
      approveConnection: async ({ connectionData, signal, identity }) => {
        expectType<Equal<typeof connectionData, unknown>>(true);
        expectType<Equal<typeof signal, AbortSignal>>(true);
        if (identity === undefined) return false;
        return { approved: true, data: { player: { name: identity.name, score: 0 } } };
      },
    },
  ];
  const bad: NetworkConfig[] = [
    // @ts-expect-error the data that must be there is not: true does not give it
    { approveConnection: () => true },
    // @ts-expect-error nor does this
    { approveConnection: async () => ({ approved: true }) },
    // @ts-expect-error nor do data of another shape
    { approveConnection: () => ({ approved: true, data: { name: 'ada' } }) },
    // @ts-expect-error nothing is no verdict
    { approveConnection: () => undefined },
    // @ts-expect-error nor is a forgotten return
    { approveConnection: async () => {} },
    // @ts-expect-error no function
    { approveConnection: true },
  ];
  return [...good, ...bad];
}

/** What a program without declared members has: `true` is enough there. */
export function whereNothingMustBeThere(): void {
  type Verdict<Data> = Record<never, never> extends Data ? true : never;
  expectType<Equal<Verdict<Record<never, never>>, true>>(true);
  expectType<Equal<Verdict<{ note?: string }>, true>>(true);
  expectType<Equal<Extract<ApprovalVerdict, true>, never>>(true);
}

export function connectionData(request: ApprovalRequest): NetworkConfig[] {
  interface Ticket {
    readonly id: string;
  }
  const ticket: Ticket = { id: 'x' };
  const values: ConnectionData[] = [
    null,
    'x',
    7,
    7n,
    false,
    new Uint8Array(1),
    [1, ['x']],
    { a: { b: 1 } },
    ticket,
  ];
  // @ts-expect-error the request cannot be changed
  request.connectionData = 1;
  const configs: NetworkConfig[] = [
    { connectionData: () => ticket },
    { connectionData: async ({ signal }) => (signal.aborted ? undefined : ticket) },
    // @ts-expect-error a symbol cannot be sent
    { connectionData: Symbol('x') },
    // @ts-expect-error what a function is told is not what this one wants
    { connectionData: ({ retries }) => retries },
  ];
  return [...configs, ...values.map((connectionData) => ({ connectionData }))];
}
