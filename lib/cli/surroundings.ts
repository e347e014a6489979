// What a command sees of the process that it runs in: specs give it other streams, another folder and another clock.

export interface Surroundings {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Paths on the command line are relative to it; absolute. */
  readonly cwd: string;
  readonly now: () => Date;
}

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Passphrases are typed here; on a terminal it has `setRawMode`, which readline calls. */
export interface Input extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
}
