// What a large result costs those who call beside it: the time of a ping on one channel, alone and while 64 MiB come on
// another, over a real WebSocket and over TCP, client and server in one process.
//
//   node dist/bench/channels.js
//
// The median under load should stay within three times the idle one: between two pings the sender lets a little of the
// large message by each turn of the event loop (connection/send.ts), and both ends of it run here.

import { issueCertificate } from '../lib/certificate.js';
import { NetworkingManager, Rpc, Security } from '../lib/index.js';

const mib = 2 ** 20;
const resultBytes = 64 * mib;
const limits = { maxMessageBytes: 2 * resultBytes, maxSendBufferBytes: 2 * resultBytes };

class Bench {
  readonly #result = new Uint8Array(resultBytes);

  @Rpc(Security.Authenticated)
  ping(value: number): number {
    return value;
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  large(): Uint8Array {
    return this.#result;
  }
}

function quantile(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)]!;
}

const us = (ms: number) => `${Math.round(ms * 1000).toLocaleString('en')} µs`;

const authority = issueCertificate({ commonName: 'Bench authority', ca: true });
const { pem } = issueCertificate({ dnsNames: ['bench'], issuer: authority });

for (const url of ['ws://127.0.0.1:0', 'tcp://127.0.0.1:0']) {
  const server = new NetworkingManager({ certificate: { cert: pem.certificate, key: pem.key }, limits });
  server.register(new Bench());
  const client = new NetworkingManager({ ca: authority.pem.certificate, serverName: 'bench', limits });
  await client.startClient(await server.startServer(url));

  const pingWhile = async (goOn: () => boolean): Promise<number[]> => {
    const times: number[] = [];
    while (goOn()) {
      const started = performance.now();
      await client.invokeServerRpc('Bench.ping', [times.length], { channel: 'pings' });
      times.push(performance.now() - started);
    }
    return times;
  };

  let left = 3000;
  await pingWhile(() => left-- > 0); // warms up
  left = 3000;
  const idle = await pingWhile(() => left-- > 0);
  const loaded: number[] = [];
  let seconds = 0;
  const rounds = 3;
  for (let round = 0; round < rounds; round++) {
    let coming = true;
    const started = performance.now();
    const large = client.invokeServerRpc('Bench.large', [], { channel: 'bulk' }).then((result) => {
      coming = false;
      if ((result as Uint8Array).length !== resultBytes) throw new Error('the result is not whole');
    });
    loaded.push(...(await pingWhile(() => coming)));
    await large;
    seconds += (performance.now() - started) / 1000;
  }
  const ratio = quantile(loaded, 0.5) / quantile(idle, 0.5);
  const rate = Math.round((rounds * resultBytes) / mib / seconds);
  console.log(
    `${url.split(':')[0]!.padEnd(4)}ping alone ${us(quantile(idle, 0.5))}   beside 64 MiB ${us(quantile(loaded, 0.5))} ` +
      `(${ratio.toFixed(1)} times; 99 of 100 within ${us(quantile(loaded, 0.99))})   ` +
      `${loaded.length} pings   ${rate} MiB/s`,
  );
  await client.stop();
  await server.stop();
}
