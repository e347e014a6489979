// 4 flags sent × 4 flags required × both directions: the handler runs only where the policy holds, and a caller can
// raise but never lower. Once through the public API, where flags come out right by themselves, and once from a peer
// that seals its calls under whatever flags it likes.

import { expect } from 'chai';
import type { RelayedFrame } from '../../samples/tour/relay.js';
import type { CallMessage } from '../reference/call-messages.js';
import { type Pair, schemes, startPair, startUnconnected, type Unconnected } from '../support/pair.js';
import { codeOf, eventually } from '../support/settled.js';
import { nothingUncaught } from '../support/uncaught.js';
import {
  type Dishonest,
  type DishonestServer,
  dishonestClient,
  dishonestServer,
  realClient,
} from './dishonest.js';
import { methodId, methodNeeding, Vault } from './vault.js';

const everyFlags = [0, 1, 2, 3];
const firstByteOf = (flags: number): number => ((flags & 1) << 7) | ((flags & 2) << 5) | 2;

for (const scheme of schemes) {
  describe(`attack: flags through the public API over ${scheme}`, () => {
    nothingUncaught();
    const served = new Vault();
    const servedByClient = new Vault();
    const seen: RelayedFrame[] = [];
    let pair: Pair;

    before(async () => {
      pair = await startPair({
        scheme,
        services: [served],
        clientServices: [servedByClient],
        intercept(frame) {
          seen.push(frame);
          return [frame.bytes];
        },
      });
    });
    after(() => pair.stop());

    for (const direction of ['client calls', 'server calls'] as const) {
      for (const declared of everyFlags) {
        for (const asked of everyFlags) {
          it(`${direction}: asked ${asked}, declared ${declared}, sent under ${asked | declared}`, async () => {
            const vault = direction === 'client calls' ? served : servedByClient;
            const caller = direction === 'client calls' ? pair.client : pair.peer;
            const options = { security: asked };
            vault.runs.length = 0;
            seen.length = 0;
            const method = methodNeeding[declared]!;
            const name = `Vault.${method}`;
            const answer = await ('invokeServerRpc' in caller
              ? caller.invokeServerRpc(name, ['x'], options)
              : caller.invoke(name, ['x'], options));
            expect(answer).to.equal('x');
            const peer = direction === 'client calls' ? pair.peer.id : 0;
            expect(vault.runs).to.deep.equal([{ method, args: ['x'], security: asked | declared, peer }]);
            // The call and its answer, and nothing else, each with the flags in its first byte.
            expect(seen.map(({ bytes }) => bytes[0])).to.deep.equal([
              firstByteOf(asked | declared),
              firstByteOf(asked | declared),
            ]);
            expect(new Set(seen.map(({ from }) => from)).size).to.equal(2);
          });
        }
      }
    }

    it('refuses flags that are none, and sends nothing', async () => {
      seen.length = 0;
      for (const security of [-1, 4, 1.5, Number.NaN]) {
        const call = pair.client.invokeServerRpc('Vault.needs3', ['x'], { security });
        expect(await codeOf(call)).to.equal('INVALID_ARGUMENT');
      }
      expect(seen).to.deep.equal([]);
    });
  });

  describe(`attack: flags from a dishonest peer over ${scheme}`, () => {
    nothingUncaught();
    const vault = new Vault();
    const refused: string[] = [];
    let setup: Unconnected;
    let server: DishonestServer;
    const client = realClient({}, [vault]);
    const peers: Record<string, Dishonest> = {};
    let nextId = 1;

    before(async () => {
      setup = await startUnconnected({
        scheme,
        services: [vault],
        server: { keyStretching: { iterations: 1 } },
      });
      setup.server.on('callRefused', (_peer, method, code) => refused.push(`${method} ${code}`));
      client.on('callRefused', (_peer, method, code) => refused.push(`${method} ${code}`));
      peers['client to server'] = await dishonestClient(scheme, setup.url);
      server = await dishonestServer(scheme);
      await client.startClient(server.url);
      peers['server to client'] = server.connections[0]!;
    });
    after(async () => {
      peers['client to server']?.close();
      await client.stop();
      await server.close();
      await setup.stop();
    });

    for (const direction of ['client to server', 'server to client']) {
      for (const required of everyFlags) {
        for (const sent of everyFlags) {
          const holds = (sent & required) === required;
          it(`${direction}: sent ${sent}, required ${required}: ${holds ? 'runs' : 'does not run'}`, async () => {
            const peer = peers[direction]!;
            const method = methodNeeding[required]!;
            const id = nextId++;
            vault.runs.length = 0;
            refused.length = 0;
            peer.say(sent, { kind: 'call', id, method: methodId(method), args: ['x'] });
            const { flags, message } = await peer.answer(id);
            expect(flags).to.equal(sent);
            if (holds) {
              expect(message).to.deep.equal({ kind: 'result', id, value: 'x' });
              expect(vault.runs.map((run) => [run.method, run.security])).to.deep.equal([[method, sent]]);
              expect(refused).to.deep.equal([]);
            } else {
              expect(message).to.include({ kind: 'error', id, code: 'SECURITY_REQUIRED' });
              expect(vault.runs).to.deep.equal([]);
              expect(refused).to.deep.equal([`Vault.${method} SECURITY_REQUIRED`]);
            }
          });
        }
      }

      it(`${direction}: a one-way call runs only under the flags that it requires`, async () => {
        const peer = peers[direction]!;
        vault.runs.length = 0;
        for (const sent of everyFlags) {
          peer.say(sent, { kind: 'notify', method: methodId('tell'), args: [sent] });
        }
        const id = nextId++;
        peer.say(0, { kind: 'call', id, method: methodId('needs0'), args: ['behind them'] });
        await peer.answer(id);
        expect(vault.runs.map(({ args }) => args[0])).to.deep.equal([2, 3, 'behind them']);
      });
    }
  });
}

