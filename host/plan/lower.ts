// Lowers one op of a quantized network to its record and constants: how it is cut into tiles, and what SRAM it takes.
import {
  ALIGNMENT,
  CIRC_BLOCK,
  CIRC_BLOCKS,
  CIRC_CENTRE,
  CIRC_CHUNK,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_INVERSE_ROOT,
  CIRC_OUTPUTS,
  CIRC_ROOT,
  DENSE_CHUNK,
  DENSE_GROUP,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  OP_BIAS,
  OP_BYTES,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT_ZERO_POINT,
  OP_KIND,
  OP_OUTPUT_ZERO_POINT,
  OP_REQUANT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH0,
  OP_SCRATCH1,
  OP_SCRATCH4,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
  WIN_DILATION,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_INPUT_HEIGHT,
  WIN_INPUT_WIDTH,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_OUTPUT_WIDTH,
  WIN_PADDING,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import {
  elementCount,
  type Circulant,
  type Conv2d,
  type Dense,
  type MaxPool2d,
  type QuantizedOp,
  type Requantization,
  type TensorSpec,
  type Window,
} from '../model/quantized-network.js';
import { circulantCycles, convTileCycles, denseTileCycles } from './cost.js';
import { blockSpectrum, transformRoots } from './field.js';
import { planNtt } from './ntt-bounds.js';
import { OpRecord } from './record.js';

/** What an op may use. */
export interface TileLimits {
  /** Bytes of SRAM from `arena` on, the op record included. */
  arenaBytes: number;
  /** Cycles that entering the op and running one tile may take (a tenth of a charge), where they can be cut smaller. */
  tileCycles: number;
}

export interface LoweredOp {
  record: OpRecord;
  /** Constants and the record field that takes each one's NVM address. */
  constants: { field: number; bytes: Uint8Array }[];
  arenaBytes: number;
}

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function asBytes(values: Int8Array | Int32Array): Uint8Array {
  // Little-endian whatever the host is.
  if (values instanceof Int8Array) return new Uint8Array(values.buffer, values.byteOffset, values.length);
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setInt32(i * 4, value, true);
  });
  return bytes;
}

/** Bytes of SRAM an op takes whose areas have these sizes. */
const arenaFor = (areas: readonly number[]): number =>
  areas.reduce((sum, bytes) => sum + align(bytes), OP_BYTES);

/** Gives the record its areas, one behind the other; returns the bytes they end at. */
function placeAreas(record: OpRecord, areas: readonly number[]): number {
  let at = OP_BYTES;
  areas.forEach((bytes, i) => {
    record.set(OP_SCRATCH0 + i * 4, at);
    at += align(bytes);
  });
  return at;
}

function refuse(op: { name: string; kind: string }, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_PLAN', found: `${op.kind} "${op.name}" ${found}`, expected, hint });
}

function tooLarge(op: { name: string; kind: string }, need: number, limits: TileLimits): never {
  refuse(
    op,
    `needing ${need} bytes of SRAM for its smallest tile`,
    `at most ${limits.arenaBytes}`,
    'Raise the SRAM limit, or make the layer smaller.',
  );
}

/** Bias with the input zero point folded in: Σ w·(x − z) = Σ w·x − z·Σ w. */
function foldBias(bias: Int32Array, weightSums: Float64Array, zeroPoint: number): Int32Array {
  return bias.map((b, channel) => b - zeroPoint * weightSums[channel]!);
}

function rowSums(weights: Int8Array, rows: number): Float64Array {
  const length = weights.length / rows;
  const sums = new Float64Array(rows);
  for (let i = 0; i < weights.length; i++) sums[Math.floor(i / length)]! += weights[i]!;
  return sums;
}

/** Fields and constants of the requantization, shared by all ops with accumulators. */
function requantization(
  op: Requantization & { name: string; kind: string },
  bias: Int32Array,
  output: TensorSpec,
  record: OpRecord,
): LoweredOp['constants'] {
  const channels = op.multipliers.length;
  if (channels !== 1 && channels !== bias.length) {
    refuse(op, `with ${channels} multipliers`, `1 or ${bias.length}`, 'Give one a channel, or one for all.');
  }
  record.set(OP_REQUANT_STRIDE, channels === 1 ? 0 : 8);
  record.set(OP_OUTPUT_ZERO_POINT, output.zeroPoint);
  record.set(OP_CLAMP_MIN, op.clampMin);
  record.set(OP_CLAMP_MAX, op.clampMax);
  const pairs = new Int32Array(channels * 2);
  for (let i = 0; i < channels; i++) {
    pairs[i * 2] = op.multipliers[i]!;
    pairs[i * 2 + 1] = op.shifts[i]!;
  }
  return [
    { field: OP_BIAS, bytes: asBytes(bias) },
    { field: OP_REQUANT, bytes: asBytes(pairs) },
  ];
}

