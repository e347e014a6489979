#!/usr/bin/env node
// The program `sealwire`: the process around run.ts, and nothing else.
//
// The exit code is set and not forced, so that what was written to a pipe arrives in full.

import { run } from './run.js';

// `sealwire … | head` closes the pipe while we write: that is the reader's good right, and no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  now: () => new Date(),
});
