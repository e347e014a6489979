// `sealwire cert inspect`: what is in a file or shown by a server, and what our validator thinks of it and why.

import { readCertificates } from '../certificate/file/pem.js';
import { builtInRoots, systemRoots } from '../certificate/trust/system-roots.js';
import { type Certificate, parseCertificate } from '../certificate/x509/x509.js';
import { type Found, readChainFile } from './chain-file.js';
import { isUrl, readRemoteChain } from './chain-remote.js';
import type { Arguments, Command } from './command.js';
import { exitCodes, misused } from './failure.js';
import { readInput } from './files.js';
import { judge } from './judge.js';
import { openPassphraseOptions } from './passphrase.js';
import { type Inspection, reportInspection } from './report.js';
import { inspectionJson } from './report-json.js';
import { Screen } from './screen.js';
import type { Surroundings } from './surroundings.js';

const defaultTimeoutSeconds = 10;
const maxTimeoutSeconds = 600;
/** The one address for which clients compare no name (docs/security.md). */
const loopback = '127.0.0.1';

export const certInspect: Command = {
  name: 'cert inspect',
  summary: 'Shows a chain from a file or a server, and whether Sealwire accepts it.',
  usage: 'FILE|URL [options]',
  operand: 'FILE|URL',
  about: [
    'FILE is PEM, DER or PFX, or base64 of the last two. https://, wss:// and tls:// make a TLS handshake with a server; ' +
      'ws:// and tcp:// a Sealwire handshake, which ends before anything is called.',
    'The exit code is 0 when the chain is accepted, 3 when it is refused, 1 when there is nothing to judge.',
  ],
  options: {
    ca: { value: 'FILE', help: "The roots to trust. Without it, Node.js's built-in ones." },
    'system-roots': { help: 'Trusts the roots of the operating system instead.' },
    name: {
      value: 'HOST',
      help: "The name or address that it must be for. Without it, the URL's host; a file is judged for no name.",
    },
    purpose: {
      value: 'KIND',
      help: 'Judges it as that of a server or a client. Without it, what it says it is for.',
    },
    timeout: { value: 'SECONDS', help: `Patience with a server. Without it, ${defaultTimeoutSeconds}.` },
    ...openPassphraseOptions,
    json: { help: 'Prints JSON, for programs.' },
  },
  examples: [
    'sealwire cert inspect pki/server.pem --ca pki/ca.pem --name game.example',
    'sealwire cert inspect pki/server.pfx --ca pki/ca.pem --passphrase-env ARENA_PASSPHRASE',
    'sealwire cert inspect ws://127.0.0.1:7777 --ca pki/ca.pem',
    'sealwire cert inspect wss://game.example --json',
  ],
  run: runCertInspect,
};

async function runCertInspect(args: Arguments, surroundings: Surroundings): Promise<number> {
  const source = args.operand;
  if (source === undefined) throw misused('what shall be inspected? Name a FILE or a URL');
  const purpose = args.oneOf('purpose', ['server', 'client']);
  const seconds = args.wholeNumber('timeout', 1, maxTimeoutSeconds) ?? defaultTimeoutSeconds;
  const { roots, phrase } = readRoots(args, surroundings);
  const name = args.value('name');

  let found: Found;
  let dialled: string | undefined;
  let way: string | undefined;
  if (isUrl(source)) {
    const chain = await readRemoteChain(source, { serverName: name, timeoutMs: seconds * 1000 });
    found = chain;
    dialled = chain.host;
    way = chain.way;
  } else {
    found = await readChainFile(args, source, surroundings);
  }
  const nameWaived = name === undefined && dialled === loopback;
  const hostname = name ?? dialled;
  const now = surroundings.now();
  const verdict = judge(found, {
    purpose: purpose ?? (dialled === undefined ? undefined : 'server'),
    hostname: nameWaived ? undefined : hostname,
    roots,
    time: now,
  });

  const inspection: Inspection = { source, way, found, verdict, roots: phrase, hostname, nameWaived, now };
  if (args.flag('json')) surroundings.stdout.write(`${inspectionJson(inspection)}\n`);
  else reportInspection(new Screen(surroundings.stdout, surroundings.env), inspection);
  return verdict.ok ? exitCodes.ok : exitCodes.refused;
}

function readRoots(
  args: Arguments,
  { cwd }: Surroundings,
): { readonly roots: readonly Certificate[]; readonly phrase: string } {
  const file = args.value('ca');
  if (args.flag('system-roots')) {
    if (file !== undefined) throw misused('only one of --ca and --system-roots can be given');
    const roots = readCertificates(systemRoots()).map(parseCertificate);
    return { roots, phrase: `the ${roots.length} roots of this operating system` };
  }
  if (file !== undefined) {
    return { roots: readCertificates(readInput(cwd, file)).map(parseCertificate), phrase: file };
  }
  const roots = readCertificates(builtInRoots()).map(parseCertificate);
  return { roots, phrase: `the ${roots.length} roots of Node.js ${process.version}` };
}
