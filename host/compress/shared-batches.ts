// What trainings of several networks on the same data have in common: their batches, and a teacher's answers to them.

/** A batch as it is trained on. */
interface Batch {
  inputs: Float32Array;
  /** With which its inputs are blended in reverse order. */
  share: number;
  /** Where the training's random numbers stand behind it. */
  random: Uint32Array;
}

/** Bytes of inputs that are kept. */
const MOST_BYTES = 1 << 27;

/**
 * Of trainings that differ in their network and its rounding alone: data, seed and all else that batches depend on are the same.
 * Batches go by their number, from the first epoch on.
 */
export class SharedBatches {
  private readonly batches = new Map<number, Batch>();
  private readonly answers = new Map<number, Float32Array>();
  private bytes = 0;

  /** Inputs are kept up to `mostBytes`; those of further batches are made anew. */
  constructor(private readonly mostBytes = MOST_BYTES) {}

  /** The batch with this number, if another training has kept it. */
  batch(step: number): Batch | undefined {
    return this.batches.get(step);
  }

  /** Keeps a batch whose inputs take `bytes`, if there is room. */
  keep(step: number, bytes: number, make: () => Batch): void {
    if (this.bytes + bytes > this.mostBytes) return;
    this.bytes += bytes;
    this.batches.set(step, make());
  }

  /** The teacher's answers to a batch: found once. */
  answersTo(step: number, find: () => Float32Array): Float32Array {
    let answers = this.answers.get(step);
    if (!answers) {
      answers = find();
      this.answers.set(step, answers);
    }
    return answers;
  }
}
