import { count, facts, table } from '../report/text.js';
import type { AnalyzeResult } from './analyze.js';
import type { BoardAnalysis } from './analyze-on-board.js';

/** Instructions of every op and of an inference, as an emulated board counts them. */
export function boardAnalysisText(on: BoardAnalysis, { ops }: AnalyzeResult): string {
  const rows = on.ops.map(({ name, instructions, dearestTileInstructions }, i) => {
    const { macs } = ops[i]!;
    return [
      name,
      count(instructions),
      `${((instructions / on.opInstructions) * 100).toFixed(1)} %`,
      macs > 0 ? (instructions / macs).toFixed(2) : '',
      count(dearestTileInstructions),
    ];
  });
  const saved = on.copyingInstructions - on.inferenceInstructions;
  const inPlace = `views in place; ${count(saved)} more (${((saved / on.inferenceInstructions) * 100).toFixed(1)} %)`;
  return [
    `on ${on.board}, emulated: instructions, counted (-icount); a Cortex-M takes more cycles than that`,
    table([['op', 'instructions', 'share', 'a MAC', 'largest tile'], ...rows]),
    facts([
      ['an inference', count(on.inferenceInstructions), `${inPlace} where they are copies`],
      ['of these, boot', count(on.beginInstructions), 'provisioning included'],
      ['stack', `${count(on.stackBytes)} B`, 'at most'],
      ['static data', `${count(on.staticBytes)} B`],
      ['code', `${count(on.codeBytes)} B`, 'and constants besides the image'],
    ]),
  ].join('\n');
}
