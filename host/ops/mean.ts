import {
  OP_INPUT,
  OP_OUTPUT,
  MEAN_CHANNELS,
  MEAN_CHUNK,
  MEAN_GROUP,
  MEAN_PIXELS,
  MEAN_SCALE,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT_ZERO_POINT,
  OP_TILES,
  OpKind,
} from '../../assembly/layout.js';
import { type Mean, type Scaling, type TensorSpec, elementCount } from '../model/quantized-network.js';
import {
  arenaFor,
  cheapest,
  largestPart,
  lineValues,
  type LoweredOp,
  placeAreas,
  placeScaling,
  recordOf,
  type TileLimits,
  tooLarge,
} from './shared/lowering.js';
import { columnChoices, feature } from './shared/window.js';
import { MAC, OUTPUT, TILE } from './shared/cycles.js';
import type { OpRecord } from '../model/record.js';
import { cut, NOTHING, part, type Work } from './shared/work.js';
import { checkLength, checkScaling, last } from './shared/check.js';
import { atLeast, inGroups, size } from './shared/bounds.js';
import { type NetworkOp, one, type RecordOp, SIMPLE } from './op.js';

/** 1 / count folded into the scaling, as TFLite's QuantizedMeanOrSum does. */
function divide({ multiplier, shift }: Scaling, count: number): Scaling {
  const up = Math.min(31 - Math.clz32(count), 32, 31 + shift);
  return { multiplier: Number((BigInt(multiplier) << BigInt(up)) / BigInt(count)), shift: shift - up };
}

/** Cycles of looking at a part of a pixel: parts of pixels do not lie one after the other. */
const LOOK = 60;
/** Cycles of a tile: the sums of `group` channels. */
const tileCycles = (pixels: number, channels: number, group: number): number =>
  TILE + pixels * (group * MAC + (group === channels ? 0 : LOOK)) + group * OUTPUT;

function lowerMean(op: Mean, input: TensorSpec, output: TensorSpec, limits: TileLimits): LoweredOp {
  const [height, width, channels] = feature(op, input);
  const pixels = height * width;
  const areasOf = (group: number, chunk: number): number[] => [group * chunk, group * 4, group];
  const fits = (group: number, chunk: number): boolean =>
    arenaFor(areasOf(group, chunk)) <= limits.arenaBytes;
  const cutInto = (group: number): { record: OpRecord; arenaBytes: number } => {
    // Whole pixels lie one behind the other; parts of them do not.
    const chunk = group === channels ? largestPart(pixels, (part) => fits(group, part)) : 1;
    const record = recordOf(OpKind.MEAN, input);
    record.set(OP_TILES, Math.ceil(channels / group));
    record.set(OP_INPUT_ZERO_POINT, input.zeroPoint);
    record.set(OP_OUTPUT_ZERO_POINT, output.zeroPoint);
    record.set(OP_CLAMP_MIN, -128);
    record.set(OP_CLAMP_MAX, 127);
    record.set(MEAN_PIXELS, pixels);
    record.set(MEAN_CHANNELS, channels);
    record.set(MEAN_GROUP, group);
    record.set(MEAN_CHUNK, chunk);
    placeScaling(record, MEAN_SCALE, op.total ? op.scaling : divide(op.scaling, pixels));
    return { record, arenaBytes: placeAreas(record, areasOf(group, chunk)) };
  };
  const groups = [...columnChoices(channels, lineValues(limits, output))].filter((group) => fits(group, 1));
  const cut = cheapest(groups.map(cutInto), limits);
  if (!cut) tooLarge(op, arenaFor(areasOf(1, 1)), limits);
  return { ...cut, constants: [] };
}

export const mean: NetworkOp<Mean> = {
  inputs: one,
  int16: false,
  check(op, [input], output) {
    checkScaling(op, op.scaling);
    checkLength(op, 'output elements', elementCount(output), last(input!));
  },
  lower: (op, [input], output, limits) => [lowerMean(op, input!, output, limits)],
};

function meanWork(op: OpRecord): Work {
  const pixels = op.get(MEAN_PIXELS);
  const looks = Math.ceil(pixels / op.get(MEAN_CHUNK));
  const tiles = cut(op.get(MEAN_CHANNELS), op.get(MEAN_GROUP), (channels) =>
    part(
      { tile: 1, look: looks, pixel: pixels, value: pixels * channels, output: channels },
      { stateViews: looks, stateBytes: pixels * channels, writes: 1, writtenBytes: channels },
    ),
  );
  return { kernel: 'mean', enter: NOTHING, ...tiles };
}

export const meanRecord: RecordOp = {
  ...SIMPLE,
  work: meanWork,
  bounds(op) {
    const [pixels, channels, group, chunk] = [MEAN_PIXELS, MEAN_CHANNELS, MEAN_GROUP, MEAN_CHUNK].map(
      (field) => size(op, field),
    ) as [number, number, number, number];
    return {
      scratch: [chunk * group, 4 * group, group],
      reads: [[OP_INPUT, pixels * channels]],
      writes: [[OP_OUTPUT, channels]],
      demands: [
        ...inGroups(op, channels, group),
        atLeast('pixels', 1, pixels),
        atLeast('pixels at a time', 1, chunk),
        ['channels of a tile', group, channels],
      ],
    };
  },
  shapes(op) {
    const [pixels, channels] = [op.get(MEAN_PIXELS), op.get(MEAN_CHANNELS)];
    return { inputShape: [pixels, channels], outputShape: [channels], macs: 0 };
  },
  cycles: (op) => ({
    enter: 0,
    tile: tileCycles(op.get(MEAN_PIXELS), op.get(MEAN_CHANNELS), op.get(MEAN_GROUP)),
  }),
};
