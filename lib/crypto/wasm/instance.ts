// A module of binary.ts becomes an instance with one page of memory of its own. Without imports: it sees that page alone.
//
// Synchronous, as the interface of crypto/ is. Where WebAssembly is missing, or forbidden by a Content-Security-Policy
// without 'wasm-unsafe-eval', or where this very module is refused (vectors that the machine does not have; browsers that
// compile only modules of up to 4 KiB at once), there is no instance, and the caller goes on to the next best thing.

/** What a module exports: functions of numbers, and its memory. */
interface Instance<Functions> {
  readonly call: Functions;
  readonly bytes: Uint8Array;
}

/** What is used of WebAssembly's types, which come with those of the DOM alone. */
interface WebAssemblyNamespace {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer } } };
}

/** The instance, or undefined where there cannot be one. */
export function instantiate<Functions>(hexadecimal: string): Instance<Functions> | undefined {
  try {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyNamespace };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytesOf(hexadecimal)));
    // The memory cannot grow, so this view stays what it is.
    return { call: exports as unknown as Functions, bytes: new Uint8Array(exports.memory.buffer) };
  } catch {
    return undefined;
  }
}

function bytesOf(hexadecimal: string): Uint8Array {
  return Uint8Array.from({ length: hexadecimal.length / 2 }, (_, index) =>
    Number.parseInt(hexadecimal.slice(2 * index, 2 * index + 2), 16),
  );
}
