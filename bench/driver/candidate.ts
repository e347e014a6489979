// What every candidate offers, so that one driver measures all of them alike: a server in one process, clients in another.
//
//   client.echo(move) ─────▸ server ─▸ the same move          a call with a small object
//   client.echoBytes(b) ───▸ server ─▸ the same bytes         a call with a payload
//   client.publish(move) ──▸ server ─▸ onEvent(move) of every client that asked for events
//
// A server lives as long as its process: the driver ends that.

/** The small object of all calls and events. */
export interface Move {
  readonly id: number;
  readonly name: string;
  readonly pos: { readonly x: number; readonly y: number; readonly z: number };
}

/** PEM: a certificate for `serverName` and 127.0.0.1, its key, and the root that vouches for it. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** The name in the server's certificate. */
export const serverName = 'bench.example';

export interface Client {
  echo(move: Move): Promise<Move>;
  echoBytes(bytes: Uint8Array): Promise<Uint8Array>;
  /** Has the server send the move to every client that asked for events; may resolve before they have it. */
  publish(move: Move): Promise<unknown>;
  close(): unknown;
}

export interface Candidate {
  /** Listens on a free port of 127.0.0.1 and resolves to what `connect` needs to find it. */
  serve(credentials: Credentials): Promise<string>;
  /**
   * Resolves when calls can be made. `ca` is the root to trust; processes of clients also have it in NODE_EXTRA_CA_CERTS, for
   * libraries that let nobody choose. With `onEvent` the client asks for events.
   */
  connect(address: string, ca: string, onEvent?: (move: Move) => void): Promise<Client>;
}

/** What a file of candidates exports, by their names in candidates/list.ts. */
export interface CandidateModule {
  readonly candidates: Readonly<Record<string, Candidate>>;
}
