// Convolutions on a tape: over images padded once, and backwards over those gradients that are not zero, where few are. All ways
// give the same bits (assembly/desk/convolution.ts).
import { elements, type Padding } from './layers.js';
import { type Recorder, requireFit, tensor, type Tensor } from './recorder.js';

type Map4 = [number, number, number, number];

/** Share of a gradient below which its zeros are left out one by one. */
const SPARSE = 0.3;
/** Outputs, and weights of each, whose sums are one slice: see assembly/desk/convolution.ts. */
const MOST_OUTPUTS = 256;
const MOST_WEIGHTS = 256;

/** A convolution's operands. */
export interface Convolution {
  /** [n][h][w][in] */
  x: Tensor;
  /** [out][kh][kw][in] */
  weights: Tensor;
  /** [out] */
  bias: Tensor;
  stride: readonly [number, number];
  padding: Padding;
  /** Of each 2×2 outputs the largest. */
  pooled: boolean;
}

/** The sizes that kernels take. */
interface Sizes {
  /** Of x: count … padLeft, outHeight, outWidth. */
  geometry: number[];
  count: number;
  outHeight: number;
  outWidth: number;
  outputs: number;
  /** Windows of the batch, and weights of an output. */
  rows: number;
  depth: number;
}

function sizesOf(tape: Recorder, { x, weights, stride, padding }: Convolution): Sizes {
  const [count, height, width, channels] = x.shape as Map4;
  const [outputs, kernelHeight, kernelWidth] = weights.shape as Map4;
  const geometry = tape.window(x, [kernelHeight, kernelWidth], stride, padding);
  const [outHeight, outWidth] = geometry.slice(-2) as [number, number];
  const depth = kernelHeight * kernelWidth * channels;
  requireFit('conv2d', elements(x.shape), count * height * width * channels);
  requireFit('conv2d', elements(weights.shape), outputs * depth);
  return { geometry, count, outHeight, outWidth, outputs, rows: count * outHeight * outWidth, depth };
}

/** Returns [n][oh][ow][out], or half of each extent. */
export function convolution(tape: Recorder, op: Convolution): Tensor {
  const sizes = sizesOf(tape, op);
  const { geometry, count, outHeight, outWidth, outputs, rows, depth } = sizes;
  const { kernels } = tape.desk;
  const small = depth <= MOST_WEIGHTS && outputs <= MOST_OUTPUTS;
  const shape = [count, outHeight, outWidth, outputs];
  if (!small) {
    const y = tape.result(shape);
    tape.scratch(rows * depth, (patches) => {
      kernels.im2col(op.x.values, patches, ...geometry);
      kernels.fillRows(op.bias.values, y.values, rows, outputs);
      tape.gemm(rows, outputs, depth, patches, [depth, 1], op.weights.values, [1, depth], y.values);
    });
    tape.record(() => denseGradients(tape, op, sizes, y));
    return op.pooled ? pool(tape, y, sizes) : y;
  }
  const y = tape.result(shape, !op.pooled);
  const padded = new Padded(tape, op, sizes);
  padded.forward(y);
  if (op.pooled) return pooledConvolution(padded, y);
  tape.record(() => {
    if (kernels.countNonZero(y.gradient, rows * outputs) >= SPARSE * rows * outputs)
      return denseGradients(tape, op, sizes, y);
    const mark = tape.desk.mark();
    const lists = tape.desk.allocate(kernels.listsSize(rows, outputs));
    kernels.listGradients(padded.image.values, y.gradient, lists, ...padded.where);
    padded.backWeights(lists, rows);
    if (op.x.gradient !== 0) padded.backInput(y.gradient);
    tape.desk.release(mark);
  });
  return y;
}

/** The largest of each 2×2. */
function pool(tape: Recorder, y: Tensor, { count, outHeight, outWidth, outputs }: Sizes): Tensor {
  const { kernels } = tape.desk;
  const half = [outHeight >> 1, outWidth >> 1] as const;
  const pooled = tape.result([count, ...half, outputs]);
  const geometry = [count, outHeight, outWidth, outputs, 2, 2, 2, 2, 0, 0, ...half] as const;
  kernels.maxPool(y.values, pooled.values, ...geometry);
  if (y.gradient !== 0) {
    tape.record(() =>
      kernels.maxPoolGradient(y.values, pooled.values, pooled.gradient, y.gradient, ...geometry),
    );
  }
  return pooled;
}

/** Backwards at once through pool and convolution: a quarter of the outputs have a gradient. */
function pooledConvolution(padded: Padded, y: Tensor): Tensor {
  const { tape, op, sizes } = padded;
  const { outputs, rows, outWidth } = sizes;
  const { kernels } = tape.desk;
  const pooled = pool(tape, y, sizes);
  tape.record(() => {
    const mark = tape.desk.mark();
    const dy = op.x.gradient === 0 ? 0 : tape.zeros(rows * outputs);
    const lists = tape.desk.allocate(kernels.listsSize(rows / 4, outputs));
    const spare = tape.desk.allocate(kernels.listsSize(outWidth, 1));
    const from = [padded.image.values, y.values, pooled.values, pooled.gradient] as const;
    kernels.listPooledGradients(...from, dy, lists, spare, ...padded.where);
    padded.backWeights(lists, rows / 4);
    if (dy !== 0) padded.backInput(dy);
    tape.desk.release(mark);
  });
  return pooled;
}

