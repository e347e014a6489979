// The lobby: players sign in here, and are sent to a game.

import { callContext, NetworkingManager, Rpc, Security } from 'sealwire';
import { serverConfig } from './fleet.js';

export class Lobby {
  readonly #server: NetworkingManager;
  readonly #games: readonly string[];
  #matches = 0;

  constructor(server: NetworkingManager, games: readonly string[]) {
    this.#server = server;
    this.#games = games;
  }

  /** Where to play. Which match it is stands in the token, where the player cannot change it. */
  @Rpc(Security.Encrypted | Security.Authenticated, { claims: { role: 'player' } })
  async join(): Promise<string> {
    const { client } = callContext();
    this.#matches += 1;
    await this.#server.updateIdentity(client, { data: { match: `match ${this.#matches}` } });
    return this.#games[(this.#matches - 1) % this.#games.length]!;
  }
}

export async function startLobby(
  games: readonly string[],
  tokenKey: Uint8Array,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = new NetworkingManager(serverConfig('lobby', tokenKey));
  server.register(new Lobby(server, games));
  server.on('authenticationRefused', (_client, _scheme, code) => console.log(`lobby: ${code}`));
  return { url: await server.startServer('ws://127.0.0.1:0'), stop: () => server.stop() };
}
