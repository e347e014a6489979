// A key of the application's own: voice packets over UDP, beside the connection that both ends were agreed on. Run it:
// node dist/samples/guide/keys.js

import { deepEqual, equal, notDeepEqual } from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { NetworkingManager, type Peer, Rpc, Security } from 'sealwire';
import { issueCertificate } from 'sealwire/certificate';

const authority = issueCertificate({ commonName: 'Guide authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['arena.example'], issuer: authority });

class Voice {
  /** Where voice is heard. Nobody else may say so. */
  @Rpc(Security.Authenticated)
  port(): number {
    return ear.address().port;
  }
}

const ear = createSocket('udp4');
ear.bind(0, '127.0.0.1');
await once(ear, 'listening');

const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key } });
server.register(new Voice());
const url = await server.startServer('ws://127.0.0.1:0');
const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'arena.example' });
await client.startClient(url);
const port = await client.rpc<Voice>('Voice').port();

/** One key for each direction: two senders must never count under the same one. */
function voiceKeys(connection: Peer) {
  return {
    fromClient: connection.exportKey('arena voice, client to server', 32),
    fromServer: connection.exportKey('arena voice, server to client', 32),
  };
}

const mine = voiceKeys(client.connection!);
const theirs = voiceKeys(server.clients.get(1)!);
deepEqual(mine, theirs);
notDeepEqual(mine.fromClient, mine.fromServer);

// The client speaks. The number of a packet is its IV, and is never used again under this key.
const packet = Buffer.alloc(12);
packet.writeUInt32BE(1, 8);
const cipher = createCipheriv('aes-256-gcm', mine.fromClient, packet);
const sealed = Buffer.concat([packet, cipher.update('hello'), cipher.final(), cipher.getAuthTag()]);
const mouth = createSocket('udp4');
mouth.send(sealed, port, '127.0.0.1');

// The server hears, and takes each number once.
const [heard] = (await once(ear, 'message')) as [Buffer];
const decipher = createDecipheriv('aes-256-gcm', theirs.fromClient, heard.subarray(0, 12), {
  authTagLength: 16,
});
decipher.setAuthTag(heard.subarray(-16));
const said = decipher.update(heard.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
equal(said, 'hello');
console.log(`packet ${heard.readUInt32BE(8)}: ${said}`);

// Another connection has other keys, of the same client, too.
await client.stop();
await client.startClient(url);
notDeepEqual(voiceKeys(client.connection!), mine);

mouth.close();
ear.close();
await client.stop();
await server.stop();
