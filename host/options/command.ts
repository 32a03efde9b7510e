import type { ExitCode } from '../error.js';

/** An option of a command, as `--help` shows it. */
export interface OptionSpec {
  name: string;
  /** One letter, for `-o`. */
  short?: string;
  /** Placeholder of its value; absent: a switch. */
  value?: string;
  help: string;
}

export interface CommandInput {
  positionals: string[];
  /** Values by option name; a switch that is given is `true`. */
  options: Record<string, string | boolean | undefined>;
  /** Text for people while the command works: nothing under --json. */
  print: (text: string) => void;
  /** Progress of long work, drawn on a terminal only. */
  progress: (done: number, total: number) => void;
}

export interface CommandOutput {
  /** What --json prints. */
  json: object;
  /** What people read. */
  text: string;
  exitCode: ExitCode;
}

/** One verb of the command line; returns data, prints nothing itself. */
export interface Command {
  name: string;
  /** Names of the positional arguments; one that ends in `…` stands for any number, none included. */
  positionals: string[];
  summary: string;
  options: OptionSpec[];
  examples: string[];
  run(input: CommandInput): CommandOutput | Promise<CommandOutput>;
}
