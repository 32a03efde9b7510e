import {
  ALIGNMENT,
  DENSE_CHUNK,
  DENSE_GROUP,
  DENSE_INPUTS,
  DENSE_OUTPUTS,
  DENSE_WEIGHT_ZERO,
  OP_FLAG_PLAIN,
  OP_FLAG_WEIGHT_ZERO,
  OP_INPUT,
  OP_OUTPUT,
  OP_REQUANT_STRIDE,
  OP_TILES,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
  OpKind,
} from '../../assembly/layout.js';
import { type Dense, elementBytes, elementCount, type TensorSpec } from '../model/quantized-network.js';
import {
  type TileLimits,
  type LoweredOp,
  align,
  packWeights,
  lineValues,
  wholeUnits,
  arenaFor,
  biasBytes,
  placeAreas,
  recordOf,
  refuse,
  tooLarge,
  foldBias,
  rowSums,
  requantization,
  requantBytes,
  cheapest,
  equalParts,
} from './shared/lowering.js';
import { denseTileCycles } from './shared/cycles.js';
import { isFewBits, PACKED, packedCounts } from './shared/packed-work.js';
import type { OpRecord } from '../model/record.js';
import { WEIGHT_TYPES } from '../model/weight-types.js';
import { isInt8Weights, lookedUp, outputTerm, weightRowBytes } from './shared/record-bytes.js';
import { both, type Counts, cut, part, type Work } from './shared/work.js';
import { areSigns, growTables, hasTables, TABLES, weightRoom } from './shared/sign-tables.js';
import { checkLength, checkRequantization, unsound } from './shared/check.js';
import {
  atLeast,
  biasBytes as biasBytesOf,
  inGroups,
  isPacked,
  packedBytes,
  pairBytes,
  requantizing,
  size,
  unpackedBytes,
  widthOf,
} from './shared/bounds.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

/** A cut into tiles: outputs of each, inputs at a time, tables of weights. */
interface Cut {
  group: number;
  chunk: number;
  fours: number;
}

/** Σ (w − zero point) of each output. */
const weightSums = ({ weights, weightZeroPoint = 0 }: Dense, inputs: number, outputs: number): Float64Array =>
  rowSums(weights, outputs).map((sum) => sum - inputs * weightZeroPoint);

/** A layer to cut: lines hold a multiple of `unit` outputs, and a cut takes `arenaOf` bytes of SRAM. */
interface Whole {
  inputs: number;
  outputs: number;
  unit: number;
  /** Tables of weights to try: how many fours of inputs each has. */
  ways: readonly number[];
  arenaOf(cut: Cut): number;
}

/** A cut that SRAM holds, and where its areas end. */
interface Made {
  record: OpRecord;
  end: number;
}

/** All cuts of equal parts of the outputs that SRAM holds with whole inputs, with tables and without. */
function cutsThatFit({ inputs, outputs, unit, ways, arenaOf }: Whole, { arenaBytes }: TileLimits): Cut[] {
  const groups = new Set(equalParts(outputs).map((part) => wholeUnits(part, outputs, unit)));
  const cuts = [...groups].flatMap((group) => ways.map((fours): Cut => ({ group, chunk: inputs, fours })));
  return cuts.filter((cut) => arenaOf(cut) <= arenaBytes);
}

/** Cuts of one output, whose inputs come in parts: what is left where whole inputs are too much. */
function cutsOfParts({ inputs, arenaOf }: Whole, { arenaBytes }: TileLimits): Cut[] {
  const cuts: Cut[] = [];
  for (let chunk = inputs; chunk > ALIGNMENT; chunk = align(chunk / 2))
    cuts.push({ group: 1, chunk, fours: 0 });
  return cuts.filter((cut) => arenaOf(cut) <= arenaBytes);
}

