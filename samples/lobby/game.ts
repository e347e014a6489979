// A game server: it knows players by the tokens that the lobby gave them.

import { callContext, NetworkingManager, Rpc, Security } from 'sealwire';
import { serverConfig } from './fleet.js';

export class Game {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  @Rpc(Security.Authenticated, { requiresIdentity: true })
  play(card: string): string {
    const { identity } = callContext();
    if (identity?.kind !== 'token') throw new Error('only players have a way in');
    const { match } = identity.data as { match: string };
    return `${this.#name}, ${match}: ${identity.name} plays ${card}`;
  }
}

export async function startGame(
  name: string,
  tokenKey: Uint8Array,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = new NetworkingManager(serverConfig(name, tokenKey));
  server.register(new Game(name));
  server.on('clientAuthenticated', (client, scheme) => {
    if (scheme === undefined) console.log(`${name}: ${client.identity!.name} comes with a token`);
  });
  server.on('authenticationRefused', (_client, _scheme, code) => console.log(`${name}: ${code}`));
  return { url: await server.startServer('ws://127.0.0.1:0'), stop: () => server.stop() };
}
