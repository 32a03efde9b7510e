import type { ImageMetadata } from '../model/metadata.js';
import type { Answers, RunResult } from './run.js';
import { table } from '../report/text.js';

/** Samples listed on a terminal. */
const MOST_ROWS = 20;

/** A row per sample: its strongest outputs, as real values. */
export function runTable(result: RunResult, metadata: ImageMetadata): string {
  if (!result.named) return answersTable(result, metadata);
  return result.named
    .map((answers) => `${answers.name} [${answers.shape}]\n${answersTable(answers, metadata)}`)
    .join('\n\n');
}

function answersTable(
  { outputs, scale, zeroPoint, warning }: Answers & { warning?: string },
  metadata: ImageMetadata,
): string {
  const rows = outputs.slice(0, MOST_ROWS).map((row, index) => {
    const ranked = row.map((q, i) => ({ q, i })).sort((a, b) => b.q - a.q || a.i - b.i);
    const best = ranked.slice(0, 3).map(({ q, i }) => {
      return `${metadata.classes?.[i] ?? `[${i}]`} ${((q - zeroPoint) * scale).toFixed(2)}`;
    });
    return [`${index}`, ...best];
  });
  const more =
    outputs.length > MOST_ROWS ? `\n… and ${outputs.length - MOST_ROWS} more: --json prints all.` : '';
  const warned = warning ? `\nWarning: ${warning}.` : '';
  return `${table([['sample', 'strongest', '', ''], ...rows])}${more}${warned}`;
}
