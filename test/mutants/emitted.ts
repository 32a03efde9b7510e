// Small changes of what turns a module into C, of the C around it, and of what holds the two together.
import { of } from './mutant.js';

export const EMITTED = [
  ...of('host/firmware/emit-function.ts', { test: 'emit-c' }, [
    [
      'nothing settled before a store',
      'throw unsupported(opcode, start);\n      this.#settleFixed();',
      'throw unsupported(opcode, start);',
    ],
    [
      'nothing settled before a call',
      'const values = type.params.map(() => this.#pop()).reverse();\n    this.#settleFixed();',
      'const values = type.params.map(() => this.#pop()).reverse();',
    ],
    ['nothing settled before a local changes', 'this.#settle(({ locals }) => locals.has(index));', ''],
    ['nothing settled before a block', 'fixed || locals.size > 0', 'fixed && locals.size > 0'],
    ['a choice that computes one of the two alone', 'choose(test, ready(a), ready(b))', 'choose(test, a, b)'],
  ]),
  ...of('firmware/brownout_wasm.h', { test: 'emit-c' }, [
    ['a remainder by −1', 'return b == 0xffffffffu ? 0 : (uint32_t)(', 'return (uint32_t)('],
    [
      'the least number by −1',
      'if (b == 0 || (a == 0x80000000u && b == 0xffffffffu)) brownout_trap();',
      'if (b == 0) brownout_trap();',
    ],
  ]),
  ...of('firmware/brownout_wasm.h', { test: 'accel' }, [
    [
      'a carry of a Cortex-M0+’s product lost',
      'adds r4, r3\\n\\tadcs r1, r0',
      'adds r4, r3\\n\\tadds r1, r0',
    ],
  ]),
  ...of('firmware/brownout_accel.h', { test: 'accel' }, [
    ['saturated at 9 bits', '"ssat %0, #8, %1, asr #1"', '"ssat %0, #9, %1, asr #1"'],
    [
      'no barrier before sums by the DSP extension',
      '#define BROWNOUT_ACCEL_BEGIN() __asm__ volatile("" : : : "memory")',
      '#define BROWNOUT_ACCEL_BEGIN() ((void)0)',
      'a word to compilers: gcc 12 moves stores without it, but none behind a load that needs it (test accel, Cortex-M4 and M33)',
    ],
  ]),
  ...of('firmware/brownout_accel_signs.h', { test: 'accel' }, [
    ['a sign the other way', 'STEP(12, 3, +)', 'STEP(12, 3, -)'],
    [
      'sums of more fours than 16 bits hold',
      '#define BROWNOUT_ACCEL_SIGNS_MOST 63u',
      '#define BROWNOUT_ACCEL_SIGNS_MOST 255u',
    ],
    [
      'bits of the next four',
      'BROWNOUT_ACCEL_SIGNS_ADD(a, b, 3, 4, 7);',
      'BROWNOUT_ACCEL_SIGNS_ADD(a, b, 3, 0, 7);',
    ],
    [
      'sums of codes not brought to weights',
      'const int32_t less = twice + (twice >> 1);',
      'const int32_t less = twice;',
    ],
    ['upper bits of codes beside others', 'orr r10, r10, r10, lsr #3', 'orr r10, r10, r10, lsr #2'],
    [
      'two words of codes of which the first is left out',
      'it cs\\n\\taddcs r4, #1\\n\\tbcs.w 2f',
      'it cs\\n\\taddcs r4, #0\\n\\tbcs.w 2f',
    ],
  ]),
  ...of('firmware/brownout_accel_nibbles.h', { test: 'accel' }, [
    [
      'sums of 512 products of 4 bits taken for negative',
      'return ((int32_t)((uint32_t)scaled - 4096u) >> 12) + 1;',
      'return scaled >> 12;',
    ],
  ]),
  ...of('firmware/brownout_accel_halves.h', { test: 'accel' }, [
    ['eight times the values not taken off', 'return sum * 8;', 'return sum * 0;'],
    ['both halves of a sum without the borrow', '*sum - (uint32_t)lower', '*sum'],
    ['a sum that goes on', '  *sum = 0;\n', ''],
    [
      'the upper four weights of a row twice',
      '(row) >> 16 | ((next) & 0xffff0000u)',
      '(row) >> 16 | (next) << 16',
    ],
    ['a byte beyond the last of a row', 'count = (count + 1u) >> 1', 'count = count >> 1'],
    [
      'two rows of a sixteen too few',
      '{{sums[0], sums[1], sums[2], sums[3]}, length >> 4, w}',
      '{{0, 0, 0, 0}, length >> 4, w}',
    ],
    [
      'three eights in a sum of halves',
      'length > 15u; length -= 16u) {\n    BROWNOUT_ACCEL_NIBBLES_EIGHT();',
      'length > 23u; length -= 24u) {\n    BROWNOUT_ACCEL_NIBBLES_EIGHT();\n    BROWNOUT_ACCEL_NIBBLES_EIGHT();',
    ],
    [
      'borrow of the first two rows lost on a Cortex-M3',
      'sub r5, r11\\n\\tadd r8, r8, r5, asr #16',
      'add r8, r8, r5, asr #16',
    ],
    [
      'words of two rows halved the other way on a Cortex-M3',
      'bfi " next ", r11, #0, #16',
      'bfi " next ", r11, #8, #16',
    ],
  ]),
  ...of('firmware/brownout_accel_circulant.h', { test: 'accel' }, [
    ['columns turned one too far', 'w[(0u - at) & (k - 1u)]', 'w[(1u - at) & (k - 1u)]'],
    [
      'a part of a row from its beginning',
      'turned += (brownout_accel_size)(k - first) * (brownout_accel_size)blocks;',
      'turned += (brownout_accel_size)k * (brownout_accel_size)blocks;',
    ],
    ['the bias of the first row', '    out.bias += 4;\n', ''],
  ]),
  ...of('firmware/brownout_accel_lea.h', { test: 'accel' }, [
    [
      'rubbish of a busy LEA taken for a sum',
      'return !(msp_lea_ifg & (LEACOVLIFG | LEAOORIFG | LEASDIIFG));',
      'return 1;',
    ],
    ['twice the sum', 'return accel_lea_sum[0] >> 1;', 'return accel_lea_sum[0];'],
    ['rows of an odd length with what lay behind them', '  if (length & 1u) to[length] = 0;\n', ''],
    ['the first piece of a vector again', 'piece += n;', 'piece += 0u;'],
    ['inputs of an odd number of blocks where they lie', 'met + (odd ? length : 0u)', 'met'],
    [
      'columns of the row behind the last',
      'accel_lea_lay(x, w, k, blocks, first + rows - 1u, rows);',
      'accel_lea_lay(x, w, k, blocks, first + rows, rows);',
    ],
    ['blocks that are left taken for as many as before', 'if (together > left) together = left;', ''],
  ]),
  ...of('firmware/brownout_accel_lea_windows.h', { test: 'accel' }, [
    ['parts of weights that are not multiples of 16', '((w + 8) & 15) - 8', '((w + 7) & 15) - 8'],
    [
      'pieces whose sums 16 bits do not hold',
      '#define BROWNOUT_ACCEL_LEA_PIECE 30u',
      '#define BROWNOUT_ACCEL_LEA_PIECE 62u',
    ],
    ['upper parts 8 times', 'at[0] * 16 + at[1]', 'at[0] * 8 + at[1]'],
    ['the first columns for each piece', 'accel_lea_ram + first * job->unit;', 'accel_lea_ram;'],
    ['weights of the first piece for each', 'weights + first * job->pixel,', 'weights,'],
    ['windows side by side whatever their stride', 'v++, window += skip)', 'v++, window += job->unit)'],
    [
      'an odd window left to what lay there',
      '    if (held & 1u) accel_lea_copy(from + (held - 1u) * skip, skip, length, 1, a + held * length);\n',
      '',
    ],
    [
      'rubbish of a busy LEA taken for a product',
      'if (accel_lea_command(a, &accel_lea_row_of, LEACMD__MPYMATRIXROW)) continue;',
      'if (accel_lea_command(a, &accel_lea_row_of, LEACMD__MPYMATRIXROW) || accel_lea_taken) continue;',
    ],
    [
      'a column of an odd number of values not ended by 0',
      'if (job->height * job->pixel & 1u) *to++ = 0;',
      'if (job->height * job->pixel & 1u) to++;',
    ],
  ]),
  ...of('firmware/brownout_msp430_asm.S', { test: 'lea' }, [
    ['a result near to where it rounds taken', '  cmp #29,r14\n', '  cmp #31,r14\n'],
    ['upper bits of a sum that they do not hold', '  jne nearer\n', ''],
  ]),
  ...of('firmware/brownout_msp430_lea_asm.S', { test: 'lea' }, [
    ['lower parts of weights without a sign', '  add #8,r10\n  bic #15,r10\n', '  bic #15,r10\n'],
    ['one piece too few', '  mov #5f,r7\n', '  mov #5f+4,r7\n'],
  ]),
  ...of('firmware/brownout.c', { test: 'bounds' }, [
    ['another plan taken', '  if (!is_steered()) return BROWNOUT_E_PLAN;\n', ''],
  ]),
  ...of('host/model/signature.ts', { test: 'sign' }, [
    ['sections not signed', '.update(sections).digest()', '.digest()'],
    ['any signer', 'signature?.signedBy === expected', 'signature !== undefined'],
    [
      'any signature',
      'return verifyBytes(null, message, object, signature);',
      'return object !== undefined;',
    ],
  ]),
  ...of('host/firmware/compare-c.ts', { test: 'compare-c' }, [
    ['what is done compared alone', '[0, 1, 2, 3].every', '[0].every'],
    [
      'C that ends early taken',
      'Math.max(expected.length, found.length)',
      'Math.min(expected.length, found.length)',
    ],
  ]),
];
