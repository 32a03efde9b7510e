// What choices between compressed networks are made by. Accuracy says little where most inputs are of one class.
import { shareCorrect } from './forward.js';
import { Desk } from './desk-module.js';

export const METRICS = ['accuracy', 'macro-f1', 'auc', 'mae'] as const;

/**
 * How good answers are, 0 … 1: the share that is right; the mean over classes of F1, 2·TP / (2·TP + FP + FN); or the mean over
 * classes of the area under the ROC curve, one class against the rest. Or how far they are from targets: the mean absolute error.
 */
export type Metric = (typeof METRICS)[number];

/** A percentage of inputs, or another metric by name. */
export const qualityText = (metric: Metric, { quality }: { quality: number }): string =>
  metric === 'accuracy' ? `${(quality * 100).toFixed(2)} %` : `${metric} ${quality.toFixed(4)}`;

/** By how much `b` is better than `a`. */
export const gain = (metric: Metric, a: number, b: number): number => (metric === 'mae' ? a - b : b - a);

/** Means of the squares and of the magnitudes of what outputs are off their targets. */
export function errorsOf(
  outputs: Float32Array,
  targets: Float32Array,
): { squared: number; absolute: number } {
  let [squares, magnitudes] = [0, 0];
  outputs.forEach((value, i) => {
    const off = value - targets[i]!;
    squares += off * off;
    magnitudes += Math.abs(off);
  });
  return { squared: squares / outputs.length, absolute: magnitudes / outputs.length };
}

/** A metric of classes, of logits [count][classes]. Classes that no label or answer has do not count. */
export function measure(metric: Exclude<Metric, 'mae'>, logits: Float32Array, labels: Uint8Array): number {
  switch (metric) {
    case 'accuracy':
      return shareCorrect(logits, labels);
    case 'macro-f1':
      return macroF1(logits, labels);
    case 'auc':
      return macroAuc(logits, labels);
  }
}

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** The first of the largest of each row. */
function answersOf(logits: Float32Array, classes: number): number[] {
  return Array.from({ length: logits.length / classes }, (_, row) => {
    const values = logits.subarray(row * classes, (row + 1) * classes);
    return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
  });
}

function macroF1(logits: Float32Array, labels: Uint8Array): number {
  const classes = logits.length / labels.length;
  const [right, answered, labelled] = [0, 0, 0].map(() => new Float64Array(classes)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  answersOf(logits, classes).forEach((answer, row) => {
    const label = labels[row]!;
    answered[answer]!++;
    labelled[label]!++;
    if (answer === label) right[label]!++;
  });
  const counted = [...right.keys()].filter((own) => answered[own]! + labelled[own]! > 0);
  return mean(counted.map((own) => (2 * right[own]!) / (answered[own]! + labelled[own]!)));
}

function macroAuc(logits: Float32Array, labels: Uint8Array): number {
  const classes = logits.length / labels.length;
  const desk = new Desk();
  const at = desk.place(logits);
  desk.kernels.softmax(at, at, labels.length, classes, 1);
  const shares = desk.floats(at, logits.length).slice();
  const areas = Array.from({ length: classes }, (_, own) => {
    const order = [...labels.keys()].sort((a, b) => shares[a * classes + own]! - shares[b * classes + own]!);
    // Pairs of an input of the class and another that are in order; equals are half in order.
    let [pairs, others, positives] = [0, 0, 0];
    for (let first = 0; first < order.length;) {
      let end = first;
      let [equalPositives, equalOthers] = [0, 0];
      const value = shares[order[first]! * classes + own];
      // The first counts even where it is no number, which equals nothing.
      for (; end === first || (end < order.length && shares[order[end]! * classes + own] === value); end++) {
        if (labels[order[end]!] === own) equalPositives++;
        else equalOthers++;
      }
      pairs += equalPositives * (others + equalOthers / 2);
      others += equalOthers;
      positives += equalPositives;
      first = end;
    }
    return positives * others === 0 ? undefined : pairs / (positives * others);
  });
  return mean(areas.filter((area) => area !== undefined));
}