const requantBytes = (op: Requantization, channels: number): number =>
  op.multipliers.length === 1 ? 8 : channels * 8;

function feature(op: { name: string; kind: string }, tensor: TensorSpec): [number, number, number] {
  const { shape } = tensor;
  if (shape.length !== 3)
    refuse(op, `on a tensor of shape [${shape}]`, 'height, width, channels', 'Reshape it first.');
  return [shape[0]!, shape[1]!, shape[2]!];
}

/** Fields of the window's geometry. */
function placeWindow(op: Window, input: number[], output: number[], columns: number, record: OpRecord): void {
  record.set(WIN_INPUT_HEIGHT, input[0]!);
  record.set(WIN_INPUT_WIDTH, input[1]!);
  record.set(WIN_INPUT_CHANNELS, input[2]!);
  record.set(WIN_OUTPUT_WIDTH, output[1]!);
  record.set(WIN_OUTPUT_CHANNELS, output[2]!);
  record.setPair(WIN_KERNEL, op.kernel);
  record.setPair(WIN_STRIDE, op.stride);
  record.setPair(WIN_DILATION, op.dilation);
  record.setPair(WIN_PADDING, op.padding);
  record.set(WIN_TILE_COLUMNS, columns);
  record.set(OP_TILES, output[0]! * Math.ceil(output[1]! / columns));
}

/** Bytes of input row that `columns` outputs see. */
function rowSpan(op: Window, width: number, channels: number, columns: number): number {
  return Math.min((columns - 1) * op.stride[1] + (op.kernel[1] - 1) * op.dilation[1] + 1, width) * channels;
}

/** Columns a tile may have, most first: the row in 1, 2, … equal parts. */
function* columnChoices(width: number): Generator<number> {
  for (let columns = width; columns > 0;) {
    yield columns;
    const parts = Math.ceil(width / columns);
    let next = columns - 1;
    while (next > 0 && Math.ceil(width / next) === parts) next--;
    columns = next;
  }
}

