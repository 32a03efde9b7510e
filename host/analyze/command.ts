import { readUserFile } from '../data/files.js';
import { ExitCode } from '../error.js';
import { boardNames } from '../firmware/targets.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { choice } from '../options/kinds.js';
import { analyzeOnBoard } from './analyze-on-board.js';
import { analyze } from './analyze.js';
import { boardAnalysisText } from './board-report.js';
import { analyzeOptions } from './options.js';
import { analyzeText } from './report.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    ...cliOptions(analyzeOptions),
    on: {
      kind: choice(boardNames, { placeholder: 'BOARD', code: 'E_BOARD' }),
      help: 'count instructions there, too',
    },
  },
  examples: [
    'brownout analyze checkpoints/digits.brn',
    'brownout analyze model.brn --on qemu-mps2-an386 --json',
  ],
  async run({ positionals, options: { on: board, ...options } }) {
    const image = readUserFile(positionals[0]!);
    const result = analyze(image, options);
    if (board === undefined) return { json: result, text: analyzeText(result), exitCode: ExitCode.OK };
    const on = await analyzeOnBoard(image, board, result);
    const text = `${analyzeText(result)}\n\n${boardAnalysisText(on, result)}`;
    return { json: { ...result, on }, text, exitCode: ExitCode.OK };
  },
});
