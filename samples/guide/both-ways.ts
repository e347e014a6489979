// Both sides call each other; errors, deadlines and the context of a call. Run it: node dist/samples/guide/both-ways.js

import { callContext, NetworkingManager, Rpc, RpcError, SealwireError, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });

class Arena {
  @Rpc(Security.Authenticated)
  move(x: number, y: number): string {
    // Before the first await: who calls, and how this very message was protected.
    const { client, security } = callContext();
    if (Math.abs(x) > 100 || Math.abs(y) > 100) {
      throw new RpcError('OUT_OF_RANGE', 'the arena ends at 100', { limit: 100 });
    }
    return `client ${client.id} is at ${x},${y} (flags ${security})`;
  }

  @Rpc(Security.Encrypted | Security.Authenticated, { timeoutMs: 2000 })
  async think(): Promise<string> {
    const { signal } = callContext();
    await new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, 1500);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    });
    return 'done';
  }
}

class Hud {
  @Rpc(Security.Authenticated, { oneWay: true })
  damage(points: number): void {
    console.log(`hud: ${points} damage`);
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  chooseColour(choices: string[]): string {
    return choices[0] ?? 'white';
  }
}

const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Arena());
server.on('clientConnected', async (client) => {
  const hud = client.rpc<Hud>('Hud');
  await hud.damage(7);
  console.log(`server: client ${client.id} chose ${await hud.chooseColour(['red', 'blue'])}`);
});
const url = await server.startServer('ws://127.0.0.1:0');

const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'arena.example' });
client.register(new Hud());
await client.startClient(url);
const arena = client.rpc<Arena>('Arena');

console.log(await arena.move(3, 4));
try {
  await arena.move(1000, 0);
} catch (error) {
  if (error instanceof RpcError) console.log(error.code, error.data);
}

// Options of one call: more protection than the method asks for, less patience, a way to cancel it.
const raised = await client.invokeServerRpc('Arena.move', [5, 6], {
  security: Security.Encrypted | Security.Authenticated,
});
console.log(raised);
try {
  await client.rpc<Arena>('Arena', { timeoutMs: 100 }).think();
} catch (error) {
  if (error instanceof SealwireError) console.log(error.code);
}

await client.stop();
await server.stop();
