// Ops that are a table of 256 and a copy: map, logistic, requantize, concat, slice, repeat, transpose.
import {
  OP_OUTPUT,
  MAP_COUNT,
  MAP_GROUP,
  MAP_INPUT_STRIDE,
  MAP_LENGTH,
  MAP_OUTPUT_STRIDE,
  OP_INPUT,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
} from '../../assembly/layout.js';
import {
  type Concat,
  elementBytes,
  elementCount,
  type Logistic,
  type MapTable,
  type Repeat,
  quantizeMultiplier,
  type Requantize,
  type Scaling,
  type Slice,
  type TensorSpec,
  type Transpose,
} from '../model/quantized-network.js';
import { logistic as logisticOf, scale } from '../model/fixed-point.js';
import { littleEndian } from '../model/values.js';
import {
  arenaFor,
  largestPart,
  type LoweredOp,
  placeAreas,
  recordOf,
  refuse,
  type TileLimits,
  tooLarge,
} from './shared/lowering.js';
import { MAC, TILE } from './shared/cycles.js';
import type { OpRecord } from '../model/record.js';
import { cut, NOTHING, part, type Work } from './shared/work.js';
import { checkLength, checkScaling, unsound } from './shared/check.js';
import { atLeast, inGroups, size, widthOf } from './shared/bounds.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

const TABLE_BYTES = 256;
/** Values that a tile copies, if its rows are shorter: below this, views cost more than values. */
const PREFERRED_ROW = 256;

type Int8Function = (q: number) => number;

const clampInt8 = (value: number): number => Math.max(-128, Math.min(127, value));

/** Another scale and zero point, as TFLite's Requantize. */
function requantizer(input: TensorSpec, output: TensorSpec, { multiplier, shift }: Scaling): Int8Function {
  return (q) => clampInt8(scale(q - input.zeroPoint, multiplier, shift) + output.zeroPoint);
}

/** One record: `rows` rows of `length` values, from `inputStride` to `outputStride` values apart. */
export function lowerRows(
  tensor: TensorSpec,
  rows: { count: number; length: number; inputStride: number; outputStride: number },
  f: Int8Function | undefined,
  limits: TileLimits,
): LoweredOp {
  const record = recordOf(OpKind.MAP, tensor);
  const total = Math.ceil(rows.count / rows.length);
  const group = Math.max(1, Math.min(total, Math.floor(PREFERRED_ROW / rows.length)));
  record.set(OP_TILES, Math.ceil(total / group));
  record.set(MAP_COUNT, rows.count);
  record.set(MAP_LENGTH, rows.length);
  record.set(MAP_INPUT_STRIDE, rows.inputStride);
  record.set(MAP_OUTPUT_STRIDE, rows.outputStride);
  record.set(MAP_GROUP, group);
  const table = f && Int8Array.from({ length: TABLE_BYTES }, (_, i) => f(i - 128));
  const constants = table ? [{ field: OP_WEIGHTS, bytes: littleEndian(table) }] : [];
  const areas = [table ? TABLE_BYTES : 0, rows.length * elementBytes(tensor)];
  // Rows are cut to fit; the table is not.
  const need = arenaFor(areas);
  if (need > limits.arenaBytes) tooLarge({ name: 'rows of values', kind: 'map' }, need, limits);
  return { record, constants, arenaBytes: placeAreas(record, areas) };
}

/** Values one behind the other, cut into rows that fit. */
function mapAll(tensor: TensorSpec, f: Int8Function | undefined, limits: TileLimits): LoweredOp {
  const count = elementCount(tensor);
  const length = Math.min(count, PREFERRED_ROW);
  return lowerRows(tensor, { count, length, inputStride: length, outputStride: length }, f, limits);
}

/** A tensor copied as it is. */
export const lowerCopy = (tensor: TensorSpec, limits: TileLimits): LoweredOp =>
  mapAll(tensor, undefined, limits);

function lowerLogistic(op: Logistic, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  if (output.scale !== 1 / 256 || output.zeroPoint !== -128) {
    refuse(
      op,
      `with output scale ${output.scale}`,
      'scale 1/256, zero point −128',
      'Convert the model with TFLite.',
    );
  }
  return mapAll(input, (q) => logisticOf(q, input), limits);
}

function lowerRequantize(
  op: Requantize,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  return mapAll(input, requantizer(input, output, op.scaling), limits);
}

/** Rows of `row` values cut into equal lengths that fit; refuses rows that cannot be cut. */
function rowLength(
  op: Concat | Slice,
  tensor: TensorSpec,
  row: number,
  whole: boolean,
  tableBytes: number,
  limits: TileLimits,
): number {
  const fits = (part: number): boolean =>
    row % part === 0 && arenaFor([tableBytes, part * elementBytes(tensor)]) <= limits.arenaBytes;
  const length = largestPart(row, fits);
  if (length === row || whole) return length;
  return refuse(op, `with rows of ${row} values`, 'rows that fit SRAM', 'Raise the SRAM limit.');
}

