// Exported keys, and that nothing of any secret is left when a connection has ended, however it did.

import { expect } from 'chai';
import { empty, toHex } from '../../lib/base/bytes.js';
import { SealwireError } from '../../lib/base/errors.js';
import { nobleCrypto } from '../../lib/crypto/noble.js';
import { nodeCrypto } from '../../lib/crypto/node.js';
import { thrownBy } from '../handshake/roles.js';
import {
  anonymous,
  changed,
  established,
  expectEnd,
  type JoinOptions,
  join,
  message,
  type Side,
} from './joined.js';
import { expectWiped, watchSecrets } from './watched-crypto.js';

describe('connection, secrets', () => {
  describe('exported keys', () => {
    it('are the same on both sides, differ by label, context and connection, and end with it', () => {
      const { client, server } = established(anonymous);
      const key = (side: Side, label: string, context?: Uint8Array) =>
        toHex(side.connection.exportKey(label, 32, context));
      expect(key(client, 'a'))
        .to.equal(key(server, 'a'))
        .and.to.equal(key(client, 'a', empty));
      expect(key(client, 'a')).to.not.equal(key(client, 'b'));
      expect(key(client, 'a')).to.not.equal(key(client, 'a', message));
      expect(key(client, 'a')).to.not.equal(key(established(anonymous).client, 'a'));
      client.connection.close();
      expect(thrownBy(() => client.connection.exportKey('a', 32)).code).to.equal('ENCRYPTION_UNAVAILABLE');
    });

    it('are not to be had without keys', () => {
      const { client } = established({ plain: true });
      expect(thrownBy(() => client.connection.exportKey('a', 32)).code).to.equal('ENCRYPTION_UNAVAILABLE');
    });

    it('have labels and lengths within the protocol’s bounds', () => {
      const { client } = established(anonymous);
      for (const [label, length] of [
        ['', 32],
        ['x'.repeat(246), 32],
        ['é'.repeat(123), 32],
        ['x', 0],
        ['x', 8161],
        ['x', 1.5],
      ] as const) {
        expect(thrownBy(() => client.connection.exportKey(label, length)).code).to.equal('INVALID_ARGUMENT');
      }
      expect(client.connection.exportKey('x'.repeat(245), 8160)).to.have.length(8160);
    });
  });

  describe('secrets', () => {
    for (const crypto of [nodeCrypto, nobleCrypto]) {
      const watched = (): JoinOptions & { secrets: ReturnType<typeof watchSecrets>[] } => {
        const client = watchSecrets(crypto);
        const server = watchSecrets(crypto);
        return {
          secrets: [client, server],
          client: { crypto: client.crypto },
          server: { crypto: server.crypto },
          clientLimits: { rekeyAfterRecords: 4 },
        };
      };

      it(`are all wiped at the end of a connection that lived, ${crypto.name}`, () => {
        const options = watched();
        const { client, server, line } = established(options);
        for (let flags = 0; flags < 16; flags++) {
          client.connection.send(flags & 3, message);
          server.connection.send(flags & 3, message);
          client.clock.endTurn();
          server.clock.endTurn();
          line.flow();
        }
        expect(client.connection.generations.sending).to.be.greaterThan(2);
        expect(server.owner.delivered).to.have.length(16);
        // An exported key is its caller's; what it was made from is not.
        client.connection.exportKey('label', 32).fill(0);
        client.connection.close();
        line.flow();
        expectEnd(server, 'CONNECTION_CLOSED', 'normal');
        for (const secrets of options.secrets) expectWiped(secrets, 20);
      });

      it(`are all wiped when the handshake fails, wherever it does, ${crypto.name}`, () => {
        // Frames that reach a side: the hello; the answer and the flight; the client's flight.
        for (const [role, at] of [
          ['client', 0],
          ['server', 0],
          ['server', 1],
          ['client', 1],
        ] as const) {
          const options = watched();
          const joined = join(options);
          let index = 0;
          joined[role].end.meddle = (frame) => [index++ === at ? changed(frame, frame.length - 1, 1) : frame];
          joined.line.flow();
          expect(joined.client.owner.ends, `${role} ${at}`).to.have.length(1);
          expect(joined.server.owner.ends).to.have.length(1);
          for (const secrets of options.secrets) expectWiped(secrets, 0);
        }
      });
    }

    it('are wiped when the certificate is refused, or time runs out', () => {
      for (const end of ['refuse', 'timeout'] as const) {
        const { crypto, ...secrets } = watchSecrets(nodeCrypto);
        const { client, line } = join({
          client: { crypto },
          prepare: (joined) => {
            joined.client.owner.verdict = () => {
              if (end === 'refuse') throw new SealwireError('CERTIFICATE_REJECTED', 'no');
              return new Promise(() => undefined);
            };
          },
        });
        line.flow();
        client.clock.advance(10_000);
        expect(client.owner.ends).to.have.length(1);
        expectWiped(secrets, 3);
      }
    });
  });
});
