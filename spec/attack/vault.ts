// The service that the attacks aim at: one method for each combination of flags, each noting that it ran and what
// its call really had, and methods that fail, crash and wait.

import { defineRpcs, rpc } from '../../decorators/index.js';
import { RpcError } from '../../lib/base/errors.js';
import { callContext } from '../../lib/rpc/call-context.js';

export interface Run {
  readonly method: string;
  readonly args: readonly unknown[];
  /** The flags that callContext() told. */
  readonly security: number;
  /** The connection's number that callContext() told. */
  readonly peer: number;
}

/** By flags: 0 to 3. */
export const methodNeeding = ['needs0', 'needs1', 'needs2', 'needs3'] as const;

export class Vault {
  readonly runs: Run[] = [];

  needs0(...args: unknown[]): unknown {
    return this.#note('needs0', args);
  }
  needs1(...args: unknown[]): unknown {
    return this.#note('needs1', args);
  }
  needs2(...args: unknown[]): unknown {
    return this.#note('needs2', args);
  }
  needs3(...args: unknown[]): unknown {
    return this.#note('needs3', args);
  }
  refuse(...args: unknown[]): never {
    this.#note('refuse', args);
    throw new RpcError('NOT_FOUND', `message ${args[0]}`, { data: args[0] });
  }
  crash(...args: unknown[]): never {
    this.#note('crash', args);
    throw new TypeError(`the database password is ${args[0]}`);
  }
  /** Answers when its call is aborted, with the reason's code; or never. */
  hold(...args: unknown[]): Promise<unknown> {
    const { signal } = callContext();
    this.#note('hold', args);
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve((signal.reason as { code: string }).code));
    });
  }
  /** One-way. */
  tell(...args: unknown[]): void {
    this.#note('tell', args);
  }

  #note(method: string, args: unknown[]): unknown {
    const { security, client } = callContext();
    this.runs.push({ method, args, security, peer: client.id });
    return args[0];
  }
}

defineRpcs(Vault, {
  needs0: rpc(0),
  needs1: rpc(1),
  needs2: rpc(2),
  needs3: rpc(3),
  refuse: rpc(0),
  crash: rpc(0),
  hold: rpc(0),
  tell: rpc(2, { oneWay: true }),
});

/** As the manifest has it, in the order of ids. */
const manifestOrder = ['crash', 'hold', 'needs0', 'needs1', 'needs2', 'needs3', 'refuse', 'tell'];
const manifestFlags = [0, 0, 0, 1, 2, 3, 0, 2 | 4];

export function methodId(name: string): number {
  return manifestOrder.indexOf(name);
}

/** The manifest that a dishonest peer shows, when it is the same as the honest one's. */
export const vaultManifest: { name: string; methods: { name: string; flags: number }[] }[] = [
  { name: 'Vault', methods: manifestOrder.map((name, id) => ({ name, flags: manifestFlags[id]! })) },
];
