import type { AnalyzeResult, Usage } from '../analyze.js';
import type { BoardAnalysis } from '../firmware/analyze-on-board.js';
import type { FirmwareExport } from '../firmware/export-firmware.js';
import type { BoardReplayResult } from '../firmware/replay-on-board.js';
import { count, facts, table } from './text.js';

const percent = ({ usedBytes, totalBytes }: Usage): string =>
  `${((usedBytes / totalBytes) * 100).toFixed(1)} %`;

/** What was exported: files, and what the program takes of the part. */
export function exportText(
  { target, device, files, usage, note }: FirmwareExport,
  folder: string,
  kept: string[],
): string {
  const lines = [`${folder}: ${files.size} files for ${target}`];
  if (usage) {
    const { codeBytes, imageBytes, staticBytes, stackBytes } = usage;
    const notes = {
      flash: `code and constants ${count(codeBytes)}, image ${count(imageBytes)}`,
      ram: `static ${count(staticBytes)}, stack ${count(stackBytes)}`,
      nvm: 'image, cursors, buffers',
    };
    const rows = (['flash', 'ram', 'nvm'] as const).map((name) => {
      const { usedBytes, totalBytes } = usage[name];
      return [
        name.toUpperCase(),
        `${count(usedBytes)} B`,
        `${count(totalBytes)} B`,
        percent(usage[name]),
        notes[name],
      ];
    });
    lines.push(
      '',
      table([['', 'used', `of ${device}`, '', ''], ...rows]),
      '(measured: sections of firmware.elf)',
    );
  }
  if (kept.length > 0) lines.push(`left as you have them: ${kept.join(', ')}`);
  if (note !== undefined) lines.push(note);
  return lines.join('\n');
}

/** What became of the jobs of a board that was killed again and again. */
export function boardReplayText(result: BoardReplayResult): string {
  const { board, kills, tornSlots, inferences, repeats, identical, violations } = result;
  return [
    `${board}, emulated by QEMU`,
    facts([
      ['kills (SIGKILL, started again)', count(kills)],
      ['cursor slots left torn', count(tornSlots)],
      ['jobs delivered', count(inferences)],
      ['delivered twice', count(repeats), 'the same answer under the same ticket'],
      ['answers and last NVM', identical ? 'identical' : 'NOT IDENTICAL', 'against the simulator'],
    ]),
    ...violations,
  ].join('\n');
}

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
