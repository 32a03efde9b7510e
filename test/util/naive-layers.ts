// Every layer from its definition, in double precision, one scalar at a time.

export type Values = readonly number[];

export interface ConvolutionShape {
  input: readonly [number, number, number, number];
  weights: readonly [number, number, number, number];
  stride: readonly [number, number];
  padding: 'valid' | 'same';
}

export function naiveConvolution(
  shape: ConvolutionShape,
  x: Values,
  weights: Values,
  bias: Values,
): number[] {
  const [count, height, width, channels] = shape.input;
  const [outputs, kernelHeight, kernelWidth] = shape.weights;
  const axis = (input: number, kernel: number, stride: number): [number, number] => {
    if (shape.padding === 'valid') return [Math.floor((input - kernel) / stride) + 1, 0];
    const out = Math.ceil(input / stride);
    return [out, Math.floor(Math.max((out - 1) * stride + kernel - input, 0) / 2)];
  };
  const [outHeight, top] = axis(height, kernelHeight, shape.stride[0]);
  const [outWidth, left] = axis(width, kernelWidth, shape.stride[1]);
  const result: number[] = [];
  for (let n = 0; n < count; n++)
    for (let oy = 0; oy < outHeight; oy++)
      for (let ox = 0; ox < outWidth; ox++)
        for (let o = 0; o < outputs; o++) {
          let sum = bias[o]!;
          for (let ky = 0; ky < kernelHeight; ky++)
            for (let kx = 0; kx < kernelWidth; kx++)
              for (let c = 0; c < channels; c++) {
                const y = oy * shape.stride[0] - top + ky;
                const at = ox * shape.stride[1] - left + kx;
                if (y < 0 || y >= height || at < 0 || at >= width) continue;
                const weight = weights[((o * kernelHeight + ky) * kernelWidth + kx) * channels + c]!;
                sum += weight * x[((n * height + y) * width + at) * channels + c]!;
              }
          result.push(sum);
        }
  return result;
}

export function naiveMaxPool(
  input: readonly [number, number, number, number],
  window: number,
  stride: number,
  x: Values,
) {
  const [count, height, width, channels] = input;
  const result: number[] = [];
  for (let n = 0; n < count; n++)
    for (let top = 0; top + window <= height; top += stride)
      for (let left = 0; left + window <= width; left += stride)
        for (let c = 0; c < channels; c++) {
          const seen: number[] = [];
          for (let y = top; y < top + window; y++)
            for (let at = left; at < left + window; at++)
              seen.push(x[((n * height + y) * width + at) * channels + c]!);
          result.push(Math.max(...seen));
        }
  return result;
}

export function naiveDense(rows: number, inputs: number, x: Values, weights: Values, bias: Values): number[] {
  return Array.from({ length: rows * bias.length }, (_, index) => {
    const row = Math.floor(index / bias.length);
    const output = index % bias.length;
    let sum = bias[output]!;
    for (let i = 0; i < inputs; i++) sum += weights[output * inputs + i]! * x[row * inputs + i]!;
    return sum;
  });
}

/** y[r] of a block = Σ over i of w[(r - i) mod k] · x[i]. */
export function naiveCirculant(
  rows: number,
  inputs: number,
  k: number,
  x: Values,
  vectors: Values,
  bias: Values,
): number[] {
  const inBlocks = Math.ceil(inputs / k);
  return Array.from({ length: rows * bias.length }, (_, index) => {
    const row = Math.floor(index / bias.length);
    const output = index % bias.length;
    let sum = bias[output]!;
    for (let input = 0; input < inputs; input++) {
      const block = Math.floor(output / k) * inBlocks + Math.floor(input / k);
      const shift = ((((output % k) - (input % k)) % k) + k) % k;
      sum += vectors[block * k + shift]! * x[row * inputs + input]!;
    }
    return sum;
  });
}

export function naiveCrossEntropy(classes: number, logits: Values, labels: Values): number {
  const losses = labels.map((label, row) => {
    const scores = logits.slice(row * classes, (row + 1) * classes);
    return Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[label]!;
  });
  return losses.reduce((a, b) => a + b) / labels.length;
}
