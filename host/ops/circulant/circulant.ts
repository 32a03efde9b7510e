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
  CIRC_ROOT,
  CIRC_SHARED,
  CIRC_SPECTRA,
  OP_INPUT,
  OP_REQUANT_STRIDE,
  OP_SCRATCH1,
  OP_SCRATCH2,
  OP_SCRATCH3,
  OP_SCRATCH4,
  OP_TILES,
  OP_WEIGHT_TYPE,
  OP_WEIGHTS,
  OpKind,
} from '../../../assembly/layout.js';
import {
  type Circulant,
  type CirculantMethod,
  elementCount,
  type TensorSpec,
} from '../../model/quantized-network.js';
import type { OpRecord } from '../../model/record.js';
import { littleEndian } from '../../model/values.js';
import { packRows, WEIGHT_TYPES, type WeightType } from '../../model/weight-types.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from '../op.js';
import { checkRequantization } from '../shared/check.js';
import { circulantCycles, TILE } from '../shared/cycles.js';
import {
  align,
  arenaFor,
  cheapestWay,
  equalParts,
  foldBias,
  type LoweredOp,
  placeAreas,
  recordOf,
  refuse,
  requantBytes,
  requantization,
  type TileLimits,
  tooLarge,
  weightBytes,
} from '../shared/lowering.js';
import { blockSpectrum, computedFactor, transformRoot } from './field.js';
import { KARATSUBA_BLOCKS, LEAF_BYTES, leafCount, leafWeights } from './karatsuba.js';
import { planNtt } from './ntt-bounds.js';
import { lowerSpectra } from './spectra.js';
import { LARGEST_FAST } from './transforms.js';
import { circulantBounds, isSpecial } from './bounds.js';
import { circulantWork } from './work.js';

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

/** Of each block row one bias and one scale. */
type RowConstants = Record<'bias' | 'multipliers' | 'shifts', Int32Array>;

/** These, where all outputs of a row have the same. */
function sharedByRows(
  { blockSize, multipliers, shifts, learns }: Circulant,
  bias: Int32Array | BigInt64Array,
): RowConstants | undefined {
  const one = multipliers.length === 1;
  const first = (o: number): number => o - (o % blockSize);
  const alike = (values: Int32Array): boolean => values.every((value, o) => value === values[first(o)]);
  const biases = Int32Array.from(bias, Number);
  if (learns || !alike(biases) || !(one || (alike(multipliers) && alike(shifts)))) return undefined;
  const rowsOf = (values: Int32Array): Int32Array =>
    Int32Array.from({ length: Math.ceil(bias.length / blockSize) }, (_, row) => {
      return values[values.length === 1 ? 0 : row * blockSize]!;
    });
  return { bias: rowsOf(biases), multipliers: rowsOf(multipliers), shifts: rowsOf(shifts) };
}

/** What the methods need to know of a layer. */
interface Shape {
  op: Circulant;
  rows: number;
  blocks: number;
  /** Of the first columns, where they are kept. */
  type: WeightType;
  shared: RowConstants | undefined;
  /** No sum of products is larger. */
  most: number;
  limits: TileLimits;
}

/** A method, applied to a layer. */
interface Variant {
  kind: OpKind.CIRCULANT_DIRECT | OpKind.CIRCULANT_NTT | OpKind.CIRCULANT_KARATSUBA;
  /** Bytes of its areas, for so many block rows a tile, or outputs of one. */
  areas(group: number, part?: number): number[];
  /** Block rows of a tile come in multiples of this. */
  rowsTogether: number;
  fields(part?: number): [field: number, value: number][];
  weights(): Uint8Array;
}

function direct({ op, blocks, type, limits }: Shape): Variant {
  const k = op.blockSize;
  // A column that is turned lies behind the sums, where accelerators, which take a row's columns together, have room to work in.
  const areas = (chunk: number, group: number, part: number): number[] => [
    ...[
      blocks * k,
      weightBytes(type, Math.max(chunk, 1) * k, 1).sram,
      0,
      Math.max(align(4 * part) + 2 * k, 3 * chunk * k),
    ],
    ...[part * 4 + requantBytes(op, part), part < k ? part : group * k],
  ];
  const together = (part: number): number =>
    !op.apart && arenaFor(areas(blocks, 1, part)) <= limits.arenaBytes ? blocks : 0;
  return {
    kind: OpKind.CIRCULANT_DIRECT,
    areas: (group, part = k) => areas(together(part), group, part),
    rowsTogether: 1,
    fields: (part = k) => [
      [CIRC_CHUNK, together(part)],
      [OP_WEIGHT_TYPE, WEIGHT_TYPES[type].code],
    ],
    weights: () => packRows(type, op.weights, k),
  };
}

