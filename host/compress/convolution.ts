// Convolutions on a tape: over images padded once, and backwards over those gradients that are not zero, where few are. All ways
// give the same bits (assembly/desk/convolution.ts).
import { type KernelCall, worthwhile } from './desk-module.js';
import { elements, type Padding } from './layers.js';
import { type Recorder, requireFit, tensor, type Tensor } from './recorder.js';

type Map4 = [number, number, number, number];

/** Share of a gradient below which its zeros are left out one by one. */
const SPARSE = 0.3;
/** Outputs, and weights of each, whose sums are one slice: see assembly/desk/convolution.ts. */
const MOST_OUTPUTS = 256;
const MOST_WEIGHTS = 256;
/** Outputs side by side in a vector: parts of them begin at multiples of it. */
const LANES = 4;

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
  const { count, outHeight, outWidth, outputs, rows, depth } = sizes;
  const { kernels } = tape.desk;
  const small = depth <= MOST_WEIGHTS && outputs <= MOST_OUTPUTS;
  const shape = [count, outHeight, outWidth, outputs];
  if (!small) {
    const y = tape.result(shape);
    kernels.fillRows(op.bias.values, y.values, rows, outputs);
    patchesOf(tape, op, sizes, (patches) =>
      tape.gemm(rows, outputs, depth, patches, [depth, 1], op.weights.values, [1, depth], y.values),
    );
    tape.record(() => denseGradients(tape, op, sizes, y));
    return op.pooled ? tape.largest(y, tape.window(y, [2, 2], [2, 2], 'valid')) : y;
  }
  const y = tape.result(shape, !op.pooled);
  const padded = new Padded(tape, op, sizes);
  if (op.pooled) return pooledConvolution(padded, y);
  padded.forward(y);
  tape.record(() => {
    if (kernels.countNonZero(y.gradient, rows * outputs) >= SPARSE * rows * outputs)
      return denseGradients(tape, op, sizes, y);
    const mark = tape.desk.mark();
    const lists = tape.desk.allocate(kernels.listsSize(rows, outputs));
    padded.backWeights(lists, rows, (first, end) => [
      'listGradients',
      ...[first, end, padded.image.values, y.gradient, lists],
      ...padded.where,
    ]);
    if (op.x.gradient !== 0) padded.backInput(y.gradient);
    tape.desk.release(mark);
  });
  return y;
}

