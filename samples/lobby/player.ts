// A player: signs in at the lobby, plays, dozes off, and plays on elsewhere.

import { setTimeout as sleep } from 'node:timers/promises';
import { NetworkingManager } from 'sealwire';
import { clientConfig, lifetimeMs } from './fleet.js';
import type { Game } from './game.js';
import type { Lobby } from './lobby.js';

export async function play(lobbyUrl: string): Promise<void> {
  const client = new NetworkingManager({
    ...clientConfig,
    credentials: ({ reason = 'we have not met' }) => {
      console.log(`ada: my password, since ${reason}`);
      return { scheme: 'password', credentials: { player: 'ada', pin: '1234' } };
    },
  });
  const lobby = client.rpc<Lobby>('Lobby');
  const game = client.rpc<Game>('Game');

  await client.startClient(lobbyUrl);
  await client.moveTo(await lobby.join()); // the token says who I am, and in which match
  console.log(await game.play('the two of clubs'));

  // I was active just now, so I get a fresh one; then I do nothing, and it runs out. Here nobody minds.
  await sleep(2 * lifetimeMs);
  console.log(await game.play('the ten of hearts'));

  await client.moveTo(lobbyUrl); // there they do
  await client.moveTo(await lobby.join());
  console.log(await game.play('the queen of spades'));
  await client.stop();
}
