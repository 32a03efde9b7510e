import { compare } from './compare.js';
import { ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { compareText } from './report.js';
import { RAD_NETWORKS } from './strategies/rad-networks.js';
import type { Command } from '../options/command.js';
import { readUserFile, wholeNumber } from '../data/files.js';
import { capacitance } from '../options/capacitance.js';
import { traceOf } from '../replay/power-options.js';

export const compareCommand: Command = {
  name: 'compare',
  positionals: ['image|model…'],
  summary:
    'Compare run time and energy of BASE, SONIC, TAILS, ACE+FLEX and ours on the same plans and power.',
  options: [
    { name: 'device', value: 'NAME', help: 'one device (default msp430fr5994 and cortex-m4-generic)' },
    { name: 'capacitor', value: 'C', help: 'one capacitor (default 100uF, 1mF and 50mF)' },
    { name: 'trace', value: 'FILE', help: 'one trace, as of `replay` (default two RF fields)' },
    { name: 'load', value: 'OHM', help: 'what the voltages of a trace were measured across' },
    { name: 'seed', value: 'S', help: 'seed of generated traces (default 1)' },
  ],
  examples: [
    'brownout compare',
    'brownout compare rad-mnist rad-okg --device msp430fr5994 --capacitor 1mF --json',
    'brownout compare checkpoints/digits.brn',
  ],
  run({ positionals, options }) {
    const { device, capacitor, trace, seed } = options;
    const models = positionals.map((name) =>
      RAD_NETWORKS.includes(name) ? name : readImage(readUserFile(name)),
    );
    const result = compare(models, {
      ...(typeof device === 'string' ? { devices: [device] } : {}),
      ...(typeof capacitor === 'string' ? { capacitorsUf: [capacitance(capacitor)] } : {}),
      ...(typeof trace === 'string' ? { traces: [traceOf(trace, options)] } : {}),
      ...(typeof seed === 'string' ? { seed: wholeNumber('seed', seed) } : {}),
    });
    return { json: result, text: compareText(result), exitCode: ExitCode.OK };
  },
};
