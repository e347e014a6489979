// The first program, client side. Of the server it imports types alone: none of its code comes along.

import { readFileSync } from 'node:fs';
import { NetworkingManager } from 'sealwire';
import type { Hello } from './server.js';

const client = new NetworkingManager({ ca: readFileSync('ca.pem', 'utf8') });
await client.startClient(process.argv[2] ?? 'ws://127.0.0.1:7777');

const hello = client.rpc<Hello>('Hello');
console.log(await hello.motto());
console.log(await hello.greet('Ada', 'swordfish'));

await client.stop();
