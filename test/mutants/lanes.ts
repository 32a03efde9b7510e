// Small changes of what only modules for speed in lanes run: panels, constants prepared once, blocks without loops.
import { of } from './mutant.js';

export const IN_LANES = [
  ...of('assembly/kernels/wide_panels.ts', { test: 'wide', sources: true }, [
    [
      'panels of the image that was there before',
      'widened && widened == load<u32>(header, H_CRC) ? panelsOf',
      'widened ? panelsOf',
    ],
    [
      'panels of rows that are not eights',
      '!rows || rows & (PANEL_ROWS - 1) || length',
      '!rows || length',
      'what the last panel has too much is written over by the panels behind it, and its rows are no tile’s: what is left is memory that ends there',
    ],
    ['panels of any length', 'length & 3 || length != lengthOf(op)', 'length != lengthOf(op)'],
    ['panels that overlap those behind them', 'WIDE + ((at * 2 + LINE', 'WIDE + ((at + LINE'],
    ['the first panel alone', 'row += length * PANEL_ROWS;', ''],
    ['the last eight of rows left out', '  if (!count) return;\n', '  return;\n'],
    [
      'the second pair twice',
      'const other = v128.load32_splat(p, 4);\n      a =',
      'const other = pair;\n      a =',
    ],
    ['rows of the tile before', 'panels + first * length * 2, count', 'panels, count'],
    ['tiles that are not eights', 'count & (PANEL_ROWS - 1) ?', 'count < 1 ?'],
  ]),
  ...of('assembly/kernels/conv_panels.ts', { test: 'wide', sources: true }, [
    ['a group of channels by the panels of the first', 'panels + first * patch * 2 : 0', 'panels : 0'],
    ['groups within a panel by the panels before', 'panels && !(first & 7) ?', 'panels ?'],
  ]),
  ...of('assembly/crc.ts', 'lanes', [
    ['checksums by words, a term of the quotient missing', '^ (word << 12)', ''],
    ['checksums by words, a term of the product missing', '^ (q >>> 26)', ''],
  ]),
  ...of('assembly/kernels/panel_lanes.ts', 'lanes', [
    [
      'panels of the whole fours of a run',
      'return ((run + 3) >> 2) * rows * 64;',
      'return (run >> 2) * rows * 64;',
    ],
    ['weights behind the end of a run', 'i < end ? <i32>load<i8>(at) : 0);', '<i32>load<i8>(at));'],
    [
      'the second of a pair behind the end of a run',
      'i + 1 < end ? <i32>load<i8>(at + 1) : 0, 2);',
      '<i32>load<i8>(at + 1), 2);',
    ],
    [
      'channels three and four before one and two',
      'v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));',
      'v128.store(to, v128.shuffle<i64>(ab, cd, 2, 0));',
    ],
    [
      'the panel of the eight channels before',
      'pack(w + i * patch, channels',
      'if (!i) pack(w + i * patch, channels',
    ],
    [
      'a panel made where the room is empty alone',
      'pack(w + i * patch, channels',
      'if (!load<i64>(WORK + PANEL)) pack(w + i * patch, channels',
    ],
    [
      'the room without a bound',
      'count * 8 <= WORK_BYTES ? WORK + PANEL + panel : 0',
      'count * 8 > 0 ? WORK + PANEL + panel : 0',
    ],
    ['the scale of the first eight channels', 'pair + i * stride, channels', 'pair, channels'],
    [
      'biases of the lower four channels for the upper',
      'let b = biases(WORK + 16);',
      'let b = biases(WORK);',
    ],
    ['rows of windows half as far apart', '  across <<= 1;\n', ''],
    ['the last window left out', 'i < count; i++, to += pixel)', 'i < count - 1; i++, to += pixel)'],
    ['windows behind fours from the first on', 'oneWindow(x + i * step', 'oneWindow(x + (i - fours) * step'],
    [
      'outputs of fewer than eight channels at another pixel',
      'from < WORK + WORK_BYTES; from += 8, at += pixel)',
      'from < WORK + WORK_BYTES; from += 8, at += 8)',
    ],
    ['taps of one input in the order of channels', 'const b = tapOr0(at + size,', 'const b = tapOr0(at + 1,'],
  ]),
  ...of('assembly/kernels/conv_panels.ts', 'lanes', [
    [
      'scales of the first group asked for alone',
      'if (!lanesScale(op, groupRequant(op, first, size), size)) return false;',
      'if (first == from && !lanesScale(op, groupRequant(op, first, size), size)) return false;',
    ],
    [
      'weights of the first group',
      'load<usize>(op, OP_WEIGHTS) + first * patch,\n      size',
      'load<usize>(op, OP_WEIGHTS),\n      size',
    ],
    ['outputs of a group at those of the first', 'const to = output + first - from;', 'const to = output;'],
    ['the last row of the map not widened', 'rows * across, x);', '(rows - 1) * across, x);'],
  ]),
  ...of('assembly/kernels/requantize_lanes.ts', 'lanes', [
    [
      'the upper clamp of eight left out',
      'i8x16.min_s(i8x16.narrow_i16x8_s(y, y), v128.load(at, MOST));',
      'i8x16.narrow_i16x8_s(y, y);',
    ],
    [
      'limits left out whatever sums reach',
      'return !v128.any_true(i32x4.gt_u(i32x4.abs(start), room));',
      'return true;',
    ],
    ['signs left out whatever the clamp', 'lower && upper && negative ?', 'lower && upper ?'],
    [
      'signs left out whatever the clamp, of one scale for all',
      'if (load<i32>(at, ALIKE_CLAMPED)) allAlike(true,',
      'if (load<i32>(at, ALIKE_MULTIPLIER)) allAlike(true,',
    ],
    [
      'signs left out where negative sums reach above the clamp',
      '<i32>load<i16>(op, OP_OUTPUT_ZERO_POINT)),\n    ALIKE_CLAMPED',
      '<i32>load<i16>(op, OP_OUTPUT_ZERO_POINT) - 40),\n    ALIKE_CLAMPED',
    ],
    ['eight outputs behind sixteens left out', 'if (!(count & 8)) return;', 'return;'],
    [
      'the scale of the lower four for the upper',
      'scalePrepared(scaling, high, at + 16)',
      'scalePrepared(scaling, high, at)',
    ],
    ['the first channel for those that lack', 'const from = min(i, count - 1);', 'const from = 0;'],
    [
      'one scale for all where each channel has its own',
      'if (load<i32>(op, OP_REQUANT_STRIDE)) return false;\n',
      '',
    ],
  ]),
  ...of('assembly/kernels/depthwise_lanes.ts', 'lanes', [
    ['the last eight channels behind the end', 'const first = min(i, size - 8);', 'const first = i;'],
    [
      'scales of the eight channels before',
      'prepareEight(op, bias + (at << 2), pair + at * stride, 8,',
      'prepareEight(op, bias + (at << 2), pair, 8,',
    ],
    ['the window after an even count from the first', 'x += (count & ~1) * pixel;', ''],
  ]),
  ...of('assembly/kernels/karatsuba_lanes.ts', 'lanes', [
    [
      'the last eight added to the cyclic',
      'const last = i16x8.sub(f0, f1);',
      'const last = i16x8.add(f0, f1);',
    ],
    ['halves of 64 the wrong way', 'join64(s + 16, s + 416, to);', 'join64(s, s + 416, to);'],
    ['sums of 32 by the first third', 'join32(s, 0, 1, 2, 8, to);', 'join32(s, 0, 1, 1, 8, to);'],
  ]),
  ...of('assembly/kernels/circulant_karatsuba_s8.ts', 'lanes', [
    [
      'four rows by the weights of two',
      'const v = look(from + bytes, bytes, room);',
      'const v = look(from, bytes, room);',
    ],
    [
      'every other four rows by the weights before',
      'load<usize>(op, OP_WEIGHTS) + (row >> 1) * bytes;',
      'load<usize>(op, OP_WEIGHTS) + (row >> 3) * bytes * 4;',
    ],
    [
      'any count of outputs by eights',
      'if (alike && !(count & 7)) requantizeAlike',
      'if (alike) requantizeAlike',
      'equivalent: a layer’s last outputs alone may be no eights; what is written behind them is in the room of their block, and is not put',
    ],
  ]),
];
