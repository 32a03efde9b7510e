// Small changes of a head that learns by sums.
import { of } from './mutant.js';

export const SUMS = [
  ...of('assembly/sums/due.ts', 'learning', [
    ['the own sample not counted', 'countOf(state, EntryKind.LEARN) + 1', 'countOf(state, EntryKind.LEARN)'],
    ['always due', 'const due = waiting >=', 'const due = waiting != 0 || waiting >='],
    ['the turn not said', '  store<u8>(CURSOR, u8(due), C_TURN);\n', ''],
  ]),
  ...of('assembly/sums/fold.ts', 'learning', [
    [
      'sums where they were',
      'put(load<usize>(op, OP_OUTPUT) + offset,',
      'put(load<usize>(op, SUMS_AT) + offset,',
    ],
    ['samples without a label', '!= EntryKind.LEARN', '!= EntryKind.UNLABELLED'],
    ['counts of half a sample', 'count += SIXTEENTHS;', 'count += SIXTEENTHS >> 1;'],
    ['totals of every class', 'if (load<i32>(at, 4) != c) continue;', ''],
    ['products above the diagonal', 'factor * <i32>load<i8>(p + j)', 'factor * <i32>load<i8>(p + row)'],
    ['never halved', 'i32(largest(op) >= MOST_SUM)', '0', 'test:sums-device'],
    ['counts never halved', '  count >>= halved;\n', '', 'test:sums-device'],
    [
      'products never halved',
      'load<i32>(sums + (j << 2)) >> halved',
      'load<i32>(sums + (j << 2))',
      'test:sums-device',
    ],
    ['decay the other way', 'value - (value >> decay)', 'value + (value >> decay)'],
    ['the spare entry for the own', 'given ? given - 1 :', 'given ? load<u8>(CURSOR, C_SAMPLE + 2) :'],
    ['the own entry one on', 'given ? given - 1 :', 'given ? given :'],
    [
      'halvings not counted',
      'load<u32>(header, SUMS_HALVINGS) + load<u32>(list(op), HALVED)',
      'load<u32>(header, SUMS_HALVINGS)',
      'test:sums-device',
    ],
    ['samples counted by one', '+ load<u32>(list(op)), SUMS_SAMPLES', '+ 1, SUMS_SAMPLES'],
  ]),
  ...of('assembly/sums/factor.ts', 'learning', [
    ['no ridge', 'j == row ? entry + load<i64>(found) : entry', 'entry'],
    ['scatter of all', '- (load<i64>(at) >> 8);', ';'],
    [
      'rows of the row before',
      'look(to + triangle(j), (j + 1) << 2, scratch)',
      'look(to + triangle(max(j - 1, 0)), (j + 1) << 2, scratch)',
    ],
    ['half a row', 'product(scaled, other, j) >> 16', 'product(scaled, other, j >> 1) >> 16'],
    ['the diagonal not taken down', '(product(scaled, output, row) >> 16)', '0'],
  ]),
  ...of('assembly/sums/solve.ts', 'learning', [
    ['not gone back', '      goBack(op, weights);\n', ''],
    ['back from the row before', 'let k = rankOf(op) - 1; k > 0', 'let k = rankOf(op) - 2; k > 0'],
    ['constants of the other sign', '-(sum >> 9)', 'sum >> 9'],
    ['halfway over what is solved', 'put(to + index * bytes,', 'put(to + c * bytes,'],
  ]),
  ...of('assembly/sums/expand.ts', 'learning', [
    ['the mean over classes stays', ' - load<i64>(middle + (i << 3))', ''],
    ['scales of directions left out', 'weight << load<u8>(found + i, RAISE)', 'weight'],
    [
      'classes that are not there',
      '    if (!isPresent(op, c, scratch)) continue;\n    const solution = solutionOf(op, c);\n    count++;',
      '    const solution = solutionOf(op, c);\n    count++;',
    ],
    ['parts at the start', 'put(to + (from << 2), sums,', 'put(to, sums,'],
  ]),
  ...of('assembly/sums/requantize.ts', 'learning', [
    ['weights rounded down', '* factor + (1 << 30)) >> BITS', '* factor) >> BITS'],
    ['biases without the centre', '/ <i64>load<i32>(found)) - middle', '/ <i64>load<i32>(found))'],
    [
      'weights into the bank in force',
      'put(load<usize>(op, OP_OUTPUT) + c * inputs + from,',
      'put((load<usize>(op, OP_OUTPUT) ^ (3 << 24)) + c * inputs + from,',
    ],
    ['one scale for all', 'c * stride, found + MULTIPLIER', '0, found + MULTIPLIER'],
    ['absent classes like others', 'if (isPresent(op, c, scratch))', 'if (true)'],
  ]),
  ...of('assembly/sums/settle.ts', 'learning', [
    [
      'samples stay and are added again',
      'if (i == own || load<u16>(entry, E_KIND_OF) == EntryKind.LEARN)',
      'if (i == own)',
    ],
    ['the own sample stays', 'if (i == own || load<u16>', 'if (load<u16>'],
    ['the bank not flipped', 'banks = freeBank() |', 'banks = banks & 15 |'],
    [
      'inferences of learn jobs settled',
      '  if (!learn && load<u32>(CURSOR, C_KIND) == JobKind.LEARN) return;\n',
      '',
    ],
    [
      'a sample that waits is dropped',
      'oldest(state, EntryKind.UNLABELLED, -1)',
      'oldest(state, EntryKind.LEARN, -1)',
    ],
    ['the state where it was', 'put(Group.STATE_NEXT << GROUP_SHIFT,', 'put(Group.STATE << GROUP_SHIFT,'],
    ['updates not counted', 'store<u32>(CURSOR, load<u32>(CURSOR, C_STEP) + 1, C_STEP);', ''],
  ]),
];
