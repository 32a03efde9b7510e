import { readNpy } from '../data/npy.js';
import { BrownoutError, ExitCode } from '../error.js';
import { replayOnBoard } from '../firmware/replay-on-board.js';
import { boardNames } from '../firmware/targets.js';
import { boardReplayText } from '../report/firmware.js';
import { replayCutsText } from '../report/replay.js';
import { replayCuts } from '../verify/replay.js';
import type { Command, CommandInput, CommandOutput } from './command.js';
import { readUserFile, wholeNumber } from './files.js';

/** Which options belong to which way of replaying. */
const WAYS = { cuts: ['input', 'job', 'module'], on: ['kills', 'seed'] } as const;

/** Throws `E_USAGE` unless exactly one way is asked for, and only with its own options. */
function wayOf(options: CommandInput['options']): keyof typeof WAYS {
  const asked = (Object.keys(WAYS) as (keyof typeof WAYS)[]).filter((way) => options[way] !== undefined);
  const [way] = asked;
  const stray = Object.entries(WAYS).flatMap(([name, own]) =>
    name === way ? [] : own.filter((option) => options[option] !== undefined),
  );
  if (way && asked.length === 1 && stray.length === 0) return way;
  throw new BrownoutError({
    code: 'E_USAGE',
    found: asked.length === 1 ? `--${stray[0]} with --${way}` : `${asked.length} ways to replay`,
    expected: '--cuts ID (with --input, --job, --module), or --on BOARD (with --kills, --seed)',
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

export const replayCommand: Command = {
  name: 'replay',
  positionals: ['image'],
  summary: 'Play power failures against an image, and tell what happened.',
  options: [
    {
      name: 'cuts',
      value: 'ID',
      help: 'a schedule of power failures, as `verify` prints it, on the simulated device',
    },
    { name: 'input', value: 'x.npy', help: 'with --cuts: the sample given to `verify`, if one was' },
    { name: 'job', value: 'NAME', help: 'with --cuts: infer (default) or train' },
    { name: 'module', value: 'FILE', help: 'with --cuts: device module (default: the one that ships)' },
    {
      name: 'on',
      value: 'BOARD',
      help: `kill an emulated board at random moments: ${boardNames.join(', ')}`,
    },
    { name: 'kills', value: 'N', help: 'with --on: how often it is killed (default 200)' },
    { name: 'seed', value: 'S', help: 'with --on: seed of the inputs and moments (default 1)' },
  ],
  examples: [
    'brownout replay checkpoints/digits.brn --cuts 1500,300-',
    'brownout replay model.brn --cuts 118,2~7@c3.12@t4@s4294967294 --json',
    'brownout replay checkpoints/digits.brn --on qemu-mps2-an386 --kills 200',
  ],
  run: (input) => (wayOf(input.options) === 'cuts' ? replaySchedule(input) : replayKills(input)),
};
