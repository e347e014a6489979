// The bug: now and then a handshake never came to an end, and nothing else of its process went on either, timers included. Two
// preparations of a whole run of the bench showed it; `gdb` says where such a process stands:
//
//   KeyObject.export({ format: 'jwk' })  takes the lock of the key ─ allocates ─ V8 collects garbage
//     ─▸ the job that generated the key is garbage ─▸ ~KeyGenJob  takes the lock of the key, which this very thread holds

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('key-pairs.js', import.meta.url));

describe('generated keys', function () {
  // It takes one or two.
  this.timeout(40_000);

  it('stop no process whose garbage is collected meanwhile', async () => {
    // The smallest young generation is collected most often.
    const flags = ['--max-semi-space-size=1', '--enable-source-maps'];
    await promisify(execFile)(process.execPath, [...flags, program], {
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
  });
});
