// Spectra of a circulant layer's inputs as an op: what entering the layer would compute, in tiles.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_ROOT,
  OP_INPUT,
  OP_OUTPUT,
  OP_TILES,
  OpKind,
} from '../../../assembly/layout.js';
import type { TensorSpec } from '../../model/quantized-network.js';
import type { OpRecord } from '../../model/record.js';
import { type RecordOp, SIMPLE } from '../op.js';
import { atLeast, inGroups, size } from '../shared/bounds.js';
import { circulantCycles, TILE } from '../shared/cycles.js';
import {
  arenaFor,
  cheapest,
  equalParts,
  type LoweredOp,
  placeAreas,
  recordOf,
  type TileLimits,
} from '../shared/lowering.js';
import { cut, part } from '../shared/work.js';
import { transformRoot } from './field.js';
import { LEAST_BLOCK } from './ntt-bounds.js';
import { LARGEST_FAST, transformCounts } from './transforms.js';

/** Spectra of a tile; words of a transform, twiddles, a block of inputs: areas 2, 3 and 5, as the layer's. */
const areasOf = (k: number, group: number): number[] => [group * k * 4, 0, k * 4, k * 2, 0, k];

/** Of a layer of `inputs` in blocks of `k`: how many blocks a tile; undefined where SRAM does not hold one. */
export function lowerSpectra(
  input: TensorSpec,
  inputs: number,
  k: number,
  limits: TileLimits,
): LoweredOp | undefined {
  const blocks = Math.ceil(inputs / k);
  const cuts = equalParts(blocks).flatMap((group): LoweredOp[] => {
    if (arenaFor(areasOf(k, group)) > limits.arenaBytes) return [];
    const record = recordOf(OpKind.CIRCULANT_SPECTRA, input);
    record.set(OP_TILES, Math.ceil(blocks / group));
    record.set(CIRC_INPUTS, inputs);
    record.set(CIRC_BLOCK, k);
    record.set(CIRC_BLOCKS, blocks);
    record.set(CIRC_GROUP, group);
    record.set(CIRC_ROOT, transformRoot(k));
    const arenaBytes = placeAreas(record, areasOf(k, group));
    return [{ record, constants: [], arenaBytes, ownBytes: blocks * k * 4 }];
  });
  return cheapest(cuts, limits);
}

/** Sizes of a record. */
function fieldsOf(op: OpRecord): { inputs: number; k: number; blocks: number; group: number } {
  const [inputs, k, blocks, group] = [CIRC_INPUTS, CIRC_BLOCK, CIRC_BLOCKS, CIRC_GROUP].map((field) =>
    size(op, field),
  ) as [number, number, number, number];
  return { inputs, k, blocks, group };
}

export const circulantSpectra: RecordOp = {
  ...SIMPLE,
  family: 'circulant',
  shapes(op) {
    const { inputs, k, blocks } = fieldsOf(op);
    return { inputShape: [inputs], outputShape: [blocks, k], macs: 0 };
  },
  cycles(op) {
    const { k, blocks, group } = fieldsOf(op);
    return { enter: 0, tile: TILE + (circulantCycles(k, blocks, 'stored').ntt.enter / blocks) * group };
  },
  work(op) {
    const { inputs, k, blocks, group } = fieldsOf(op);
    const tiles = cut(blocks, group, (count) => {
      const stateBytes = Math.min(count * k, inputs);
      const access = { stateViews: count, stateBytes, writes: 1, writtenBytes: count * k * 4 };
      return part({ tile: 1, centred: count * k, ...transformCounts('forward', k, count) }, access);
    });
    const large = k > LARGEST_FAST ? '_large' : '';
    return { kernel: `circulant_spectra${large}`, enter: part({ entered: 1, twiddle: k / 2 }), ...tiles };
  },
  bounds(op) {
    const { inputs, k, blocks, group } = fieldsOf(op);
    return {
      scratch: areasOf(k, group),
      reads: [[OP_INPUT, inputs]],
      writes: [[OP_OUTPUT, blocks * k * 4]],
      demands: [
        atLeast('in a block', LEAST_BLOCK, k),
        ['in a block', k, 4096],
        ['in a block that is no power of two', k & (k - 1), 0],
        atLeast('inputs', 1, inputs),
        ['inputs', inputs, blocks * k],
        ['inputs that are missing', blocks * k - inputs - k + 1, 0],
        ...inGroups(op, blocks, group),
      ],
    };
  },
  accelerated: (op) => op.get(CIRC_BLOCK) <= LARGEST_FAST,
  detail: (op) => ` ${op.get(CIRC_BLOCKS)}·${op.get(CIRC_BLOCK)}`,
};
