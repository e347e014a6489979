// What the tour claims is not only told but looked at: each claim is an expectation with a line of its own, and one that
// does not hold makes the tour fail.

import { isDeepStrictEqual } from 'node:util';
import type { Page } from './page.js';

export class Expectations {
  readonly #page: Page;
  #held = 0;
  #broken = 0;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Expects two values to be the same, deeply; shows both when they are not. */
  same(actual: unknown, expected: unknown, claim: string): void {
    const holds = isDeepStrictEqual(actual, expected);
    this.#record(holds, claim, () => `expected ${show(expected)}, but it is ${show(actual)}`);
  }

  /** Expects a condition to hold. */
  that(holds: boolean, claim: string): void {
    this.#record(holds, claim, () => 'it does not');
  }

  get held(): number {
    return this.#held;
  }

  get broken(): number {
    return this.#broken;
  }

  /** 0 only if every expectation held; a tour that expected nothing has shown nothing. */
  get exitCode(): 0 | 1 {
    return this.#held > 0 && this.#broken === 0 ? 0 : 1;
  }

  summarize(): void {
    const allHeld = this.exitCode === 0;
    const all = this.#held + this.#broken;
    let text = `All ${all} expectations held.`;
    if (all === 0) text = 'There was no expectation.';
    else if (!allHeld) text = `${this.#broken} of ${all} expectations did not hold.`;
    this.#page.line();
    this.#page.line(this.#page.paint(`${allHeld ? '✓' : '✗'} ${text}`, 'bold', colourOf(allHeld)));
  }

  #record(holds: boolean, claim: string, explain: () => string): void {
    if (holds) this.#held += 1;
    else this.#broken += 1;
    const mark = this.#page.paint(holds ? '✓' : '✗', 'bold', colourOf(holds));
    this.#page.line(`  ${mark} ${claim}`);
    if (!holds) this.#page.line(`    ${this.#page.paint(explain(), 'red')}`);
  }
}

function colourOf(holds: boolean): 'green' | 'red' {
  return holds ? 'green' : 'red';
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
