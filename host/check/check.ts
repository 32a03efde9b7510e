// Whether a model can be taken, and what it would cost, without writing an image.
import { analyze } from '../analyze/analyze.js';
import { compile } from '../compile/compile.js';
import { BrownoutError, checkBytes } from '../error.js';
import { fileOperators, type ImportedModel } from '../import/import-model.js';
import { type Obstacle, ObstacleError } from '../import/obstacles.js';
import { readImage } from '../model/image.js';
import { checkOptions } from '../options/table.js';
import { type Origin, originOf } from '../origin.js';
import { deviceProfile } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { type CheckOptions, checkModelOptions } from './options.js';
import { type BoardCheck, boardChecked } from './board.js';
import { importAnyway } from './stand-ins.js';

/** What an inference takes on a device. Cycles are simulated, the rest follows from the device's profile. */
export interface Costs {
  device: string;
  macs: number;
  cycles: number;
  timeMs: number;
  energyMj: number;
  sramBytes: number;
  nvmBytes: number;
  /** What the device has. */
  sramTotalBytes: number;
  nvmTotalBytes: number;
  /** The least capacitor with which every tile fits a charge, tiles cut as small as they go. */
  smallestCapacitorUf: number;
}

/** What `brownout check --json` prints. */
export interface CheckResult {
  origin: Origin;
  name: string;
  /** Operators of the file: how many there are of each. */
  operators: Record<string, number>;
  /** All that stands in the way; empty: the model can be compiled. */
  obstacles: Obstacle[];
  notes: readonly string[];
  /** Absent where there are obstacles. */
  costs?: Costs;
  /** The board that was asked for. */
  board?: BoardCheck;
}

/** Capacitors that are tried, halving first, then in between. */
const STEPS = 10;

/** Codes that say that the file itself is wrong. */
const DAMAGED = ['E_TFLITE', 'E_ONNX', 'E_MODEL'];

type Network = ImportedModel['network'];

/** The image for a capacitor; undefined where a tile cannot be cut small enough for it. */
function imageFor(network: Network, profile: DeviceProfile, capacitorUf: number): Uint8Array | undefined {
  try {
    return compile(network, { device: profile, capacitorUf, verify: false });
  } catch (error) {
    if (error instanceof BrownoutError) return undefined;
    throw error;
  }
}

/** The least capacitor that the planner finds tiles for, and that holds these as the metered kernels run them. */
function smallestCapacitor(network: Network, profile: DeviceProfile): number {
  let [enough, tooLittle] = [profile.capacitorUf.value, 0];
  let best: Uint8Array | undefined;
  for (let step = 0; step < STEPS; step++) {
    const tried = tooLittle === 0 ? enough / 2 : (enough + tooLittle) / 2;
    const image = imageFor(network, profile, tried);
    if (image) [enough, best] = [tried, image];
    else tooLittle = tried;
  }
  return best ? Math.max(enough, analyze(best, { device: profile }).smallestCapacitorUf) : enough;
}

function costsOf(network: Network, profile: DeviceProfile): Costs {
  const image = readImage(compile(network, { device: profile, verify: false }));
  const analysis = analyze(image, { device: profile });
  return {
    device: profile.name,
    macs: analysis.macs,
    cycles: analysis.cycles,
    timeMs: analysis.timeMs,
    energyMj: analysis.energyMj,
    sramBytes: analysis.sram.usedBytes,
    nvmBytes: analysis.nvm.usedBytes,
    sramTotalBytes: analysis.sram.totalBytes,
    nvmTotalBytes: analysis.nvm.totalBytes,
    smallestCapacitorUf: smallestCapacitor(network, profile),
  };
}

/** What an error says, as one obstacle. */
function obstacleOf({ code, found, expected, hint }: BrownoutError): Obstacle {
  return { code, found, expected, hint, index: 0, op: '', unsupported: false };
}

/** Checks a .tflite or .onnx file. Throws where the file is damaged or none of the two: `E_TFLITE`, `E_ONNX`, `E_MODEL`. */
export function check(bytes: Uint8Array, options: CheckOptions = {}): CheckResult {
  checkBytes(bytes, 'a model (.tflite, .onnx)');
  const { name, data, beside, cut, shape, ...asked } = checkOptions(checkModelOptions, options);
  const board = asked.board === undefined ? undefined : boardChecked(asked.board);
  const device = asked.device ?? board?.board.device ?? 'cortex-m4-generic';
  const result = {
    origin: originOf({ model: bytes }),
    name,
    operators: fileOperators(bytes, beside),
    notes: [],
    ...(board ? { board: board.check } : {}),
  };
  try {
    const { network, notes } = importAnyway(bytes, {
      name,
      ...(data ? { data } : {}),
      ...(beside ? { beside } : {}),
      ...(cut === undefined ? {} : { cut }),
      ...(shape ? { shape } : {}),
    });
    return { ...result, obstacles: [], notes, costs: costsOf(network, deviceProfile(device)) };
  } catch (error) {
    if (!(error instanceof BrownoutError) || DAMAGED.includes(error.code)) throw error;
    const obstacles = error instanceof ObstacleError ? [...error.obstacles] : [obstacleOf(error)];
    return { ...result, obstacles };
  }
}
