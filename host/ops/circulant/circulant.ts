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
  CIRC_SPECTRA,
  OP_FLAG_PLAIN,
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH1,
  OP_SCRATCH4,
  OP_TILES,
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
import { type Bounds, type NetworkOp, one, type RecordOp, SIMPLE } from '../op.js';
import { atLeast, inGroups, pairBytes, requantizing, size } from '../shared/bounds.js';
import { checkRequantization } from '../shared/check.js';
import { circulantCycles, TILE } from '../shared/cycles.js';
import {
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
} from '../shared/lowering.js';
import { blockSpectrum, computedFactor, transformRoot } from './field.js';
import { KARATSUBA_BLOCKS, LEAF_BYTES, leafCount, leafWeights } from './karatsuba.js';
import { LEAST_BLOCK, planNtt } from './ntt-bounds.js';
import { lowerSpectra } from './spectra.js';
import { LARGEST_FAST } from './transforms.js';
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

/** What the methods need to know of a layer. */
interface Shape {
  op: Circulant;
  rows: number;
  blocks: number;
  /** No sum of products is larger. */
  most: number;
  limits: TileLimits;
}

/** A method, applied to a layer. */
interface Variant {
  kind: OpKind.CIRCULANT_DIRECT | OpKind.CIRCULANT_NTT | OpKind.CIRCULANT_KARATSUBA;
  /** Bytes of its areas, for so many block rows a tile. */
  areas(group: number): number[];
  /** Block rows of a tile come in multiples of this. */
  rowsTogether: number;
  fields: [field: number, value: number][];
  weights(): Uint8Array;
}