/** The largest chunk of `whole`, halved down to `least`, with which one tile's areas fit; else `least`. */
function largestChunk(
  whole: number,
  least: number,
  limits: TileLimits,
  areas: (chunk: number) => number[],
): number {
  let chunk = whole;
  while (arenaFor(areas(chunk)) > limits.arenaBytes && chunk > least) {
    chunk = Math.max(least, Math.ceil(chunk / 2));
  }
  return chunk;
}

function ntt({ op, rows, blocks, type, shared, most, limits }: Shape): Variant {
  const k = op.blockSize;
  const computed = op.spectra === 'computed';
  const { feasible, centre } = planNtt(k, blocks, most, computed);
  if (!feasible) {
    refuse(op, 'by ntt', 'row sums that fit the field', 'Let the planner choose the method, or use direct.');
  }
  // Biases, and pairs of channels, are looked up when the spectra are done with, in their place.
  const onePair = op.multipliers.length === 1 || shared !== undefined;
  const inPlace = onePair ? k * 4 : k * 4 + requantBytes(op, k);
  const areas = (chunk: number, group: number): number[] => {
    // A row's spectra, and behind computed ones the first column that is looked up.
    const spectraBytes = chunk * blocks * 4 + (computed ? weightBytes(type, k, 1).sram : 0);
    return [blocks * k * 4, Math.max(spectraBytes, inPlace), k * 4, k * 2, onePair ? 8 : 0, group * k];
  };
  const chunk = computed ? k : largestChunk(k, Math.min(k, 4), limits, (part) => areas(part, 1));
  return {
    kind: OpKind.CIRCULANT_NTT,
    areas: (group) => areas(chunk, group),
    rowsTogether: 1,
    fields: () => [
      [CIRC_CHUNK, chunk],
      [CIRC_ROOT, transformRoot(k)],
      [CIRC_CENTRE, centre ? 1 : 0],
      [CIRC_FACTOR, computed ? computedFactor(k) : 0],
      [OP_WEIGHT_TYPE, WEIGHT_TYPES[computed ? type : 'int8'].code],
    ],
    weights: () => (computed ? packRows(type, op.weights, k) : littleEndian(spectra(op, rows, blocks))),
  };
}

function karatsuba({ op, rows, blocks, most, limits }: Shape): Variant {
  const k = op.blockSize;
  const elsewhere = 'Let the planner choose the method, or use direct or ntt.';
  const [smallest, largest] = KARATSUBA_BLOCKS;
  if (op.learns) refuse(op, 'by karatsuba, to be learnt', 'weights that stay', elsewhere);
  if (k < smallest || k > largest)
    refuse(op, `of blocks of ${k} by karatsuba`, `blocks of ${smallest} to ${largest}`, elsewhere);
  // The cyclic parts are sums of up to k/4 outputs.
  const words = most * (k / 4) < 2 ** 31 ? leafWeights(op.weights, k, rows, blocks) : undefined;
  if (!words) refuse(op, 'by karatsuba', 'sums that fit int32, and leaves that fit int16', elsewhere);
  const leaves = leafCount(k);
  const together = Math.min(rows, 2);
  const areas = (chunk: number, group: number): number[] => [
    blocks * leaves * 8,
    Math.max(chunk * blocks * together * LEAF_BYTES, k * 4),
    together * leaves * 16,
    k * 4,
    requantBytes(op, k),
    group * k,
  ];
  const chunk = largestChunk(leaves, 1, limits, (part) => areas(part, together));
  return {
    kind: OpKind.CIRCULANT_KARATSUBA,
    areas: (group) => areas(chunk, group),
    rowsTogether: 2,
    fields: () => [
      [CIRC_CHUNK, chunk],
      [CIRC_LEAVES, leaves],
    ],
    weights: () => littleEndian(words),
  };
}

const VARIANTS: Record<CirculantMethod, (shape: Shape) => Variant> = { direct, ntt, karatsuba };

