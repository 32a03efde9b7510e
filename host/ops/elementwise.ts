import {
  OP_OUTPUT,
  ELT_COUNT,
  ELT_GROUP,
  ELT_INPUT2,
  ELT_LEFT_SHIFT,
  ELT_OUTPUT_SCALE,
  ELT_SCALE1,
  ELT_SCALE2,
  ELT_ZERO_POINT2,
  OP_CLAMP_MAX,
  OP_CLAMP_MIN,
  OP_INPUT,
  OP_INPUT_ZERO_POINT,
  OP_OUTPUT_ZERO_POINT,
  OP_TILES,
  OP_WEIGHTS,
  OpKind,
} from '../../assembly/layout.js';
import {
  type Add,
  elementBytes,
  elementCount,
  type Mul,
  type TensorSpec,
} from '../model/quantized-network.js';
import { littleEndian } from '../model/values.js';
import { elementwiseCycles } from './shared/cycles.js';
import {
  arenaFor,
  largestPart,
  lineValues,
  type LoweredOp,
  placeAreas,
  placeScaling,
  recordOf,
  refuse,
  type TileLimits,
} from './shared/lowering.js';
import type { OpRecord } from '../model/record.js';
import { cut, NOTHING, part, type Work } from './shared/work.js';
import { checkLength, checkScaling, checkTensor, unsound } from './shared/check.js';
import { inGroups, size, widthOf } from './shared/bounds.js';
import { type NetworkOp, type RecordOp, SIMPLE } from './op.js';

function lowerElementwise(
  op: Add | Mul,
  inputs: readonly TensorSpec[],
  output: TensorSpec,
  limits: TileLimits,
): LoweredOp {
  const [first, second] = inputs as [TensorSpec, TensorSpec | undefined];
  const count = elementCount(output);
  if (inputs.some((input) => elementCount(input) !== count)) {
    refuse(
      op,
      `of shapes ${inputs.map(({ shape }) => `[${shape}]`).join(' and ')}`,
      'two of the same size',
      'Repeat the smaller one first.',
    );
  }
  const { constant } = op;
  const bytes = elementBytes(output);
  const areasOf = (group: number): number[] => [group * bytes, group * bytes, group * bytes];
  const group = largestPart(
    count,
    (part) => {
      return (
        arenaFor(areasOf(part)) <= limits.arenaBytes &&
        (part < 64 || elementwiseCycles(part) <= limits.tileCycles)
      );
    },
    lineValues(limits, output),
  );
  const record = recordOf(op.kind === 'add' ? OpKind.ADD : OpKind.MUL, output);
  record.set(OP_TILES, Math.ceil(count / group));
  record.set(ELT_COUNT, count);
  record.set(ELT_GROUP, group);
  record.set(OP_INPUT_ZERO_POINT, first.zeroPoint);
  record.set(ELT_ZERO_POINT2, constant ? constant.zeroPoint : second!.zeroPoint);
  record.set(OP_OUTPUT_ZERO_POINT, output.zeroPoint);
  record.set(OP_CLAMP_MIN, op.clampMin);
  record.set(OP_CLAMP_MAX, op.clampMax);
  placeScaling(record, ELT_OUTPUT_SCALE, op.outputScaling);
  if (op.kind === 'add') {
    record.set(ELT_LEFT_SHIFT, op.leftShift);
    placeScaling(record, ELT_SCALE1, op.inputScalings[0]);
    placeScaling(record, ELT_SCALE2, op.inputScalings[1]);
  }
  const addresses = [{ field: OP_INPUT, input: 0 }];
  if (!constant) addresses.push({ field: ELT_INPUT2, input: 1 });
  // OP_WEIGHTS says that the second input is a constant.
  const constants = constant
    ? [{ field: OP_WEIGHTS, also: ELT_INPUT2, bytes: littleEndian(constant.values) }]
    : [];
  return { record, inputs: addresses, constants, arenaBytes: placeAreas(record, areasOf(group)) };
}

function check(op: Add | Mul, output: TensorSpec): void {
  checkScaling(op, op.outputScaling);
  if (op.kind === 'add') for (const scaling of op.inputScalings) checkScaling(op, scaling);
  if (!op.constant) return;
  const { values, zeroPoint } = op.constant;
  checkLength(op, 'constants', values.length, elementCount(output));
  checkTensor({ shape: [values.length], scale: 1, zeroPoint, dtype: output.dtype ?? 'int8' }, -1);
  if (values.BYTES_PER_ELEMENT !== elementBytes(output))
    unsound(op, 'constants of another type', 'that of its output');
}

const elementwise: NetworkOp<Add | Mul> = {
  inputs: (op) => (op.constant ? 1 : 2),
  int16: true,
  check: (op, _, output) => check(op, output),
  lower: (op, inputs, output, limits) => [lowerElementwise(op, inputs, output, limits)],
};

export const add: NetworkOp<Add> = elementwise;
export const mul: NetworkOp<Mul> = elementwise;

/**
 * Whether a sum goes by the quick way of firmware/brownout_accel_add.h: all scales shift right, or an input's not at all and its
 * product is a whole number.
 */
function isQuick(op: OpRecord): boolean {
  const up = op.get(ELT_LEFT_SHIFT);
  const [multiplier, shift] = [op.get(ELT_OUTPUT_SCALE), op.get(ELT_OUTPUT_SCALE + 4)];
  const isTerm = (field: number): boolean => {
    const [of, by] = [op.get(field), op.get(field + 4)];
    return by <= 0 && by >= -30 && (by !== 0 || of << (up + 1) === 0);
  };
  const sum = multiplier >= 2 ** 30 && shift <= -1 && shift >= -20;
  return up <= 20 && sum && isTerm(ELT_SCALE1) && isTerm(ELT_SCALE2);
}

function elementwiseWork(op: OpRecord): Work {
  const bytes = op.valueBytes;
  const isConstant = op.get(OP_WEIGHTS) !== 0;
  const tiles = cut(op.get(ELT_COUNT), op.get(ELT_GROUP), (count) =>
    part(
      {
        tile: 1,
        [op.kind === OpKind.ADD && op.isInt8 && isQuick(op) ? 'quick' : 'element']: count,
        rest: count % 4,
      },
      {
        constantViews: isConstant ? 1 : 0,
        stateViews: isConstant ? 1 : 2,
        constantBytes: isConstant ? count * bytes : 0,
        stateBytes: (isConstant ? 1 : 2) * count * bytes,
        writes: 1,
        writtenBytes: count * bytes,
      },
    ),
  );
  const kernel = op.kind === OpKind.ADD ? 'add' : 'mul';
  return { kernel: op.isInt8 ? kernel : `${kernel}_s16`, enter: NOTHING, ...tiles };
}

export const elementwiseRecord: RecordOp = {
  ...SIMPLE,
  work: elementwiseWork,
  bounds(op) {
    const [count, group] = [size(op, ELT_COUNT), size(op, ELT_GROUP)];
    const [all, part] = [count * widthOf(op), group * widthOf(op)];
    return {
      scratch: [part, part, part],
      reads: [
        [OP_INPUT, all],
        [ELT_INPUT2, all],
      ],
      writes: [[OP_OUTPUT, all]],
      demands: inGroups(op, count, group),
    };
  },
  shapes: (op) => ({ inputShape: [op.get(ELT_COUNT)], outputShape: [op.get(ELT_COUNT)], macs: 0 }),
  cycles: (op) => ({ enter: 0, tile: elementwiseCycles(op.get(ELT_GROUP)) }),
  accelerated: (op) => op.kind === OpKind.ADD,
};
