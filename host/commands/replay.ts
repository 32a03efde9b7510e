import { readNpy } from '../data/npy.js';
import { BrownoutError, ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { replay } from '../replay.js';
import { replayHtml } from '../report/replay-html.js';
import { replayText } from '../report/replay-power.js';
import { replayCutsText } from '../report/replay.js';
import { replayCuts } from '../verify/replay.js';
import type { Command, CommandInput, CommandOutput } from './command.js';
import { readUserFile, writeWhole } from './files.js';
import { capacitance, commandLine, powerOptions, replayOptions } from './power-options.js';

/** Options that mean nothing on a power trace. */
const CUTS_ONLY = ['cuts', 'job', 'module'] as const;

/** On a power trace: time and energy, and with --report a page of it. */
function replayTrace(input: CommandInput): CommandOutput {
  const { capacitor, report } = input.options;
  const other = CUTS_ONLY.find((name) => input.options[name] !== undefined);
  if (other) {
    const expected = 'either a power trace or a schedule of power failures';
    const hint = 'See `brownout replay --help`.';
    throw new BrownoutError({ code: 'E_USAGE', found: `--trace with --${other}`, expected, hint });
  }
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

export const replayCommand: Command = {
  name: 'replay',
  positionals: ['image'],
  summary: 'Run an image on a power trace, or play one schedule of power failures, and tell what happened.',
  options: [
    { name: 'cuts', value: 'ID', help: 'the schedule of power failures, as `verify` prints it' },
    { name: 'input', value: 'x.npy', help: 'with --trace samples; with --cuts the one given to `verify`' },
    { name: 'job', value: 'NAME', help: 'infer (default) or train' },
    { name: 'module', value: 'FILE', help: 'with --cuts: device module (default: the one that ships)' },
    ...powerOptions,
    { name: 'capacitor', value: 'C', help: "such as 100uF (default: the device's or converter's own)" },
    { name: 'report', value: 'FILE', help: 'with --trace: write one self-contained HTML page' },
  ],
  examples: [
    'brownout replay checkpoints/digits.brn --trace rf --capacitor 100uF --report out.html',
    'brownout replay model.brn --input x.npy --trace rf.csv --device nrf52840 --converter bq25570 --json',
    'brownout replay checkpoints/digits.brn --cuts 1500,300-',
    'brownout replay model.brn --cuts 118,2~7@c3.12@t4@s4294967294 --json',
  ],
  run(input) {
    const { positionals, options } = input;
    if (options['trace'] !== undefined) return replayTrace(input);
    const image = readImage(readUserFile(positionals[0]!));
    const { cuts, input: sample, job, module } = options;
    if (typeof cuts !== 'string') {
      throw new BrownoutError({
        code: 'E_USAGE',
        found: 'no schedule of power failures',
        expected: '--cuts ID, or a power trace: --trace FILE',
        hint: 'Try --cuts 1500,300 : 1,500 bytes and barriers into the first boot, 300 into the second.',
      });
    }
    const result = replayCuts(image, cuts, {
      ...(typeof sample === 'string' ? { input: readNpy(readUserFile(sample)) } : {}),
      ...(typeof job === 'string' ? { job: job as 'infer' } : {}),
      ...(typeof module === 'string' ? { module: readUserFile(module) } : {}),
    });
    const exitCode = result.identical ? ExitCode.OK : ExitCode.WRONG;
    return { json: result, text: replayCutsText(result), exitCode };
  },
};
