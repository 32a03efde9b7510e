// The kernels alone, driven from the host: the same kernels with the same views and data writes, but no sync, cursor, CRC
// or policy. The yardstick for commit overhead, and what `analyze` measures.
import { instantiateSync } from '@assemblyscript/loader';
import {
  CURSOR_BYTES,
  C_OP,
  C_SAMPLE,
  C_TICKET,
  C_TURN,
  JobKind,
  OP_BYTES,
  OP_TILES,
} from '../../assembly/layout.js';
import { groupsOf, type Image } from '../model/image.js';
import { littleEndian, type Values } from '../model/values.js';
import { bindImports, type DeviceOptions, type Supply } from './device.js';
import { SimulatedNvm } from './nvm.js';

interface BareExports {
  memory: WebAssembly.Memory;
  arena: WebAssembly.Global;
  cursor: WebAssembly.Global;
  bind(image: number, base: number): void;
  meter?: WebAssembly.Global;
  enter(image: number, base: number, record: number): void;
  tile(index: number): void;
}

/** One image's kernels on a (metered) build of assembly/bare.ts. */
export class BareKernels {
  readonly #image: Image;
  readonly #nvm: SimulatedNvm;
  readonly #supply: Supply;
  readonly #exports: BareExports;

  /** `observe`: sees every NVM access. */
  constructor(module: WebAssembly.Module, image: Image, supply: Supply, observe?: DeviceOptions['observe']) {
    this.#image = image;
    this.#supply = supply;
    this.#nvm = new SimulatedNvm(image.nvmBytes);
    let memory = new Uint8Array();
    const options = { image, nvm: this.#nvm, sramBytes: 0, supply, ...(observe ? { observe } : {}) };
    const imports = bindImports(options, () => memory);
    this.#exports = instantiateSync(module, imports).exports as unknown as BareExports;
    memory = new Uint8Array(this.#exports.memory.buffer);
    supply.boot(this.#exports.meter, () => this.#getOp());
  }

  get arena(): number {
    return this.#exports.arena.value as number;
  }

  /** Writes an input to NVM, as an app does. */
  feed(input: Values): void {
    const bytes = littleEndian(input);
    this.#supply.write(bytes.length);
    this.#nvm.write(this.#image.input.offset, bytes);
  }

  /** Enters op `index`. */
  enter(index: number): void {
    this.#setOp(index);
    this.#exports.enter(0, 0, this.#image.plan.offset + index * OP_BYTES);
  }

  /** Computes one tile of the op entered last. */
  tile(index: number): void {
    this.#exports.tile(index);
  }

  /** A job from start to end on `input`; `label`: of a learn job. */
  run(input: Values, label?: number): void {
    const kind = label === undefined ? JobKind.INFER : JobKind.LEARN;
    const { first, count } = this.#image.jobs[kind]!;
    this.feed(input);
    this.begin(label);
    for (let op = first; op < first + count; op++) {
      this.enter(op);
      const tiles = this.#image.ops[op]!.get(OP_TILES);
      for (let tile = 0; tile < tiles; tile++) this.tile(tile);
      // Ops of learning lead elsewhere by what they leave in the cursor.
      op = this.#getOp();
    }
    this.#nvm.sync();
  }

  get #cursor(): DataView {
    return new DataView(this.#exports.memory.buffer, this.#exports.cursor.value as number, CURSOR_BYTES);
  }

  #setOp(op: number): void {
    this.#cursor.setUint32(C_OP, op, true);
  }

  #getOp(): number {
    return this.#cursor.getInt32(C_OP, true);
  }

  /** What `submit` does of it: the label, and turns from the start. */
  begin(label?: number): void {
    const { learning } = this.#image;
    if (!groupsOf(this.#image)) return;
    const cursor = this.#cursor;
    cursor.setUint16(C_SAMPLE, 0, true);
    cursor.setUint32(C_TURN, 0, true);
    cursor.setUint32(C_TICKET, cursor.getUint32(C_TICKET, true) + 1, true);
    this.#exports.bind(0, 0);
    if (label === undefined || !learning) return;
    const bytes = new Uint8Array(Int32Array.of(label).buffer);
    this.#supply.write(bytes.length);
    this.#nvm.write(learning.label, bytes);
  }
}
