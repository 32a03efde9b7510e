import { analyze } from '../analyze.js';
import { ExitCode } from '../error.js';
import { analyzeText } from '../report/analyze.js';
import type { Command } from './command.js';
import { readUserFile } from './files.js';

export const analyzeCommand: Command = {
  name: 'analyze',
  positionals: ['image'],
  summary: 'Show what every op of an image costs, and what SRAM and NVM it takes.',
  options: [{ name: 'device', value: 'NAME', help: 'device profile (default cortex-m4-generic)' }],
  examples: ['brownout analyze checkpoints/digits.brn', 'brownout analyze model.brn --json'],
  run({ positionals, options }) {
    const device = options['device'];
    const image = readUserFile(positionals[0]!);
    const result = analyze(image, typeof device === 'string' ? { device } : {});
    return { json: result, text: analyzeText(result), exitCode: ExitCode.OK };
  },
};
