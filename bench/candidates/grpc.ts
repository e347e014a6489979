// gRPC (grpc-js): unary calls on one channel with TLS, a stream of the server for events, messages by proto-loader.
// Every client has a connection of its own: channels of one process would share one otherwise.

import { fileURLToPath } from 'node:url';
import {
  type ClientReadableStream,
  credentials as channelCredentials,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Candidate, Move } from '../driver/candidate.js';

type Blob = { content: Uint8Array };
type Unary<Request, Response> = (
  request: Request,
  done: (error: Error | null, response: Response) => void,
) => void;
interface BenchStub {
  echo: Unary<Move, Move>;
  echoBytes: Unary<Blob, Blob>;
  publish: Unary<Move, object>;
  feed(request: object): ClientReadableStream<Move>;
  waitForReady(deadline: number, done: (error?: Error) => void): void;
  close(): void;
}

// From bench/dist/candidates: the file is not compiled, it stays beside the source.
const definition = loadSync(fileURLToPath(new URL('../../candidates/bench.proto', import.meta.url)));
const Bench = loadPackageDefinition(definition).Bench as ServiceClientConstructor;

function call<Request, Response>(stub: BenchStub, method: Unary<Request, Response>, request: Request) {
  return new Promise<Response>((resolve, reject) => {
    method.call(stub, request, (error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

export const candidates: Readonly<Record<string, Candidate>> = {
  grpc: {
    async serve({ cert, key }) {
      const server = new Server();
      const feeds = new Set<ServerWritableStream<object, Move>>();
      server.addService(Bench.service, {
        echo: ({ request }: { request: Move }, done: sendUnaryData<Move>) => done(null, request),
        echoBytes: ({ request }: { request: Blob }, done: sendUnaryData<Blob>) => done(null, request),
        publish: ({ request }: { request: Move }, done: sendUnaryData<object>) => {
          for (const feed of feeds) feed.write(request);
          done(null, {});
        },
        feed: (stream: ServerWritableStream<object, Move>) => {
          feeds.add(stream);
          stream.on('cancelled', () => feeds.delete(stream));
          stream.sendMetadata(stream.metadata);
        },
      });
      const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        );
      });
      return `127.0.0.1:${port}`;
    },
    async connect(address, ca, onEvent) {
      const stub = new Bench(address, channelCredentials.createSsl(Buffer.from(ca)), {
        'grpc.use_local_subchannel_pool': 1,
      }) as unknown as BenchStub;
      await new Promise<void>((resolve, reject) => {
        stub.waitForReady(Date.now() + 10_000, (error) => (error === undefined ? resolve() : reject(error)));
      });
      let feed: ClientReadableStream<Move> | undefined;
      if (onEvent !== undefined) {
        feed = stub.feed({});
        feed.on('data', onEvent);
        feed.on('error', () => {}); // the one that tells of its cancellation
        await new Promise((resolve) => feed?.once('metadata', resolve));
      }
      return {
        echo: (move) => call(stub, stub.echo, move),
        echoBytes: async (bytes) => (await call(stub, stub.echoBytes, { content: bytes })).content,
        publish: (move) => call(stub, stub.publish, move),
        close: () => {
          feed?.cancel();
          stub.close();
        },
      };
    },
  },
};
