import type { ImageMetadata } from '../model/metadata.js';
import { TERMINAL } from '../options/wrap.js';
import { signerText } from '../report/signer.js';
import { count, table } from '../report/text.js';
import type { Answers, RunResult } from './run.js';
import type { Score } from './score.js';

/** Samples listed on a terminal. */
const MOST_ROWS = 20;

/** Columns of a name before the confusion. */
const FIRST_COLUMN = 14;
const MOST_PAIRS = 10;
const NAME_WIDTH = 12;

/** Answers, or with labels how good they are. */
export function runText(result: RunResult, metadata: ImageMetadata): string {
  const { score, signedBy, warning } = result;
  const answers = score ? scoreText(score, metadata, warning) : runTable(result, metadata);
  return signedBy === undefined ? answers : `${answers}\n${signerText(signedBy)}`;
}

/** Accuracy, what is taken for what, and the worst answers. */
function scoreText(
  { right, total, accuracy, confusion, worst }: Score,
  { classes }: ImageMetadata,
  warning: string | undefined,
): string {
  const name = (index: number): string => (classes?.[index] ?? `[${index}]`).slice(0, NAME_WIDTH);
  const used = confusion.map((row) => `${Math.max(...row)}`.length);
  const cellWidth = Math.max(3, ...used);
  const isSmall = FIRST_COLUMN + confusion.length * (cellWidth + 2) <= TERMINAL;
  const whole = [
    ['label \\ answer', ...confusion.map((_, index) => name(index).slice(0, cellWidth))],
    ...confusion.map((row, label) => [name(label), ...row.map((cell) => (cell === 0 ? '·' : `${cell}`))]),
  ];
  const pairs = confusion
    .flatMap((row, label) => row.map((samples, answer) => ({ label, answer, samples })))
    .filter(({ label, answer, samples }) => label !== answer && samples > 0)
    .sort((a, b) => b.samples - a.samples || a.label - b.label || a.answer - b.answer)
    .slice(0, MOST_PAIRS)
    .map(({ label, answer, samples }) => [name(label), name(answer), `${samples}`]);
  const wrong = worst.map(({ sample, label, answer, margin }) => [
    `${sample}`,
    name(label),
    name(answer),
    margin.toFixed(2),
  ]);
  return [
    `${count(right)} of ${count(total)} right: ${(accuracy * 100).toFixed(2)} %`,
    ...(isSmall ? ['', table(whole)] : []),
    ...(!isSmall && pairs.length > 0 ? ['', table([['label', 'answer', 'samples'], ...pairs])] : []),
    ...(wrong.length > 0
      ? [
          '',
          'the worst, by how far the label is behind:',
          table([['sample', 'label', 'answer', 'behind'], ...wrong]),
        ]
      : []),
    ...(warning ? [`Warning: ${warning}.`] : []),
  ].join('\n');
}

/** A row per sample: its strongest outputs, as real values. */
function runTable(result: RunResult, metadata: ImageMetadata): string {
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
