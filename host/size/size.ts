// Which capacitor? Replays an image with one after the other.
import { BrownoutError } from '../error.js';
import type { Image } from '../model/image.js';
import type { Origin } from '../origin.js';
import { targetOf } from '../power/target.js';
import { checkOptions } from '../options/table.js';
import { type InputSource, ReplayBench, spread } from '../replay/replay.js';
import { type SizeOptions, sizeOptions, type SizeSettings } from './options.js';

/** How one capacitor did. All figures are simulated. */
export interface SizeRow {
  capacitorUf: number;
  /** Whether all inferences ended, with the right answers. */
  works: boolean;
  /** Code of the error, where it does not. */
  error: string | null;
  cuts: number;
  latencyMs: { min: number; median: number; max: number } | null;
  /** From an empty capacitor (at turn-off) to the first answer. */
  firstAnswerMs: number | null;
}

/** What `brownout size --json` prints. */
export interface SizeResult {
  origin: Origin;
  name: string;
  device: string;
  /** Whether that is what the image was compiled for. */
  notes: string[];
  seed: number;
  inferences: number;
  inputs: InputSource;
  rows: SizeRow[];
  /** The smallest that works; null where none does. */
  smallestUf: number | null;
  /** That of least median latency, the smaller of two alike. */
  fastestUf: number | null;
}

const E3_UF: readonly number[] = [1, 10, 100, 1000, 10_000].flatMap((decade) => [
  decade,
  2.2 * decade,
  4.7 * decade,
]);
/** What a capacitor that is too small, or a trace that is too weak for a large one, ends in. */
const FAILURES: readonly string[] = ['E_NO_PROGRESS', 'E_TRACE_DARK', 'E_CUTS'];

function tryOne(
  bench: ReplayBench,
  capacitorUf: number,
  options: Pick<SizeSettings, 'device' | 'converter' | 'esrOhm' | 'capacitorLeakageNa'>,
): SizeRow {
  const { storage } = targetOf(bench.image, { ...options, capacitorUf });
  try {
    const run = bench.harvest(storage);
    const works = bench.isIdentical(run);
    const latencyMs = spread(run.latenciesMs);
    const { cuts } = run.statistics;
    return {
      capacitorUf,
      works,
      error: works ? null : 'DIFFERENT',
      cuts,
      latencyMs,
      firstAnswerMs: run.latenciesMs[0]!,
    };
  } catch (error) {
    if (!(error instanceof BrownoutError) || !FAILURES.includes(error.code)) throw error;
    return { capacitorUf, works: false, error: error.code, cuts: 0, latencyMs: null, firstAnswerMs: null };
  }
}

/** Sweeps capacitors. Throws as `replay` does, but not where a capacitor is too small or too large. */
export function size(image: Uint8Array | Image, options: SizeOptions = {}): SizeResult {
  const settings = checkOptions(sizeOptions, options);
  const { capacitorsUf = E3_UF, onCapacitor, ...rest } = settings;
  const bench = new ReplayBench(image, { ...rest, timeline: false });
  const rows = [...capacitorsUf]
    .sort((a, b) => a - b)
    .map((capacitorUf, index) => {
      const row = tryOne(bench, capacitorUf, rest);
      onCapacitor?.(index + 1, capacitorsUf.length);
      return row;
    });
  const working = rows.filter(({ works }) => works);
  const fastest = working.reduce<SizeRow | undefined>((best, row) => {
    return !best || row.latencyMs!.median < best.latencyMs!.median ? row : best;
  }, undefined);
  return {
    origin: bench.origin,
    ...{ name: bench.image.metadata.name, device: bench.profile.name, seed: rest.seed },
    notes: bench.target.notes,
    inferences: bench.inputs.length,
    inputs: bench.inputSource,
    rows,
    smallestUf: working[0]?.capacitorUf ?? null,
    fastestUf: fastest?.capacitorUf ?? null,
  };
}
