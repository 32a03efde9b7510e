// What records of circulant layers do, for the cost model to price.
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
  OP_REQUANT_STRIDE,
} from '../../../assembly/layout.js';
import type { CirculantMethod } from '../../model/quantized-network.js';
import type { OpRecord } from '../../model/record.js';
import { isInt8Weights, lookedUp, weightRowBytes } from '../shared/record-bytes.js';
import { both, type Counts, cut, part, total, type Work } from '../shared/work.js';
import { LEAF_BYTES } from './karatsuba.js';
import { LARGEST_FAST, transformCounts } from './transforms.js';

/** int16 of LEA's RAM that firmware has, and rows of circulant blocks at a time (firmware/brownout_accel_lea.h). */
const LEA_WORDS = 1792;
const LEA_BATCH = 32;

/** `outputs` of a row of blocks whose columns are looked up together: by the core, and by an MSP430's vector unit. */
function togetherCounts(outputs: number, k: number, blocks: number): Counts {
  const rowsHeld = (together: number): number =>
    Math.floor((LEA_WORDS - together * k * (1 + (together % 2))) / together) - k;
  let together = blocks;
  while (together > 1 && rowsHeld(together) < Math.min(outputs, LEA_BATCH)) together--;
  const core = { coreMac: outputs * blocks * k, coreLaid: blocks * k };
  const batch = Math.min(rowsHeld(together), outputs);
  if (batch < 1) return { ...core, unitLarge: outputs * blocks * k };
  const batches = Math.ceil(outputs / batch);
  return {
    ...core,
    unitCall: outputs * Math.ceil(blocks / together),
    unitMac: outputs * blocks * k,
    unitLaid: blocks * (outputs + batches * (2 * k + (together % 2) * k)),
  };
}

/** What a block row of a record does, and what entering the record does of each block. */
const CIRCULANT_COUNTS: Record<CirculantMethod, (op: OpRecord) => { block: Counts; row: Counts }> = {
  direct(op) {
    const [k, blocks] = [op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS)];
    const block = { copied: k };
    const outputs = op.get(CIRC_PART) || k;
    if (op.get(CIRC_CHUNK) > 0) return { block, row: togetherCounts(outputs, k, blocks) };
    const dots = blocks * outputs;
    return { block, row: { dot: dots, mac: dots * k, turned: blocks * k } };
  },
  ntt(op) {
    const [k, blocks] = [op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS)];
    const computed = op.get(CIRC_FACTOR) !== 0 ? blocks : 0;
    const made = op.get(CIRC_SPECTRA) !== 0;
    const touched = op.get(CIRC_FACTOR) !== 0 || op.get(CIRC_CENTRE) !== 0 ? k : 0;
    return {
      block: made ? { touched, copied: k } : { ...transformCounts('forward', k, 1), touched },
      row: {
        product: blocks * k,
        sum: k,
        ...transformCounts('inverse', k, 1),
        ...transformCounts('forward', k, computed),
      },
    };
  },
  karatsuba(op) {
    const [k, blocks, leaves] = [op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS), op.get(CIRC_LEAVES)];
    return { block: { [`expand${k}`]: 1 }, row: { product: blocks * leaves, [`collect${k}`]: 1 } };
  },
};

/** Bytes of constants of a block row besides its biases, and views of them. */
function rowAccess(op: OpRecord, method: CirculantMethod): { constantViews: number; constantBytes: number } {
  const [k, blocks] = [op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS)];
  const columnBytes = weightRowBytes(op, blocks * k);
  if (method === 'direct') return { constantViews: blocks, constantBytes: columnBytes };
  if (method === 'ntt') {
    if (op.get(CIRC_FACTOR) !== 0) return { constantViews: blocks, constantBytes: columnBytes };
    return { constantViews: Math.ceil(k / op.get(CIRC_CHUNK)), constantBytes: blocks * k * 4 };
  }
  const leaves = op.get(CIRC_LEAVES);
  const together = Math.min(2, Math.ceil(op.get(CIRC_OUTPUTS) / k));
  const constantViews = Math.ceil(leaves / op.get(CIRC_CHUNK)) / together;
  return { constantViews, constantBytes: blocks * leaves * LEAF_BYTES };
}

export function circulantWork(op: OpRecord, method: CirculantMethod): Work {
  const [k, blocks, inputs] = [op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS), op.get(CIRC_INPUTS)];
  const outputs = op.get(CIRC_OUTPUTS);
  const { block, row } = CIRCULANT_COUNTS[method](op);
  const { constantViews, constantBytes } = rowAccess(op, method);
  const made = method === 'ntt' && op.get(CIRC_SPECTRA) !== 0;
  const twiddles = method === 'ntt' ? { twiddle: k / 2 } : {};
  const stateBytes = made ? blocks * k * 4 : inputs;
  const entered = total([
    [1, part({ entered: 1, ...twiddles }, { stateViews: method === 'direct' ? 1 : blocks, stateBytes })],
    [blocks, part({ block: 1, ...block })],
  ]);
  // Pairs of their own are not in registers.
  const paired = (count: number): Counts => (op.get(OP_REQUANT_STRIDE) === 0 ? {} : { paired: count });
  const ofRow = method === 'direct' ? op.get(CIRC_PART) : 0;
  const unpacked: Counts = isInt8Weights(op) ? {} : { unpacked: blocks * k };
  const sums = part({ row: 1, ...row, ...unpacked }, { constantViews, constantBytes });
  const tiles = cut(outputs, ofRow || op.get(CIRC_GROUP) * k, (count) => {
    const rows = cut(count, k, (size) => both(sums, lookedUp(op, op.get(CIRC_SHARED) ? 1 : size)));
    const output = part({ tile: 1, output: count, ...paired(count) }, { writes: 1, writtenBytes: count });
    return both(output, rows.all);
  });
  const large = method === 'ntt' && k > LARGEST_FAST ? '_large' : '';
  const together = method === 'direct' && op.get(CIRC_CHUNK) > 0 ? '_together' : '';
  return { kernel: `circulant_${method}${large}${together}`, enter: entered, ...tiles };
}
