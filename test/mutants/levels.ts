// Small changes of layers of levels and signs, conv2d_xnor: kernels, their bodies in C, and what becomes one.
import { of } from './mutant.js';

const accelerated = { test: 'xnor', accelerated: true } as const;

export const LEVELS = [
  ...of('assembly/kernels/levels.ts', accelerated, [
    ['a bound that is not reached', 'i32(x >= low) + i32(x >= high)', 'i32(x > low) + i32(x >= high)'],
    ['no level between', 'i32(x >= low) + i32(x >= high)', 'i32(x >= low) << 1'],
  ]),
  ...of('assembly/kernels/levels.ts', accelerated, [
    ['a bound below 0 as one above', 'below ? difference | ~x : difference & ~x', 'difference & ~x'],
    ['level 1 for level 2', '& TOPS) >>> 6;', '& TOPS) >>> 7;'],
    ['the first bound for both', 'reached(x, restHigh, belowHigh)', 'reached(x, rest, below)'],
  ]),
  ...of('assembly/kernels/gather.ts', accelerated, [
    ['inputs for levels', 'if (isXnor(op)) levels(op, to, from, bytes);\n  else copyBytes(', 'copyBytes('],
  ]),
  ...of('assembly/kernels/gather.ts', accelerated, [
    [
      'padding of rows of zeros',
      'fillBytes(to + done, zero, bytes - done)',
      'fillBytes(to + done, 0, bytes - done)',
    ],
  ]),
  ...of('assembly/kernels/xnor.ts', accelerated, [
    ['strides of rows for those of columns', 'load<u16>(op, WIN_STRIDE + 2)', 'load<u16>(op, WIN_STRIDE)'],
    ['rows as far apart as of one window', 'spanBytes(op, count)', 'spanBytes(op, 1)'],
    [
      'one row of each window',
      'const height: i32 = inRows ? load<u16>(op, WIN_KERNEL) : 1;',
      'const height: i32 = 1;',
    ],
  ]),
  ...of('firmware/brownout_accel_xnor.h', { test: 'accel' }, [
    [
      'sums of more fours than a byte holds',
      '#define BROWNOUT_ACCEL_XNOR_FOURS 31u',
      '#define BROWNOUT_ACCEL_XNOR_FOURS 63u',
    ],
    [
      'values of the step before',
      '          at->place = 0;\n          at->steps++;\n',
      '          at->place = 0;\n',
    ],
    ['bits behind the last weight counted', '      for (i = 0; i < 16u; i++) four[i] = 0;\n', ''],
    ['planes as if they began words', '    if (shift) {', '    if (0) {'],
    ['both halves of a byte by the table of one', '240\\n\\t", (place) * 2 + 1)', '240\\n\\t", (place) * 2)'],
    ['levels of the window before taken off', '* 2 - less[1]', '* 2 - less[0]'],
    [
      'the bias of one window left out',
      'row->bias + (int32_t)(sums[0] >> 16) * 2',
      '(int32_t)(sums[0] >> 16) * 2',
    ],
  ]),
  ...of('firmware/brownout_accel_xnor_single.h', { test: 'accel' }, [
    ['a carry lost', 'carry = (sum & second) | (half & third);', 'carry = sum & second;'],
    ['what lay where bits go', '  for (run = 0; run < words * 2u; run++) bits[run] = 0;\n', ''],
    [
      'levels of 2 counted once',
      'accel_xnor_count(bits, w, bytes) * 2u;',
      'accel_xnor_count(bits, w, bytes);',
    ],
    ['levels of 1 not counted', 'if (any) twice +=', 'if (!any) twice +='],
  ]),
  ...of('host/plan/fuse.ts', { test: 'xnor' }, [
    ['one record though another op reads what is between', 'readers.length === 1 && ', ''],
    ['one record though what is between is the answer', ' && !outsideOf(network).has(between)', ''],
  ]),
  ...of('host/ops/xnor-conv2d.ts', { test: 'xnor' }, [
    [
      'the first bound one too high',
      'findIndex((level) => level >= 0) - 128',
      'findIndex((level) => level >= 0) - 127',
    ],
    ['one bound for both', 'record.bytes[XNOR_HIGH] = high;', 'record.bytes[XNOR_HIGH] = low;'],
    ['levels whose zero is 0', 'zeroPoint: 1 }', 'zeroPoint: 0 }'],
    ['steps that go down', ' && level >= (levels[i - 1] ?? -1)', ''],
    ['weights that are no signs', ' || !layer.weights.every((w) => w === 1 || w === -1)', ''],
    ['blocks of any size', "['circulant blocks', op.get(WIN_BLOCK), 0]", "['circulant blocks', 0, 0]"],
    [
      'bounds in any order',
      "'the first bound of levels, from -128 on',",
      "'the first bound of levels, from -128 on', 0 &",
    ],
  ]),
];
