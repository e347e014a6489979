// Sealwire as its users use it: a registered class, a typed proxy, its default limits. One candidate for each transport and
// each pair of flags; all of them agree keys, the flags are what each call asks for.

import { NetworkingManager, Rpc, Security, type SecurityFlags } from 'sealwire';
import { type Candidate, type Client, type Move, serverName } from '../driver/candidate.js';

/** The class that the server registers, under one pair of flags. */
function benchWith(flags: SecurityFlags, publish: (move: Move) => void) {
  class Bench {
    @Rpc(flags)
    echo(move: Move): Move {
      return move;
    }

    @Rpc(flags)
    echoBytes(bytes: Uint8Array): Uint8Array {
      return bytes;
    }

    @Rpc(flags)
    publish(move: Move): void {
      publish(move);
    }
  }
  return new Bench();
}

/** The class that a client registers to get events. */
function feedWith(flags: SecurityFlags, onEvent: (move: Move) => void) {
  class Feed {
    @Rpc(flags, { oneWay: true })
    moved(move: Move): void {
      onEvent(move);
    }
  }
  return new Feed();
}

type Bench = ReturnType<typeof benchWith>;
type Feed = ReturnType<typeof feedWith>;

function sealwire(scheme: 'ws' | 'tcp', flags: SecurityFlags): Candidate {
  return {
    async serve({ cert, key }) {
      const server = new NetworkingManager({ certificate: { cert, key } });
      const feed = server.everyone().rpc<Feed>('Feed');
      server.register(
        'Bench',
        benchWith(flags, (move) => void feed.moved(move)),
      );
      return server.startServer(`${scheme}://127.0.0.1:0`);
    },
    async connect(address, ca, onEvent) {
      const client = new NetworkingManager({ ca, serverName });
      if (onEvent !== undefined) client.register('Feed', feedWith(flags, onEvent));
      await client.startClient(address);
      const bench = client.rpc<Bench>('Bench');
      return {
        echo: (move) => bench.echo(move),
        echoBytes: (bytes) => bench.echoBytes(bytes),
        publish: (move) => bench.publish(move),
        close: () => client.stop(),
      } satisfies Client;
    },
  };
}

const { None, Authenticated, Encrypted } = Security;
export const candidates: Readonly<Record<string, Candidate>> = {
  sealwire: sealwire('ws', Encrypted | Authenticated),
  'sealwire-encrypted': sealwire('ws', Encrypted),
  'sealwire-authenticated': sealwire('ws', Authenticated),
  'sealwire-none': sealwire('ws', None),
  'sealwire-tcp': sealwire('tcp', Encrypted | Authenticated),
  'sealwire-tcp-encrypted': sealwire('tcp', Encrypted),
  'sealwire-tcp-authenticated': sealwire('tcp', Authenticated),
  'sealwire-tcp-none': sealwire('tcp', None),
};
