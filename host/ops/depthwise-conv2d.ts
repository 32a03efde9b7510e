import {
  OP_INPUT_ZERO_POINT,
  OP_REQUANT_STRIDE,
  OP_WEIGHTS,
  OP_WEIGHT_TYPE,
  OpKind,
  WIN_DILATION,
  WIN_GROUP,
  WIN_INPUT_CHANNELS,
  WIN_KERNEL,
  WIN_OUTPUT_CHANNELS,
  WIN_STRIDE,
  WIN_TILE_COLUMNS,
} from '../../assembly/layout.js';
import { type DepthwiseConv2d, elementBytes, type TensorSpec } from '../model/quantized-network.js';
import { WEIGHT_TYPES } from '../model/weight-types.js';
import { depthwiseTileCycles } from './shared/cycles.js';
import type { OpRecord } from '../model/record.js';
import {
  arenaFor,
  biasBytes,
  packWeights,
  weightBytes,
  foldBias,
  largestPart,
  leanWindows,
  lineValues,
  type LoweredOp,
  placeAreas,
  recordOf,
  refuse,
  requantBytes,
  requantization,
  type TileLimits,
  tooLarge,
} from './shared/lowering.js';
import {
  columnChoices,
  feature,
  placeWindow,
  rowSpan,
  staysInside,
  tapsOf,
  windowShapes,
} from './shared/window.js';
import { pixelBytes, windowWork } from './shared/window-work.js';
import { both, type Counts, cut, part, total, type Work } from './shared/work.js';
import {
  isInt8Weights,
  isKept,
  lookedUpByTile,
  lookedUpOnce,
  outputTerm,
  weightRowBytes,
} from './shared/record-bytes.js';
import { checkLength, checkRequantization, last } from './shared/check.js';
import {
  atLeast,
  biasBytes as biasBytesOf,
  packedBytes,
  pairBytes,
  requantizing,
  size,
  unpackedBytes,
  windowBounds,
} from './shared/bounds.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

/** Weights in groups of output channels, [group][tap][channel], each group a row. */
export function packGroups(
  op: DepthwiseConv2d,
  outputs: number,
  group: number,
  record: OpRecord,
): Uint8Array {
  const taps = op.weights.length / outputs;
  // Every group as long as the first, so that rows have one length.
  const grouped = new Int8Array(Math.ceil(outputs / group) * group * taps);
  for (let first = 0; first < outputs; first += group) {
    const size = Math.min(group, outputs - first);
    for (let tap = 0; tap < taps; tap++) {
      const from = tap * outputs + first;
      grouped.set(op.weights.subarray(from, from + size), first * taps + tap * size);
    }
  }
  return packWeights(grouped, group * taps, op.weightType, record);
}

/** Σ w of each output. */
function weightSums({ weights }: DepthwiseConv2d, outputs: number): Float64Array {
  const sums = new Float64Array(outputs);
  weights.forEach((w, i) => {
    sums[i % outputs]! += w;
  });
  return sums;
}

