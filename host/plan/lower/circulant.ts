import {
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CENTRE,
  CIRC_CHUNK,
  CIRC_FACTOR,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_OUTPUTS,
  CIRC_ROOT,
  OP_SCRATCH1,
  OP_SCRATCH4,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
} from '../../../assembly/layout.js';
import { elementCount, type Circulant, type TensorSpec } from '../../model/quantized-network.js';
import { littleEndian } from '../../model/values.js';
import {
  type TileLimits,
  type LoweredOp,
  arenaFor,
  placeAreas,
  recordOf,
  refuse,
  tooLarge,
  foldBias,
  requantization,
  requantBytes,
} from './lowering.js';
import { circulantCycles } from '../cost.js';
import { blockSpectrum, computedFactor, transformRoot } from '../field.js';
import { planNtt } from '../ntt-bounds.js';

/** Σ w and Σ |w| of each output of a circulant layer, over the inputs that exist. */
function circulantRowSums(
  op: Circulant,
  inputs: number,
  outputs: number,
): { sums: Float64Array; most: number } {
  const k = op.blockSize;
  const blocks = Math.ceil(inputs / k);
  const sums = new Float64Array(outputs);
  let most = 0;
  for (let output = 0; output < outputs; output++) {
    const r = output % k;
    const row = Math.floor(output / k) * blocks * k;
    let magnitude = 0;
    for (let c = 0; c < inputs; c++) {
      const w = op.weights[row + Math.floor(c / k) * k + ((r - c) & (k - 1))]!;
      sums[output]! += w;
      magnitude += Math.abs(w);
    }
    most = Math.max(most, magnitude);
  }
  return { sums, most };
}

/** Spectra as the kernel reads them: [block row][frequency / 4][block][frequency mod 4]. */
function spectra(op: Circulant, rows: number, blocks: number): Int32Array {
  const k = op.blockSize;
  const all = new Int32Array(rows * blocks * k);
  for (let row = 0; row < rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const at = (row * blocks + block) * k;
      blockSpectrum(op.weights.subarray(at, at + k)).forEach((value, frequency) => {
        all[(row * k + (frequency & ~3)) * blocks + block * 4 + (frequency & 3)] = value;
      });
    }
  }
  return all;
}

export function lowerCirculant(
  op: Circulant,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  const inputs = elementCount(input);
  const outputs = elementCount(output);
  const k = op.blockSize;
  if (k < 2 || k > 4096 || (k & (k - 1)) !== 0) {
    refuse(op, `with block size ${k}`, 'a power of two from 2 to 4096', 'Train it with such a block size.');
  }
  const blocks = Math.ceil(inputs / k);
  const rows = Math.ceil(outputs / k);
  if (op.weights.length !== rows * blocks * k) {
    refuse(
      op,
      `with ${op.weights.length} weights`,
      `${rows} × ${blocks} × ${k}`,
      'Check the shapes of its tensors.',
    );
  }
  const { sums, most } = circulantRowSums(op, inputs, outputs);
  const computed = op.spectra === 'computed';
  const ntt = planNtt(k, blocks, (op.learns ? inputs * 128 : most) * 128, computed);
  const channelBytes = k * 4 + requantBytes(op, k);
  // Biases, and pairs of channels, are looked up when the spectra are done with, in their place.
  const onePair = op.multipliers.length === 1;
  const inPlace = onePair ? k * 4 : channelBytes;
  const nttAreas = (chunk: number, group: number): number[] => {
    // A row's spectra, and behind computed ones the first column that is looked up.
    const spectraBytes = chunk * blocks * 4 + (computed ? k : 0);
    return [blocks * k * 4, Math.max(spectraBytes, inPlace), k * 4, k * 2, onePair ? 8 : 0, group * k];
  };
  const directAreas = (group: number): number[] => [blocks * k, k, 2 * k, k * 4, channelBytes, group * k];
  let chunk = k;
  while (!computed && arenaFor(nttAreas(chunk, 1)) > limits.arenaBytes && chunk > 4) chunk >>= 1;
  const nttFits = ntt.feasible && arenaFor(nttAreas(chunk, 1)) <= limits.arenaBytes;
  const costs = circulantCycles(k, blocks, op.spectra);
  const total = (method: 'direct' | 'ntt'): number => costs[method].enter + rows * costs[method].row;
  const faster = total('ntt') < total('direct') ? 'ntt' : 'direct';
  const method = op.method === 'auto' ? (nttFits ? faster : 'direct') : op.method;
  if (method === 'ntt' && !ntt.feasible) {
    refuse(op, 'by ntt', 'row sums that fit the field', 'Let the planner choose the method, or use direct.');
  }
  const areasOf = (group: number): number[] =>
    method === 'ntt' ? nttAreas(chunk, group) : directAreas(group);
  if (arenaFor(areasOf(1)) > limits.arenaBytes) tooLarge(op, arenaFor(areasOf(1)), limits);
  // As many block rows a tile as SRAM and a tenth of a charge allow.
  const tooMuch = (group: number): boolean =>
    arenaFor(areasOf(group)) > limits.arenaBytes ||
    costs[method].enter + group * costs[method].row > limits.tileCycles;
  let group = rows;
  for (let parts = 2; group > 1 && tooMuch(group); parts++) group = Math.ceil(rows / parts);
  const areas = areasOf(group);
  const record = recordOf(method === 'ntt' ? OpKind.CIRCULANT_NTT_S8 : OpKind.CIRCULANT_DIRECT_S8, input);
  record.set(OP_TILES, Math.ceil(rows / group));
  record.set(CIRC_INPUTS, inputs);
  record.set(CIRC_OUTPUTS, outputs);
  record.set(CIRC_BLOCK, k);
  record.set(CIRC_BLOCKS, blocks);
  record.set(CIRC_GROUP, group);
  if (method === 'ntt') {
    record.set(CIRC_CHUNK, chunk);
    record.set(CIRC_ROOT, transformRoot(k));
    record.set(CIRC_CENTRE, ntt.centre ? 1 : 0);
    record.set(CIRC_FACTOR, computed ? computedFactor(k) : 0);
  }
  const bias = foldBias(op.bias, sums, input.zeroPoint);
  const weights = littleEndian(method === 'ntt' && !computed ? spectra(op, rows, blocks) : op.weights);
  const constants = [{ field: OP_WEIGHTS, bytes: weights }, ...requantization(op, bias, output, record)];
  const arenaBytes = placeAreas(record, areas);
  if (method === 'ntt' && !onePair) record.set(OP_SCRATCH4, record.get(OP_SCRATCH1) + k * 4);
  return { record, constants, arenaBytes };
}