/** A convolution over x with its padding written out. */
class Padded {
  /** x, padded. */
  readonly image: Tensor;
  /** The sizes of kernels that need no padding. */
  readonly where: readonly number[];

  constructor(
    readonly tape: Recorder,
    readonly op: Convolution,
    readonly sizes: Sizes,
  ) {
    const { kernels } = tape.desk;
    const { outHeight, outWidth, outputs } = sizes;
    const [, height, width] = op.x.shape as Map4;
    const [, kernelHeight, kernelWidth] = op.weights.shape as Map4;
    const [strideHeight, strideWidth] = op.stride;
    const how = this.padding();
    const [tall, wide] = how.slice(-2) as [number, number];
    if (tall === height && wide === width) this.image = op.x;
    else {
      const shape = [sizes.count, tall, wide, op.x.shape[3]!];
      this.image = tensor(shape, tape.desk.allocate(4 * elements(shape)));
      kernels.padImages(op.x.values, this.image.values, ...how);
    }
    const around = [kernelHeight, kernelWidth, strideHeight, strideWidth];
    this.where = [...this.image.shape, ...around, outHeight, outWidth, outputs];
  }

  forward(y: Tensor): void {
    const { weights, bias } = this.op;
    const at = [this.image.values, weights.values, bias.values, y.values] as const;
    this.workspace((workspace) => this.tape.desk.kernels.convolve(...at, workspace, ...this.where));
  }

  /** Gradients of weights and biases, from lists of room for `rows` windows. */
  backWeights(lists: number, rows: number): void {
    const { weights, bias } = this.op;
    const [outputs, kernelHeight, kernelWidth, channels] = weights.shape as Map4;
    const sizes = [this.image.shape[2]!, channels, kernelHeight, kernelWidth, outputs] as const;
    const { kernels } = this.tape.desk;
    kernels.convolveWeightGradient(lists, rows, weights.gradient, bias.gradient, ...sizes);
  }

  /** The gradient of x. */
  backInput(dy: number): void {
    const { op, tape, where } = this;
    const { kernels } = tape.desk;
    this.workspace((workspace) => {
      if (this.image === op.x) {
        kernels.convolveInputGradient(dy, op.weights.values, op.x.gradient, workspace, ...where);
        return;
      }
      tape.scratch(elements(this.image.shape), (dx) => {
        kernels.convolveInputGradient(dy, op.weights.values, dx, workspace, ...where);
        kernels.addUnpadded(dx, op.x.gradient, ...this.padding());
      });
    });
  }

  /** Sizes of x, rows above and columns before it, and the sizes with padding. */
  private padding(): number[] {
    const [, kernelHeight, kernelWidth] = this.op.weights.shape as Map4;
    const [strideHeight, strideWidth] = this.op.stride;
    const { outHeight, outWidth, geometry } = this.sizes;
    const [, height, width] = this.op.x.shape as Map4;
    const [top, left] = geometry.slice(8, 10) as [number, number];
    const tall = Math.max(height + top, (outHeight - 1) * strideHeight + kernelHeight);
    const wide = Math.max(width + left, (outWidth - 1) * strideWidth + kernelWidth);
    return [...this.op.x.shape, top, left, tall, wide];
  }

  private workspace(use: (address: number) => void): void {
    const { depth, outputs } = this.sizes;
    this.tape.scratch(this.tape.desk.kernels.convolveWorkspaceSize(depth, outputs) / 4, use);
  }
}

/** The gradients of a convolution, where most outputs have one. */
function denseGradients(
  tape: Recorder,
  { x, weights, bias }: Convolution,
  { rows, outputs, depth, geometry }: Sizes,
  y: Tensor,
): void {
  const { kernels } = tape.desk;
  kernels.sumRows(y.gradient, bias.gradient, rows, outputs);
  tape.scratch(rows * depth, (patches) => {
    kernels.im2col(x.values, patches, ...geometry);
    tape.scratch(depth * outputs, (transposed) => {
      // patchesᵀ · dy, and not dyᵀ · patches: packing the narrow matrix is cheaper.
      tape.gemm(depth, outputs, rows, patches, [1, depth], y.gradient, [outputs, 1], transposed);
      kernels.addTransposed(transposed, weights.gradient, depth, outputs);
    });
  });
  if (x.gradient === 0) return;
  tape.scratch(rows * depth, (dPatches) => {
    tape.gemm(rows, depth, outputs, y.gradient, [outputs, 1], weights.values, [depth, 1], dPatches);
    kernels.col2im(dPatches, x.gradient, ...geometry);
  });
}