function lowerDepthwiseConv2d(
  op: DepthwiseConv2d,
  input: TensorSpec,
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  const inputShape = feature(op, input);
  const outputShape = feature(op, output);
  const [, width, channels] = inputShape;
  const outputs = outputShape[2];
  const taps = op.kernel[0] * op.kernel[1];
  const bytes = elementBytes(input);
  if (outputs % channels !== 0)
    refuse(op, `with ${outputs} outputs`, `a multiple of ${channels}`, 'Check its tensors.');
  const areasOf = (columns: number, group: number): number[] => [
    rowSpan(op, width, channels, columns) * bytes,
    columns * taps * channels * bytes,
    weightBytes(op.weightType, group * taps, 1).sram,
    biasBytes(output, group),
    requantBytes(op, group),
    columns * outputs * bytes,
  ];
  const bias = foldBias(op.bias, weightSums(op, outputs), input.zeroPoint);
  const withScales = leanWindows(op, bias, output, limits);
  const cutInto = (columns: number, group: number): { record: OpRecord; end: number } => {
    const record = recordOf(OpKind.DEPTHWISE_CONV2D, input);
    record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
    record.set(OP_REQUANT_STRIDE, op.multipliers.length === 1 ? 0 : 8);
    record.set(OP_WEIGHT_TYPE, WEIGHT_TYPES[op.weightType ?? 'int8'].code);
    record.set(WIN_GROUP, group);
    placeWindow(op, inputShape, outputShape, columns, record);
    return { record, end: placeAreas(record, withScales(record, areasOf(columns, group))) };
  };
  let choice: { columns: number; group: number; share: number; inferenceUj: number } | undefined;
  for (const columns of columnChoices(outputShape[1], lineValues(limits, output, outputs))) {
    const group = largestPart(outputs, (part) => arenaFor(areasOf(columns, part)) <= limits.arenaBytes);
    if (group === 0) continue;
    const { share, inferenceUj } = limits.cost(cutInto(columns, group).record);
    // Of tiles within a tenth of a charge those that an inference takes least with; failing that, the narrowest there is.
    const isFirst = !choice || (choice.share > 1 && share <= choice.share);
    if (isFirst || (share <= 1 && inferenceUj < choice!.inferenceUj))
      choice = { columns, group, share, inferenceUj };
  }
  if (!choice) tooLarge(op, arenaFor(areasOf(1, 1)), limits);
  const { record, end } = cutInto(choice.columns, choice.group);
  const constants = [
    { field: OP_WEIGHTS, bytes: packGroups(op, outputs, choice.group, record) },
    ...requantization(op, bias, output, record),
  ];
  return { record, constants, arenaBytes: end };
}

export const depthwiseConv2d: NetworkOp<DepthwiseConv2d> = {
  inputs: one,
  int16: true,
  weightSums: (op, _, output) => weightSums(op, last(output)),
  check(op, _, output, wide) {
    checkRequantization(op, last(output), wide);
    checkLength(op, 'weights', op.weights.length, last(output) * op.kernel[0] * op.kernel[1]);
  },
  lower: (op, [input], output, limits) => [lowerDepthwiseConv2d(op, input!, output, limits)],
};

/** Values that lie in groups of channels, [group][tap][channel], as [tap][channel]. */
function ungroup(grouped: Int8Array, taps: number, outputs: number, group: number): Int8Array {
  const values = new Int8Array(taps * outputs);
  for (let first = 0; first < outputs; first += group) {
    const size = Math.min(group, outputs - first);
    for (let tap = 0; tap < taps; tap++)
      for (let c = 0; c < size; c++)
        values[tap * outputs + first + c] = grouped[first * taps + tap * size + c]!;
  }
  return values;
}

/** Channels of a group: four at a time where each has an input of its own. */
export function depthwiseCounts(op: OpRecord, columns: number, size: number): Counts {
  const taps = tapsOf(op);
  const made = isInt8Weights(op) ? 0 : size * taps;
  const own = op.get(WIN_INPUT_CHANNELS) === op.get(WIN_OUTPUT_CHANNELS);
  if (!op.isInt8 || !own)
    return { mac: columns * size * taps, [outputTerm(op)]: columns * size, channel: size, made };
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const fours = Math.floor(size / 4);
  const square = kernelHeight === 3 && kernelWidth === 3 && op.getPair(WIN_DILATION)[1] === 1;
  const stride = op.getPair(WIN_STRIDE)[1];
  // Windows of 3 × 3 side by side, or every other one: brownout_accel_depthwise.h takes columns, not windows.
  const four =
    square && stride === 1
      ? { square: fours, squareOutput: columns * fours }
      : square && stride === 2
        ? {
            halvesStrided: fours,
            halvesStridedOutput: columns * fours,
            bytesStrided: fours,
            bytesStridedOutput: columns * fours,
          }
        : {
            four: fours,
            [kernelWidth === 3 ? 'three' : 'fourTap']: columns * fours * taps,
            fourRow: columns * fours * kernelHeight,
            fourOutput: columns * fours,
          };
  return {
    ...four,
    channel: size % 4,
    mac: columns * (size % 4) * taps,
    output: columns * (size % 4),
    made,
  };
}

