import { bytesKind } from '../data/option-kinds.js';
import { readUserFile, writeWhole } from '../data/files.js';
import { asOption } from '../data/input-options.js';
import { readInputFiles } from '../data/input-files.js';
import { BrownoutError, ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { boardNames } from '../firmware/targets.js';
import {
  cliOptions,
  type CliValues,
  type Command,
  type CommandInput,
  type CommandOutput,
  defineCommand,
  IMAGE,
} from '../options/command.js';
import { choice, outputFile, text } from '../options/kinds.js';
import { PAGE_FILE } from '../options/outputs.js';
import { cliName, type OptionTable } from '../options/table.js';
import { traceKind } from '../power/source.js';
import { traceOptions } from '../power/trace.js';
import { replayCuts } from '../verify/replay.js';
import { jobOption } from '../verify/options.js';
import { boardReplayOptions } from './board-options.js';
import { boardReplayText } from './board-report.js';
import { replayCutsText } from './cuts-report.js';
import { powerOptions, replayOptions } from './options.js';
import { replayHtml } from './page.js';
import { powerOf } from './power-options.js';
import { replayOnBoard } from './replay-on-board.js';
import { replay } from './replay.js';
import { replayText } from './report.js';

const options = {
  cuts: { kind: text('ID', '1500,300'), help: 'the schedule of power failures, as `verify` prints it' },
  ...cliOptions(replayOptions),
  trace: { kind: traceKind, help: powerOptions.trace.help },
  input: {
    kind: replayOptions.input.kind,
    help: 'with --trace samples; with --cuts the one given to `verify`',
    otherwise: 'the image’s',
  },
  as: asOption,
  job: { ...jobOption, help: 'with --cuts: infer or learn' },
  module: {
    kind: bytesKind('a device module', 'device.wasm'),
    help: 'with --cuts: device module',
    otherwise: 'the one that ships',
  },
  ...cliOptions(traceOptions),
  report: {
    kind: outputFile(PAGE_FILE, 'replay.html'),
    help: 'with --trace: write one self-contained HTML page',
  },
  on: {
    kind: choice(boardNames, { placeholder: 'BOARD', code: 'E_BOARD' }),
    help: 'kill an emulated board at random moments',
  },
  kills: { ...boardReplayOptions.kills, help: 'with --on: how often it is killed' },
} as const satisfies OptionTable;

type Options = CliValues<typeof options>;
type Input = CommandInput<typeof options>;
type Name = keyof typeof options;

/** Which options belong to which way of replaying. */
const WAYS = {
  trace: [
    ...[
      'input',
      'capacitorUf',
      'report',
      'timeline',
      'device',
      'converter',
      'policy',
      'onLow',
      'inferences',
      'seed',
    ],
    ...['loadOhm', 'currentUnit', 'as'],
  ] as Name[],
  cuts: ['input', 'as', 'job', 'module'],
  on: ['kills', 'seed'],
} as const satisfies Record<string, readonly Name[]>;

const WAY_NAMES = ['trace', 'cuts', 'on'] as const;

/** Throws `E_USAGE` unless exactly one way is asked for, and only with its own options. */
function wayOf(given: Options, commandLine: string): keyof typeof WAYS {
  const asked = WAY_NAMES.filter((way) => given[way] !== undefined);
  const [way] = asked;
  const own: readonly string[] = way ? [way, ...WAYS[way]] : [];
  const stray = (Object.keys(given) as Name[]).find((name) => !own.includes(name));
  if (way && asked.length === 1 && stray === undefined) return way;
  const dashed = (name: Name): string => `--${cliName(name, options[name])}`;
  const expected =
    '--trace FILE, --cuts ID (with --input, --as, --job, --module) or --on BOARD (with --kills, --seed)';
  const refuse = (found: string, hint: string): never => {
    throw new BrownoutError({ code: 'E_USAGE', found, expected, hint });
  };
  if (!way) {
    // What is given may belong to one way alone.
    const meant = WAY_NAMES.find((one) =>
      Object.keys(given).every((name) => (WAYS[one] as readonly string[]).includes(name)),
    );
    const example = { trace: '--trace rf', cuts: '--cuts 1500,300', on: '--on qemu-mps2-an386' };
    return refuse('no way to replay', `Try \`${commandLine} ${example[meant ?? 'trace']}\`.`);
  }
  if (asked.length > 1) return refuse(`${asked.map(dashed).join(' and ')}`, 'Keep one of them.');
  return refuse(`${dashed(stray!)} with --${way}`, `Leave ${dashed(stray!)} out.`);
}

/** A schedule on the simulated device. */
function replaySchedule({ positionals, options: { cuts, input, as, job, module } }: Input): CommandOutput {
  const image = readUserFile(positionals[0]!);
  const files = input === undefined ? undefined : readInputFiles(input, readImage(image), as);
  const result = replayCuts(image, cuts!, {
    ...files?.given,
    ...(job === undefined ? {} : { job }),
    ...(module === undefined ? {} : { module: readUserFile(module) }),
  });
  const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
  return { json: result, text: `${files?.said ?? ''}${replayCutsText(result)}`, exitCode };
}

/** Kills at random moments on an emulated board. */
async function replayKills({
  positionals,
  options: { on, kills, seed },
  progress,
}: Input): Promise<CommandOutput> {
  const result = await replayOnBoard(readUserFile(positionals[0]!), {
    ...(on === undefined ? {} : { board: on }),
    ...(kills === undefined ? {} : { kills }),
    ...(seed === undefined ? {} : { seed }),
    progress,
  });
  const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
  return { json: result, text: boardReplayText(result), exitCode };
}

/** On a power trace: time and energy, and with --report a page of it. */
function replayTrace({ positionals, options: given, commandLine, progress }: Input): CommandOutput {
  const { cuts: _, job: __, module: ___, on: ____, kills: _____, report, ...power } = given;
  const image = readUserFile(positionals[0]!);
  const { power: given_, said } = powerOf(power, image);
  const { timeline, ...result } = replay(image, {
    ...given_,
    timeline: true,
    onInference: progress,
  });
  if (report !== undefined && timeline) {
    const page = replayHtml({ ...result, timeline }, commandLine);
    writeWhole(report, new TextEncoder().encode(page));
  }
  const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
  const table = `${said}${replayText(result)}`;
  const json = given.timeline ? { ...result, timeline } : result;
  return { json, text: report === undefined ? table : `${table}\n\nwritten: ${report}`, exitCode };
}

const REPLAYS = { trace: replayTrace, cuts: replaySchedule, on: replayKills };

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options,
  examples: [
    'brownout replay checkpoints/digits.brn --trace rf --capacitor 100uF --report out.html',
    'brownout replay model.brn --input x.npy --trace rf.csv --device nrf52840 --converter bq25570 --json',
    'brownout replay checkpoints/digits.brn --cuts 1500,300-',
    'brownout replay model.brn --cuts 118,2~7@c3.12@t4@s4294967294 --json',
    'brownout replay checkpoints/digits.brn --on qemu-mps2-an386 --kills 200',
  ],
  run: (input) => REPLAYS[wayOf(input.options, input.commandLine)](input),
});
