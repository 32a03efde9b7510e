// WebAssembly's types live in the DOM library; Node's own typings have none.
import { readFileSync } from 'node:fs';

/** What `assembly/desk` exports; pointers are byte addresses, counts are elements. See the sources there. */
interface DeskKernels {
  memory: WebAssembly.Memory;
  heapBase(): number;
  cosine(x: number): number;
  gemmWorkspaceSize(n: number): number;
  gemm: Kernel;
  sparseGemmWorkspaceSize(m: number, n: number, k: number): number;
  sparseGemm: Kernel;
  convolveWorkspaceSize(depth: number, outputs: number): number;
  convolve: Kernel;
  listsSize(rows: number, outputs: number): number;
  listGradients: Kernel;
  listPooledGradients: Kernel;
  convolveWeightGradient: Kernel;
  convolveInputGradient: Kernel;
  countNonZero(x: number, count: number): number;
  padImages: Kernel;
  addUnpadded: Kernel;
  im2col: Kernel;
  col2im: Kernel;
  fillRows: Kernel;
  sumRows: Kernel;
  relu: Kernel;
  reluGradient: Kernel;
  addTransposed: Kernel;
  maxPool: Kernel;
  maxPoolGradient: Kernel;
  circulantToDense: Kernel;
  denseToCirculant: Kernel;
  clampValues: Kernel;
  clampGradient: Kernel;
  addScaled: Kernel;
  depthwise: Kernel;
  depthwiseGradient: Kernel;
  averagePool: Kernel;
  batchStatistics: Kernel;
  normalise: Kernel;
  normaliseGradient: Kernel;
  fakeQuantize: Kernel;
  fakeQuantizeGradient: Kernel;
  fakeQuantizeWeights: Kernel;
  stepGradient: Kernel;
  exponentials: Kernel;
  logarithms: Kernel;
  roundingError(...values: number[]): number;
  pullTowards: Kernel;
  squaredDistance: Kernel;
  widen: Kernel;
  requantizeSums: Kernel;
  addIntegers: Kernel;
  softmaxIntegers: Kernel;
  narrow: Kernel;
  addNoise: Kernel;
  shiftRows: Kernel;
  dropout: Kernel;
  softmax: Kernel;
  softTargetLoss(...values: number[]): number;
  softmaxCrossEntropy(...values: number[]): number;
  softmaxCrossEntropyGradient: Kernel;
  countCorrect(...values: number[]): number;
  momentumUpdate: Kernel;
  adamUpdate: Kernel;
  warpWorkspaceSize(height: number, width: number): number;
  warp: Kernel;
  elasticField: Kernel;
}
type Kernel = (...values: number[]) => void;

const pageBytes = 0x10000;
let compiled: WebAssembly.Module | undefined;

/**
 * One instance of the desk module with an arena over its memory: `allocate` moves a mark up, `release` moves it back.
 */
export class Desk {
  readonly kernels: DeskKernels;
  private top: number;

  constructor() {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('../../wasm/desk.wasm', import.meta.url)));
    this.kernels = new WebAssembly.Instance(compiled).exports as unknown as DeskKernels;
    this.top = align(this.kernels.heapBase());
  }

  /** The address of `bytes` fresh bytes, 16-byte aligned, not cleared. */
  allocate(bytes: number): number {
    const address = this.top;
    this.top = align(address + bytes);
    const missing = this.top - this.kernels.memory.buffer.byteLength;
    if (missing > 0) this.kernels.memory.grow(Math.ceil(missing / pageBytes));
    return address;
  }

  /** Copies an array in and returns its address. */
  place(values: Float32Array | Uint8Array | Int8Array | Int32Array): number {
    const address = this.allocate(values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.bytes(address, values.byteLength).set(bytes);
    return address;
  }

  /** Everything allocated after `mark` was taken may be given back with `release(mark)`. */
  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    this.top = mark;
  }

  /** A view of the memory, valid until the next `allocate`. */
  floats(address: number, count: number): Float32Array {
    return new Float32Array(this.kernels.memory.buffer, address, count);
  }

  /** A view of the memory, valid until the next `allocate`. */
  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(this.kernels.memory.buffer, address, count);
  }
}

function align(address: number): number {
  return Math.ceil(address / 16) * 16;
}