/** Rows under the tile are laid out so that windows overlap, where that takes less room than one by one. */
function depthwiseWork(op: OpRecord): Work {
  const [taps, bytes] = [tapsOf(op), op.valueBytes];
  const [kernelHeight, kernelWidth] = op.getPair(WIN_KERNEL);
  const [, stride] = op.getPair(WIN_STRIDE);
  const [inputs, outputs] = [op.get(WIN_INPUT_CHANNELS), op.get(WIN_OUTPUT_CHANNELS)];
  const group = op.get(WIN_GROUP);
  const accelerated = op.isInt8 && inputs === outputs;
  const overlap = accelerated && op.getPair(WIN_DILATION)[1] === 1 && stride <= kernelWidth;
  const tiles = windowWork(op, ({ columns, rows, span }) => {
    const groups = cut(outputs, group, (size) =>
      both(
        part(
          { group: 1, ...depthwiseCounts(op, columns, size) },
          { constantViews: 1, constantBytes: weightRowBytes(op, size * taps) },
        ),
        lookedUpByTile(op, size),
      ),
    ).all;
    const laidOut = overlap
      ? pixelBytes(op, kernelHeight * ((columns - 1) * stride + kernelWidth))
      : pixelBytes(op, columns * taps);
    const windows = part(
      { tile: 1, line: kernelHeight, window: overlap ? 0 : columns * kernelHeight, laidOut },
      {
        stateViews: rows,
        stateBytes: rows * pixelBytes(op, span),
        writes: 1,
        writtenBytes: columns * outputs * bytes,
      },
    );
    return total([groups, windows].map((one) => [1, one] as const));
  });
  const kernel = accelerated ? 'depthwise_conv2d' : 'depthwise_conv2d_multiplied';
  return { kernel: op.isInt8 ? kernel : 'depthwise_conv2d_s16', enter: lookedUpOnce(op), ...tiles };
}

export const depthwiseConv2dRecord: RecordOp = {
  ...SIMPLE,
  family: 'convolution',
  work: depthwiseWork,
  shapes: (op) => windowShapes(op, tapsOf(op)),
  cycles: (op) => {
    const outputs = op.get(WIN_OUTPUT_CHANNELS);
    return { enter: 0, tile: depthwiseTileCycles(op.get(WIN_TILE_COLUMNS), outputs, tapsOf(op)) };
  },
  bounds(op) {
    const window = windowBounds(op);
    const { columns, taps, channels, outputs, width } = window;
    const group = size(op, WIN_GROUP);
    const weights = Math.ceil(outputs / group) * packedBytes(op, group * taps);
    return {
      scratch: [
        window.rowBytes,
        columns * taps * channels * width,
        unpackedBytes(op, group * taps, 1),
        biasBytesOf(op, isKept(op) ? outputs : group),
        pairBytes(op, isKept(op) ? outputs : group),
        columns * outputs * width,
      ],
      reads: [...window.reads, [OP_WEIGHTS, weights], ...requantizing(op, outputs)],
      writes: window.writes,
      demands: [
        ...window.demands,
        atLeast('channels at a time', 1, group),
        ['channels at a time', group, outputs],
        ['channels beyond a multiple of the inputs', outputs % channels, 0],
      ],
    };
  },
  isPlain: staysInside,
  accelerated: (op) => op.get(WIN_INPUT_CHANNELS) === op.get(WIN_OUTPUT_CHANNELS),
  weights(op) {
    const [outputs, group, taps] = [op.get(WIN_OUTPUT_CHANNELS), op.get(WIN_GROUP), tapsOf(op)];
    const rows = Math.ceil(outputs / group);
    const order = (stored: Int8Array): Int8Array => ungroup(stored, taps, outputs, group);
    return { rows, length: group * taps, outputs, zeroPoint: 0, order, interleaved: true };
  },
};