/** The largest tiles that SRAM and their share of a charge hold, with tables of `fours`; undefined where SRAM holds none. */
function largestCut(
  { inputs, outputs, unit, arenaOf }: Whole,
  fours: number,
  cutInto: (cut: Cut) => OpRecord,
  limits: TileLimits,
): Cut | undefined {
  const cut: Cut = { group: outputs, chunk: inputs, fours };
  const fits = (): boolean => arenaOf(cut) <= limits.arenaBytes;
  const isMuch = (): boolean => limits.cost(cutInto(cut)).share > 1;
  // Tiles below a line make it up together, which takes no less than one tile of it.
  for (let parts = 1; cut.group > 1 && (!fits() || (cut.group > unit && isMuch()));) {
    cut.group = wholeUnits(Math.ceil(outputs / ++parts), outputs, unit);
  }
  // Tables are of a whole input.
  while (!fits() && fours === 0 && cut.chunk > ALIGNMENT) cut.chunk = align(cut.chunk / 2);
  return fits() ? cut : undefined;
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
  const bytes = elementBytes(input);
  const unit = lineValues(limits, output);
  const zero = op.weightZeroPoint ?? 0;
  const shapeOf = (rows: number, length: number) => ({ type: op.weightType, length, rows, vectors: 1 });
  const areasOf = (group: number, chunk: number, fours: number): number[] => [
    chunk * bytes,
    weightRoom(shapeOf(group, chunk), fours),
    biasBytes(output, group),
    requantBytes(op, group),
    group * bytes,
  ];
  const cutInto = ({ group, chunk }: Cut): OpRecord => {
    const record = recordOf(OpKind.DENSE, input);
    record.set(OP_TILES, Math.ceil(outputs / group));
    record.set(DENSE_INPUTS, inputs);
    record.set(DENSE_OUTPUTS, outputs);
    record.set(DENSE_GROUP, group);
    record.set(DENSE_CHUNK, chunk);
    record.set(OP_REQUANT_STRIDE, op.multipliers.length === 1 ? 0 : 8);
    record.set(OP_WEIGHT_TYPE, WEIGHT_TYPES[op.weightType ?? 'int8'].code);
    if (zero !== 0) {
      record.mark(OP_FLAG_WEIGHT_ZERO);
      record.set(DENSE_WEIGHT_ZERO, zero);
    }
    return record;
  };
  /** The record of a cut with its areas: they say how it is computed, and so what it takes. */
  const made = (cut: Cut): Made => {
    const { group, chunk, fours } = cut;
    const record = cutInto(cut);
    const areas = areasOf(group, chunk, fours);
    if (fours > 0) growTables(areas, 1, shapeOf(group, chunk), limits);
    return { record, end: placeAreas(record, areas) };
  };
  const arenaOf = ({ group, chunk, fours }: Cut): number => arenaFor(areasOf(group, chunk, fours));
  const ways = areSigns(op.weightType) ? TABLES : [0];
  const whole = { inputs, outputs, unit, ways, arenaOf };
  const all = [...cutsThatFit(whole, limits), ...cutsOfParts(whole, limits)];
  // Tiles below a line make up a grain, of which there is to be as little as can be: of those the largest alone.
  const largest = ways
    .map((fours) => largestCut(whole, fours, cutInto, limits))
    .filter((cut) => cut !== undefined);
  const cuts = [...all.filter(({ group }) => group >= Math.min(unit, outputs)), ...largest];
  const choice = cheapest(cuts.map(made), limits);
  if (!choice) tooLarge(op, arenaFor(areasOf(1, ALIGNMENT, 0)), limits);
  const { record, end } = choice;
  // Σ (w − zero)·(x − z) = Σ w·x − zero·Σ x − z·Σ (w − zero): the kernel takes off the second term.
  const bias = foldBias(op.bias, weightSums(op, inputs, outputs), input.zeroPoint);
  const constants = [
    { field: OP_WEIGHTS, bytes: packWeights(op.weights, inputs, op.weightType, record) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: end };
}

export const dense: NetworkOp<Dense> = {
  inputs: one,
  int16: true,
  weightSums: (op, [input], output) => weightSums(op, elementCount(input!), elementCount(output)),
  check(op, [input], output, wide) {
    checkRequantization(op, elementCount(output), wide);
    checkLength(op, 'weights', op.weights.length, elementCount(input!) * elementCount(output));
    const zero = op.weightZeroPoint ?? 0;
    if (!Number.isInteger(zero) || zero < -128 || zero > 127)
      unsound(op, `weight zero point ${zero}`, 'an int8');
  },
  lower: (op, [input], output, limits) => [lowerDense(op, input!, output, limits)],
};

/** The input is copied once, or in pieces for every output; four rows at a time where nothing is in the way. */
function denseWork(op: OpRecord): Work {
  const [inputs, bytes] = [op.get(DENSE_INPUTS), op.valueBytes];
  const chunk = op.get(DENSE_CHUNK);
  const whole = chunk === inputs;
  const pieces = whole ? 0 : Math.ceil(inputs / chunk);
  const zero = op.has(OP_FLAG_WEIGHT_ZERO);
  const plain = whole && !zero && op.isInt8 && isInt8Weights(op);
  const packed = whole && !zero && isFewBits(op);
  const counts = (rows: number): Counts => {
    const fours = rows - (rows % 4);
    if (plain) {
      return {
        four: fours / 4,
        fourMac: fours * inputs,
        single: rows - fours,
        singleMac: (rows - fours) * inputs,
        rest: (inputs % 4) * rows,
      };
    }
    if (packed) return packedCounts(op, { vectors: 1, rows, length: inputs, room: false });
    return {
      [outputTerm(op)]: rows,
      mac: rows * inputs,
      piece: rows * Math.max(pieces, 1),
      made: isInt8Weights(op) ? 0 : rows * inputs,
      summed: zero ? inputs : 0,
    };
  };
  const input = part({ entered: 1, copied: inputs * bytes }, { stateViews: 1, stateBytes: inputs * bytes });
  const tiles = cut(op.get(DENSE_OUTPUTS), op.get(DENSE_GROUP), (rows) => {
    // Pieces of the input are looked up for every row, and for what the zero point of weights takes.
    const looked = pieces * (rows + (zero ? 1 : 0));
    const sums = part(
      { [packed ? 'denseTile' : 'tile']: 1, ...counts(rows) },
      {
        constantViews: whole ? 1 : pieces * rows,
        stateViews: looked,
        constantBytes: rows * weightRowBytes(op, inputs),
        stateBytes: whole ? 0 : (rows + (zero ? 1 : 0)) * inputs * bytes,
        writes: 1,
        writtenBytes: rows * bytes,
      },
    );
    return both(sums, lookedUp(op, rows));
  });
  const kernel = plain ? 'dense' : packed ? PACKED : op.isInt8 ? 'dense_rows' : 'dense_s16';
  return { kernel, enter: whole ? input : part({ entered: 1 }), ...tiles };
}

export const denseRecord: RecordOp = {
  ...SIMPLE,
  family: 'dense',
  work: denseWork,
  shapes(op) {
    const [inputs, outputs] = [op.get(DENSE_INPUTS), op.get(DENSE_OUTPUTS)];
    return { inputShape: [inputs], outputShape: [outputs], macs: inputs * outputs };
  },
  cycles: (op) => ({ enter: 0, tile: denseTileCycles(op.get(DENSE_GROUP), op.get(DENSE_INPUTS)) }),
  bounds(op) {
    const [inputs, outputs, group, chunk] = [DENSE_INPUTS, DENSE_OUTPUTS, DENSE_GROUP, DENSE_CHUNK].map(
      (field) => size(op, field),
    ) as [number, number, number, number];
    const width = widthOf(op);
    const scratch = [
      chunk * width,
      unpackedBytes(op, chunk, group),
      biasBytesOf(op, group),
      pairBytes(op, group),
      group * width,
    ];
    return {
      scratch,
      reads: [
        [OP_INPUT, inputs * width],
        [OP_WEIGHTS, outputs * packedBytes(op, inputs)],
        ...requantizing(op, outputs),
      ],
      writes: [[OP_OUTPUT, outputs * width]],
      demands: [
        atLeast('inputs at a time', 1, chunk),
        ['inputs at a time', chunk, inputs],
        ['inputs of a plain op', op.has(OP_FLAG_PLAIN) ? inputs : 0, chunk],
        // Packed rows are looked up from whole bytes on.
        ['packed inputs at a time', isPacked(op) && chunk < inputs ? chunk % 8 : 0, 0],
        ...inGroups(op, outputs, group),
      ],
    };
  },
  isPlain: (op) => op.get(DENSE_CHUNK) === op.get(DENSE_INPUTS),
  accelerated: (op) => op.get(DENSE_CHUNK) === op.get(DENSE_INPUTS) && !op.has(OP_FLAG_WEIGHT_ZERO),
  signed(op) {
    const inputs = op.get(DENSE_INPUTS);
    if (op.get(DENSE_CHUNK) !== inputs || op.has(OP_FLAG_WEIGHT_ZERO)) return false;
    return hasTables(op, inputs, op.get(DENSE_GROUP), 1);
  },
  weights(op) {
    const outputs = op.get(DENSE_OUTPUTS);
    const order = (stored: Int8Array): Int8Array => stored;
    const zeroPoint = op.get(DENSE_WEIGHT_ZERO);
    return { rows: outputs, length: op.get(DENSE_INPUTS), outputs, zeroPoint, order, interleaved: false };
  },
};
