// The command line: which command, and printing. Every command returns data, and is imported when it runs.
import { COMMANDS } from './commands.js';
import { BrownoutError, ExitCode, type Failure, plain } from './error.js';
import type { Command } from './options/command.js';
import { packageVersion } from './package.js';
import type { Progress } from './report/progress.js';

async function generalHelp(): Promise<string> {
  const { columns, COMMON } = await import('./options/help.js');
  const version = ['-V, --version', 'show the version'] as const;
  return [
    'brownout: neural networks that survive power failures',
    '',
    'Usage: brownout <command> [options]; brownout help <command>',
    '',
    ...columns(Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary])),
    '',
    ...columns([...COMMON, version]),
    '',
    'Exit codes: 0 ok; 1 the result is wrong; 2 bad input or usage;',
    '            3 the device reported an error; 4 a tool is missing.',
  ].join('\n');
}

interface Found {
  /** Its present name. */
  name: string;
  summary: string;
  command: Command;
}

/** The command called `name`, now or earlier; `rest` is for the hint. Throws `E_USAGE`. */
async function commandCalled(name: string, rest: readonly string[]): Promise<Found> {
  const entries = Object.entries(COMMANDS);
  const found = entries.find(([present, { was = [] }]) => present === name || was.includes(name));
  if (found) {
    const [present, { summary, load }] = found;
    const { command } = await load();
    return { name: present, summary, command };
  }
  const { nearest } = await import('./options/suggest.js');
  const names = Object.keys(COMMANDS);
  const meant = nearest(name, names);
  const hint =
    meant === undefined
      ? 'All of them: `brownout --help`.'
      : `Did you mean \`${['brownout', meant, ...rest.filter((word) => word !== '--json')].join(' ')}\`?`;
  const what = name.startsWith('-') ? 'option' : 'command';
  throw new BrownoutError({ code: 'E_USAGE', found: `${what} "${name}"`, expected: names.join(', '), hint });
}

async function helpOf(name: string): Promise<string> {
  const found = await commandCalled(name, ['--help']);
  const { commandHelp } = await import('./options/help.js');
  return commandHelp(found.name, found.summary, found.command);
}

/** What is printed: names from files may hold anything, so that of what steers a terminal colours alone are left. */
const printed = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colours.
    .split(/(\u001b\[\d+m)/)
    .map((part, i) => (i % 2 === 1 ? part : plain(part, '\n\t')))
    .join('');

/** On a terminal a bar, elsewhere a line now and then; on standard error. */
async function makeProgress(quiet: boolean): Promise<Progress> {
  if (quiet) return { update: () => {}, stop: () => {} };
  const { progressBar, progressLines } = await import('./report/progress.js');
  if (process.stderr.isTTY) return progressBar();
  return progressLines(
    (line) => process.stderr.write(`${line}\n`),
    () => performance.now(),
  );
}

/** What went wrong, in the words of the command line: an option of the API by its name there. */
async function failureOf(error: unknown, name: string | undefined): Promise<Failure> {
  if (!(error instanceof BrownoutError)) {
    return {
      code: 'E_INTERNAL',
      found: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
      expected: 'no such thing',
      hint: 'This is a fault of brownout: please report the command and its input.',
    };
  }
  const { code, found, expected, hint } = error;
  const entry =
    name === undefined
      ? undefined
      : Object.entries(COMMANDS).find(([present, { was }]) => present === name || was?.includes(name));
  if (!entry) return { code, found, expected, hint };
  const { inCliWords } = await import('./options/words.js');
  const { command } = await entry[1].load();
  const words = (text: string): string => inCliWords(text, command.options);
  return { code, found: words(found), expected: words(expected), hint: words(hint) };
}

async function fail(error: unknown, name: string | undefined, json: boolean): Promise<ExitCode> {
  const { code, found, expected, hint } = await failureOf(error, name);
  if (json) console.log(JSON.stringify({ error: { code, found, expected, hint } }));
  else {
    const { default: pc } = await import('picocolors');
    console.error(`${pc.red(code)}\n  found     ${found}\n  expected  ${expected}\n  ${hint}`);
  }
  return error instanceof BrownoutError ? error.exitCode : ExitCode.WRONG;
}

const HELP = ['help', '--help', '-h'];

async function execute(args: readonly string[], json: boolean): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === '--version' || name === '-V') {
    console.log(packageVersion());
    return ExitCode.OK;
  }
  if (name === undefined || HELP.includes(name)) {
    const [topic] = rest.filter((word) => !word.startsWith('-'));
    console.log(topic === undefined ? await generalHelp() : await helpOf(topic));
    return name === undefined ? ExitCode.INPUT : ExitCode.OK;
  }
  const found = await commandCalled(name, rest);
  if (rest.includes('--help') || rest.includes('-h')) {
    console.log(await helpOf(found.name));
    return ExitCode.OK;
  }
  const { parseLine } = await import('./options/parse.js');
  const { notes, ...line } = parseLine(found.name, found.command, rest);
  if (found.name !== name)
    console.error(
      `brownout ${name} is called brownout ${found.name} now; the old name goes with the next version.`,
    );
  for (const note of notes) console.error(note);
  const progress = await makeProgress(json);
  try {
    const output = await found.command.run({
      ...line,
      print: (text) => {
        if (!json) console.log(printed(text));
      },
      progress: progress.update,
    });
    console.log(json ? JSON.stringify(output.json) : printed(output.text));
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
    return fail(error, args[0], json);
  }
}
