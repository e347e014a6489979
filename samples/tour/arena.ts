// The services of the tour: one method for each of the four flags on the server, and one on the client.
//
// Each keeps count of what really ran, so that an attack can be seen to have run nothing.

import { callContext, Rpc, Security } from 'sealwire';

export interface Score {
  readonly name: string;
  readonly points: number;
}

export interface Profile {
  readonly name: string;
  readonly ticket: string;
}

/** A call that ran, and the protection that its message really had. */
export interface Run {
  readonly call: string;
  readonly security: number;
}

export class Arena {
  readonly runs: Run[] = [];

  /** Public: cheap, and anybody on the path may read and change it. */
  @Rpc()
  scoreboard(match: string): readonly Score[] {
    this.#ran(`scoreboard(${match})`);
    return [{ name: 'hypatia', points: 1200 }];
  }

  /** Readable by everybody on the path, but nobody can forge or replay it. */
  @Rpc(Security.Authenticated)
  move(direction: string, steps: number): string {
    this.#ran(`move(${direction}, ${steps})`);
    return `${steps} to the ${direction}`;
  }

  /** Unreadable, but malleable: who guesses the text can change it. For chatter, not for secrets. */
  @Rpc(Security.Encrypted)
  whisper(to: string, text: string): string {
    this.#ran(`whisper(${to}, ${text})`);
    return `told ${to}: ${text}`;
  }

  /** What secrets need: unreadable, and nobody can forge or replay it. */
  @Rpc(Security.Encrypted | Security.Authenticated)
  login(name: string, pin: string): Profile {
    this.#ran(`login(${name}, ${pin.length} characters)`);
    return { name, ticket: 'ticket-of-the-lion' };
  }

  #ran(call: string): void {
    this.runs.push({ call, security: callContext().security });
  }
}

/** What the client shows on top of the game: the server calls it. */
export class Hud {
  readonly shown: string[] = [];

  @Rpc(Security.Authenticated)
  announce(text: string): string {
    this.shown.push(text);
    return `showing ${text.length} letters`;
  }
}
