// A lobby, two games and a player, in one process so that you can watch. Run it: node dist/samples/lobby/main.js
//
//   ada ─ password ─▸ lobby ─ token: ada, match 1 ─▸ red ─ token run out ─▸ lobby ─ password ─ token ─▸ blue

import { randomBytes } from 'node:crypto';
import { startGame } from './game.js';
import { startLobby } from './lobby.js';
import { play } from './player.js';

const tokenKey = randomBytes(32);
const games = [await startGame('red', tokenKey), await startGame('blue', tokenKey)];
const lobby = await startLobby(
  games.map(({ url }) => url),
  tokenKey,
);

await play(lobby.url);

for (const server of [lobby, ...games]) await server.stop();