describe('attack: flags of answers and cancellations', () => {
  nothingUncaught();

  for (const called of everyFlags) {
    for (const answered of everyFlags) {
      const holds = (answered & called) === called;
      it(`an answer under ${answered} to a call under ${called} ${holds ? 'counts' : 'ends the connection'}`, async () => {
        const server = await dishonestServer('memory');
        const client = realClient();
        let ended: string | undefined;
        client.on('disconnected', (error) => {
          ended = error.code;
        });
        await client.startClient(server.url);
        const peer = server.connections[0]!;
        const call = codeOf(client.invokeServerRpc(`Vault.${methodNeeding[called]}`, ['x']));
        await eventually('the call', () => peer.received.length > 0);
        const { flags, message } = peer.received[0]!;
        expect(flags).to.equal(called);
        peer.say(answered, {
          kind: 'result',
          id: (message as CallMessage & { id: number }).id,
          value: 'made up',
        });
        expect(await call).to.equal(holds ? 'answered' : 'CONNECTION_CLOSED');
        if (!holds) {
          await eventually('the end', () => peer.ended !== undefined);
          expect(ended).to.equal('PROTOCOL_ERROR');
          expect(peer.ended?.by?.closeCode).to.equal(3);
        }
        await client.stop();
        await server.close();
      });

      it(`a cancellation under ${answered} of a call under ${called} ${holds ? 'counts' : 'ends the connection'}`, async () => {
        const vault = new Vault();
        const setup = await startUnconnected({ scheme: 'memory', services: [vault] });
        let ended: string | undefined;
        setup.server.on('clientDisconnected', (_peer, error) => {
          ended = error.code;
        });
        const peer = await dishonestClient('memory', setup.url);
        peer.say(called, { kind: 'call', id: 1, method: methodId('hold'), args: [] });
        await eventually('the call', () => vault.runs.length === 1);
        peer.say(answered, { kind: 'cancel', id: 1 });
        peer.say(3, { kind: 'call', id: 2, method: methodId('needs3'), args: ['after'] });
        if (holds) await peer.answer(2);
        else await eventually('the end', () => ended !== undefined);
        expect(vault.runs.map(({ method }) => method)).to.deep.equal(holds ? ['hold', 'needs3'] : ['hold']);
        expect(ended).to.equal(holds ? undefined : 'PROTOCOL_ERROR');
        peer.close();
        await setup.stop();
      });
    }
  }

  it('a server that allows less than a client sends answers SECURITY_REQUIRED, minimum or not', async () => {
    const vault = new Vault();
    const setup = await startUnconnected({
      scheme: 'memory',
      services: [vault],
      server: { minimumSecurity: 2 },
    });
    const peer = await dishonestClient('memory', setup.url);
    for (const [id, flags] of [
      [1, 0],
      [2, 1],
    ] as const) {
      peer.say(flags, { kind: 'call', id, method: methodId('needs0'), args: [] });
      const answer = await peer.answer(id);
      expect(answer.flags).to.equal(flags);
      expect(answer.message).to.include({ kind: 'error', code: 'SECURITY_REQUIRED' });
    }
    peer.say(2, { kind: 'call', id: 3, method: methodId('needs0'), args: ['x'] });
    expect((await peer.answer(3)).message).to.deep.equal({ kind: 'result', id: 3, value: 'x' });
    expect(vault.runs).to.have.length(1);
    peer.close();
    await setup.stop();
  });
});
