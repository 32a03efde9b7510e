// What every op of a tape needs: room in the desk module, a memory of how to run backwards, and products of matrices.
import { BrownoutError } from '../error.js';
import type { Desk } from './desk-module.js';
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
    this.desk.floats(address, count).fill(0);
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
    const { kernels } = this.desk;
    const mark = this.desk.mark();
    const workspace = this.desk.allocate(kernels.gemmWorkspaceSize(n));
    kernels.gemm(m, n, k, a, ...aStrides, b, ...bStrides, c, workspace);
    this.desk.release(mark);
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
    const { kernels } = this.desk;
    const mark = this.desk.mark();
    const workspace = this.desk.allocate(kernels.sparseGemmWorkspaceSize(m, n, k));
    kernels.sparseGemm(m, n, k, a, ...aStrides, b, ...bStrides, c, workspace);
    this.desk.release(mark);
  }
}
