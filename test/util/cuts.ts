import { PowerCut, type Supply } from '../../host/simulator/device.js';

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

  boot(): void {}
  view(): void {}

  write(bytes: number): number {
    const written = Math.min(bytes, this.left);
    this.left -= written;
    this.used += written;
    return written;
  }

  sync(): void {
    if (this.left === 0) throw new PowerCut();
    this.left--;
    this.used++;
  }

  low(): boolean {
    return this.lowAnswer();
  }
}
