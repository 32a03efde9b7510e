import type { ExitCode } from '../error.js';
import type { Kind, OutputKind } from './kinds.js';
import type { Option, OptionTable } from './table.js';

/** An argument that stands without a name. */
export interface Positional {
  readonly name: string;
  /** What it is, as errors say it. */
  readonly expected: string;
  /** Any number of them, none included. */
  readonly many?: true;
  /** Names that are taken beside files. */
  readonly names?: readonly string[];
}

/** What a command gets: by option, a value that has been read, or the path of a file. */
export type CliValues<T> = {
  [K in keyof T as T[K] extends { help: string } ? K : never]?: T[K] extends {
    kind: Kind<infer _Api, infer Cli>;
  }
    ? Cli
    : never;
};

export interface CommandInput<T = OptionTable> {
  readonly positionals: readonly string[];
  readonly options: CliValues<T>;
  /** The command line, as one types it to make a report again. */
  readonly commandLine: string;
  /** Text for people while the command works: nothing under --json. */
  print(text: string): void;
  /** Progress of long work, drawn on a terminal only. */
  progress(done: number, total: number): void;
  /** Checks a path that no option gave, before the work; returns it. Throws as for one that was given. */
  writes(path: string, kind: OutputKind): string;
}

export interface CommandOutput {
  /** What --json prints. */
  json: object;
  /** What people read. */
  text: string;
  exitCode: ExitCode;
}

/** One verb of the command line; returns data, prints nothing itself. */
export interface Command<T extends OptionTable = OptionTable> {
  readonly positionals: readonly Positional[];
  readonly options: T;
  readonly examples: readonly [string, ...string[]];
  run(input: CommandInput<T>): CommandOutput | Promise<CommandOutput>;
}

/** A command whose options are typed by its table. */
export const defineCommand = <const T extends OptionTable>(command: Command<T>): Command<T> => command;

/** The options of a table that a command takes. */
export function cliOptions<T extends OptionTable, const K extends keyof T = never>(
  table: T,
  but: readonly K[] = [],
): Omit<{ [P in keyof T as T[P] extends { help: string } ? P : never]: T[P] }, K> {
  const entries = Object.entries<Option>(table);
  const taken = entries.filter(
    ([name, { help }]) => help !== undefined && !(but as readonly string[]).includes(name),
  );
  return Object.fromEntries(taken) as Omit<
    { [P in keyof T as T[P] extends { help: string } ? P : never]: T[P] },
    K
  >;
}

export const IMAGE: Positional = { name: 'image', expected: 'an image (.brn)' };
