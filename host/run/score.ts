// Answers held against labels: how many are right, what is taken for what, and which are the worst.
import { BrownoutError } from '../error.js';

/** An answer that is wrong. */
export interface Mistake {
  sample: number;
  label: number;
  /** The class of the strongest output. */
  answer: number;
  /** How far the output of the label stays below the strongest, as a real value. */
  margin: number;
}

/** What answers are worth, by labels. */
export interface Score {
  right: number;
  total: number;
  /** right / total, from 0 to 1. */
  accuracy: number;
  /** confusion[label][answer]: how many samples. */
  confusion: number[][];
  /** Wrong answers, the largest margin first; 10 at most. */
  worst: Mistake[];
}

const MOST_WORST = 10;

function refuse(found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LABEL', found, expected, hint });
}

/** Throws `E_LABEL` unless there is a label for each sample, of one of `classes`; 0 or 1 of these are none to choose from. */
export function checkLabels(labels: readonly number[], samples: number, classes: number): void {
  if (classes < 2)
    refuse(
      'labels for an image without classes',
      'one answer, with an output for each class',
      'Leave `labels` out.',
    );
  if (labels.length !== samples)
    refuse(`${labels.length} labels for ${samples} samples`, 'one for each', 'Check the two files.');
  const wrong = labels.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (wrong >= 0)
    refuse(
      `label ${labels[wrong]} of sample ${wrong}`,
      `class numbers from 0 to ${classes - 1}: the image has ${classes} outputs`,
      'Correct it, or count classes from 0.',
    );
}

/**
 * Scores rows of integers [sample][class], of `scale` a step, by labels that have been checked. The answer is the class of the
 * strongest output, of equals the first.
 */
export function scoreOf(
  rows: readonly (readonly number[])[],
  labels: readonly number[],
  scale: number,
): Score {
  const classes = rows[0]?.length ?? 0;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const mistakes: Mistake[] = [];
  rows.forEach((row, sample) => {
    const label = labels[sample]!;
    const answer = row.indexOf(Math.max(...row));
    confusion[label]![answer]!++;
    if (answer !== label)
      mistakes.push({ sample, label, answer, margin: (row[answer]! - row[label]!) * scale });
  });
  const right = rows.length - mistakes.length;
  const worst = mistakes.sort((a, b) => b.margin - a.margin || a.sample - b.sample).slice(0, MOST_WORST);
  return { right, total: rows.length, accuracy: right / rows.length, confusion, worst };
}