/**
 * The methods that are small in flash and that there is room for, of which the device's cost model takes one. Karatsuba's is not
 * among them: it is quicker where vectors of int16 are (docs/ACCEL.md), and must be asked for.
 */
function open(shape: Shape): CirculantMethod[] {
  const { op, blocks, most, limits } = shape;
  const { feasible } = planNtt(op.blockSize, blocks, most, op.spectra === 'computed');
  return feasible && arenaFor(ntt(shape).areas(1)) <= limits.arenaBytes ? ['ntt', 'direct'] : ['direct'];
}

/** What its tiles are made of, however they are cut. */
interface Layer extends Shape {
  variant: Variant;
  constants(record: OpRecord): LoweredOp['constants'];
  input: TensorSpec;
  inputs: number;
  outputs: number;
}

/** How a layer is cut. */
interface Cut {
  /** Block rows a tile. */
  group: number;
  /** Of input spectra that an op before has made. */
  made?: boolean;
  /** Outputs of a row a tile, in place of whole rows. */
  part?: number;
}

function cutInto(layer: Layer, { group, made = false, part = 0 }: Cut): LoweredOp {
  const { op, rows, blocks, variant, inputs, outputs } = layer;
  const k = op.blockSize;
  const record = recordOf(variant.kind, layer.input);
  record.set(OP_TILES, part ? Math.ceil(outputs / part) : Math.ceil(rows / group));
  record.set(CIRC_INPUTS, inputs);
  record.set(CIRC_OUTPUTS, outputs);
  record.set(CIRC_BLOCK, k);
  record.set(CIRC_BLOCKS, blocks);
  record.set(CIRC_GROUP, group);
  if (part) record.set(CIRC_PART, part);
  for (const [field, value] of variant.fields(part || k)) record.set(field, value);
  const constants = layer.constants(record);
  const arenaBytes = placeAreas(record, variant.areas(group, part || k));
  if (variant.kind === OpKind.CIRCULANT_DIRECT)
    record.set(OP_SCRATCH2, record.get(OP_SCRATCH3) + align(4 * (part || k)));
  // Pairs of channels are looked up behind biases, when the row's spectra are done with.
  if (variant.kind === OpKind.CIRCULANT_NTT && record.get(OP_REQUANT_STRIDE) !== 0) {
    record.set(OP_SCRATCH4, record.get(OP_SCRATCH1) + k * 4);
  }
  if (!made) return { record, constants, arenaBytes };
  record.set(CIRC_SPECTRA, 1);
  // They are centred already.
  record.set(CIRC_CENTRE, 0);
  return { record, constants, arenaBytes, inputs: [{ field: OP_INPUT, input: 'own' }] };
}

/** Ways to cut a layer; directly also into parts of rows, by ntt also with input spectra that an op of their own makes. */
function* waysOf(layer: Layer): Generator<LoweredOp[]> {
  const { op, rows, variant, limits, input, inputs, outputs } = layer;
  const whole = (group: number): number =>
    Math.min(rows, Math.ceil(group / variant.rowsTogether) * variant.rowsTogether);
  const groups = [...new Set(equalParts(rows).map(whole))].filter(
    (group) => arenaFor(variant.areas(group)) <= limits.arenaBytes,
  );
  if (!op.apart || variant.kind === OpKind.CIRCULANT_DIRECT)
    for (const group of groups) yield [cutInto(layer, { group })];
  if (limits.oneRecord) return;
  if (variant.kind === OpKind.CIRCULANT_DIRECT)
    for (let part = op.blockSize / 2; part >= 1; part /= 2)
      if (part < outputs && arenaFor(variant.areas(1, part)) <= limits.arenaBytes)
        yield [cutInto(layer, { group: 1, part })];
  if (variant.kind !== OpKind.CIRCULANT_NTT || groups.length === 0) return;
  const spectra = lowerSpectra(input, inputs, op.blockSize, limits);
  if (spectra) for (const group of groups) yield [spectra, cutInto(layer, { group, made: true })];
}

/** Shares, of 0.3 of a charge each, beyond which a boot, recovery and a commit may not fit beside a tile. */
const MOST_BESIDE = 2.8;

