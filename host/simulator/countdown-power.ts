import { MAX_BUDGET_CYCLES, setBudget } from '../toolchain/meter.js';
import { PowerCut, type Supply } from './device.js';

/**
 * Power that fails after `left` units: a unit is one byte written or one barrier passed. Between two units nothing
 * outside SRAM changes, so these are all the cuts there are.
 */
export class CountdownPower implements Supply {
  left = Infinity;
  /** Units used so far. */
  used = 0;
  /** Answers of the voltage monitor. */
  lowAnswer: () => boolean = () => false;
  #meter: WebAssembly.Global | undefined;

  /** A metered module is granted enough for anything but an endless loop. */
  boot(meter?: WebAssembly.Global): void {
    this.#meter = meter;
    this.#grant();
  }

  view(): void {}

  viewImage(): void {}

  write(bytes: number): number {
    const written = Math.min(bytes, this.left);
    this.left -= written;
    this.used += written;
    this.#grant();
    return written;
  }

  sync(): void {
    if (this.left === 0) throw new PowerCut();
    this.left--;
    this.used++;
    this.#grant();
  }

  low(): boolean {
    return this.lowAnswer();
  }

  spent(): void {
    throw new Error('the module runs without end');
  }

  #grant(): void {
    if (this.#meter) setBudget(this.#meter as { value: bigint }, MAX_BUDGET_CYCLES);
  }
}
