// Runs one op's kernel alone, NVM mapped in place: what kernels cost without a simulated bus.
import { OP_TILES } from '../assembly/layout.js';
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

/** A compiled single-op network, ready to run again and again. */
export class KernelRunner {
  readonly image: Image;
  readonly #nvm: Uint8Array;
  readonly #bare: BareExports;
  readonly #tiles: number;
  readonly #stateAt: number;

  constructor(network: QuantizedNetwork, input: Int8Array, arenaBytes = 32768) {
    this.image = readImage(
      compile(network, { arenaBytes, nvmBytes: 1 << 22, capacitorUf: 1e5, verify: false }),
    );
    const own = moduleBytes('bare');
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
    this.#tiles = this.image.ops[0]!.get(OP_TILES);
  }

  /** One pass over the op. */
  run(): void {
    this.#bare.enter(0, this.#stateAt, this.image.plan.offset);
    for (let tile = 0; tile < this.#tiles; tile++) this.#bare.tile(tile);
  }

  /** The output of the last pass. */
  output(): Int8Array {
    const { offset, bytes } = this.image.output;
    return new Int8Array(this.#nvm.slice(offset, offset + bytes).buffer);
  }
}