/** Of methods' ways the one that an inference takes least with. A transform cannot be cut: what a charge may not hold is last. */
function leastOf(ways: readonly LoweredOp[][], limits: TileLimits): LoweredOp[] | undefined {
  const costs = ways.map((way) => {
    const all = way.map(({ record }) => limits.cost(record));
    const share = Math.max(...all.map((cost) => cost.share));
    return { way, share, inferenceUj: all.reduce((sum, cost) => sum + cost.inferenceUj, 0) };
  });
  const [least] = costs
    .filter(({ share }) => share <= MOST_BESIDE)
    .sort((a, b) => a.inferenceUj - b.inferenceUj);
  return least?.way ?? cheapestWay(ways, limits);
}

function lowerCirculant(
  op: Circulant,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp[] {
  const inputs = elementCount(input);
  const outputs = elementCount(output);
  const k = op.blockSize;
  if (k < 2 || k > 4096 || (k & (k - 1)) !== 0) {
    refuse(op, `with block size ${k}`, 'a power of two from 2 to 4096', 'Learn it with such a block size.');
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
  const given = op.weightType ?? 'int8';
  const type = k >= 4 && (WEIGHT_TYPES[given].bits * k) % 8 === 0 ? given : 'int8';
  const bias = foldBias(op.bias, sums, input.zeroPoint);
  const shared = sharedByRows(op, bias);
  const shape = { op, rows, blocks, type, shared, most: (op.learns ? inputs * 128 : most) * 128, limits };
  const best = (method: CirculantMethod): LoweredOp[] | number => {
    const variant = VARIANTS[method](shape);
    const weights = variant.weights();
    const together = method === 'karatsuba' ? undefined : shared;
    const constants = (record: OpRecord): LoweredOp['constants'] => {
      const scales = requantization({ ...op, ...together }, together?.bias ?? bias, output, record);
      if (together) {
        record.set(OP_REQUANT_STRIDE, 0);
        record.set(CIRC_SHARED, 1);
      }
      return [{ field: OP_WEIGHTS, bytes: weights }, ...scales];
    };
    const ways = waysOf({ ...shape, variant, constants, input, inputs, outputs });
    return cheapestWay(ways, limits) ?? arenaFor(variant.areas(Math.min(rows, variant.rowsTogether)));
  };
  const found = (op.method === 'auto' ? open(shape) : [op.method]).map(best);
  const ways = found.filter((way) => typeof way !== 'number');
  const way = leastOf(ways, limits);
  if (!way) return tooLarge(op, Math.min(...found.filter((need) => typeof need === 'number')), limits);
  return way;
}

export const circulant: NetworkOp<Circulant> = {
  inputs: one,
  int16: false,
  weightSums: (op, [input], output) => circulantRowSums(op, elementCount(input!), elementCount(output)).sums,
  // Its blocks and their weights are seen when it is lowered.
  check: (op, _, output, wide) => checkRequantization(op, elementCount(output), wide),
  lower: (op, [input], output, limits) => lowerCirculant(op, input!, output, limits),
};

/** A record by `method`. */
function recordBy(method: CirculantMethod): RecordOp {
  return {
    ...SIMPLE,
    bounds: (op) => circulantBounds(op, method),
    family: 'circulant',
    shapes(op) {
      const [inputs, outputs] = [op.get(CIRC_INPUTS), op.get(CIRC_OUTPUTS)];
      return { inputShape: [inputs], outputShape: [outputs], macs: inputs * outputs };
    },
    cycles(op) {
      const kept = method !== 'ntt' || op.get(CIRC_FACTOR) === 0 ? 'stored' : 'computed';
      const { enter, row } = circulantCycles(op.get(CIRC_BLOCK), op.get(CIRC_BLOCKS), kept)[method];
      const part = method === 'direct' ? op.get(CIRC_PART) / op.get(CIRC_BLOCK) : 0;
      return { enter, tile: TILE + (part || op.get(CIRC_GROUP)) * row };
    },
    work: (op) => circulantWork(op, method),
    isPlain: (op) => !isSpecial(op),
    detail(op) {
      const k = op.get(CIRC_BLOCK);
      return ` ${Math.ceil(op.get(CIRC_OUTPUTS) / k)}×${op.get(CIRC_BLOCKS)}·${k}`;
    },
  };
}

export const circulantDirect: RecordOp = {
  ...recordBy('direct'),
  accelerated: (op) => op.get(CIRC_CHUNK) > 0,
};
export const circulantNtt: RecordOp = {
  ...recordBy('ntt'),
  accelerated: (op) => op.get(CIRC_BLOCK) <= LARGEST_FAST,
};
export const circulantKaratsuba = recordBy('karatsuba');
