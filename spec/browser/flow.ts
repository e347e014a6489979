// The streams that a page may ask a server for, each under no flags and under both.

import { Rpc } from '../../decorators/rpc.js';
import { Security } from '../../lib/contract/security.js';

export class Flow {
  /** Items that were made. */
  produced = 0;
  /** Streams whose `finally` has run, by what the caller said. */
  readonly ended: string[] = [];

  /** Without end: `word` and a number, and `bytes` more. */
  @Rpc(Security.None, { stream: true })
  countPlain(word: string, bytes: number): AsyncIterable<string> {
    return this.#count(word, bytes);
  }

  @Rpc(Security.Encrypted | Security.Authenticated, { stream: true })
  countSealed(word: string, bytes: number): AsyncIterable<string> {
    return this.#count(word, bytes);
  }

  /** Takes `most` items and no more. */
  @Rpc()
  joinPlain(words: AsyncIterable<string>, most: number): Promise<string> {
    return this.#join(words, most);
  }

  @Rpc(Security.Encrypted | Security.Authenticated)
  joinSealed(words: AsyncIterable<string>, most: number): Promise<string> {
    return this.#join(words, most);
  }

  @Rpc(Security.None, { stream: true })
  shoutPlain(words: AsyncIterable<string>): AsyncIterable<string> {
    return this.#shout(words);
  }

  @Rpc(Security.Encrypted | Security.Authenticated, { stream: true })
  shoutSealed(words: AsyncIterable<string>): AsyncIterable<string> {
    return this.#shout(words);
  }

  async *#count(word: string, bytes: number): AsyncGenerator<string> {
    try {
      for (let number = 1; ; number++) {
        this.produced += 1;
        yield `${word}-${number}${'.'.repeat(bytes)}`;
      }
    } finally {
      this.ended.push(word);
    }
  }

  async #join(words: AsyncIterable<string>, most: number): Promise<string> {
    const taken: string[] = [];
    for await (const word of words) {
      taken.push(word);
      if (taken.length === most) break;
    }
    return taken.join(' ');
  }

  async *#shout(words: AsyncIterable<string>): AsyncGenerator<string> {
    try {
      for await (const word of words) yield word.toUpperCase();
    } finally {
      this.ended.push('shout');
    }
  }
}
