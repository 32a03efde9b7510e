import type { Desk } from './desk-module.js';
import { elements } from './layers.js';
import type { Tensor } from './recorder.js';
import type { Optimizer, TrainingOptions } from './training-options.js';

/** Parameters of a part of an update. */
const ELEMENTS = 4096;

/** One parameter tensor with its optimizer's state. */
export class Trained {
  readonly count: number;
  /** Adam's means or the velocities. */
  private readonly first: number;
  /** Adam's squares. */
  private readonly second: number;
  private power1 = 1;
  private power2 = 1;

  constructor(
    private readonly desk: Desk,
    readonly parameter: Tensor,
    private readonly optimizer: Optimizer,
    private readonly weightDecay: number,
  ) {
    this.count = elements(parameter.shape);
    this.first = desk.place(new Float32Array(this.count));
    this.second = desk.place(new Float32Array(this.count));
  }

  clearGradient(): void {
    this.desk.kernels.clear(this.parameter.gradient, this.count);
  }

  update(rate: number): void {
    const { desk, optimizer, count, first, second, weightDecay } = this;
    const { values, gradient } = this.parameter;
    const update = (kernel: 'momentumUpdate' | 'adamUpdate', arrays: number[], rates: number[]): void =>
      desk.inParts(count, ELEMENTS, (from, some) => [
        [kernel, ...arrays.map((at) => at + 4 * from), some, rate, ...rates, weightDecay],
      ]);
    if (optimizer.kind === 'momentum') {
      update('momentumUpdate', [values, gradient, first], [optimizer.momentum]);
      return;
    }
    const { beta1, beta2 } = optimizer;
    this.power1 *= beta1;
    this.power2 *= beta2;
    const rates = [beta1, beta2, 1 - this.power1, 1 - this.power2];
    update('adamUpdate', [values, gradient, first, second], rates);
  }

  /** Values and state, to go on from with `restore`. */
  save(): Float32Array[] {
    const { values } = this.parameter;
    return [values, this.first, this.second].map((at) => this.desk.floats(at, this.count).slice());
  }

  /** After `steps` updates. */
  restore(saved: readonly Float32Array[], steps: number): void {
    [this.parameter.values, this.first, this.second].forEach((at, i) => {
      this.desk.floats(at, this.count).set(saved[i]!);
    });
    if (this.optimizer.kind !== 'adam') return;
    // Multiplied up again, as they came about.
    [this.power1, this.power2] = [1, 1];
    for (let step = 0; step < steps; step++) {
      this.power1 *= this.optimizer.beta1;
      this.power2 *= this.optimizer.beta2;
    }
  }
}

/** The rate at a step, from 1: up in the warm-up, then falling to 0 at the last of all epochs' batches. */
export function learningRate(desk: Desk, options: TrainingOptions, step: number, batches: number): number {
  const warmup = options.warmupEpochs * batches;
  if (step <= warmup) return (options.learningRate * step) / warmup;
  const progress = (step - warmup) / (options.epochs * batches - warmup);
  const share =
    options.decay === 'linear' ? 1 - progress : 0.5 + 0.5 * desk.kernels.cosine(Math.PI * progress);
  return options.learningRate * share;
}
