// What records of circulant layers may ask for: areas, reads and writes, by method.
import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CENTRE,
  CIRC_CHUNK,
  CIRC_FACTOR,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_LEAVES,
  CIRC_OUTPUTS,
  CIRC_PART,
  CIRC_SHARED,
  CIRC_SPECTRA,
  OP_BIAS,
  OP_FLAG_PLAIN,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_WEIGHTS,
} from '../../../assembly/layout.js';
import type { CirculantMethod } from '../../model/quantized-network.js';
import type { OpRecord } from '../../model/record.js';
import type { Bounds } from '../op.js';
import {
  atLeast,
  inGroups,
  isPacked,
  packedBytes,
  pairBytes,
  requantizing,
  size,
  unpackedBytes,
} from '../shared/bounds.js';
import { storedBiasBytes, storedPairBytes } from '../shared/record-bytes.js';
import { KARATSUBA_BLOCKS, LEAF_BYTES, leafCount } from './karatsuba.js';
import { LEAST_BLOCK } from './ntt-bounds.js';

/** Fields of a circulant record. */
function circulantFields(op: OpRecord): {
  inputs: number;
  outputs: number;
  k: number;
  blocks: number;
  group: number;
  chunk: number;
  rows: number;
} {
  const [inputs, outputs, k, blocks, group, chunk] = [
    CIRC_INPUTS,
    CIRC_OUTPUTS,
    CIRC_BLOCK,
    CIRC_BLOCKS,
    CIRC_GROUP,
    CIRC_CHUNK,
  ].map((field) => size(op, field)) as [number, number, number, number, number, number];
  return { inputs, outputs, k, blocks, group, chunk, rows: Math.ceil(outputs / k) };
}

/** Whether a record has anything but weights or spectra of weights and inputs, a bias an output, and a scale or one for all. */
export const isSpecial = (op: OpRecord): boolean =>
  [CIRC_CENTRE, CIRC_FACTOR, CIRC_SPECTRA, CIRC_SHARED].some((field) => op.get(field) !== 0);

type Method = Pick<Bounds, 'scratch' | 'demands'> & { weights: number };

/** Of first columns that are packed: they fill whole bytes, and words of four weights. */
function wholeBytes(op: OpRecord, k: number): Bounds['demands'][number] {
  const beyond = isPacked(op) ? ((packedBytes(op, 8) * k) % 8) + (k % 4) : 0;
  return ['bits of a packed column beyond whole bytes', beyond, 0];
}

/** Of what is int32 or int16: the type is that of first columns alone. */
function notPacked(op: OpRecord): Bounds['demands'][number] {
  return ['packed weights that are no first columns', isPacked(op) ? 1 : 0, 0];
}

/** Areas and weights of each method, and what its fields must be. */
const METHODS: Record<CirculantMethod, (op: OpRecord) => Method> = {
  direct(op) {
    const { k, blocks, group, chunk, rows } = circulantFields(op);
    const part = size(op, CIRC_PART);
    const most = part || k;
    const scratch = [
      ...[blocks * k, unpackedBytes(op, Math.max(chunk, 1) * k, 1), 2 * k, Math.max(4 * most, 3 * chunk * k)],
      ...[4 * most + pairBytes(op, most), part || group * k],
    ];
    const demands: Method['demands'] = [
      ['outputs of a row', part, k],
      ['outputs that are no whole parts of a row', part === 0 ? 0 : k % part, 0],
      ['blocks at a time', chunk, blocks],
      ['blocks left of those at a time', chunk === 0 ? 0 : blocks - chunk, 0],
      wholeBytes(op, k),
    ];
    return { scratch, weights: packedBytes(op, rows * blocks * k), demands };
  },
  ntt(op) {
    const { k, blocks, group, chunk, rows } = circulantFields(op);
    const computed = op.get(CIRC_FACTOR) !== 0;
    const several = pairBytes(op, k) > 8;
    const row = chunk * blocks * 4 + (computed ? unpackedBytes(op, k, 1) : 0);
    return {
      scratch: [
        blocks * k * 4,
        Math.max(row, 4 * k + (several ? 8 * k : 0)),
        4 * k,
        2 * k,
        several ? 8 * k : 8,
        group * k,
      ],
      weights: computed ? packedBytes(op, rows * blocks * k) : rows * blocks * k * 4,
      demands: [
        atLeast('in a block', LEAST_BLOCK, k),
        ['frequencies at a time', chunk, k],
        ['frequencies that are no whole parts of a block', chunk < 4 ? 1 : (k % chunk) + (chunk % 4), 0],
        ['frequencies left of computed spectra', computed ? k - chunk : 0, 0],
        computed ? wholeBytes(op, k) : notPacked(op),
        ['special field of a plain op', op.has(OP_FLAG_PLAIN) && isSpecial(op) ? 1 : 0, 0],
      ],
    };
  },
  karatsuba(op) {
    const { k, blocks, group, chunk, rows } = circulantFields(op);
    const [smallest, largest] = KARATSUBA_BLOCKS;
    const leaves = leafCount(Math.min(Math.max(k, smallest), largest));
    const together = Math.min(rows, 2);
    return {
      scratch: [
        blocks * leaves * 8,
        Math.max(chunk * blocks * together * LEAF_BYTES, k * 4),
        together * leaves * 16,
        k * 4,
        pairBytes(op, k),
        group * k,
      ],
      weights: rows * blocks * leaves * LEAF_BYTES,
      demands: [
        atLeast('in a block', smallest, k),
        ['in a block', k, largest],
        notPacked(op),
        ['leaves too few or many', Math.abs(leaves - size(op, CIRC_LEAVES)), 0],
        atLeast('leaves at a time', 1, chunk),
        ['leaves at a time', chunk, leaves],
        ['rows apart in a tile', group < rows ? group % 2 : 0, 0],
      ],
    };
  },
};

export function circulantBounds(op: OpRecord, method: CirculantMethod): Bounds {
  const { inputs, outputs, k, blocks, group, rows } = circulantFields(op);
  const { scratch, weights, demands } = METHODS[method](op);
  const made = method === 'ntt' && op.get(CIRC_SPECTRA) !== 0;
  const part = method === 'direct' ? size(op, CIRC_PART) : 0;
  const shared = size(op, CIRC_SHARED);
  const constants: Bounds['reads'] = shared
    ? [
        [OP_BIAS, storedBiasBytes(op, rows)],
        [OP_REQUANT, rows * storedPairBytes(op, 1)],
      ]
    : requantizing(op, outputs);
  return {
    scratch,
    reads: [[OP_INPUT, made ? blocks * k * 4 : inputs], [OP_WEIGHTS, weights], ...constants],
    writes: [[OP_OUTPUT, outputs]],
    demands: [
      ...demands,
      ['rows that share a bias and a scale', shared, method === 'karatsuba' ? 0 : 1],
      ['scales an output of rows that share one', shared && size(op, OP_REQUANT_STRIDE), 0],
      ['shared biases of a plain op', shared && op.has(OP_FLAG_PLAIN) ? 1 : 0, 0],
      atLeast('in a block', 2, k),
      ['in a block', k, 4096],
      ['in a block that is no power of two', k & (k - 1), 0],
      atLeast('inputs', 1, inputs),
      ['inputs', inputs, blocks * k],
      ['inputs that are missing', blocks * k - inputs - k + 1, 0],
      ...inGroups(op, ...(part ? ([outputs, part] as const) : ([rows, group] as const))),
    ],
  };
}
