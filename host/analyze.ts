import { instantiateSync } from '@assemblyscript/loader';
import {
  OP_BYTES,
  OP_FLAG_COMMIT,
  OP_KIND,
  OP_TILES,
  OP_WEIGHTS,
  OP_BIAS,
  OP_REQUANT,
} from '../assembly/layout.js';
import { type Image, readImage } from './model/image.js';
import { describeOp } from './plan/describe.js';
import { MeteredSupply } from './power/harvested-supply.js';
import { chargeCycles, deviceProfile } from './profiles/profile.js';
import { bindImports } from './simulator/device.js';
import { SimulatedNvm } from './simulator/nvm.js';
import { meteredModule } from './toolchain/modules.js';

export interface AnalyzeOptions {
  /** Device profile; default `cortex-m4-generic`. */
  device?: string;
}

export interface OpAnalysis {
  name: string;
  kind: string;
  inputShape: number[];
  outputShape: number[];
  macs: number;
  /** NVM bytes read and written by one run of the op. */
  bytesMoved: number;
  /** Simulated cycles of one run of the op, NVM included. */
  cycles: number;
  /** Of all ops' cycles, and of those up to this one. */
  share: number;
  cumulativeShare: number;
  /** Constants. */
  flashBytes: number;
  tiles: number;
  /** Cycles of entering the op and its dearest tile. */
  largestTileCycles: number;
  /** Whether a commit is mandatory behind it. */
  commits: boolean;
}

export interface Usage {
  usedBytes: number;
  totalBytes: number;
}

/** What `brownout analyze --json` prints. Cycles are simulated. */
export interface AnalyzeResult {
  name: string;
  device: string;
  policy: string;
  ops: OpAnalysis[];
  macs: number;
  cycles: number;
  /** Cycles that one charge of the device lasts: what the largest tile must fit in. */
  chargeCycles: number;
  sram: Usage;
  nvm: Usage;
}

interface BareExports {
  memory: WebAssembly.Memory;
  arena: WebAssembly.Global;
  meter: WebAssembly.Global;
  enter(base: number, record: number): void;
  tile(index: number): void;
}

/** Cost of each op, measured by running its kernel on the metered module. */
class OpMeter {
  readonly #image: Image;
  readonly #supply: MeteredSupply;
  readonly #bare: BareExports;

  constructor(image: Image, device: string) {
    const profile = deviceProfile(device);
    this.#image = image;
    this.#supply = new MeteredSupply(profile);
    const nvm = new SimulatedNvm(image.nvmBytes);
    nvm.present.set(image.device);
    if (image.sample) nvm.present.set(new Uint8Array(image.sample.buffer), image.input.offset);
    let memory = new Uint8Array();
    const imports = bindImports({ nvm, sramBytes: 0, supply: this.#supply }, () => memory);
    const module = meteredModule('bare', profile.instructionCycles.value);
    const { exports } = instantiateSync(module, imports);
    this.#bare = exports as unknown as BareExports;
    memory = new Uint8Array(this.#bare.memory.buffer);
    this.#supply.boot(this.#bare.meter);
  }

  get arena(): number {
    return this.#bare.arena.value as number;
  }

  run(index: number): { cycles: number; bytesMoved: number; largestTileCycles: number } {
    const { statistics } = this.#supply;
    const cost = (work: () => void): number => {
      this.#supply.finish();
      const before = statistics.cycles;
      work();
      this.#supply.finish();
      return statistics.cycles - before;
    };
    const moved = (): number => statistics.nvmBytesRead + statistics.nvmBytesWritten;
    const start = moved();
    const enter = cost(() => this.#bare.enter(0, this.#image.plan.offset + index * OP_BYTES));
    const tiles = Array.from({ length: this.#image.ops[index]!.get(OP_TILES) }, (_, tile) => {
      return cost(() => this.#bare.tile(tile));
    });
    return {
      cycles: tiles.reduce((sum, cycles) => sum + cycles, enter),
      bytesMoved: moved() - start,
      largestTileCycles: enter + Math.max(...tiles),
    };
  }
}

/** Bytes of constants from one op's first to the next one's. */
function constantBytes(image: Image): number[] {
  const starts = image.ops.map((op) => {
    const fields = [OP_WEIGHTS, OP_BIAS, OP_REQUANT]
      .map((field) => op.get(field))
      .filter((address) => address > 0);
    return fields.length > 0 ? Math.min(...fields) : undefined;
  });
  const end = image.constants.offset + image.constants.bytes;
  return starts.map((start, index) => {
    if (start === undefined) return 0;
    return (starts.slice(index + 1).find((next) => next !== undefined) ?? end) - start;
  });
}

/** Analyses `image` op by op for a device. Throws `BrownoutError`. */
export function analyze(
  image: Uint8Array | Image,
  { device = 'cortex-m4-generic' }: AnalyzeOptions = {},
): AnalyzeResult {
  const model = image instanceof Uint8Array ? readImage(image) : image;
  const profile = deviceProfile(device);
  const meter = new OpMeter(model, device);
  const flash = constantBytes(model);
  const costs = model.ops.map((_, index) => meter.run(index));
  const cycles = costs.reduce((sum, cost) => sum + cost.cycles, 0);
  let cumulative = 0;
  const ops = model.ops.map((op, index): OpAnalysis => {
    const cost = costs[index]!;
    cumulative += cost.cycles;
    return {
      name: model.metadata.ops[index]!,
      ...describeOp(op),
      ...cost,
      share: cost.cycles / cycles,
      cumulativeShare: cumulative / cycles,
      flashBytes: flash[index]!,
      tiles: op.get(OP_TILES),
      commits: (op.get(OP_KIND) & OP_FLAG_COMMIT) !== 0,
    };
  });
  return {
    name: model.metadata.name,
    device,
    policy: model.metadata.policy,
    ops,
    macs: ops.reduce((sum, op) => sum + op.macs, 0),
    cycles,
    chargeCycles: chargeCycles(profile),
    sram: { usedBytes: meter.arena + model.arenaBytes, totalBytes: profile.sramBytes.value },
    nvm: { usedBytes: model.nvmBytes, totalBytes: profile.nvmBytes.value },
  };
}
