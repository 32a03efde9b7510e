// exp and log are AssemblyScript's own (Mathf), so the same bits come out of every engine.

/**
 * probabilities[rows][classes] = softmax(logits); labels are one byte each.
 * Returns the sum over rows of -log(probability of the label).
 */
export function softmaxCrossEntropy(
  logits: usize,
  labels: usize,
  probabilities: usize,
  rows: i32,
  classes: i32,
): f64 {
  let loss: f64 = 0;
  for (let row = 0; row < rows; row++) {
    let largest = load<f32>(logits);
    for (let j = 1; j < classes; j++) largest = max(largest, load<f32>(logits + (j << 2)));
    let sum: f32 = 0;
    for (let j = 0; j < classes; j++) {
      const power = Mathf.exp(load<f32>(logits + (j << 2)) - largest);
      store<f32>(probabilities + (j << 2), power);
      sum += power;
    }
    for (let j = 0; j < classes; j++) {
      store<f32>(probabilities + (j << 2), load<f32>(probabilities + (j << 2)) / sum);
    }
    const label = <i32>load<u8>(labels + row);
    loss += Mathf.log(sum) - (load<f32>(logits + (label << 2)) - largest);
    logits += classes << 2;
    probabilities += classes << 2;
  }
  return loss;
}

/** dLogits += scale · (probabilities - one-hot label). */
export function softmaxCrossEntropyGradient(
  probabilities: usize,
  labels: usize,
  dLogits: usize,
  rows: i32,
  classes: i32,
  scale: f32,
): void {
  for (let row = 0; row < rows; row++) {
    const label = <i32>load<u8>(labels + row);
    for (let j = 0; j < classes; j++) {
      const target: f32 = j == label ? 1 : 0;
      store<f32>(dLogits, load<f32>(dLogits) + scale * (load<f32>(probabilities) - target));
      dLogits += 4;
      probabilities += 4;
    }
  }
}

/** probabilities[rows][classes] = softmax(logits / temperature). */
export function softmax(
  logits: usize,
  probabilities: usize,
  rows: i32,
  classes: i32,
  temperature: f32,
): void {
  for (let row = 0; row < rows; row++) {
    let largest = load<f32>(logits);
    for (let j = 1; j < classes; j++) largest = max(largest, load<f32>(logits + (j << 2)));
    let sum: f32 = 0;
    for (let j = 0; j < classes; j++) {
      const power = Mathf.exp((load<f32>(logits + (j << 2)) - largest) / temperature);
      store<f32>(probabilities + (j << 2), power);
      sum += power;
    }
    for (let j = 0; j < classes; j++) {
      store<f32>(probabilities + (j << 2), load<f32>(probabilities + (j << 2)) / sum);
    }
    logits += classes << 2;
    probabilities += classes << 2;
  }
}

/**
 * Cross-entropy of softmax(logits / temperature) against `targets` [rows][classes], each row of which sums to 1: returns
 * its sum over the rows, and dLogits += factor · (softmax − target), unless dLogits is 0. `workspace`: as large as logits.
 */
export function softTargetLoss(
  logits: usize,
  targets: usize,
  workspace: usize,
  dLogits: usize,
  rows: i32,
  classes: i32,
  temperature: f32,
  factor: f32,
): f64 {
  softmax(logits, workspace, rows, classes, temperature);
  let loss: f64 = 0;
  for (let at: usize = 0, end = (<usize>(rows * classes)) << 2; at < end; at += 4) {
    const probability = load<f32>(workspace + at);
    const target = load<f32>(targets + at);
    if (target > 0) loss -= <f64>target * <f64>Mathf.log(max<f32>(probability, 1e-30));
    if (dLogits) store<f32>(dLogits + at, load<f32>(dLogits + at) + factor * (probability - target));
  }
  return loss;
}

/** How many rows have their largest value (the first of equals) at their label. */
export function countCorrect(scores: usize, labels: usize, rows: i32, classes: i32): i32 {
  let correct = 0;
  for (let row = 0; row < rows; row++) {
    let best = 0;
    for (let j = 1; j < classes; j++) {
      if (load<f32>(scores + (j << 2)) > load<f32>(scores + (best << 2))) best = j;
    }
    if (best == <i32>load<u8>(labels + row)) correct++;
    scores += classes << 2;
  }
  return correct;
}
