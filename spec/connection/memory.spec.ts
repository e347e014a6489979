// Large memory on its way through a connection: what is given back when nobody needs it any longer (base/discard.ts), and what is not.

import { expect } from 'chai';
import { keep } from '../../lib/base/discard.js';
import type { Connection } from '../../lib/connection/connection.js';
import { anonymous, established, type Joined, turns } from './joined.js';

const largeBytes = 40_000;
const mib = 2 ** 20;
const bulk = (length: number) => Uint8Array.from({ length }, (_, index) => index * 31);
const start = (): Joined => established(anonymous);
const lengths = (bodies: readonly Uint8Array[]) => bodies.map(({ length }) => length);

/** The bodies that the server is given, themselves. */
function bodiesOf({ server }: Joined): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  server.owner.whenDelivered = ({ body }) => void bodies.push(body);
  return bodies;
}

/** Whether what the server was given was whole when it was given. */
const arrived = ({ server }: Joined) => server.owner.delivered.map(({ body }) => body.length);

describe('connection, large memory', () => {
  for (const flags of [0, 1, 2, 3]) {
    it(`goes when a message is sealed, and when it is handled, under flags ${flags}`, () => {
      const joined = start();
      const bodies = bodiesOf(joined);
      const message = bulk(largeBytes);
      joined.client.connection.send(flags, message);
      expect(message.length, 'sent').to.equal(0);
      joined.line.flow();
      expect(arrived(joined)).to.deep.equal([largeBytes]);
      expect(lengths(bodies), 'handled').to.deep.equal([0]);
    });
  }

  it('goes with all messages of a frame', () => {
    const joined = start();
    const messages = [10, largeBytes, 15_000].map(bulk);
    for (const message of messages) joined.client.connection.send(3, message);
    expect(lengths(messages), 'they wait for the end of the turn').to.deep.equal([10, largeBytes, 15_000]);
    joined.client.clock.endTurn();
    expect(lengths(messages)).to.deep.equal([10, 0, 0]);
    joined.line.flow();
    expect(arrived(joined)).to.deep.equal([10, largeBytes + 15_000]);
  });

  it('goes with the last fragment, and not with the others', async () => {
    const joined = start();
    const bodies = bodiesOf(joined);
    const message = bulk(mib);
    joined.client.connection.send(3, message);
    expect(message.length).to.equal(mib);
    await turns(joined, 60);
    expect(message.length).to.equal(0);
    expect(Buffer.compare(joined.server.owner.delivered[0]!.body, bulk(mib))).to.equal(0);
    expect(lengths(bodies)).to.deep.equal([0]);
  });

  it('stays while the messages of a frame wait for their turn, and when others have them too', () => {
    const joined = start();
    const bodies: Uint8Array[] = [];
    joined.server.owner.messages = (_flags, body) => {
      bodies.push(body);
      return 'more' as unknown as undefined;
    };
    const shared = keep(bulk(largeBytes));
    joined.client.connection.send(3, shared);
    joined.line.flow();
    expect(lengths([shared, ...bodies])).to.deep.equal([largeBytes, largeBytes]);
  });

  it('stays with the sender whose message was refused', () => {
    const { client } = start();
    const message = bulk(17 * mib);
    const refused = (connection: Connection) => {
      try {
        connection.send(3, message);
      } catch {
        return message.length;
      }
      return 'sent';
    };
    expect(refused(client.connection)).to.equal(17 * mib);
  });
});
