/** One flag of a command: `--name VALUE`, or `--name` alone for a boolean. */
export interface Flag {
  readonly type: 'string' | 'boolean';
  /** May be given several times. */
  readonly multiple?: boolean;
  /** What stands for the value in the help text. */
  readonly value?: string;
  readonly help: string;
}

/** Where a command writes. Lines come without their newline. */
export interface Io {
  out(line: string): void;
  err(line: string): void;
  variable(name: string): string | undefined;
  /** Calls back once on the first SIGINT, SIGTERM or when nobody reads stdout any more; returns how to stop listening. */
  onStop(stop: () => void): () => void;
}

/** A command line taken apart: flags by name, and what is left in order. */
export interface Input {
  readonly positionals: readonly string[];
  text(flag: string): string | undefined;
  texts(flag: string): readonly string[];
  on(flag: string): boolean;
  /** A whole number in the given range; anything else is a `UsageError` naming flag and range. */
  integer(flag: string, range: { readonly min: number; readonly max: number }): number | undefined;
}

/** One command of the program; each lives in its own file. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The arguments as the usage line shows them. */
  readonly synopsis: string;
  readonly minArguments: number;
  readonly maxArguments: number;
  readonly flags: Readonly<Record<string, Flag>>;
  /** More help, line by line. */
  readonly notes?: readonly string[];
  /** Resolves when the command is done (exit code 0); what it throws becomes one line on stderr and exit code 1. */
  run(input: Input, io: Io): Promise<void>;
}
