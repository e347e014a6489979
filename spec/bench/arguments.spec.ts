// The bench's command line: parts of it, and answers to what it does not know.

import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { entries } from '../../bench/candidates/list.js';
import { type Order, readOrder, UsageError } from '../../bench/driver/arguments.js';

const order = (...args: string[]) => readOrder(args) as Order;

describe('Bench: arguments', () => {
  it('runs everything in five rounds or more, unless told otherwise', () => {
    expect(order().effort.rounds).least(5);
    expect(order()).include({ whole: true, smoke: false });
    for (const part of [['--quick'], ['--case', 'idle'], ['--peer', 'ws'], ['--rounds', '3'], ['--smoke']]) {
      expect(order(...part).whole, part.join(' ')).false;
    }
    expect(order('--rounds', '11', '--quick').effort.rounds).equal(11);
  });

  it('is quick where that is asked for: one turn of warm-up, and no crowd unless it is named', () => {
    const { cases } = order('--quick');
    expect(cases.every(({ warmUpTurns }) => warmUpTurns === 1)).true;
    const names = (...args: string[]) => order(...args).cases.map(({ name }) => name);
    expect(names('--quick')).not.contain('events-1000');
    expect(names('--quick', '--case', 'events-1000')).deep.equal(['events-1000']);
    expect(names()).contain('events-1000');
  });

  it('takes some cases, and of each the peers that were named beside the first', () => {
    const { cases } = order(
      '--case',
      'round-trip',
      '--case',
      'handshakes-p256',
      '--peer',
      'ws-tls',
      '--peer',
      'grpc',
    );
    expect(cases.map(({ name, candidates }) => [name, ...candidates])).deep.equal([
      ['round-trip', 'sealwire', 'ws-tls', 'grpc'],
      ['handshakes-p256', 'sealwire-tcp', 'ws-tls'],
    ]);
    expect(order('--peer', 'tcp').cases.every(({ candidates }) => candidates.includes('tcp'))).true;
  });

  it('says what there is, when asked for what there is not', () => {
    expect(() => order('--case', 'rond-trip')).throw(
      UsageError,
      /no case 'rond-trip'; there are: round-trip, /,
    );
    expect(() => order('--peer', 'zmq')).throw(UsageError, /no peer 'zmq'; there are: .*socket\.io/);
    expect(() => order('--rounds', 'many')).throw(UsageError, /whole number from 1 to 1000, not 'many'/);
    expect(() => order('--rounds', '0')).throw(UsageError, /from 1 to 1000/);
    expect(() => order('--fast')).throw(UsageError, /--fast[\s\S]*--quick/);
    expect(() => order('idle')).throw(UsageError, /idle[\s\S]*--case NAME/);
    expect(() => order('--case', 'idle', '--peer', 'grpc')).throw(UsageError, /--list/);
  });

  it('lists every candidate, and each has its file', () => {
    const listed = readOrder(['--list']) as string;
    for (const [name, { file }] of Object.entries(entries)) {
      expect(listed).match(new RegExp(`^  ${name.replaceAll('.', '\\.')} `, 'm'));
      expect(existsSync(new URL(`../../../bench/candidates/${file}.ts`, import.meta.url)), file).true;
    }
    expect(readOrder(['--help'])).contain('--rounds N');
  });
});
