// The layers of a plan, as the models of the strategies see them: sizes, not addresses.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  OP_TILES,
  OpKind,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
} from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import { circulantCycles, leastCycles, opCycles } from '../plan/cost.js';
import { describeOp } from '../plan/describe.js';

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
  /** Our kernels, by the planner's estimates: all of it, and its least part. */
  cycles: number;
  leastCycles: number;
  /** Of a circulant layer, by either method. */
  directCycles: number;
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The ops of an image's plan. */
export function layersOf(image: Image): Layer[] {
  return image.ops.map((op, index) => {
    const { inputShape, outputShape, macs } = describeOp(op);
    const kind = op.sibling;
    const circulant = kind === OpKind.CIRCULANT_NTT_S8 || kind === OpKind.CIRCULANT_DIRECT_S8;
    const window = kind === OpKind.CONV2D_S8;
    const block = circulant ? op.get(CIRC_BLOCK) : 0;
    const blocks = circulant ? op.get(CIRC_BLOCKS) : 0;
    const blockRows = circulant ? Math.ceil(op.get(CIRC_OUTPUTS) / block) : 0;
    const direct = circulant ? circulantCycles(block, blocks).direct : { enter: 0, row: 0 };
    const [rows, columns, channels] = window ? outputShape : [1, 1, product(outputShape)];
    return {
      name: image.metadata.ops[index]!,
      kind: circulant ? 'circulant' : window ? 'conv' : kind === OpKind.DENSE_S8 ? 'dense' : 'other',
      macs: circulant ? op.get(CIRC_INPUTS) * op.get(CIRC_OUTPUTS) : macs,
      ...{ inputs: product(inputShape), outputs: product(outputShape) },
      ...{ rows: rows!, columns: columns!, channels: channels! },
      inputChannels: window ? op.get(WIN_INPUT_CHANNELS) : 1,
      kernel: window ? op.getPair(WIN_KERNEL) : [1, 1],
      ...{ block, blocks, blockRows, tiles: op.get(OP_TILES) },
      ...{ cycles: opCycles(op), leastCycles: leastCycles(op) },
      directCycles: direct.enter + blockRows * direct.row,
    };
  });
}