function direct({ op, blocks, limits }: Shape): Variant {
  const k = op.blockSize;
  const areas = (chunk: number, group: number): number[] => [
    ...[blocks * k, Math.max(chunk, 1) * k, 2 * k, Math.max(4, 3 * chunk) * k],
    ...[k * 4 + requantBytes(op, k), group * k],
  ];
  // Accelerators take a row's columns together, where there is room.
  const chunk = !op.apart && arenaFor(areas(blocks, 1)) <= limits.arenaBytes ? blocks : 0;
  return {
    kind: OpKind.CIRCULANT_DIRECT,
    areas: (group) => areas(chunk, group),
    rowsTogether: 1,
    fields: [[CIRC_CHUNK, chunk]],
    weights: () => littleEndian(op.weights),
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

function ntt({ op, rows, blocks, most, limits }: Shape): Variant {
  const k = op.blockSize;
  const computed = op.spectra === 'computed';
  const { feasible, centre } = planNtt(k, blocks, most, computed);
  if (!feasible) {
    refuse(op, 'by ntt', 'row sums that fit the field', 'Let the planner choose the method, or use direct.');
  }
  // Biases, and pairs of channels, are looked up when the spectra are done with, in their place.
  const onePair = op.multipliers.length === 1;
  const inPlace = onePair ? k * 4 : k * 4 + requantBytes(op, k);
  const areas = (chunk: number, group: number): number[] => {
    // A row's spectra, and behind computed ones the first column that is looked up.
    const spectraBytes = chunk * blocks * 4 + (computed ? k : 0);
    return [blocks * k * 4, Math.max(spectraBytes, inPlace), k * 4, k * 2, onePair ? 8 : 0, group * k];
  };
  const chunk = computed ? k : largestChunk(k, Math.min(k, 4), limits, (part) => areas(part, 1));
  return {
    kind: OpKind.CIRCULANT_NTT,
    areas: (group) => areas(chunk, group),
    rowsTogether: 1,
    fields: [
      [CIRC_CHUNK, chunk],
      [CIRC_ROOT, transformRoot(k)],
      [CIRC_CENTRE, centre ? 1 : 0],
      [CIRC_FACTOR, computed ? computedFactor(k) : 0],
    ],
    weights: () => littleEndian(computed ? op.weights : spectra(op, rows, blocks)),
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
    fields: [
      [CIRC_CHUNK, chunk],
      [CIRC_LEAVES, leaves],
    ],
    weights: () => littleEndian(words),
  };
}

const VARIANTS: Record<CirculantMethod, (shape: Shape) => Variant> = { direct, ntt, karatsuba };

/**
 * The cheaper of the methods that are small in flash. Karatsuba's is not among them: it is quicker where vectors of int16 are
 * (docs/ACCEL.md), and must be asked for.
 */
function chosen(shape: Shape, cycles: (method: CirculantMethod) => number): CirculantMethod {
  const { op, blocks, most, limits } = shape;
  if (!planNtt(op.blockSize, blocks, most, op.spectra === 'computed').feasible) return 'direct';
  const fits = arenaFor(ntt(shape).areas(1)) <= limits.arenaBytes;
  return fits && cycles('ntt') < cycles('direct') ? 'ntt' : 'direct';
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
  for (const [field, value] of variant.fields) record.set(field, value);
  const constants = layer.constants(record);
  const arenaBytes = placeAreas(record, variant.areas(group));
  // Pairs of channels are looked up behind biases, when the row's spectra are done with.
  if (variant.kind === OpKind.CIRCULANT_NTT && op.multipliers.length > 1) {
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
  if (limits.oneRecord || groups.length === 0) return;
  if (variant.kind === OpKind.CIRCULANT_DIRECT)
    for (let part = op.blockSize / 2; part >= 1; part /= 2)
      if (part < outputs) yield [cutInto(layer, { group: 1, part })];
  if (variant.kind !== OpKind.CIRCULANT_NTT) return;
  const spectra = lowerSpectra(input, inputs, op.blockSize, limits);
  if (spectra) for (const group of groups) yield [spectra, cutInto(layer, { group, made: true })];
}

/** Shares, of 0.3 of a charge each, beyond which a boot, recovery and a commit may not fit beside a tile. */
const MOST_BESIDE = 2.8;

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
  const shape = { op, rows, blocks, most: (op.learns ? inputs * 128 : most) * 128, limits };
  const costs = circulantCycles(k, blocks, op.spectra);
  const cycles = (method: CirculantMethod): number => costs[method].enter + rows * costs[method].row;
  const bias = foldBias(op.bias, sums, input.zeroPoint);
  const best = (method: CirculantMethod): LoweredOp[] | number => {
    const variant = VARIANTS[method](shape);
    const weights = variant.weights();
    const constants = (record: OpRecord): LoweredOp['constants'] => {
      return [{ field: OP_WEIGHTS, bytes: weights }, ...requantization(op, bias, output, record)];
    };
    const ways = waysOf({ ...shape, variant, constants, input, inputs, outputs });
    return cheapestWay(ways, limits) ?? arenaFor(variant.areas(Math.min(rows, variant.rowsTogether)));
  };
  const method = op.method === 'auto' ? chosen(shape, cycles) : op.method;
  const way = best(method);
  if (typeof way === 'number') return tooLarge(op, way, limits);
  const share = Math.max(...way.map(({ record }) => limits.cost(record).share));
  if (op.method !== 'auto' || method === 'direct' || share <= MOST_BESIDE) return way;
  // A transform cannot be cut: directly a charge is enough for part of a row.
  const direct = best('direct');
  return typeof direct === 'number' ? way : cheapestWay([way, direct], limits)!;
}

export const circulant: NetworkOp<Circulant> = {
  inputs: one,
  int16: false,
  weightSums: (op, [input], output) => circulantRowSums(op, elementCount(input!), elementCount(output)).sums,
  // Its blocks and their weights are seen when it is lowered.
  check: (op, _, output, wide) => checkRequantization(op, elementCount(output), wide),
  lower: (op, [input], output, limits) => lowerCirculant(op, input!, output, limits),
};

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

/** Of a record by ntt: whether there is anything but spectra of weights and inputs. */
const isSpecial = (op: OpRecord): boolean =>
  [CIRC_CENTRE, CIRC_FACTOR, CIRC_SPECTRA].some((field) => op.get(field) !== 0);

type Method = Pick<Bounds, 'scratch' | 'demands'> & { weights: number };

/** Areas and weights of each method, and what its fields must be. */
const METHODS: Record<CirculantMethod, (op: OpRecord) => Method> = {
  direct(op) {
    const { k, blocks, group, chunk, rows } = circulantFields(op);
    const part = size(op, CIRC_PART);
    const scratch = [
      ...[blocks * k, Math.max(chunk, 1) * k, 2 * k, Math.max(4, 3 * chunk) * k],
      ...[4 * k + pairBytes(op, k), group * k],
    ];
    const demands: Method['demands'] = [
      ['outputs of a row', part, k],
      ['outputs that are no whole parts of a row', part === 0 ? 0 : k % part, 0],
      ['blocks at a time', chunk, blocks],
      ['blocks left of those at a time', chunk === 0 ? 0 : blocks - chunk, 0],
    ];
    return { scratch, weights: rows * blocks * k, demands };
  },
  ntt(op) {
    const { k, blocks, group, chunk, rows } = circulantFields(op);
    const computed = op.get(CIRC_FACTOR) !== 0;
    const several = pairBytes(op, k) > 8;
    const row = chunk * blocks * 4 + (computed ? k : 0);
    return {
      scratch: [
        blocks * k * 4,
        Math.max(row, 4 * k + (several ? 8 * k : 0)),
        4 * k,
        2 * k,
        several ? 8 * k : 8,
        group * k,
      ],
      weights: rows * blocks * k * (computed ? 1 : 4),
      demands: [
        atLeast('in a block', LEAST_BLOCK, k),
        ['frequencies at a time', chunk, k],
        ['frequencies that are no whole parts of a block', chunk < 4 ? 1 : (k % chunk) + (chunk % 4), 0],
        ['frequencies left of computed spectra', computed ? k - chunk : 0, 0],
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
        ['leaves too few or many', Math.abs(leaves - size(op, CIRC_LEAVES)), 0],
        atLeast('leaves at a time', 1, chunk),
        ['leaves at a time', chunk, leaves],
        ['rows apart in a tile', group < rows ? group % 2 : 0, 0],
      ],
    };
  },
};

function circulantBounds(op: OpRecord, method: CirculantMethod): Bounds {
  const { inputs, outputs, k, blocks, group, rows } = circulantFields(op);
  const { scratch, weights, demands } = METHODS[method](op);
  const made = method === 'ntt' && op.get(CIRC_SPECTRA) !== 0;
  const part = method === 'direct' ? size(op, CIRC_PART) : 0;
  return {
    scratch,
    reads: [[OP_INPUT, made ? blocks * k * 4 : inputs], [OP_WEIGHTS, weights], ...requantizing(op, outputs)],
    writes: [[OP_OUTPUT, outputs]],
    demands: [
      ...demands,
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
    isPlain: (op) => method !== 'ntt' || !isSpecial(op),
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
