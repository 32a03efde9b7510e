// Structured training by ADMM: min f(W) subject to W in S is split into W and Z in S. W descends f + ρ/2·‖W − Z + U‖²,
// Z is the projection of W + U, and U sums up what is left (Boyd et al. 2011, §3.1.1; Zhang et al., ECCV 2018, for networks).
// The pull towards Z is kept apart from Adam's moments, as weight decay is (Loshchilov and Hutter, 2019): a penalty in the
// gradient would be normalised away.
import type { Desk } from './desk-module.js';
import { type Constraint, project } from './constraint.js';
import { elements, type FloatLayer } from './layers.js';
import type { Tensor } from './recorder.js';

/** Options of training by ADMM, which pulls weights towards a structure. */
export interface AdmmOptions {
  /** By the name of the layer. */
  constraints: Readonly<Record<string, Constraint>>;
  /**
   * Penalty of the first epoch, and what it is multiplied by from epoch to epoch, up to `mostRho`. Over an epoch the
   * distance to Z shrinks by e^−ρ, if nothing pulls the other way.
   */
  rho: number;
  growth: number;
  mostRho: number;
}

/** How far the constraints are from being met, relative to the weights' norm. */
export interface Residuals {
  /** ‖W − Z‖ / ‖W‖: the constraint's violation. */
  primal: number;
  /** ‖Z − Z before‖ / ‖W‖. */
  dual: number;
}

interface Split {
  layer: FloatLayer;
  constraint: Constraint;
  weights: Tensor;
  count: number;
  z: number;
  u: number;
}

export class Admm {
  private readonly splits: Split[];
  private rho: number;

  /** `weights` has each layer's, by index. */
  constructor(
    private readonly desk: Desk,
    layers: readonly FloatLayer[],
    weights: readonly (Tensor | undefined)[],
    private readonly options: AdmmOptions,
  ) {
    this.rho = options.rho;
    this.splits = layers.flatMap((layer, index) => {
      const constraint = options.constraints[layer.name];
      const own = weights[index];
      if (!constraint || !own) return [];
      const count = elements(own.shape);
      const z = desk.place(project(layer, desk.floats(own.values, count).slice(), constraint));
      return [{ layer, constraint, weights: own, count, z, u: desk.place(new Float32Array(count)) }];
    });
  }

  /** One of an epoch's `steps` steps towards Z. */
  pull(steps: number): void {
    const share = Math.min(0.5, this.rho / steps);
    for (const { weights, z, u, count } of this.splits)
      this.desk.kernels.pullTowards(weights.values, z, u, count, share);
  }

  /** At an epoch's end: Z, U and the penalty anew. */
  advance(): Residuals {
    const mark = this.desk.mark();
    const sums = [this.desk.allocate(16), this.desk.allocate(16)] as const;
    for (const at of sums) this.desk.bytes(at, 16).fill(0);
    for (const { layer, constraint, weights, z, u, count } of this.splits) {
      const w = this.desk.floats(weights.values, count).slice();
      const dual = this.desk.floats(u, count).slice();
      const before = this.desk.place(this.desk.floats(z, count).slice());
      const nearest = project(
        layer,
        w.map((value, i) => value + dual[i]!),
        constraint,
      );
      this.desk.floats(z, count).set(nearest);
      this.desk.floats(u, count).set(dual.map((value, i) => value + w[i]! - nearest[i]!));
      this.desk.kernels.squaredDistance(weights.values, z, count, sums[0]);
      this.desk.kernels.squaredDistance(before, z, count, sums[1]);
    }
    const read = (at: number): [number, number] => {
      const values = new Float64Array(this.desk.bytes(at, 16).buffer, at, 2);
      return [values[0]!, values[1]!];
    };
    const [[distance, size], [moved]] = [read(sums[0]), read(sums[1])];
    this.desk.release(mark);
    // The scaled dual is that of this ρ.
    const next = Math.min(this.options.mostRho, this.rho * this.options.growth);
    for (const { u, count } of this.splits) {
      const dual = this.desk.floats(u, count);
      dual.forEach((value, i) => {
        dual[i] = value * (this.rho / next);
      });
    }
    this.rho = next;
    const norm = Math.sqrt(size) || 1;
    return { primal: Math.sqrt(distance) / norm, dual: Math.sqrt(moved) / norm };
  }

  save(): Float32Array[] {
    const arrays = this.splits.flatMap(({ z, u, count }) =>
      [z, u].map((at) => this.desk.floats(at, count).slice()),
    );
    return arrays;
  }

  /** After `epochs` of them. */
  restore(saved: readonly Float32Array[], epochs: number): void {
    this.splits.forEach(({ z, u, count }, i) => {
      this.desk.floats(z, count).set(saved[2 * i]!);
      this.desk.floats(u, count).set(saved[2 * i + 1]!);
    });
    this.rho = this.options.rho;
    for (let epoch = 0; epoch < epochs; epoch++)
      this.rho = Math.min(this.options.mostRho, this.rho * this.options.growth);
  }
}
