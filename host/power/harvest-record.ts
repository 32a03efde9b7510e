/** Pieces kept, at most. */
const MOST_PIECES = 20_000;

/** Power from a time on. */
export interface HarvestPoint {
  timeUs: number;
  powerUw: number;
}

/** What a trace gave, as few pieces: those too many are joined in pairs, by their mean, so that no energy is lost. */
export class HarvestRecord {
  points: HarvestPoint[] = [];
  /** Pieces shorter than this are joined to the one before. */
  #leastUs = 0;
  #endUs = 0;

  add(fromUs: number, durationUs: number, powerUw: number): void {
    const last = this.points.at(-1);
    const lengthUs = last ? fromUs - last.timeUs : 0;
    this.#endUs = fromUs + durationUs;
    if (last?.powerUw === powerUw || durationUs <= 0) return;
    if (last && lengthUs < this.#leastUs) {
      last.powerUw = (last.powerUw * lengthUs + powerUw * durationUs) / (lengthUs + durationUs);
      return;
    }
    this.points.push({ timeUs: fromUs, powerUw });
    if (this.points.length >= MOST_PIECES) this.#halve();
  }

  #halve(): void {
    const { points } = this;
    const ends = (i: number): number => points[i]?.timeUs ?? this.#endUs;
    this.points = points.flatMap((first, i) => {
      if (i % 2 === 1) return [];
      const second = points[i + 1];
      if (!second) return [first];
      const energy =
        first.powerUw * (ends(i + 1) - first.timeUs) + second.powerUw * (ends(i + 2) - second.timeUs);
      return [{ timeUs: first.timeUs, powerUw: energy / (ends(i + 2) - first.timeUs) }];
    });
    this.#leastUs = Math.max(2 * this.#leastUs, (2 * this.#endUs) / MOST_PIECES);
  }
}
