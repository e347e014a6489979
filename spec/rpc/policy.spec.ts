// rpc(Class): a server that protects a method less than the class declares is refused, before and after connecting.

import { expect } from 'chai';
import { defineRpcs, rpc } from '../../decorators/index.js';
import { SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { startPair, startUnconnected } from '../support/pair.js';
import { codeOf, outcomeOf } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

const { Encrypted, Authenticated } = Security;
const both = Encrypted | Authenticated;

/** What the client was built with, and then servers of the same name: other versions, or an attacker's wish. */
function arena(login: number, move: number | undefined) {
  class Arena {
    readonly seen: unknown[] = [];
    login(pin: string): string {
      this.seen.push(pin);
      return 'in';
    }
    move(x: number): number {
      return x;
    }
  }
  defineRpcs(Arena, { login: rpc(login), ...(move !== undefined && { move: rpc(move) }) });
  return Arena;
}

const Declared = arena(both, Authenticated);

describe('rpc: the policy of a class', () => {
  nothingUncaught();

  const servers: readonly (readonly [string, ReturnType<typeof arena>, string | undefined])[] = [
    ['the same class', arena(both, Authenticated), undefined],
    ['a stronger class', arena(both, both), undefined],
    ['a class that lacks one flag', arena(Authenticated, Authenticated), 'Arena.login'],
    ['a class that lacks the other flag', arena(Encrypted, Authenticated), 'Arena.login'],
    ['a class without flags', arena(0, 0), 'Arena.login, Arena.move'],
    ['other flags in place of those', arena(both, Encrypted), 'Arena.move'],
    ['a class without the method', arena(both, undefined), 'Arena.move'],
  ];

  for (const [what, Served, weakened] of servers) {
    it(`${weakened === undefined ? 'accepts' : 'refuses'} ${what}, asked for before connecting`, async () => {
      const service = new Served();
      const { client, connect, stop } = await startUnconnected({ scheme: 'memory', services: [service] });
      const remote = client.rpc(Declared);
      const call = codeOf(remote.login('1234'));
      expect(await call).to.equal('CONNECTION_CLOSED');
      const outcome = await outcomeOf(connect());
      if (weakened === undefined) {
        expect(outcome.kind).to.equal('answered');
        expect(await remote.login('1234')).to.equal('in');
      } else {
        expect(outcome).to.include({ kind: 'failed', code: 'POLICY_MISMATCH' });
        expect(outcome).to.have.nested.property('error.message').that.includes(`offer ${weakened} with`);
        expect(await codeOf(remote.login('1234'))).to.equal('CONNECTION_CLOSED');
        expect(service.seen).to.deep.equal([]);
      }
      await stop();
    });

    it(`${weakened === undefined ? 'accepts' : 'refuses'} ${what}, asked for when connected`, async () => {
      const service = new Served();
      const { client, stop } = await startPair({ scheme: 'memory', services: [service] });
      if (weakened === undefined) {
        expect(await client.rpc(Declared).login('1234')).to.equal('in');
      } else {
        for (const ask of [() => client.rpc(Declared), () => client.connection!.rpc(Declared)]) {
          expect(ask).to.throw(SealwireError).with.property('code', 'POLICY_MISMATCH');
        }
        expect(service.seen).to.deep.equal([]);
      }
      await stop();
    });
  }

  it('refuses such a server before it hears of the client', async () => {
    const { server, client, connect, stop } = await startUnconnected({
      scheme: 'memory',
      services: [new (arena(0, 0))()],
    });
    const heard: string[] = [];
    server.on('clientConnected', () => heard.push('clientConnected'));
    const refused = new Promise<string | undefined>((resolve) => {
      server.on('encryptionFailed', ({ reason }) => resolve(reason));
    });
    client.rpc(Declared);
    expect(await codeOf(connect())).to.equal('POLICY_MISMATCH');
    expect(await refused).to.equal('handshake-failed');
    expect(heard).to.deep.equal([]);
    await stop();
  });

  it('holds clients to it as well', async () => {
    const { peer, stop } = await startPair({ scheme: 'memory', clientServices: [new (arena(0, 0))()] });
    expect(() => peer.rpc(Declared))
      .to.throw(SealwireError)
      .with.property('code', 'POLICY_MISMATCH');
    await stop();
  });

  it('does not look into a service that is asked for by name', async () => {
    const Weak = arena(0, 0);
    const { client, stop } = await startPair({ scheme: 'memory', services: [new Weak()] });
    expect(await client.rpc<InstanceType<typeof Declared>>('Arena').login('public')).to.equal('in');
    await stop();
  });

  it('finds a service under another name by that name alone: the class form asks for the name of the class', async () => {
    const service = new Declared();
    const renamed = { constructor: { name: 'game.Arena-2' } };
    Object.setPrototypeOf(renamed, service);
    const { client, stop } = await startPair({ scheme: 'memory', services: [renamed] });
    expect(await client.rpc<InstanceType<typeof Declared>>('game.Arena-2').move(5)).to.equal(5);
    expect(() => client.rpc(Declared))
      .to.throw(SealwireError)
      .with.property('code', 'POLICY_MISMATCH');
    expect(await codeOf(client.rpc<InstanceType<typeof Declared>>('Arena').move(5))).to.equal(
      'UNIMPLEMENTED',
    );
    await stop();
  });

  it('refuses a class without RPCs when it is asked for', () => {
    class Nothing {
      hello(): void {}
    }
    return startUnconnected({ scheme: 'memory' }).then(async ({ client, connect, stop }) => {
      expect(() => client.rpc(Nothing))
        .to.throw(SealwireError)
        .with.property('code', 'INVALID_RPC');
      await connect();
      await stop();
    });
  });
});
