import type { Usage } from '../analyze/analyze.js';
import { signerText } from '../report/signer.js';
import { count, facts, sentences } from '../report/text.js';
import type { FirmwareExport } from './export-firmware.js';

const percent = ({ usedBytes, totalBytes }: Usage): string =>
  `${((usedBytes / totalBytes) * 100).toFixed(1)} %`;

/** Whether the C was held against the module. */
function comparedText(compared: number | null, proves: boolean): string {
  if (compared !== null) return `C: run here, ${count(compared)} reads, writes and barriers as the module’s`;
  return `C: not compared with the module (${proves ? 'no gcc here' : '--no-verify'})`;
}

/** What was exported: files, and what the program takes of the part. */
export function exportText(
  { target, device, notes: said, board, files, module, signedBy, from, usage, note, support }: FirmwareExport,
  folder: string,
  kept: string[],
): string {
  const { bytes, sha256, proved, compared } = module;
  const proof =
    proved.length > 0 ? `proved on this image (${proved.join(', ')})` : 'not proved (--no-verify)';
  const lines = [
    `${folder}: ${files.size} files for ${board ?? target}`,
    signerText(signedBy),
    `${module.file}: ${count(bytes)} B, ${proof}, SHA-256 ${sha256}`,
    ...(target === 'wasm' ? [] : [comparedText(compared, proved.length > 0)]),
    ...sentences(said),
  ];
  if (usage) {
    const { codeBytes, imageBytes, staticBytes, stackBytes } = usage;
    const parts = {
      flash: `: code and constants ${count(codeBytes)}, image ${count(imageBytes)}`,
      ram: `: static ${count(staticBytes)}, stack ${count(stackBytes)}`,
      nvm: ': cursors and buffers',
    };
    const rows = (['flash', 'ram', 'nvm'] as const).map((name): [string, string, string] => {
      const { usedBytes, totalBytes } = usage[name];
      const note = `${percent(usage[name])} of ${count(totalBytes)} B${parts[name]}`;
      return [name.toUpperCase(), `${count(usedBytes)} B`, note];
    });
    lines.push('', `memory of ${board ?? device} (measured: sections of firmware.elf):`, facts(rows));
  }
  for (const { name, layers } of from) {
    const what = layers.length > 0 ? `tickets and what ${layers.join(', ')} learnt` : 'tickets alone';
    lines.push(`takes over NVM of an earlier image, "${name}": ${what}`);
  }
  if (kept.length > 0) lines.push(`left as you have them: ${kept.join(', ')}`);
  if (note !== undefined) lines.push(note);
  switch (support.kind) {
    case 'runs':
      lines.push(`ran to the right answer, through cuts, on: ${support.on}`);
      break;
    case 'needs':
      lines.push('to fill in or to see to (PORTING.md):');
      for (const { file, name, what } of support.needs) lines.push(`  ${name} (${file}): ${what}`);
  }
  return lines.join('\n');
}
