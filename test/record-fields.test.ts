// No two fields that one kind of op uses may share bytes of its record.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as common from '../assembly/layout.js';
import * as learning from '../assembly/learning-layout.js';
import * as lookup from '../assembly/lookup-layout.js';

const layout = { ...common, ...learning, ...lookup };
type Prefix =
  | 'OP'
  | 'UPDATE'
  | 'WIN'
  | 'CIRC'
  | 'SUMS'
  | 'DUE'
  | 'FOLD'
  | 'FORGET'
  | 'FACTOR'
  | 'SOLVE'
  | 'REQUANTIZE'
  | 'SETTLE'
  | 'WIPE';
type Name = Extract<keyof typeof layout, `${Prefix}_${string}`>;
const NARROW: Partial<Record<Name, number>> = {
  OP_KIND: 1,
  OP_ACTIVATION_TYPE: 1,
  OP_WEIGHT_TYPE: 1,
  OP_SCALE_FORMAT: 1,
  OP_BIAS_SHIFT: 1,
  OP_SCALE_SHIFT: 1,
  OP_INPUT_ZERO_POINT: 2,
  OP_OUTPUT_ZERO_POINT: 2,
  OP_CLAMP_MIN: 2,
  OP_CLAMP_MAX: 2,
  UPDATE_HEIGHT: 2,
  UPDATE_CHANNELS: 2,
};
const COMMON: Name[] = [
  ...([
    'OP_KIND',
    'OP_ACTIVATION_TYPE',
    'OP_WEIGHT_TYPE',
    'OP_SCALE_FORMAT',
    'OP_FLAGS',
    'OP_TILES',
  ] as const),
  ...(['OP_INPUT', 'OP_OUTPUT', 'OP_WEIGHTS', 'OP_BIAS', 'OP_REQUANT', 'OP_INPUT_ZERO_POINT'] as const),
  ...([
    'OP_SCRATCH0',
    'OP_SCRATCH1',
    'OP_SCRATCH2',
    'OP_SCRATCH3',
    'OP_SCRATCH4',
    'OP_SCRATCH5',
    'OP_CRC',
  ] as const),
];
const REQUANTIZED: Name[] = [
  ...(['OP_OUTPUT_ZERO_POINT', 'OP_CLAMP_MIN', 'OP_CLAMP_MAX', 'OP_REQUANT_STRIDE'] as const),
  ...(['OP_BIAS_SHIFT', 'OP_SCALE_SHIFT'] as const),
];
const WINDOW: Name[] = [
  ...(['WIN_INPUT_HEIGHT', 'WIN_INPUT_WIDTH', 'WIN_INPUT_CHANNELS', 'WIN_OUTPUT_WIDTH'] as const),
  ...(['WIN_OUTPUT_CHANNELS', 'WIN_KERNEL', 'WIN_STRIDE', 'WIN_DILATION', 'WIN_PADDING'] as const),
];
const UPDATE: Name[] = [
  ...(['UPDATE_GROUP', 'UPDATE_ROWS', 'UPDATE_LAYER', 'UPDATE_CLIP', 'UPDATE_LOW', 'UPDATE_PART'] as const),
];
const OPS: Record<string, Name[]> = {
  windows: [...COMMON, ...REQUANTIZED, ...WINDOW, 'WIN_TILE_COLUMNS', 'WIN_GROUP', 'WIN_BLOCK', 'WIN_PART'],
  circulant: [
    ...COMMON,
    ...REQUANTIZED,
    ...(['CIRC_INPUTS', 'CIRC_OUTPUTS', 'CIRC_BLOCK', 'CIRC_BLOCKS', 'CIRC_CHUNK'] as const),
    ...(['CIRC_ROOT', 'CIRC_CENTRE', 'CIRC_GROUP', 'CIRC_FACTOR'] as const),
  ],
  'update of windows': [...COMMON, ...WINDOW, ...UPDATE, 'UPDATE_HEIGHT', 'UPDATE_CHANNELS'],
  due: [...COMMON, 'SUMS_SHAPE', 'DUE_SETTLE', 'DUE_EVERY', 'DUE_FOLD'],
  fold: [...COMMON, 'SUMS_SHAPE', 'SUMS_AT', 'FOLD_DECAY'],
  forget: [...COMMON, 'SUMS_SHAPE', 'SUMS_AT', 'FORGET_FACTOR'],
  factor: [...COMMON, 'SUMS_SHAPE', 'SUMS_AT', 'FACTOR_RIDGE', 'FACTOR_ROWS'],
  solve: [...COMMON, 'SUMS_SHAPE', 'SUMS_AT', 'SOLVE_CLASSES'],
  requantize: [...COMMON, 'SUMS_SHAPE', 'SUMS_AT', 'REQUANTIZE_INPUTS', 'REQUANTIZE_REACH'],
  settle: [...COMMON, 'SETTLE_LEARN', 'SETTLE_CLASSES', 'SETTLE_LOGITS'],
  wipe: [...COMMON, 'WIPE_LEARN', 'WIPE_BYTES', 'WIPE_PART', 'WIPE_AGAIN'],
  'update of circulant': [
    ...COMMON,
    ...UPDATE,
    ...(['CIRC_INPUTS', 'CIRC_OUTPUTS', 'CIRC_BLOCK', 'CIRC_BLOCKS'] as const),
  ],
};

for (const [kind, fields] of Object.entries(OPS)) {
  test(`fields of ${kind} do not overlap`, () => {
    const used = new Map<number, Name>();
    for (const name of fields) {
      const at = layout[name] as number;
      for (let byte = at; byte < at + (NARROW[name] ?? 4); byte++) {
        assert.is(used.get(byte), undefined, `${name} and ${used.get(byte)} at ${byte}`);
        assert.ok(byte < layout.OP_BYTES, name);
        used.set(byte, name);
      }
    }
  });
}

test.run();
