// A relay between a client and a server, frame by frame, over any two transports: what somebody on the path can do.
//
//   client ── frames ──▸ relay ── frames ──▸ server          and back
//
// It reads every frame and sends on what `intercept` makes of it. It knows no key. The tour's eavesdropper and forger
// is this relay, and so are the attackers of the specs.

import type { ClientTransport, ServerTransport, TransportConnection } from '../../lib/transport/transport.js';

/** Who sent a frame. */
export type Sender = 'client' | 'server';

export interface RelayedFrame {
  readonly from: Sender;
  /** Counts the frames of this sender on this connection, from 0. */
  readonly index: number;
  /** Counts the connections of this relay, from 0. */
  readonly connection: number;
  /** A copy that may be kept and changed. */
  readonly bytes: Uint8Array;
}

/** What becomes of a frame: the frames to send on in its place, none to drop it, `cut` to end the connection. */
export type Intercept = (frame: RelayedFrame) => readonly Uint8Array[] | 'cut';

export interface RelayOptions {
  readonly listen: ServerTransport;
  /** Dials the server, for each client anew. */
  readonly dial: () => ClientTransport;
  readonly intercept: Intercept;
}

export interface Relay {
  /** What the client dials instead of the server. */
  readonly url: string;
  /** Sends frames of the relay's own to one side of the newest connection. */
  inject(to: Sender, ...frames: readonly Uint8Array[]): void;
  /** Cuts every connection. */
  cut(): void;
  close(): Promise<void>;
}

/** A relay keeps no limits of its own: those of the two sides are what is looked at. */
const maxFrameBytes = 2 ** 24;

export async function startRelay({ listen, dial, intercept }: RelayOptions): Promise<Relay> {
  const open = new Set<TransportConnection>();
  let newest: Record<Sender, TransportConnection> | undefined;
  let connections = 0;

  const accept = async (client: TransportConnection) => {
    const connection = connections++;
    const server = await dial().connect({
      signal: new AbortController().signal,
      maxFrameBytes,
      maxFrameBytesLater: maxFrameBytes,
    });
    const sides = { client, server };
    newest = sides;
    for (const from of ['client', 'server'] as const) {
      const source = sides[from];
      const target = sides[from === 'client' ? 'server' : 'client'];
      let index = 0;
      open.add(source);
      // A relay is past every handshake, as far as its own sockets go.
      source.setMaxFrameBytes(maxFrameBytes);
      source.open({
        frame(bytes) {
          const sendOn = intercept({ from, index: index++, connection, bytes: bytes.slice() });
          if (sendOn === 'cut') for (const side of [source, target]) side.destroy();
          else for (const frame of sendOn) target.send(frame.slice());
        },
        closed() {
          open.delete(source);
          target.close();
        },
      });
    }
  };

  const listener = await listen.listen({
    maxFrameBytes,
    maxFrameBytesLater: maxFrameBytes,
    accept: (client) => void accept(client).catch(() => client.destroy()),
  });
  const cut = () => {
    for (const side of open) side.destroy();
  };
  return {
    url: listener.url,
    inject(to, ...frames) {
      for (const frame of frames) newest?.[to].send(frame.slice());
    },
    cut,
    async close() {
      cut();
      await listener.close();
    },
  };
}