function lowerConv2d(op: Conv2d, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const [, width, channels] = inputShape;
  const outputs = outputShape[2];
  const patch = op.kernel[0] * op.kernel[1] * channels;
  const areasOf = (columns: number, group: number): number[] => [
    rowSpan(op, width, channels, columns),
    columns * patch,
    group * patch,
    group * 4,
    requantBytes(op, group),
    columns * outputs,
  ];
  let choice: { columns: number; group: number; within: boolean } | undefined;
  for (const columns of columnChoices(outputShape[1])) {
    let group = outputs;
    for (let parts = 1; arenaFor(areasOf(columns, group)) > limits.arenaBytes && group > 1;) {
      group = Math.ceil(outputs / ++parts);
    }
    if (arenaFor(areasOf(columns, group)) > limits.arenaBytes) continue;
    const within = convTileCycles(columns, outputs, patch) <= limits.tileCycles;
    // The widest tile within a tenth of a charge; failing that, the narrowest there is.
    choice = { columns, group, within };
    if (within) break;
  }
  if (!choice) tooLarge(op, arenaFor(areasOf(1, 1)), limits);
  const record = new OpRecord();
  record.set(OP_KIND, OpKind.CONV2D_S8);
  record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
  record.set(WIN_GROUP, choice.group);
  placeWindow(op, inputShape, outputShape, choice.columns, record);
  const bias = foldBias(op.bias, rowSums(op.weights, outputs), input.zeroPoint);
  const constants = [
    { field: OP_WEIGHTS, bytes: asBytes(op.weights) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: placeAreas(record, areasOf(choice.columns, choice.group)) };
}

function lowerMaxPool2d(op: MaxPool2d, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const [, width, channels] = inputShape;
  const areasOf = (columns: number): number[] => [rowSpan(op, width, channels, columns), columns * channels];
  for (const columns of columnChoices(outputShape[1])) {
    if (arenaFor(areasOf(columns)) > limits.arenaBytes) continue;
    const record = new OpRecord();
    record.set(OP_KIND, OpKind.MAX_POOL_S8);
    record.set(OP_CLAMP_MIN, op.clampMin);
    record.set(OP_CLAMP_MAX, op.clampMax);
    placeWindow(op, inputShape, outputShape, columns, record);
    return { record, constants: [], arenaBytes: placeAreas(record, areasOf(columns)) };
  }
  tooLarge(op, arenaFor(areasOf(1)), limits);
}

function lowerDense(op: Dense, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const inputs = elementCount(input);
  const outputs = elementCount(output);
  if (op.weights.length !== inputs * outputs) {
    refuse(
      op,
      `with ${op.weights.length} weights`,
      `${outputs} × ${inputs}`,
      'Check the shapes of its tensors.',
    );
  }
  const areasOf = (group: number, chunk: number): number[] => [
    chunk,
    group * chunk,
    group * 4,
    requantBytes(op, group),
    group,
  ];
  let group = outputs;
  let chunk = inputs;
  const fits = (): boolean => arenaFor(areasOf(group, chunk)) <= limits.arenaBytes;
  for (let parts = 1; group > 1 && (!fits() || denseTileCycles(group, inputs) > limits.tileCycles);) {
    group = Math.ceil(outputs / ++parts);
  }
  while (!fits() && chunk > ALIGNMENT) chunk = align(chunk / 2);
  if (!fits()) tooLarge(op, arenaFor(areasOf(1, ALIGNMENT)), limits);
  const record = new OpRecord();
  record.set(OP_KIND, OpKind.DENSE_S8);
  record.set(OP_TILES, Math.ceil(outputs / group));
  record.set(DENSE_INPUTS, inputs);
  record.set(DENSE_OUTPUTS, outputs);
  record.set(DENSE_GROUP, group);
  record.set(DENSE_CHUNK, chunk);
  const bias = foldBias(op.bias, rowSums(op.weights, outputs), input.zeroPoint);
  const constants = [
    { field: OP_WEIGHTS, bytes: asBytes(op.weights) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: placeAreas(record, areasOf(group, chunk)) };
}

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

function lowerCirculant(op: Circulant, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
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
  const ntt = planNtt(k, blocks, most * 128);
  const channelBytes = k * 4 + requantBytes(op, k);
  // Biases and requantization pairs are looked up when the spectra are done with, in their place.
  const nttAreas = (chunk: number, group: number): number[] => {
    return [blocks * k * 4, Math.max(chunk * blocks * 4, channelBytes), k * 4, k * 4, 0, group * k];
  };
  const directAreas = (group: number): number[] => [blocks * k, k, 2 * k, k * 4, channelBytes, group * k];
  let chunk = k;
  while (arenaFor(nttAreas(chunk, 1)) > limits.arenaBytes && chunk > 4) chunk >>= 1;
  const nttFits = ntt.feasible && arenaFor(nttAreas(chunk, 1)) <= limits.arenaBytes;
  const costs = circulantCycles(k, blocks);
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
  const record = new OpRecord();
  record.set(OP_KIND, method === 'ntt' ? OpKind.CIRCULANT_NTT_S8 : OpKind.CIRCULANT_DIRECT_S8);
  record.set(OP_TILES, Math.ceil(rows / group));
  record.set(CIRC_INPUTS, inputs);
  record.set(CIRC_OUTPUTS, outputs);
  record.set(CIRC_BLOCK, k);
  record.set(CIRC_BLOCKS, blocks);
  record.set(CIRC_GROUP, group);
  if (method === 'ntt') {
    const { root, inverseRoot } = transformRoots(k);
    record.set(CIRC_CHUNK, chunk);
    record.set(CIRC_ROOT, root);
    record.set(CIRC_INVERSE_ROOT, inverseRoot);
    record.set(CIRC_CENTRE, ntt.centre ? 1 : 0);
  }
  const bias = foldBias(op.bias, sums, input.zeroPoint);
  const weights = asBytes(method === 'ntt' ? spectra(op, rows, blocks) : op.weights);
  const constants = [{ field: OP_WEIGHTS, bytes: weights }, ...requantization(op, bias, output, record)];
  const arenaBytes = placeAreas(record, areas);
  if (method === 'ntt') record.set(OP_SCRATCH4, record.get(OP_SCRATCH1));
  return { record, constants, arenaBytes };
}

/** Lowers `op`; the planner fills in the NVM addresses. */
export function lower(
  op: Exclude<QuantizedOp, { kind: 'reshape' }>,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  switch (op.kind) {
    case 'conv2d':
      return lowerConv2d(op, input, output, limits);
    case 'maxPool2d':
      return lowerMaxPool2d(op, input, output, limits);
    case 'dense':
      return lowerDense(op, input, output, limits);
    case 'circulant':
      return lowerCirculant(op, input, output, limits);
  }
}
