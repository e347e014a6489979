// Builds the modules beside this file and writes them, in hexadecimal, to ../binary.ts: `npm run build:wasm`. With `--print` the
// text goes to the standard output instead: a spec compares it with what is committed, byte for byte. The compiler is
// pinned in package.json to one version, because another may order or optimize things differently.
//
// Not base64: gzip finds what repeats among whole bytes, and makes 1.4 kB less of the three modules in hexadecimal.

import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import asc from 'assemblyscript/asc';

const folder = relative('.', import.meta.dirname);

const modules = [
  {
    name: 'simdCipher',
    file: 'cipher.ts',
    about: 'ChaCha20-Poly1305 in vectors of 128 bits.',
    options: ['--enable', 'simd'],
  },
  {
    name: 'scalarCipher',
    file: 'cipher.ts',
    about: 'The same without vectors.',
    options: ['--disable', 'simd'],
  },
  { name: 'macModule', file: 'mac.ts', about: 'HMAC-SHA256.', options: ['--memoryBase', '256'] },
];

const commonOptions = [
  ...['-O3', '--converge', '--noAssert', '--runtime', 'stub'],
  ...['--initialMemory', '1', '--maximumMemory', '1', '--outFile', 'module.wasm'],
];

async function compile({ file, options }) {
  let binary;
  const { error, stderr } = await asc.main([join(folder, file), ...commonOptions, ...options], {
    readFile: (name, base) => {
      try {
        return readFileSync(join(base, name), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile: (_name, contents) => {
      binary = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`${file} does not compile\n${stderr}`);
  return binary;
}

const lines = ['// Made by `npm run build:wasm` from the sources in assembly/: change those.'];
for (const module of modules) {
  const binary = await compile(module);
  const hexadecimal = Buffer.from(binary).toString('hex');
  lines.push('', `/** ${module.about} ${binary.length} bytes. */`);
  lines.push('// biome-ignore format: one line', `export const ${module.name}: string = '${hexadecimal}';`);
}
const text = `${lines.join('\n')}\n`;
if (process.argv.includes('--print')) process.stdout.write(text);
else writeFileSync(join(folder, '..', 'binary.ts'), text);
