// Whole jobs on this machine, engine and commits included, NVM mapped in place: what a host pays an inference.
import { Status } from '../assembly/error.js';
import { compile } from '../host/compile/compile.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { DeviceExports } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { inPlaceAddress, mapInPlace } from '../host/toolchain/in-place.js';
import { MAPPED_AT, mappedStateAt } from '../host/toolchain/parts.js';

/** A network's image as a desk has it: much SRAM and NVM, and no commits on the way. */
export const deskImage = (network: QuantizedNetwork): Image =>
  readImage(
    compile(network, {
      arenaBytes: 61440,
      nvmBytes: 1 << 23,
      capacitorUf: 1e6,
      transformed: 'stored',
      policy: 'never',
      verify: false,
    }),
  );

/** An image on a module that runs it again and again. */
export class DeskRunner {
  readonly #image: Image;
  readonly #exports: DeviceExports;
  readonly #memory: Uint8Array;
  readonly #nvm: number;
  readonly #arena: number;
  #ticket = 0;

  /** On a module with all kernels, made for any image. */
  static generic(wasm: Uint8Array, image: Image): DeskRunner {
    return new DeskRunner(
      mapInPlace(wasm, { nvmBytes: mappedStateAt(image) + image.nvmBytes, trapStores: false }),
      inPlaceAddress(wasm),
      image,
    );
  }

  /** On a module made for this image, made for speed, which finds NVM by itself. `isWide`: weights are kept widened. */
  static async special(image: Image, target: 'scalar' | 'simd', isWide = false): Promise<DeskRunner> {
    const options = {
      target,
      optimize: 'speed',
      mappedBytes: mappedStateAt(image) + image.nvmBytes,
      ...(isWide ? { wideBytes: image.imageBytes } : {}),
    } as const;
    return new DeskRunner(await buildDevice(image, options), MAPPED_AT, image);
  }

  private constructor(wasm: Uint8Array<ArrayBuffer>, mappedAt: number, image: Image) {
    this.#image = image;
    const imports = {
      image: { view: (address: number): number => mappedAt + address },
      nvm: {
        view: (address: number): number => mappedAt + address,
        write: (address: number, source: number, length: number): void => {
          memory.copyWithin(mappedAt + address, source, source + length);
        },
        sync: (): void => {},
      },
      power: { low: (): number => 0 },
    };
    // Instantiated raw: the loader's wrappers would be timed too.
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), imports);
    this.#exports = instance.exports as unknown as DeviceExports;
    const memory = new Uint8Array(this.#exports.memory.buffer);
    this.#memory = memory;
    this.#nvm = mappedAt + mappedStateAt(image);
    const nvm = new SimulatedNvm(image.nvmBytes);
    provision(nvm, image);
    memory.set(image.device, mappedAt);
    memory.set(nvm.cells, mappedAt + mappedStateAt(image));
    this.#arena = this.#exports.arena.value as number;
    const booted = this.#exports.boot(0, image.imageBytes, mappedStateAt(image), image.nvmBytes, mappedAt);
    this.#expect(booted, Status.IDLE);
    this.#exports.widen?.(0);
  }

  /** One job: feed, submit, run, acknowledge. */
  run(input: Int8Array): void {
    const device = this.#exports;
    this.#memory.set(input, this.#arena);
    device.feed(this.#arena, input.length);
    this.#expect(device.submit(++this.#ticket, 0), Status.RUN);
    let state: number = Status.RUN;
    while (state === Status.RUN) state = device.run(0);
    this.#expect(state, Status.DONE);
    device.ack(this.#ticket);
  }

  /** The output of the last job. */
  output(): Uint8Array {
    const { offset, bytes } = this.#image.output;
    return this.#memory.slice(this.#nvm + offset, this.#nvm + offset + bytes);
  }

  #expect(found: number, expected: number): void {
    if (found !== expected) throw new Error(`the device returned ${found} instead of ${expected}`);
  }
}
