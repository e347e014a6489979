// The command line itself: help, what is misspelt, exit codes, and that secrets are neither taken nor repeated.

import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { freshConsole } from './console.js';

describe('sealwire: the command line', () => {
  const console = freshConsole();
  const packageVersion = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;

  it('explains itself, in general and command by command', async () => {
    const overview = await console().done([]);
    expect(await console().done(['--help'])).to.equal(overview);
    expect(await console().done(['help'])).to.equal(overview);
    for (const command of ['cert ca', 'cert server', 'cert client', 'cert inspect']) {
      expect(overview).to.include(command);
      const words = command.split(' ');
      const page = await console().done([...words, '--help']);
      expect(page).to.include(`sealwire ${command}`).and.include('Options').and.include('Examples');
      expect(await console().done(['help', ...words])).to.equal(page);
      for (const line of page.split('\n')) expect(line.length, line).to.be.lessThan(101);
    }
    expect(await console().done(['cert'])).to.equal(await console().done(['cert', '--help']));
    expect(await console().done(['cert', 'server', '--nonsense', '-h'])).to.include('Options');
    expect(await console().done(['--version'])).to.equal(`${packageVersion}\n`);
  });

  const misuses: readonly (readonly [line: string, message: string, hint: string])[] = [
    ['crt', 'there is no command "crt"', 'did you mean "sealwire cert"?'],
    ['cert inspec', 'there is no command "inspec"', 'did you mean "sealwire cert inspect"?'],
    ['cert srever', 'there is no command "srever"', 'did you mean "sealwire cert server"?'],
    ['frobnicate', 'there is no command "frobnicate"', 'sealwire --help'],
    ['cert ca --nmae x', 'there is no option --nmae', 'did you mean --name?'],
    ['cert ca --constructor x', 'there is no option --constructor', ''],
    ['cert ca --name', '--name needs a value', '--help'],
    ['cert ca --name --days 3', '--name needs a value', '--name=-'],
    ['cert ca --name a --name b', '--name is given twice', '--help'],
    ['cert ca --name a b', '"b" is one argument too many', 'quotes'],
    ['cert ca', 'a CA needs a name', '--help'],
    ['cert ca --name a --days 0', '--days takes a whole number from 1', '--help'],
    ['cert ca --name a --days 1e3', '--days takes a whole number from 1', '--help'],
    ['cert ca --name a --days 99999999999', '--days takes a whole number from 1', '--help'],
    ['cert ca --name a --path-length -1', '--path-length needs a value', '--path-length=-'],
    ['cert ca --name a --path-length=-1', '--path-length takes a whole number from 0', '--help'],
    ['cert ca --name a --key rsa-248', '--key takes p256', 'did you mean --key rsa-2048?'],
    ['cert ca --name a --no-passphrase=1', '--no-passphrase takes no value', '--help'],
    ['cert ca --name a --no-passphrase --passphrase-env P', 'only one of the --passphrase options', '--help'],
    ['cert server', 'for which server?', '--help'],
    ['cert server --name 10.0.0.5', '10.0.0.5 is an address', '--help'],
    ['cert server --name a..b', '"a..b" is no host name', 'game.example'],
    ['cert server --name *', '"*" is no host name', 'game.example'],
    ['cert server --name https://a.example', 'not a URL', '--help'],
    ['cert server --ip 10.0.0', '"10.0.0" is no IP address', '--ip 10.0.0.5'],
    ['cert server --name a.example --base64 --no-passphrase', '--base64 is a form of the PFX', '--help'],
    ['cert client', 'which client?', '--help'],
    ['cert inspect', 'what shall be inspected?', '--help'],
    ['cert inspect a --ca b --system-roots', 'only one of --ca and --system-roots', '--help'],
    ['cert inspect ftp://a.example', 'ftp:// is nothing that can be inspected', 'https://'],
    ['cert inspect ws://', 'is no URL', 'wss://'],
    ['cert inspect a --purpose sever', '--purpose takes server, client', 'did you mean --purpose server?'],
    ['cert inspect a --timeout 0', '--timeout takes a whole number from 1', '--help'],
  ];
  for (const [line, message, hint] of misuses) {
    it(`refuses "${line}"`, async () => {
      const { exitCode, stdout, stderr } = await console().run(line.split(' '));
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 2, stdout: '' });
      expect(stderr).to.include(message).and.include(hint);
      expect(console().names()).to.deep.equal([]);
    });
  }

  it('takes no passphrase from the command line, says why, and does not repeat it', async () => {
    for (const option of ['--passphrase', '--password', '--pass', '--ca-passphrase']) {
      for (const given of [[option, 'hunter2'], [`${option}=hunter2`]]) {
        const { exitCode, stderr } = await console().run(['cert', 'server', '--name', 'a.example', ...given]);
        expect(exitCode).to.equal(2);
        expect(stderr)
          .to.include(option)
          .and.include('can read a command line')
          .and.include('--passphrase-env');
        expect(stderr).to.not.include('hunter2');
      }
    }
  });

  it('takes names without controls, and of the length that certificates have', async () => {
    for (const name of ['a\u001bb', 'a\u202eb', 'a\nb', 'x'.repeat(65)]) {
      const { exitCode, stderr } = await console().run(['cert', 'ca', `--name=${name}`]);
      expect(exitCode).to.equal(2);
      expect(stderr).to.match(/--name takes (at most 64 characters|text without control)/);
    }
    expect(console().names()).to.deep.equal([]);
  });
});
