// The command line: parsing and printing only. Every command returns data.
import { parseArgs } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';
import pc from 'picocolors';
import type { Command, OptionSpec } from './options/command.js';
import { analyzeCommand } from './analyze/command.js';
import { buildCommand } from './build/command.js';
import { compareCommand } from './compare/command.js';
import { compileCommand } from './compile/command.js';
import { compressCommand } from './compress/command.js';
import { demoCommand } from './demo/command.js';
import { exportCommand } from './export/command.js';
import { flashCommand } from './flash/command.js';
import { inspectCommand } from './inspect/command.js';
import { replayCommand } from './replay/command.js';
import { runCommand } from './run/command.js';
import { learnCommand } from './learn/command.js';
import { exportWeightsCommand, importWeightsCommand, restoreCommand } from './learn/weights-commands.js';
import { sizeCommand } from './size/command.js';
import { verifyCommand } from './verify/command.js';
import { xrayCommand } from './xray/command.js';
import { BrownoutError, ExitCode, type Failure } from './error.js';
import { packageVersion } from './package.js';

const commands: readonly Command[] = [
  demoCommand,
  compileCommand,
  compressCommand,
  runCommand,
  xrayCommand,
  verifyCommand,
  replayCommand,
  learnCommand,
  exportWeightsCommand,
  importWeightsCommand,
  restoreCommand,
  sizeCommand,
  compareCommand,
  analyzeCommand,
  inspectCommand,
  buildCommand,
  exportCommand,
  flashCommand,
];

const common: readonly OptionSpec[] = [
  { name: 'json', help: 'print one JSON object on standard output, and nothing else there' },
  { name: 'help', help: 'show this help' },
];

function optionLines(options: readonly OptionSpec[]): string[] {
  const heads = options.map(({ name, short, value }) => {
    return `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`;
  });
  const width = Math.max(...heads.map((head) => head.length));
  return options.map(({ help }, i) => `  ${heads[i]!.padEnd(width)}  ${help}`);
}

function generalHelp(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'brownout: neural networks that survive power failures',
    '',
    'Usage: brownout <command> [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    ...optionLines([...common, { name: 'version', help: 'show the version' }]),
    '',
    'Exit codes: 0 ok; 1 the result is wrong; 2 bad input or usage; 3 the device reported an error; 4 a tool is missing.',
  ].join('\n');
}

function commandHelp(command: Command): string {
  const arguments_ = command.positionals.map((name) => ` <${name}>`).join('');
  return [
    command.summary,
    '',
    `Usage: brownout ${command.name}${arguments_} [options]`,
    '',
    ...optionLines([...command.options, ...common]),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
  ].join('\n');
}

function usageError(found: string, expected: string, name?: string): BrownoutError {
  const hint = `Run \`brownout ${name ? `${name} ` : ''}--help\`.`;
  return new BrownoutError({ code: 'E_USAGE', found, expected, hint });
}

interface Parsed {
  command: Command;
  positionals: string[];
  options: Record<string, string | boolean | undefined>;
}

function parse(command: Command, args: string[]): Parsed {
  const specs = [...command.options, ...common];
  const options = Object.fromEntries(
    specs.map(({ name, short, value }) => {
      return [name, { type: value ? 'string' : 'boolean', ...(short ? { short } : {}) } as const];
    }),
  );
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true });
    return { command, positionals, options: values as Parsed['options'] };
  } catch (error) {
    const known = specs.map(({ name }) => `--${name}`).join(', ');
    throw usageError((error as Error).message.split(/\. |\n/)[0]!, known, command.name);
  }
}

function checkPositionals({ command, positionals }: Parsed): void {
  if (command.positionals.at(-1)?.endsWith('…') || positionals.length === command.positionals.length) return;
  const expected = command.positionals.map((name) => `<${name}>`).join(' ') || 'no arguments';
  throw usageError(`arguments "${positionals.join(' ')}"`, expected, command.name);
}

/** A progress bar on standard error, on a terminal only. */
function makeProgress(quiet: boolean): { update: (done: number, total: number) => void; stop: () => void } {
  if (quiet || !process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar({ clearOnComplete: true, stream: process.stderr }, Presets.shades_classic);
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, 0);
      started = true;
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}

function fail(error: unknown, json: boolean): ExitCode {
  const known = error instanceof BrownoutError;
  const failure: Failure = known
    ? error
    : {
        code: 'E_INTERNAL',
        found: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        expected: 'no such thing',
        hint: 'This is a fault of brownout: please report the command and its input.',
      };
  const { code, found, expected, hint } = failure;
  if (json) console.log(JSON.stringify({ error: { code, found, expected, hint } }));
  else console.error(`${pc.red(code)}\n  found     ${found}\n  expected  ${expected}\n  ${hint}`);
  return known ? error.exitCode : ExitCode.WRONG;
}

async function execute(args: string[], json: boolean): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === 'help') {
    console.log(generalHelp());
    return name === undefined ? ExitCode.INPUT : ExitCode.OK;
  }
  if (name === '--version') {
    console.log(packageVersion());
    return ExitCode.OK;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) throw usageError(`command "${name}"`, commands.map((c) => c.name).join(', '));
  const parsed = parse(command, rest);
  if (parsed.options['help']) {
    console.log(commandHelp(command));
    return ExitCode.OK;
  }
  checkPositionals(parsed);
  const progress = makeProgress(json);
  try {
    const output = await command.run({
      positionals: parsed.positionals,
      options: parsed.options,
      print: (text) => {
        if (!json) console.log(text);
      },
      progress: progress.update,
    });
    console.log(json ? JSON.stringify(output.json) : output.text);
    return output.exitCode;
  } finally {
    progress.stop();
  }
}

/** Runs the command line; returns the exit code. */
export async function main(args: string[]): Promise<ExitCode> {
  const json = args.includes('--json');
  try {
    return await execute(args, json);
  } catch (error) {
    return fail(error, json);
  }
}
