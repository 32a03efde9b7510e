import { readFileSync } from 'node:fs';
import { crew } from './crew.js';
import { KernelTable } from './crew-protocol.js';

/** What `assembly/desk` exports; pointers are byte addresses, counts are elements. See the sources there. */
interface DeskKernels {
  heapBase(): number;
  cosine(x: number): number;
  gemmWorkspaceSize(n: number): number;
  gemm: Kernel;
  sparseGemmWorkspaceSize(m: number, n: number, k: number): number;
  sparseGemm: Kernel;
  convolveWorkspaceSize(depth: number, outputs: number): number;
  convolve: Kernel;
  listsSize(rows: number, outputs: number): number;
  spareSize(outWidth: number): number;
  placesSize(depth: number): number;
  listGradients: Kernel;
  listPooledGradients: Kernel;
  convolveWeightGradient: Kernel;
  convolveInputGradient: Kernel;
  countNonZero(x: number, count: number): number;
  padImages: Kernel;
  addUnpadded: Kernel;
  im2col: Kernel;
  col2im: Kernel;
  clear: Kernel;
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
  roundOdd: Kernel;
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

/** A kernel's name and its arguments. */
export type KernelCall = readonly [kernel: keyof DeskKernels, ...values: number[]];

const pageBytes = 0x10000;
/** As asconfig.json has it: a module with shared memory takes no other. */
const mostPages = 65_536;
let compiled: WebAssembly.Module | undefined;

/** Least work of a part, in products or the like: some microseconds, as a thread takes one to hear of it. */
const LEAST_WORK = 20_000;

/** How many things, a multiple of `unit`, are worth a part of their own: `work` is that of one thing. */
export const worthwhile = (unit: number, work: number): number =>
  unit * Math.ceil(LEAST_WORK / (unit * work));

/** Threads of a desk, at most. */
export const MOST_THREADS = 64;

/**
 * One instance of the desk module with an arena over its memory: `allocate` moves a mark up, `release` moves it back.
 * With `threads` above 1 other threads take parts of what `inParts` runs, until `close`.
 */
export class Desk {
  readonly kernels: DeskKernels;
  readonly memory = new WebAssembly.Memory({ initial: 1, maximum: mostPages, shared: true });
  private readonly table: KernelTable;
  private readonly number: number | undefined;
  private top: number;

  constructor(readonly threads = 1) {
    const { exports } = new WebAssembly.Instance(Desk.module(), { env: { memory: this.memory } });
    this.kernels = exports as unknown as DeskKernels;
    this.table = new KernelTable(exports);
    this.top = align(this.kernels.heapBase());
    if (threads === 1) return;
    crew.grow(threads, Desk.module());
    this.number = crew.attach(this.memory);
  }

  /** The desk module, compiled once. */
  static module(): WebAssembly.Module {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('../../wasm/desk.wasm', import.meta.url)));
    return compiled;
  }

  /** No other thread works on this desk from now on. */
  close(): void {
    if (this.number !== undefined) crew.detach(this.number);
  }

  /**
   * Work on `count` things, cut where it may be at multiples of `unit`: `callsOf` gives the kernels to run for those from `first`
   * on. Parts must not write what another reads; room that `callsOf` allocates is the part's own.
   */
  inParts(
    count: number,
    unit: number,
    callsOf: (first: number, count: number) => readonly KernelCall[],
  ): void {
    const mark = this.mark();
    const units = Math.ceil(count / unit);
    const parts = this.number === undefined ? 1 : Math.min(units, this.threads);
    const startOf = (part: number): number => Math.min(count, unit * Math.floor((part * units) / parts));
    const calls = Array.from({ length: parts }, (_, part) =>
      callsOf(startOf(part), startOf(part + 1) - startOf(part)),
    );
    if (parts === 1) for (const part of calls) this.table.run(part);
    else crew.run(this.number!, this.table, calls);
    this.release(mark);
  }

  /** The address of `bytes` fresh bytes, 16-byte aligned, not cleared. */
  allocate(bytes: number): number {
    const address = this.top;
    this.top = align(address + bytes);
    const missing = this.top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / pageBytes));
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
    return new Float32Array(this.memory.buffer, address, count);
  }

  /** A view of the memory, valid until the next `allocate`. */
  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, count);
  }
}

function align(address: number): number {
  return Math.ceil(address / 16) * 16;
}
