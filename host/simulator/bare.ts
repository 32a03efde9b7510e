// The kernels alone, driven from the host: the same kernels with the same views and data writes, but no sync, cursor, CRC
// or policy. The yardstick for checkpoint overhead, and what `analyze` measures.
import { instantiateSync } from '@assemblyscript/loader';
import { OP_BYTES, OP_TILES } from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import { littleEndian, type Values } from '../model/values.js';
import { bindImports, type Supply } from './device.js';
import { SimulatedNvm } from './nvm.js';

interface BareExports {
  memory: WebAssembly.Memory;
  arena: WebAssembly.Global;
  meter?: WebAssembly.Global;
  enter(base: number, record: number): void;
  tile(index: number): void;
}

/** One image's kernels on a (metered) build of assembly/bare.ts. */
export class BareKernels {
  readonly #image: Image;
  readonly #nvm: SimulatedNvm;
  readonly #supply: Supply;
  readonly #exports: BareExports;

  constructor(module: WebAssembly.Module, image: Image, supply: Supply) {
    this.#image = image;
    this.#supply = supply;
    this.#nvm = new SimulatedNvm(image.nvmBytes);
    this.#nvm.present.set(image.device);
    let memory = new Uint8Array();
    const imports = bindImports({ nvm: this.#nvm, sramBytes: 0, supply }, () => memory);
    this.#exports = instantiateSync(module, imports).exports as unknown as BareExports;
    memory = new Uint8Array(this.#exports.memory.buffer);
    supply.boot(this.#exports.meter);
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
    this.#exports.enter(0, this.#image.plan.offset + index * OP_BYTES);
  }

  /** Computes one tile of the op entered last. */
  tile(index: number): void {
    this.#exports.tile(index);
  }

  /** All ops on `input`, one after the other. */
  infer(input: Values): void {
    this.feed(input);
    this.#image.ops.forEach((op, index) => {
      this.enter(index);
      for (let tile = 0; tile < op.get(OP_TILES); tile++) this.tile(tile);
    });
    this.#nvm.sync();
  }
}
