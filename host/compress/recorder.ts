// What every op of a tape needs: room in the desk module, a memory of how to run backwards, and products of matrices.
import { BrownoutError } from '../error.js';
import { type Desk, type KernelCall, worthwhile } from './desk-module.js';
import { elements, type Padding, windowGeometry } from './layers.js';

/** An array in the desk module's memory; `gradient` is 0 where none is wanted. */
export interface Tensor {
  /** Rows: [images][height][width][channels] or [rows][columns]. */
  readonly shape: readonly number[];
  readonly values: number;
  readonly gradient: number;
}

/** A tensor over values already in memory: a batch of inputs, or parameters with their gradients. */
export function tensor(shape: readonly number[], values: number, gradient = 0): Tensor {
  return { shape, values, gradient };
}

/** Throws `E_SHAPE` unless as many values are there as an op expects. */
export function requireFit(op: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new BrownoutError({
    code: 'E_SHAPE',
    found: `${found} values in ${op}`,
    expected: `${expected}, from its other operands`,
    hint: "Check the layer's sizes against those of the layer before it.",
  });
}

/** Rows and columns that products of matrices go by. */
const ROWS = 4;
const COLUMNS = 16;
/** Floats of a part of an elementwise op. */
const ELEMENTS = 16_384;

/** Remembers steps and how to run them backwards, when `recording`. */
export class Recorder {
  private readonly steps: (() => void)[] = [];

  constructor(
    readonly desk: Desk,
    readonly recording = true,
  ) {}

  /** Runs the recorded steps backwards. */
  backward(): void {
    for (const step of this.steps.reverse()) step();
  }

  /** A window over x, as the kernels take it: count … padLeft, outHeight, outWidth. */
  window(
    { shape }: Tensor,
    kernel: readonly [number, number],
    stride: readonly [number, number],
    padding: Padding,
  ): number[] {
    const { outHeight, outWidth, padTop, padLeft } = windowGeometry(shape.slice(1), kernel, stride, padding);
    return [...shape, ...kernel, ...stride, padTop, padLeft, outHeight, outWidth];
  }

  /** How to run a step backwards. */
  record(step: () => void): void {
    if (this.recording) this.steps.push(step);
  }

  /** Room for an op's result, its gradient cleared. */
  result(shape: readonly number[], gradient = true): Tensor {
    const count = elements(shape);
    const values = this.desk.allocate(4 * count);
    return tensor(shape, values, this.recording && gradient ? this.zeros(count) : 0);
  }

  /** A cleared array. */
  zeros(count: number): number {
    const address = this.desk.allocate(4 * count);
    this.desk.kernels.clear(address, count);
    return address;
  }

  /** Lends `use` a cleared array. */
  scratch(count: number, use: (address: number) => unknown): void {
    const mark = this.desk.mark();
    use(this.zeros(count));
    this.desk.release(mark);
  }

  /** c [m][n] += a [m][k] · b [k][n], a and b through [row, column] strides. */
  gemm(
    m: number,
    n: number,
    k: number,
    a: number,
    aStrides: readonly [number, number],
    b: number,
    bStrides: readonly [number, number],
    c: number,
  ): void {
    this.product('gemm', [m, n, k], [a, ...aStrides], [b, ...bStrides], c);
  }

  /** The same to the bit, leaving out what is zero in a. */
  sparseGemm(
    m: number,
    n: number,
    k: number,
    a: number,
    aStrides: readonly [number, number],
    b: number,
    bStrides: readonly [number, number],
    c: number,
  ): void {
    this.product('sparseGemm', [m, n, k], [a, ...aStrides], [b, ...bStrides], c);
  }

  /** Either, in parts of rows or of columns, whichever are more. */
  private product(
    kernel: 'gemm' | 'sparseGemm',
    [m, n, k]: readonly [number, number, number],
    [a, ...aStrides]: readonly [number, number, number],
    [b, ...bStrides]: readonly [number, number, number],
    c: number,
  ): void {
    const { desk } = this;
    const byRows = m >= n;
    const unit = byRows ? worthwhile(ROWS, n * k) : worthwhile(COLUMNS, m * k);
    desk.inParts(byRows ? m : n, unit, (first, count) => {
      const [rows, columns] = byRows ? [count, n] : [m, count];
      const bytes =
        kernel === 'gemm'
          ? desk.kernels.gemmWorkspaceSize(columns)
          : desk.kernels.sparseGemmWorkspaceSize(rows, columns, k);
      const from = byRows
        ? [a + 4 * first * aStrides[0], ...aStrides, b, ...bStrides, c + 4 * first * n]
        : [a, ...aStrides, b + 4 * first * bStrides[1], ...bStrides, c + 4 * first];
      return [[kernel, rows, columns, k, ...from, n, desk.allocate(bytes)]];
    });
  }

  /** An op on arrays [images][…] or [rows][…], a part of the images at a time; `work` is that of one of them. */
  byImages(
    count: number,
    work: number,
    callsOf: (first: number, count: number) => readonly KernelCall[],
  ): void {
    this.desk.inParts(count, worthwhile(1, work), callsOf);
  }

  /**
   * A kernel over maps, by images: it takes addresses, each given with the floats of an image there (0: the same for all
   * images), then how many images there are and what is the same for them.
   */
  overMaps(
    kernel: KernelCall[0],
    arrays: readonly (readonly [address: number, size: number])[],
    [images, ...rest]: readonly number[],
  ): void {
    const work = Math.max(...arrays.map(([, size]) => size));
    this.byImages(images!, work, (first, count) => [
      [kernel, ...arrays.map(([at, size]) => at + 4 * first * size), count, ...rest],
    ]);
  }

  /** The largest of each window of maps, as `window` gives it. */
  largest(x: Tensor, geometry: readonly number[]): Tensor {
    const [count, , , channels] = x.shape as [number, number, number, number];
    const y = this.result([count, ...geometry.slice(-2), channels]);
    const [size, pooled] = [elements(x.shape) / count, elements(y.shape) / count];
    const arrays = [
      [x.values, size],
      [y.values, pooled],
    ] as const;
    this.overMaps('maxPool', arrays, geometry);
    this.record(() => {
      if (x.gradient === 0) return;
      const gradients = [
        [y.gradient, pooled],
        [x.gradient, size],
      ] as const;
      this.overMaps('maxPoolGradient', [...arrays, ...gradients], geometry);
    });
    return y;
  }

  /** A kernel that takes addresses, a count of floats, and what is the same for all of them. */
  elementwise(
    kernel: KernelCall[0],
    addresses: readonly number[],
    count: number,
    ...rest: readonly number[]
  ): void {
    this.desk.inParts(count, ELEMENTS, (first, some) => [
      [kernel, ...addresses.map((at) => at + 4 * first), some, ...rest],
    ]);
  }
}
