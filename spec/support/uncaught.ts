// "The process lives": a suite that calls this fails when anything is thrown, or rejects, where nobody catches it.
// In a program of its own that would have been the end of the process, and of everybody's connections.

import { expect } from 'chai';

/** Call it inside a `describe`: it watches from before the first test to after the last one. */
export function nothingUncaught(): void {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  before(() => {
    process.on('uncaughtException', note);
    process.on('unhandledRejection', note);
  });
  afterEach(async () => {
    // A rejection counts as unhandled when the microtasks of its turn are done.
    await new Promise((resolve) => setImmediate(resolve));
    expect(uncaught.splice(0).map(String)).to.deep.equal([]);
  });
  after(() => {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  });
}
