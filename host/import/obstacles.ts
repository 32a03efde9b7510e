// What stands in the way of a model: every obstacle of an import is gathered, and told at once.
import { BrownoutError, type Failure } from '../error.js';

/** One op that cannot be taken. */
export interface Obstacle extends Failure {
  /** Where it is among the file's ops. */
  index: number;
  op: string;
  /** There is nothing for ops of this name at all. */
  unsupported: boolean;
}

/** All obstacles of a model in one error. */
export class ObstacleError extends BrownoutError {
  readonly obstacles: readonly Obstacle[];
  /** Ops of the whole model. */
  readonly ops: number;

  constructor(obstacles: readonly Obstacle[], ops: number, hint: string) {
    const [first] = obstacles as [Obstacle];
    const affected = new Set(obstacles.map(({ index }) => index)).size;
    const share = `${affected} of the model’s ${ops} ops (${Math.round((100 * affected) / Math.max(1, ops))} %)`;
    const single = obstacles.length === 1;
    super({
      code: first.code,
      found: single
        ? first.found
        : `${share} that cannot be taken: ${obstacles.map(({ found }) => found).join('; ')}`,
      expected: single ? first.expected : [...new Set(obstacles.map(({ expected }) => expected))].join('; '),
      hint: single && !first.unsupported ? first.hint : hint,
    });
    this.name = 'ObstacleError';
    this.obstacles = obstacles;
    this.ops = ops;
  }
}

/** Refusals that follow from others: nothing to tell. */
export class Blocked extends Error {}

/** Told at most; a file of thousands of wrong ops is told by its first. */
const MOST_TOLD = 40;

/** Gathers what an import refuses, op by op. */
export class Obstacles {
  readonly #found: Obstacle[] = [];

  get count(): number {
    return this.#found.length;
  }

  add(obstacle: Obstacle): void {
    if (this.#found.length < MOST_TOLD) this.#found.push(obstacle);
  }

  /**
   * Imports one op. What it refuses is kept; returns whether it went through. Errors other than `BrownoutError`, and those
   * of damaged files, are thrown on.
   */
  attempt(op: { index: number; name: string }, code: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (error instanceof Blocked) return false;
      if (!(error instanceof BrownoutError) || error.code !== code) throw error;
      const { found, expected, hint } = error;
      this.add({ code, found, expected, hint, index: op.index, op: op.name, unsupported: false });
      return false;
    }
  }

  /** Throws all that was found, if anything was. `supported`: what to say where ops are missing. */
  settle(ops: number, supported: string): void {
    if (this.#found.length === 0) return;
    const missing = this.#found.some(({ unsupported }) => unsupported);
    const own = [...new Set(this.#found.filter(({ unsupported }) => !unsupported).map(({ hint }) => hint))];
    const hint = [
      ...(missing ? [`Supported are ${supported}: change the model, or export it anew.`] : []),
      ...own,
    ];
    throw new ObstacleError(this.#found, ops, hint.join(' '));
  }
}