const axisOf = (op: Concat | Slice, tensor: TensorSpec): number =>
  op.axis < 0 ? op.axis + tensor.shape.length : op.axis;

/** Values of one row along `axis` and everything inside it. */
const rowValues = (tensor: TensorSpec, axis: number): number =>
  elementCount({ shape: tensor.shape.slice(axis) });

/** One record an input: each lays its part of every row beside the others'. */
function lowerConcat(
  op: Concat,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp[] {
  const axis = axisOf(op, output);
  const outputRow = rowValues(output, axis);
  let offset = 0;
  const parts = inputs.map((tensor, input) => {
    const row = rowValues(tensor, axis);
    const same = tensor.scale === output.scale && tensor.zeroPoint === output.zeroPoint;
    const f = same ? undefined : requantizer(tensor, output, quantizeMultiplier(tensor.scale / output.scale));
    const length = rowLength(op, tensor, row, elementCount(tensor) === row, f ? TABLE_BYTES : 0, limits);
    const outputStride = length === row ? outputRow : length;
    const rows = { count: elementCount(tensor), length, inputStride: length, outputStride };
    const lowered = {
      ...lowerRows(tensor, rows, f, limits),
      inputs: [{ field: OP_INPUT, input }],
      outputOffset: offset * elementBytes(tensor),
    };
    offset += row;
    return lowered;
  });
  if (offset !== outputRow)
    refuse(op, `of ${offset} values a row`, `${outputRow}`, 'Check the shapes of its tensors.');
  return parts;
}

function lowerSlice(op: Slice, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const axis = axisOf(op, output);
  const row = rowValues(output, axis);
  const inputRow = rowValues(input, axis);
  const offset = op.start * rowValues(input, axis + 1);
  if (offset + row > inputRow)
    refuse(op, `up to value ${offset + row} of a row`, `at most ${inputRow}`, 'Check its start.');
  const length = rowLength(op, output, row, elementCount(output) === row, 0, limits);
  const inputStride = length === row ? inputRow : length;
  const rows = { count: elementCount(output), length, inputStride, outputStride: length };
  return {
    ...lowerRows(output, rows, undefined, limits),
    inputs: [{ field: OP_INPUT, input: 0, offset: offset * elementBytes(input) }],
  };
}

function lowerMap(op: MapTable, input: TensorSpec, limits: TileLimits): LoweredOp {
  return mapAll(input, (q) => op.table[q + 128]!, limits);
}

/** Rows that all come from one place: an input stride of 0. */
function lowerRepeat(op: Repeat, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const length = elementCount(input);
  if (arenaFor([0, length * elementBytes(input)]) > limits.arenaBytes)
    refuse(op, `of ${length} values`, 'as many as fit SRAM', 'Raise the SRAM limit.');
  const rows = { count: elementCount(output), length, inputStride: 0, outputStride: length };
  return lowerRows(input, rows, undefined, limits);
}

/** A dimension of the output: its size, and how far apart its elements lie before and after. */
interface Turned {
  size: number;
  from: number;
  to: number;
}

/** Dimensions of the output, as `permutation` says. */
function turnedAxes(shape: readonly number[], permutation: readonly number[]): Turned[] {
  const stride = (sizes: readonly number[], axis: number): number =>
    elementCount({ shape: sizes.slice(axis + 1) });
  const output = permutation.map((axis) => shape[axis]!);
  return permutation.map((axis, i) => ({
    size: shape[axis]!,
    from: stride(shape, axis),
    to: stride(output, i),
  }));
}

/** Rows of what stays together, along the longest dimension; one record for each place along the others. */
function lowerTranspose(op: Transpose, input: TensorSpec, limits: TileLimits): LoweredOp[] {
  const axes = turnedAxes(input.shape, op.permutation ?? [1, 0]).filter(({ size }) => size > 1);
  const bytes = elementBytes(input);
  const last = axes.at(-1);
  let length = 1;
  if (last?.from === 1) {
    axes.pop();
    length = largestPart(
      last.size,
      (part) => last.size % part === 0 && arenaFor([0, part * bytes]) <= limits.arenaBytes,
    );
    if (length < last.size) axes.push({ size: last.size / length, from: length, to: length });
  }
  const longest = axes.reduce((best, axis) => (axis.size > best.size ? axis : best), {
    size: 1,
    from: length,
    to: length,
  });
  const others = axes.filter((axis) => axis !== longest);
  return Array.from({ length: elementCount({ shape: others.map(({ size }) => size) }) }, (_, place) => {
    let [rest, from, to] = [place, 0, 0];
    for (const axis of others.toReversed()) {
      from += (rest % axis.size) * axis.from;
      to += (rest % axis.size) * axis.to;
      rest = Math.floor(rest / axis.size);
    }
    const rows = { length, inputStride: longest.from, outputStride: longest.to };
    return {
      ...lowerRows(input, { count: longest.size * length, ...rows }, undefined, limits),
      inputs: [{ field: OP_INPUT, input: 0, offset: from * bytes }],
      outputOffset: to * bytes,
    };
  });
}

const sameSize = (op: MapTable | Logistic | Requantize, input: TensorSpec, output: TensorSpec): void =>
  checkLength(op, 'output elements', elementCount(output), elementCount(input));

export const logistic: NetworkOp<Logistic> = {
  inputs: one,
  int16: false,
  check: (op, [input], output) => sameSize(op, input!, output),
  lower: (op, [input], output, limits) => [lowerLogistic(op, input!, output, limits)],
};

export const requantize: NetworkOp<Requantize> = {
  inputs: one,
  int16: false,
  check(op, [input], output) {
    checkScaling(op, op.scaling);
    sameSize(op, input!, output);
  },
  lower: (op, [input], output, limits) => [lowerRequantize(op, input!, output, limits)],
};

export const map: NetworkOp<MapTable> = {
  inputs: one,
  int16: false,
  check(op, [input], output) {
    checkLength(op, 'entries of its table', op.table.length, TABLE_BYTES);
    sameSize(op, input!, output);
  },
  lower: (op, [input], _, limits) => [lowerMap(op, input!, limits)],
};

export const transpose: NetworkOp<Transpose> = {
  inputs: one,
  int16: true,
  check(op, [input], output) {
    const { shape } = input!;
    const { permutation = [1, 0] } = op;
    const whole = `${[...permutation].sort((a, b) => a - b)}` === `${[...shape.keys()]}`;
    if (whole && `${output.shape}` === `${permutation.map((axis) => shape[axis]!)}`) return;
    unsound(op, `shapes [${shape}] and [${output.shape}]`, `dimensions in the order [${permutation}]`);
  },
  lower: (op, [input], _, limits) => lowerTranspose(op, input!, limits),
};

export const repeat: NetworkOp<Repeat> = {
  inputs: one,
  int16: true,
  check(op, [input], output) {
    checkLength(op, 'output elements beyond whole inputs', elementCount(output) % elementCount(input!), 0);
  },
  lower: (op, [input], output, limits) => [lowerRepeat(op, input!, output, limits)],
};

export const concat: NetworkOp<Concat> = {
  inputs: (op) => Math.max(op.inputs.length, 1),
  int16: true,
  check(op, inputs, output, wide) {
    if (wide && inputs.some(({ scale }) => scale !== output.scale))
      unsound(op, 'int16 tensors of several scales', 'one scale');
    const elements = inputs.reduce((sum, tensor) => sum + elementCount(tensor), 0);
    checkLength(op, 'output elements', elementCount(output), elements);
  },
  lower: (op, inputs, output, limits) => lowerConcat(op, inputs, output, limits),
};

export const slice: NetworkOp<Slice> = {
  inputs: one,
  int16: true,
  // Whether the part lies inside is seen when it is lowered.
  check: () => {},
  lower: (op, [input], output, limits) => [lowerSlice(op, input!, output, limits)],
};

function mapWork(op: OpRecord): Work {
  const hasTable = op.get(OP_WEIGHTS) !== 0;
  const [length, bytes] = [op.get(MAP_LENGTH), op.valueBytes];
  const enter = hasTable
    ? part({ copied: TABLE_BYTES }, { constantViews: 1, constantBytes: TABLE_BYTES })
    : NOTHING;
  const count = op.get(MAP_COUNT);
  const tiles = cut(count, op.get(MAP_GROUP) * length, (values) => {
    const rows = Math.ceil(values / length);
    return part(
      { tile: 1, row: rows, copied: values * bytes, looked: hasTable ? values : 0 },
      { stateViews: rows, stateBytes: values * bytes, writes: rows, writtenBytes: values * bytes },
    );
  });
  return { kernel: 'map', enter, ...tiles };
}

export const mapRecord: RecordOp = {
  ...SIMPLE,
  work: mapWork,
  bounds(op) {
    const [count, length, input, output] = [MAP_COUNT, MAP_LENGTH, MAP_INPUT_STRIDE, MAP_OUTPUT_STRIDE].map(
      (field) => size(op, field),
    ) as [number, number, number, number];
    const rows = Math.ceil(count / length);
    const extent = (stride: number): number =>
      ((rows - 1) * stride + count - (rows - 1) * length) * widthOf(op);
    const table = op.get(OP_WEIGHTS) === 0 ? 0 : TABLE_BYTES;
    return {
      scratch: [table, length * widthOf(op)],
      reads: [
        [OP_INPUT, extent(input)],
        [OP_WEIGHTS, table],
      ],
      writes: [[OP_OUTPUT, extent(output)]],
      demands: [
        ...inGroups(op, rows, size(op, MAP_GROUP)),
        atLeast('values of a row', 1, length),
        // Rows of output lie apart, so that there are not more of them than NVM holds.
        ['values of a row', rows > 1 ? length : 0, Math.max(output, rows > 1 ? 0 : length)],
      ],
    };
  },
  shapes: (op) => ({ inputShape: [op.get(MAP_COUNT)], outputShape: [op.get(MAP_COUNT)], macs: 0 }),
  cycles: (op) => ({ enter: 0, tile: TILE + op.get(MAP_GROUP) * (100 + op.get(MAP_LENGTH) * MAC) }),
};
