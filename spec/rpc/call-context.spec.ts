// callContext(): there inside a call until the first await, and nowhere else.

import { expect } from 'chai';
import { Rpc } from '../../decorators/index.js';
import { SealwireError } from '../../lib/base/errors.js';
import { Security } from '../../lib/contract/security.js';
import { type CallContext, callContext } from '../../lib/rpc/call-context.js';
import { startPair, startUnconnected } from '../support/pair.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';

function codeOfContext(): string {
  try {
    callContext();
    return 'there';
  } catch (error) {
    return error instanceof SealwireError ? error.code : 'not even an error of ours';
  }
}

class Watch {
  readonly contexts: CallContext[] = [];
  local = '';
  afterAwait = '';

  @Rpc(Security.Authenticated)
  async look(): Promise<void> {
    this.contexts.push(callContext());
    await Promise.resolve();
    this.afterAwait = codeOfContext();
  }

  @Rpc()
  nested(): string[] {
    const outer = callContext();
    // A method that the program calls itself is a part of the call that it is called from.
    void this.look();
    const states = [codeOfContext(), callContext() === outer ? 'same' : 'other'];
    try {
      this.crash();
    } catch {
      states.push(callContext() === outer ? 'same' : 'other');
    }
    return states;
  }

  @Rpc()
  crash(): never {
    callContext();
    throw new Error('on the way out');
  }

  @Rpc(Security.Encrypted, { oneWay: true })
  wave(): void {
    this.contexts.push(callContext());
  }

  /** Calls back to its caller before it answers. */
  @Rpc(Security.Authenticated)
  async callBack(depth: number): Promise<number> {
    const { client } = callContext();
    this.contexts.push(callContext());
    return depth === 0 ? 0 : 1 + (await client.invoke<number>('Watch.callBack', [depth - 1]));
  }

  @Rpc(Security.Authenticated)
  wait(): Promise<never> {
    this.contexts.push(callContext());
    return new Promise(() => {});
  }
}

describe('rpc/call-context', () => {
  nothingUncaught();

  it('is not there outside a call, and says what to do', () => {
    expect(() => callContext())
      .to.throw(SealwireError, /before its first await/)
      .with.property('code', 'INVALID_STATE');
  });

  it('is there until the first await, and gone behind it, and after a method that threw', async () => {
    const watch = new Watch();
    const pair = await startPair({ scheme: 'memory', services: [watch] });
    const remote = pair.client.rpc<Watch>('Watch');
    await remote.look();
    expect([watch.contexts.length, watch.afterAwait]).to.deep.equal([1, 'INVALID_STATE']);
    expect(await codeOf(remote.crash())).to.equal('INTERNAL');
    expect(codeOfContext()).to.equal('INVALID_STATE');
    expect(await remote.nested()).to.deep.equal(['there', 'same', 'same']);
    await pair.stop();
  });

  it('names the peer that called, the flags of the very message, and a deadline', async () => {
    const watch = new Watch();
    const { server, client, url, stop } = await startUnconnected({ scheme: 'memory', services: [watch] });
    const others = [
      client,
      new (client.constructor as typeof import('../../lib/manager/node.js').NetworkingManager)({
        validateCertificate: () => true,
        serverName: 'x',
      }),
    ];
    for (const each of others) await each.startClient(url);
    const before = Date.now();
    await others[1]!.invokeServerRpc('Watch.look', [], { timeoutMs: 5000, security: Security.Encrypted });
    await others[0]!.invokeServerRpc('Watch.look');
    const [second, first] = watch.contexts;
    expect([first!.security, second!.security]).to.deep.equal([2, 3]);
    expect([first!.client.id, second!.client.id]).to.deep.equal([1, 2]);
    expect(server.clients.get(2)).to.equal(second!.client);
    expect(second!.deadline!.getTime() - before).to.be.within(4900, 10_000);
    expect(first!.deadline!.getTime() - before).to.be.within(59_900, 65_000);
    expect([first!.signal.aborted, second!.signal.aborted]).to.deep.equal([false, false]);
    await others[1]!.stop();
    await stop();
  });

  it('is that of each call, where calls cross each other in both directions', async () => {
    const watches = { client: new Watch(), server: new Watch() };
    const pair = await startPair({
      scheme: 'memory',
      services: [watches.server],
      clientServices: [watches.client],
    });
    expect(await pair.client.rpc<Watch>('Watch').callBack(4)).to.equal(4);
    expect(watches.server.contexts.map(({ client }) => client)).to.deep.equal([
      pair.peer,
      pair.peer,
      pair.peer,
    ]);
    expect(watches.client.contexts.map(({ client }) => client.id)).to.deep.equal([0, 0]);
    await pair.stop();
  });

  it('is there in one-way calls', async () => {
    const watch = new Watch();
    const pair = await startPair({ scheme: 'memory', services: [watch] });
    await pair.client.rpc<Watch>('Watch').wave();
    await eventually('it has come', () => watch.contexts.length === 1);
    expect(watch.contexts[0]).to.include({ client: pair.peer, security: 1 });
    await pair.stop();
  });

  it('lets a method throw its caller out: what the same frame has behind that call does not run', async () => {
    class Bouncer {
      runs = 0;
      @Rpc()
      ping(): void {}
      @Rpc(Security.Authenticated, { oneWay: true })
      wave(): void {
        this.runs += 1;
        callContext().client.disconnect();
      }
    }
    const bouncer = new Bouncer();
    const pair = await startPair({ scheme: 'memory', services: [bouncer] });
    const remote = pair.client.rpc(Bouncer);
    // The first message of a turn goes at once, the rest in one frame.
    const calls = [codeOf(remote.ping()), ...Array.from({ length: 5 }, () => codeOf(remote.wave()))];
    expect(await Promise.all(calls)).to.deep.equal(Array.from({ length: 6 }, () => 'answered'));
    await eventually('it is out', () => pair.client.connection === undefined);
    expect(bouncer.runs).to.equal(1);
    await pair.stop();
  });

  it('aborts its signal when the caller goes away, however it goes', async () => {
    for (const leave of ['stop', 'disconnect'] as const) {
      const watch = new Watch();
      const pair = await startPair({ scheme: 'memory', services: [watch] });
      const call = codeOf(pair.client.rpc<Watch>('Watch').wait());
      await eventually('it runs', () => watch.contexts.length === 1);
      const { signal } = watch.contexts[0]!;
      if (leave === 'stop') await pair.client.stop();
      else pair.peer.disconnect();
      await eventually('it is told', () => signal.aborted);
      expect(signal.reason).to.have.property('code', 'CONNECTION_CLOSED');
      expect(await call).to.equal('CONNECTION_CLOSED');
      await pair.stop();
    }
  });
});
