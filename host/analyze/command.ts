import { analyze } from './analyze.js';
import { ExitCode } from '../error.js';
import { analyzeOnBoard } from './analyze-on-board.js';
import { boardNames } from '../firmware/targets.js';
import { analyzeText } from './report.js';
import { boardAnalysisText } from './board-report.js';
import type { Command } from '../options/command.js';
import { readUserFile } from '../data/files.js';

export const analyzeCommand: Command = {
  name: 'analyze',
  positionals: ['image'],
  summary: 'Show what every op of an image costs, and what SRAM and NVM it takes.',
  options: [
    { name: 'device', value: 'NAME', help: 'device profile (default cortex-m4-generic)' },
    { name: 'on', value: 'BOARD', help: `count instructions there, too: ${boardNames.join(', ')}` },
  ],
  examples: [
    'brownout analyze checkpoints/digits.brn',
    'brownout analyze model.brn --on qemu-mps2-an386 --json',
  ],
  async run({ positionals, options }) {
    const { device, on: board } = options;
    const image = readUserFile(positionals[0]!);
    const result = analyze(image, typeof device === 'string' ? { device } : {});
    if (typeof board !== 'string') return { json: result, text: analyzeText(result), exitCode: ExitCode.OK };
    const on = await analyzeOnBoard(image, board, result);
    const text = `${analyzeText(result)}\n\n${boardAnalysisText(on, result)}`;
    return { json: { ...result, on }, text, exitCode: ExitCode.OK };
  },
};
