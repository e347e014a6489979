// `sealwire cert server`: a certificate for the names and addresses that clients dial.

import { domainToASCII } from 'node:url';
import { asciiLowerCase, isDnsName, wildcardBase } from '../certificate/x509/dns-name.js';
import { parseIpAddress } from '../certificate/x509/ip-address.js';
import type { Arguments, Command } from './command.js';
import { exitCodes, misused } from './failure.js';
import { issueLeaf, leafOptions } from './leaf.js';
import { Screen } from './screen.js';
import type { Surroundings } from './surroundings.js';

/** A chain has at most 16 KiB, and a name at most 253 characters. */
const maxNames = 50;

export const certServer: Command = {
  name: 'cert server',
  summary: 'Makes a certificate for a server, signed by your CA.',
  usage: '--name HOST … [--ip ADDRESS …] [options]',
  about: [
    'Writes server.pem (the certificate), server-key.pem (its private key) and, with a passphrase, server.pfx (both in ' +
      'one file). The key is readable by you alone.',
    "On a terminal it asks for the CA's passphrase and for a new one, unless options say where to take them from. " +
      'Nothing is ever overwritten.',
  ],
  options: {
    name: {
      value: 'HOST',
      multiple: true,
      help: 'A host name that clients dial, such as game.example or *.game.example.',
    },
    ip: { value: 'ADDRESS', multiple: true, help: 'An IPv4 or IPv6 address that clients dial.' },
    'common-name': { value: 'NAME', help: 'A common name, for programs that show one. Without it, none.' },
    ...leafOptions,
  },
  examples: [
    'sealwire cert server --name game.example --ip 10.0.0.5 --out pki',
    "sealwire cert server --name game.example --name '*.game.example' --ca ~/ca --out deploy --base64",
  ],
  run: runCertServer,
};

async function runCertServer(args: Arguments, surroundings: Surroundings): Promise<number> {
  const screen = new Screen(surroundings.stdout, surroundings.env);
  const given = args.values('name');
  const ipAddresses = args.values('ip');
  if (given.length + ipAddresses.length === 0) {
    throw misused('for which server? Say --name HOST, --ip ADDRESS, or both');
  }
  if (given.length + ipAddresses.length > maxNames)
    throw misused(`a certificate takes ${maxNames} names at most`);
  const dnsNames = given.map(hostName);
  for (const address of ipAddresses) requireAddress(address);
  const commonName = args.label('common-name');
  for (const [index, name] of dnsNames.entries()) {
    if (asciiLowerCase(given[index]!) !== asciiLowerCase(name)) {
      screen.line(`${given[index]} stands in certificates, and on the wire, as ${name}.`);
    }
  }
  const names = [...dnsNames, ...ipAddresses];
  await issueLeaf(
    args,
    {
      base: 'server',
      subject: names.join(', '),
      friendlyName: names[0]!,
      purpose: 'server',
      options: { dnsNames, ipAddresses, ...(commonName !== undefined && { commonName }) },
    },
    surroundings,
  );
  return exitCodes.ok;
}

/** As certificates have it: A-labels for names with other letters than ASCII's (RFC 5890 §2.3.2.1). */
function hostName(given: string): string {
  if (parseIpAddress(given)) throw misused(`${given} is an address: say --ip ${given}`);
  if (given.includes('://')) throw misused(`--name takes a host name, not a URL: ${JSON.stringify(given)}`);
  const name = isAscii(given) ? given : toALabels(given);
  const lowerCase = asciiLowerCase(name);
  if (isDnsName(lowerCase) || wildcardBase(lowerCase) !== undefined) return name;
  throw misused(
    `${JSON.stringify(given)} is no host name that a certificate can hold`,
    'letters, digits and hyphens, as in game.example; * only as in *.game.example',
  );
}

function toALabels(name: string): string {
  return name.startsWith('*.') ? `*.${domainToASCII(name.slice(2))}` : domainToASCII(name);
}

function isAscii(text: string): boolean {
  return !/[^\x20-\x7e]/.test(text);
}

function requireAddress(text: string): void {
  if (parseIpAddress(text)) return;
  throw misused(
    `${JSON.stringify(text)} is no IP address`,
    'as in --ip 10.0.0.5 or --ip fd00::5; host names: --name',
  );
}
