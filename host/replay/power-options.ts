// The options of commands that replay images on power traces.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { textOf } from '../data/csv.js';
import { readNpy } from '../data/npy.js';
import { BrownoutError } from '../error.js';
import { isGenerator } from '../power/source.js';
import { parseTrace, type Trace, type TraceOptions } from '../power/trace.js';
import type { ReplayOptions } from './replay.js';
import type { CommandInput, OptionSpec } from '../options/command.js';
import { readUserFile, wholeNumber } from '../data/files.js';

/** All but the capacitor. */
export const powerOptions: readonly OptionSpec[] = [
  {
    name: 'trace',
    value: 'FILE',
    help: 'CSV with units in its header, I–V curves, or rf, solar, kinetic, constant, square (rf:on_uw=900,…)',
  },
  { name: 'load', value: 'OHM', help: 'what the voltages of a trace were measured across' },
  { name: 'current-unit', value: 'NAME', help: 'ua, ma or a: of the currents of I–V curves' },
  { name: 'device', value: 'NAME', help: 'device profile (default cortex-m4-generic)' },
  { name: 'converter', value: 'NAME', help: 'ideal (default), diode, bq25504 or bq25570' },
  { name: 'policy', value: 'NAME', help: "every N, low, auto or never, in place of the image's own" },
  { name: 'on-low', value: 'NAME', help: 'what the app does when power is low: sleep (default) or run' },
  { name: 'inferences', value: 'N', help: 'how many (default: as many as there are inputs)' },
  { name: 'seed', value: 'S', help: 'seed of the trace and of what cuts tear (default 1)' },
];

/** A generator as it is, or a recording. */
export function traceOf(path: string, options: CommandInput['options']): string | Trace {
  if (isGenerator(path) && !existsSync(path)) return path;
  const { load, 'current-unit': unit } = options;
  if (unit !== undefined && unit !== 'ua' && unit !== 'ma' && unit !== 'a') {
    throw new BrownoutError({
      code: 'E_OPTION',
      found: `--current-unit ${unit}`,
      expected: 'ua, ma or a',
      hint: 'It is for I–V curves, whose format names none.',
    });
  }
  const settings: TraceOptions = {
    name: basename(path),
    ...(typeof load === 'string' ? { loadOhm: wholeNumber('load', load) } : {}),
    ...(typeof unit === 'string' ? { currentUnit: unit as 'ua' } : {}),
  };
  return parseTrace(textOf(readUserFile(path)), settings);
}

/** Options of `replay` from those of the command line. */
export function replayOptions({ options }: CommandInput): ReplayOptions {
  const { input, trace, device, converter, policy, inferences, seed, 'on-low': onLow } = options;
  return {
    ...(typeof input === 'string' ? { input: readNpy(readUserFile(input)) } : {}),
    ...(typeof trace === 'string' ? { trace: traceOf(trace, options) } : {}),
    ...(typeof device === 'string' ? { device } : {}),
    ...(typeof converter === 'string' ? { converter } : {}),
    ...(typeof policy === 'string' ? { policy } : {}),
    ...(typeof onLow === 'string' ? { onLow: onLow as 'sleep' } : {}),
    ...(typeof inferences === 'string' ? { inferences: wholeNumber('inferences', inferences) } : {}),
    ...(typeof seed === 'string' ? { seed: wholeNumber('seed', seed) } : {}),
  };
}

/** The command line that makes a report again, as one types it. */
export function commandLine(name: string, { positionals, options }: CommandInput): string {
  const quote = (text: string): string =>
    /^[\w./:=,+~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
  const given = Object.entries(options)
    .filter(([key, value]) => value !== undefined && key !== 'json')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => (value === true ? `--${key}` : `--${key} ${quote(String(value))}`));
  return ['brownout', name, ...positionals.map(quote), ...given].join(' ');
}
