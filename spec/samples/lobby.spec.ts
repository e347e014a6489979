// The lobby with two games: what the player sees, and that the password is asked for when it must be and not once more.

import { expect } from 'chai';
import { runSample } from './program.js';

describe('samples/lobby', () => {
  it('moves a player between servers that share keys, with an expiry in between', async () => {
    const { exitCode, stdout, stderr } = await runSample('lobby/main.js');
    expect({ exitCode, stderr }).to.deep.equal({ exitCode: 0, stderr: '' });
    expect(stdout.split('\n')).to.deep.equal([
      'ada: my password, since we have not met',
      'lobby: ada signs in with a password',
      'red: ada comes with a token',
      'red, match 1: ada plays the two of clubs',
      'red, match 1: ada plays the ten of hearts',
      'lobby: TOKEN_EXPIRED',
      'ada: my password, since TOKEN_EXPIRED',
      'lobby: ada signs in with a password',
      'blue: ada comes with a token',
      'blue, match 2: ada plays the queen of spades',
      '',
    ]);
  });
});