/** The largest of each 2×2; backwards at once through pool and convolution, as a quarter of the outputs have a gradient. */
function pooledConvolution(padded: Padded, y: Tensor): Tensor {
  const { tape, op, sizes } = padded;
  const { count, outputs, rows, outHeight, outWidth } = sizes;
  const { kernels } = tape.desk;
  const pooled = tape.result([count, outHeight >> 1, outWidth >> 1, outputs]);
  padded.forward(y, pooled);
  tape.record(() => {
    const mark = tape.desk.mark();
    const dy = op.x.gradient === 0 ? 0 : tape.desk.allocate(4 * rows * outputs);
    const lists = tape.desk.allocate(kernels.listsSize(rows / 4, outputs));
    const from = [padded.image.values, y.values, pooled.values, pooled.gradient] as const;
    padded.backWeights(lists, rows / 4, (first, end) => {
      const spare = tape.desk.allocate(kernels.spareSize(outWidth));
      return ['listPooledGradients', first, end, ...from, dy, lists, spare, ...padded.where];
    });
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
    const { outHeight, outWidth, outputs } = sizes;
    const [, height, width] = op.x.shape as Map4;
    const [, kernelHeight, kernelWidth] = op.weights.shape as Map4;
    const [tall, wide] = this.padding().slice(-2) as [number, number];
    const shape = [sizes.count, tall, wide, op.x.shape[3]!];
    this.image =
      tall === height && wide === width ? op.x : tensor(shape, tape.desk.allocate(4 * elements(shape)));
    this.where = [...this.image.shape, kernelHeight, kernelWidth, ...op.stride, outHeight, outWidth, outputs];
  }

  /** The outputs, and of each 2×2 the largest to `pooled`, where that is asked for. */
  forward(y: Tensor, pooled?: Tensor): void {
    const { image, op, sizes } = this;
    const { outHeight, outWidth, outputs } = sizes;
    const [, ...where] = this.where;
    const [, ...padding] = this.padding();
    const half = [outHeight >> 1, outWidth >> 1];
    this.byImages((count, placeOf) => {
      const [x, to] = [placeOf(image), placeOf(y)];
      const calls: KernelCall[] = [];
      if (image !== op.x) calls.push(['padImages', placeOf(op.x), x, count, ...padding]);
      const addresses = [x, op.weights.values, op.bias.values, to, this.workspace()];
      calls.push(['convolve', ...addresses, count, ...where]);
      if (pooled) {
        const window = [outHeight, outWidth, outputs, 2, 2, 2, 2, 0, 0, ...half];
        calls.push(['maxPool', to, placeOf(pooled), count, ...window]);
      }
      return calls;
    });
  }

  /** Gradients of weights and biases, from lists of room for `rows` windows, which `list` makes of some outputs. */
  backWeights(lists: number, rows: number, list: (first: number, end: number) => KernelCall): void {
    const { weights, bias } = this.op;
    const { outputs, depth } = this.sizes;
    const { desk } = this.tape;
    desk.inParts(outputs, worthwhile(LANES, rows * 8), (first, count) => {
      const range = [first, first + count] as const;
      const places = desk.allocate(desk.kernels.placesSize(depth));
      const to = [lists, places, rows, weights.gradient, bias.gradient] as const;
      return [list(...range), ['convolveWeightGradient', ...range, this.image.values, ...to, ...this.where]];
    });
  }

  /** The gradient of x. */
  backInput(dy: number): void {
    const { image, op, tape } = this;
    const [, ...where] = this.where;
    const [, ...padding] = this.padding();
    const mark = tape.desk.mark();
    const padded = image === op.x ? op.x.gradient : tape.zeros(elements(image.shape));
    const y = { shape: [0, ...where.slice(-3)] };
    this.byImages((count, placeOf) => {
      const [dx, from] = [placeOf(image, padded), placeOf(y, dy)];
      const calls: KernelCall[] = [
        ['convolveInputGradient', from, op.weights.values, dx, this.workspace(), count, ...where],
      ];
      if (image !== op.x) calls.push(['addUnpadded', dx, placeOf(op.x, op.x.gradient), count, ...padding]);
      return calls;
    });
    tape.desk.release(mark);
  }

  /** `placeOf` says where the first of a part's images is, among a tensor's values or elsewhere. */
  private byImages(
    callsOf: (
      count: number,
      placeOf: (of: Pick<Tensor, 'shape'> & { values?: number }, at?: number) => number,
    ) => readonly KernelCall[],
  ): void {
    const { count, rows, depth, outputs } = this.sizes;
    this.tape.byImages(count, (rows / count) * depth * outputs, (first, some) =>
      callsOf(some, ({ shape, values }, at = values!) => at + 4 * first * elements(shape.slice(1))),
    );
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

  private workspace(): number {
    const { depth, outputs } = this.sizes;
    const { desk } = this.tape;
    return desk.allocate(desk.kernels.convolveWorkspaceSize(depth, outputs));
  }
}

/** Lends `use` the patches of x, [windows][weights of an output]. */
function patchesOf(
  tape: Recorder,
  { x }: Convolution,
  { rows, depth, geometry, count }: Sizes,
  use: (patches: number) => void,
): void {
  const mark = tape.desk.mark();
  const patches = tape.desk.allocate(4 * rows * depth);
  tape.overMaps(
    'im2col',
    [
      [x.values, elements(x.shape) / count],
      [patches, (rows / count) * depth],
    ],
    geometry,
  );
  use(patches);
  tape.desk.release(mark);
}

/** The gradients of a convolution, where most outputs have one. */
function denseGradients(tape: Recorder, op: Convolution, sizes: Sizes, y: Tensor): void {
  const { x, weights, bias } = op;
  const { rows, outputs, depth, geometry, count } = sizes;
  const { kernels } = tape.desk;
  kernels.sumRows(y.gradient, bias.gradient, rows, outputs);
  patchesOf(tape, op, sizes, (patches) =>
    tape.scratch(depth * outputs, (transposed) => {
      // patchesᵀ · dy, and not dyᵀ · patches: packing the narrow matrix is cheaper.
      tape.gemm(depth, outputs, rows, patches, [1, depth], y.gradient, [outputs, 1], transposed);
      kernels.addTransposed(transposed, weights.gradient, depth, outputs);
    }),
  );
  if (x.gradient === 0) return;
  tape.scratch(rows * depth, (dPatches) => {
    tape.gemm(rows, depth, outputs, y.gradient, [outputs, 1], weights.values, [depth, 1], dPatches);
    tape.overMaps(
      'col2im',
      [
        [dPatches, (rows / count) * depth],
        [x.gradient, elements(x.shape) / count],
      ],
      geometry,
    );
  });
}
