import { STATIC_BYTES } from '../../assembly/layout.js';
import type { Image } from '../../host/model/image.js';
import type { Values } from '../../host/model/values.js';
import { completeJob } from '../../host/simulator/app.js';
import { Device } from '../../host/simulator/device.js';
import { comparableNvm, firstDifference } from '../../host/simulator/equality.js';
import { SimulatedNvm, type CutOutcome } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { CountdownPower } from '../../host/simulator/countdown-power.js';
import { builtModule } from './devices.js';

export interface CutBenchOptions {
  module?: WebAssembly.Module;
  /** Bytes a write tears at. */
  tearUnit?: number;
  /** Sequence number of the first cursor. */
  sequence?: number;
  /** SRAM below the arena. */
  staticBytes?: number;
}

/** One image on one module: what a job must leave behind on steady power, and a device to try cuts on. */
export class CutBench {
  readonly power = new CountdownPower();
  /** Bytes written and barriers passed by a job on steady power. */
  readonly units: number;
  readonly #device: Device;
  readonly #fresh: Uint8Array;
  readonly #golden: Uint8Array;
  readonly #image: Image;
  readonly #input: Values;

  constructor(image: Image, options: CutBenchOptions = {}) {
    const {
      module = builtModule('device'),
      tearUnit = 1,
      sequence = 0,
      staticBytes = STATIC_BYTES,
    } = options;
    this.#image = image;
    this.#input = image.sample!;
    const nvm = new SimulatedNvm(image.nvmBytes, { tearUnit });
    provision(nvm, image, { sequence });
    this.#fresh = nvm.cells.slice();
    this.#device = new Device(module, {
      image,
      nvm,
      sramBytes: staticBytes + image.arenaBytes,
      supply: this.power,
    });
    completeJob(this.#device, image, { ticket: 7, input: this.#input });
    this.units = this.power.used;
    this.#golden = this.#comparable();
  }

  /**
   * One job from a fresh NVM, power failing after each of `lefts` units in turn. Returns the byte in which the final NVM
   * differs from steady power's; −1 if none does.
   */
  run(lefts: readonly number[], onCut?: () => CutOutcome): number {
    let cuts = 0;
    this.#device.nvm.load(this.#fresh);
    this.power.left = lefts[0] ?? Infinity;
    const job = { ticket: 7, input: this.#input };
    const afterCut = (): CutOutcome | undefined => {
      this.power.left = lefts[++cuts] ?? Infinity;
      return onCut?.();
    };
    completeJob(this.#device, this.#image, job, { onCut: afterCut, maxCuts: lefts.length });
    return firstDifference(this.#comparable(), this.#golden);
  }

  /** With a voltage monitor the number of commits depends on the power, so cursors are renumbered. */
  #comparable(): Uint8Array {
    return comparableNvm(this.#device.nvm.cells, this.#image, this.#image.policy.low);
  }
}
