import { readNpy } from '../data/npy.js';
import { BrownoutError, ExitCode } from '../error.js';
import { replayOnBoard } from './replay-on-board.js';
import { boardNames } from '../firmware/targets.js';
import { replay } from './replay.js';
import { boardReplayText } from './board-report.js';
import { replayHtml } from './page.js';
import { replayText } from './report.js';
import { replayCutsText } from './cuts-report.js';
import { replayCuts } from '../verify/replay.js';
import type { Command, CommandInput, CommandOutput } from '../options/command.js';
import { readUserFile, wholeNumber, writeWhole } from '../data/files.js';
import { capacitance } from '../options/capacitance.js';
import { commandLine, powerOptions, replayOptions } from './power-options.js';

/** Which options belong to which way of replaying. */
const WAYS = {
  trace: ['input', 'capacitor', 'report', ...powerOptions.map(({ name }) => name)],
  cuts: ['input', 'job', 'module'],
  on: ['kills', 'seed'],
} as const;

/** Throws `E_USAGE` unless exactly one way is asked for, and only with its own options. */
function wayOf(options: CommandInput['options']): keyof typeof WAYS {
  const ways = Object.keys(WAYS) as (keyof typeof WAYS)[];
  const asked = ways.filter((way) => options[way] !== undefined);
  const [way] = asked;
  const own: readonly string[] = way ? [way, ...WAYS[way]] : [];
  const known: string[] = ways.flatMap((name) => [name, ...WAYS[name]]);
  const stray = known.find((name) => options[name] !== undefined && !own.includes(name));
  if (way && asked.length === 1 && stray === undefined) return way;
  throw new BrownoutError({
    code: 'E_USAGE',
    found: way && asked.length === 1 ? `--${stray} with --${way}` : `${asked.length} ways to replay`,
    expected: '--trace FILE, --cuts ID (with --input, --job, --module) or --on BOARD (with --kills, --seed)',
    hint: 'Try --cuts 1500,300 : 1,500 bytes and barriers into the first boot, 300 into the second.',
  });
}

/** A schedule on the simulated device. */
function replaySchedule({ positionals, options }: CommandInput): CommandOutput {
  const { cuts, input, job, module } = options;
  const result = replayCuts(readUserFile(positionals[0]!), String(cuts), {
    ...(typeof input === 'string' ? { input: readNpy(readUserFile(input)) } : {}),
    ...(typeof job === 'string' ? { job: job as 'infer' } : {}),
    ...(typeof module === 'string' ? { module: readUserFile(module) } : {}),
  });
  const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
  return { json: result, text: replayCutsText(result), exitCode };
}

/** Kills at random moments on an emulated board. */
async function replayKills({ positionals, options, progress }: CommandInput): Promise<CommandOutput> {
  const { on, kills, seed } = options;
  const result = await replayOnBoard(readUserFile(positionals[0]!), {
    board: String(on),
    ...(typeof kills === 'string' ? { kills: wholeNumber('kills', kills) } : {}),
    ...(typeof seed === 'string' ? { seed: wholeNumber('seed', seed) } : {}),
    progress,
  });
  const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
  return { json: result, text: boardReplayText(result), exitCode };
}

/** On a power trace: time and energy, and with --report a page of it. */
function replayTrace(input: CommandInput): CommandOutput {
  const { capacitor, report } = input.options;
  const { timeline, ...result } = replay(readUserFile(input.positionals[0]!), {
    ...replayOptions(input),
    ...(typeof capacitor === 'string' ? { capacitorUf: capacitance(capacitor) } : {}),
    timeline: true,
  });
  if (typeof report === 'string' && timeline) {
    const page = replayHtml({ ...result, timeline }, commandLine('replay', input));
    writeWhole(report, new TextEncoder().encode(page));
  }
  const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
  const text =
    typeof report === 'string' ? `${replayText(result)}\n\nwritten: ${report}` : replayText(result);
  return { json: result, text, exitCode };
}

const REPLAYS = { trace: replayTrace, cuts: replaySchedule, on: replayKills };

export const replayCommand: Command = {
  name: 'replay',
  positionals: ['image'],
  summary: 'Run an image on a power trace, or play one schedule of power failures, and tell what happened.',
  options: [
    { name: 'cuts', value: 'ID', help: 'the schedule of power failures, as `verify` prints it' },
    { name: 'input', value: 'x.npy', help: 'with --trace samples; with --cuts the one given to `verify`' },
    { name: 'job', value: 'NAME', help: 'with --cuts: infer (default) or learn' },
    { name: 'module', value: 'FILE', help: 'with --cuts: device module (default: the one that ships)' },
    ...powerOptions,
    { name: 'capacitor', value: 'C', help: "such as 100uF (default: the device's or converter's own)" },
    { name: 'report', value: 'FILE', help: 'with --trace: write one self-contained HTML page' },
    {
      name: 'on',
      value: 'BOARD',
      help: `kill an emulated board at random moments: ${boardNames.join(', ')}`,
    },
    { name: 'kills', value: 'N', help: 'with --on: how often it is killed (default 200)' },
  ],
  examples: [
    'brownout replay checkpoints/digits.brn --trace rf --capacitor 100uF --report out.html',
    'brownout replay model.brn --input x.npy --trace rf.csv --device nrf52840 --converter bq25570 --json',
    'brownout replay checkpoints/digits.brn --cuts 1500,300-',
    'brownout replay model.brn --cuts 118,2~7@c3.12@t4@s4294967294 --json',
    'brownout replay checkpoints/digits.brn --on qemu-mps2-an386 --kills 200',
  ],
  run: (input) => REPLAYS[wayOf(input.options)](input),
};
