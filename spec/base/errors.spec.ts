// The error classes, and that each code has its heading in docs/errors.md and no heading stands for nothing.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { isErrorCode, isRpcError, RpcCode, RpcError, SealwireError } from '../../lib/base/errors.js';

describe('errors', () => {
  it('have a code, a message and a reason, and a cause only where there is one', () => {
    const bare = new SealwireError('INTERNAL', 'what to do');
    expect(bare).to.include({
      name: 'SealwireError',
      code: 'INTERNAL',
      message: 'what to do',
      reason: undefined,
    });
    expect(bare).to.be.instanceOf(Error);
    expect('cause' in bare).to.equal(false);
    const cause = new Error('why');
    const full = new SealwireError('HANDSHAKE_FAILED', 'no', { reason: 'tag', cause });
    expect(full).to.include({ reason: 'tag', cause });
    expect('cause' in new SealwireError('INTERNAL', 'no', { cause: undefined })).to.equal(true);
  });

  it('that methods throw on purpose have a code of their own, and data', () => {
    const error = new RpcError('TOO_HOT', 'over 40', { degrees: 41 });
    expect(error).to.be.instanceOf(SealwireError);
    expect(error).to.include({ name: 'RpcError', code: 'TOO_HOT', message: 'over 40', reason: undefined });
    expect(error.data).to.deep.equal({ degrees: 41 });
    expect(new RpcError('NOT_FOUND', 'no').data).to.equal(undefined);
  });

  it('have codes of 1 to 64 characters A-Z, 0-9 and _, on both sides', () => {
    const good = ['A', '0', '_', 'X'.repeat(64), 'NOT_FOUND', 'E404'];
    const bad = ['', 'X'.repeat(65), 'lower', 'A-B', 'A B', 'A\n', 'É', '\ufeffA'];
    for (const code of good) {
      expect(isErrorCode(code), code).to.equal(true);
      expect(new RpcError(code, '').code).to.equal(code);
    }
    for (const code of bad) {
      expect(isErrorCode(code), JSON.stringify(code)).to.equal(false);
      expect(() => new RpcError(code, '')).to.throw(RangeError);
    }
  });

  it('are all described in docs/errors.md, each once, and nothing else is', () => {
    const source = readFileSync(resolve('lib', 'base', 'errors.ts'), 'utf8');
    const unions = [...source.matchAll(/export type \w+Code =([^;]+);/g)].map(([, body]) => body!);
    const named = unions.flatMap((body) => [...body.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!));
    const codes = [...named, ...Object.keys(RpcCode)];
    const page = readFileSync(resolve('docs', 'errors.md'), 'utf8');
    const headings = [...page.matchAll(/^### (\S+)$/gm)].map(([, heading]) => heading!);
    expect(codes).to.have.length.greaterThan(30);
    expect(headings.toSorted()).to.deep.equal(codes.toSorted());
  });

  it('of calls are named by RpcCode, each as itself', () => {
    expect(Object.keys(RpcCode)).to.have.length(16);
    for (const [name, code] of Object.entries(RpcCode)) expect(code).to.equal(name);
  });

  it('are told apart by isRpcError', () => {
    const late = new RpcError('RESOURCE_EXHAUSTED', 'later', { retryAfterMs: 5 });
    expect([isRpcError(late), isRpcError(late, RpcCode.RESOURCE_EXHAUSTED)]).to.deep.equal([true, true]);
    expect(isRpcError(late, 'NOT_FOUND')).to.equal(false);
    for (const other of [
      new SealwireError('NOT_FOUND', ''),
      new Error('x'),
      { code: 'NOT_FOUND' },
      undefined,
    ])
      expect(isRpcError(other)).to.equal(false);
  });

  it('belong to one of the groups that ErrorCode is made of', () => {
    const source = readFileSync(resolve('lib', 'base', 'errors.ts'), 'utf8');
    const union = source.match(/export type ErrorCode =([^;]+);/)![1]!;
    const groups = [...source.matchAll(/export type (\w+Code) =/g)].map(([, name]) => name!);
    const named = [...union.matchAll(/\w+Code/g)].map(([name]) => name);
    expect(named.toSorted()).to.deep.equal(groups.filter((name) => name !== 'ErrorCode').toSorted());
  });
});
