// Runs the kernels of single ops, NVM mapped in place: what they cost without a simulated bus, engine and commits.
import { OP_BYTES, OP_TILES } from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { inPlaceAddress, mapInPlace } from '../host/toolchain/in-place.js';
import { moduleBytes } from '../host/toolchain/modules.js';

interface BareExports {
  memory: WebAssembly.Memory;
  enter(image: number, base: number, record: number): void;
  tile(index: number): void;
}

/** An image whose ops run again and again, each by itself. */
export class KernelRunner {
  readonly image: Image;
  readonly #nvm: Uint8Array;
  readonly #bare: BareExports;
  readonly #stateAt: number;

  /** A network's image, in tiles as large as can be, on the module with all kernels. */
  static of(network: QuantizedNetwork, input: Int8Array): KernelRunner {
    const options = { arenaBytes: 32768, nvmBytes: 1 << 22, capacitorUf: 1e5, verify: false };
    return new KernelRunner(readImage(compile(network, options)), input, moduleBytes('bare'));
  }

  /** `own`: a module whose entry is `bare`. */
  constructor(image: Image, input: Int8Array, own: Uint8Array) {
    this.image = image;
    const stateAt = Math.ceil(this.image.imageBytes / 64) * 64;
    this.#stateAt = stateAt;
    const mapped = mapInPlace(own, { nvmBytes: stateAt + this.image.nvmBytes, trapStores: false });
    const mappedAt = inPlaceAddress(own);
    // As on a part with memory-mapped FRAM: a view is an address, a write a copy.
    const imports = {
      image: { view: (address: number): number => mappedAt + address },
      nvm: {
        view: (address: number): number => mappedAt + address,
        write: (address: number, source: number, length: number): void => {
          memory.copyWithin(mappedAt + address, source, source + length);
        },
      },
    };
    // Instantiated raw: the loader's wrappers would be timed too.
    const instance = new WebAssembly.Instance(new WebAssembly.Module(mapped), imports);
    this.#bare = instance.exports as unknown as BareExports;
    const memory = new Uint8Array(this.#bare.memory.buffer);
    memory.set(this.image.device, mappedAt);
    this.#nvm = memory.subarray(mappedAt + stateAt, mappedAt + stateAt + this.image.nvmBytes);
    this.#nvm.set(new Uint8Array(input.buffer, input.byteOffset, input.length), this.image.input.offset);
  }

  /** One pass over an op. */
  run(op = 0): void {
    const tiles = this.image.ops[op]!.get(OP_TILES);
    this.#bare.enter(0, this.#stateAt, this.image.plan.offset + op * OP_BYTES);
    for (let tile = 0; tile < tiles; tile++) this.#bare.tile(tile);
  }

  /** What the network's output holds. */
  output(): Int8Array {
    const { offset, bytes } = this.image.output;
    return new Int8Array(this.#nvm.slice(offset, offset + bytes).buffer);
  }
}
