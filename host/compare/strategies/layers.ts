// The layers of a plan, as the models of the strategies see them: sizes, not addresses.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  JobKind,
  OpKind,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
} from '../../../assembly/layout.js';
import { analyze } from '../../analyze/analyze.js';
import type { Image } from '../../model/image.js';
import type { OpRecord } from '../../model/record.js';
import { coreUnitsOf, describeOp, opCycles, recordOp } from '../../ops/record.js';
import type { Body } from '../../ops/shared/cost.js';
import { circulantCycles, MAC, OUTPUT, TILE } from '../../ops/shared/cycles.js';
import type { DeviceProfile } from '../../profiles/profile.js';
import { unitCostOf } from '../../profiles/unit.js';

/** One op of the plan. Elements are 16 bits, as in the runtimes compared to. */
export interface Layer {
  name: string;
  kind: 'conv' | 'dense' | 'circulant' | 'other';
  macs: number;
  inputs: number;
  outputs: number;
  /** Of a convolution: its output as rows × columns × channels, taps of a filter, rows and columns of its kernel. */
  rows: number;
  columns: number;
  channels: number;
  inputChannels: number;
  kernel: readonly [number, number];
  /** Of a circulant layer: block size, blocks a row, block rows. */
  block: number;
  blocks: number;
  blockRows: number;
  tiles: number;
  /** Our kernels as metered on the device, in the planner's cycles: all of it; entering it and its dearest tile. */
  cycles: number;
  leastCycles: number;
  /** A multiply-add of it, in those: what is left when outputs and tiles are taken off. */
  macCycles: number;
  /** What both memories take for it besides the core's waiting, as metered; less what a vector unit saves of the core's. */
  memoryNj: number;
  /** What of its energy a vector unit takes. */
  unitNj: number;
  /** Of a circulant layer: how our kernel evaluates it. */
  method: string;
  /** Of a circulant layer, by either method. */
  directCycles: number;
}

/** The body by which the runtimes compared to multiply on the core. */
const PLAIN: Readonly<Record<Body, Body>> = {
  ...{ dsp: 'armv7m', armv7m: 'armv7m', armv6m: 'armv6m', rv32: 'rv32' },
  ...{ msp430: 'msp430', lea: 'msp430' },
};

const METHODS: Readonly<Record<number, string>> = {
  [OpKind.CIRCULANT_NTT]: 'ntt',
  [OpKind.CIRCULANT_KARATSUBA]: 'karatsuba',
};

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The ops of an inference that are layers, with their places in it; an image that learns ends it with one that is none. */
export function layerOps({ ops, jobs }: Image): { op: OpRecord; index: number }[] {
  const { first, count } = jobs[JobKind.INFER]!;
  return ops
    .slice(first, first + count)
    .map((op, index) => ({ op, index }))
    .filter(({ op }) => !op.isLearning);
}

/** The layers of an image, as metered on a device. */
export function layersOf(image: Image, profile: DeviceProfile): Layer[] {
  const scale = profile.planScale.value;
  const body = profile.body.value;
  const { ops: metered } = analyze(image, { device: profile });
  const own = layerOps(image);
  const estimated = own.reduce((sum, { op }) => sum + opCycles(op), 0);
  // How the device does against the estimates: for what cannot be metered, as our plan does not do it so.
  const speed = own.reduce((sum, { index }) => sum + metered[index]!.cycles, 0) / scale / estimated;
  return own.map(({ op, index }) => {
    const { inputShape, outputShape, macs } = describeOp(op);
    const { family } = recordOp(op);
    const circulant = family === 'circulant';
    const window = op.kind === OpKind.CONV2D;
    const block = circulant ? op.get(CIRC_BLOCK) : 0;
    const blocks = circulant ? op.get(CIRC_BLOCKS) : 0;
    const blockRows = circulant ? Math.ceil(op.get(CIRC_OUTPUTS) / block) : 0;
    const direct = circulant ? circulantCycles(block, blocks).direct : { enter: 0, row: 0 };
    const [rows, columns, channels] = window ? outputShape : [1, 1, product(outputShape)];
    const { cycles, energyUj, acceleratorUj, largestTileCycles, tiles } = metered[index]!;
    const outputs = product(outputShape);
    // The runtimes compared to multiply by plain code: no body of ours.
    const plain =
      (cycles - unitCostOf(op, profile).cycles) * (coreUnitsOf(op, PLAIN[body]) / coreUnitsOf(op, body));
    const work = plain / scale - outputs * OUTPUT - tiles * TILE;
    return {
      name: image.metadata.ops[index]!,
      kind: window ? 'conv' : family === 'convolution' ? 'other' : family,
      macs: circulant ? op.get(CIRC_INPUTS) * op.get(CIRC_OUTPUTS) : macs,
      ...{ inputs: product(inputShape), outputs },
      ...{ rows: rows!, columns: columns!, channels: channels! },
      inputChannels: window ? op.get(WIN_INPUT_CHANNELS) : 1,
      kernel: window ? op.getPair(WIN_KERNEL) : [1, 1],
      ...{ block, blocks, blockRows, tiles },
      ...{ unitNj: acceleratorUj * 1000, method: METHODS[op.kind] ?? 'direct' },
      memoryNj: energyUj * 1000 - cycles * profile.activeNjPerCycle.value,
      ...{ cycles: cycles / scale, leastCycles: largestTileCycles / scale },
      macCycles: circulant || macs === 0 ? MAC * speed : Math.max(1, work / macs),
      directCycles: (direct.enter + blockRows * direct.row) * speed,
    };
  });
}
