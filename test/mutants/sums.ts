// Small changes of a head that learns by sums.
import { of } from './mutant.js';

export const SUMS = [
  ...of('assembly/sums/due.ts', 'learning', [
    ['the own sample not counted', 'countOf(state, EntryKind.LEARN) + 1', 'countOf(state, EntryKind.LEARN)'],
    ['always due', 'const due = waiting >=', 'const due = waiting != 0 || waiting >='],
    ['on to forgetting', '  if (next) jump(next);\n', '  if (!due) jump(next);\n'],
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
    ['products of one value', 'factor * <i32>load<i8>(p))', 'factor * <i32>load<i8>(last))'],
    ['never halved', 'i32(largest(op) >= MOST_SUM)', '0', 'test:sums-device'],
    ['counts never halved', '  count >>= halved;\n', '', 'test:sums-device'],
    [
      'products never halved',
      'load<i32>(sums + (j << 2)) >> halved',
      'load<i32>(sums + (j << 2))',
      'test:sums-device',
    ],
    [
      'decay the other way',
      'load<i32>(to) - (load<i32>(to) >> decay)',
      'load<i32>(to) + (load<i32>(to) >> decay)',
    ],
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
  ...of('assembly/sums/forget.ts', 'learning', [
    ['sums of the factory as they were', '>> halved);\n}', '>> 0);\n}', 'test:sums-device'],
    ['samples forgotten not counted', ' + learnt, SUMS_FORGOTTEN);', ', SUMS_FORGOTTEN);'],
    ['the class stays', 'else if (index == c) classTile', 'else if (index < 0) classTile'],
    [
      'means stay',
      'look(from + meansAt(op, c), rank',
      'look(load<usize>(op, SUMS_AT) + meansAt(op, c), rank',
    ],
    ['products of another class', 'addShare(op, c, row, from, 0, -1', 'addShare(op, 0, row, from, 0, -1'],
    ['the factory’s share left out', '  addShare(op, c, row, factoryAt(op), halved, 1, sums);\n', ''],
    ['a count of nothing divides', '  if (count <= 0) return;\n', ''],
    ['on to the fold', '  jump(load<i32>(op, FORGET_FACTOR));\n', ''],
    ['the turn of a fold', 'store<u8>(CURSOR, TURN_FORGETS,', 'store<u8>(CURSOR, TURN_FORGETS - 1,'],
    [
      'sums where they were',
      'put(load<usize>(op, OP_OUTPUT) + productsAt',
      'put(load<usize>(op, SUMS_AT) + productsAt',
    ],
  ]),
  ...of('assembly/sums/factor.ts', 'learning', [
    ['no ridge', 'if (column + j == first + t) entry += load<i64>(found);', ''],
    ['scatter of all', ' - (load<i64>(sums + (slot << 3)) >> 8);', ';'],
    [
      'rows of the row before',
      'look(to + triangle(j), (j + 1) << 2, op',
      'look(to + triangle(max(j - 1, 0)), (j + 1) << 2, op',
    ],
    ['the diagonal not taken down', '(product(own, apart, mine, i) >> 16)', '0'],
    [
      'the ridge by the first rows',
      'for (let first = 0; first < rank; first += rows) {',
      'for (let first = 0; first < 1; first += rows) {',
    ],
    ['means of the first rows', '(first << 1), count << 1, factors', '0, count << 1, factors'],
    ['rows of the tile apart', 'for (let s = 0; s < t; s++) {', 'for (let s = 0; s < 0; s++) {'],
  ]),
  ...of('assembly/sums/rows.ts', 'learning', [
    [
      'half a row',
      'const end = row + (count << 2); row < end; row += 4, columns',
      'const end = row + ((count >> 1) << 2); row < end; row += 4, columns',
    ],
    [
      'the fourth column like the third',
      'd += <i64>load<i32>(columns, 12) * value;',
      'd += <i64>load<i32>(columns, 8) * value;',
    ],
    [
      'the second factor like the first',
      'const b: i64 = load<i32>(factors, 4);',
      'const b: i64 = load<i32>(factors);',
    ],
    ['the third sum left alone', '    store<i64>(sums, load<i64>(sums, 16) + c * value, 16);\n', ''],
  ]),
  ...of('assembly/sums/place.ts', 'learning', [
    ['pivots of a bit more', 'const bits = 32 - clz(d);', 'const bits = 33 - clz(d);'],
    ['the reciprocal for the quotient', '(PIVOT_BITS - up + (pivot & 31))', '(PIVOT_BITS - up)'],
  ]),
  ...of('assembly/sums/solve.ts', 'learning', [
    ['not gone back', 'if (halfway) goBack(op, values, group);', 'if (halfway) return;'],
    ['back from the row before', 'let k = rankOf(op) - 1; k >= 0', 'let k = rankOf(op) - 2; k >= 0'],
    ['constants of the other sign', '-(sum >> 9)', 'sum >> 9'],
    ['halfway over what is solved', '(solved ? classesOf(op) + c : c) * bytes', 'c * bytes'],
    ['weights added, not taken off', '(t << 2), -weight)', '(t << 2), weight)'],
    ['pivots of the first direction', 'triangle(i) + (i << 2);', 'triangle(0);'],
    ['the first class for all', 'load<i64>(sums + (t << 3)) >> 16', 'load<i64>(sums) >> 16'],
  ]),
  ...of('assembly/sums/requantize.ts', 'learning', [
    ['the mean over classes stays', ' - load<i64>(middle + (i << 3))', ''],
    [
      'classes that are not there',
      '    if (!isPresent(op, c, op + load<usize>(op, OP_SCRATCH3))) continue;\n',
      '',
    ],
    ['weights rounded down', '* factor + (1 << 30)) >> BITS', '* factor) >> BITS'],
    ['the mean constant stays', ' - load<i64>(found, CONSTANT);\n    bias', ';\n    bias'],
    [
      'weights into the bank in force',
      'put(load<usize>(op, OP_OUTPUT) + c * inputs,',
      'put((load<usize>(op, OP_OUTPUT) ^ (3 << 24)) + c * inputs,',
    ],
    ['the factory’s logits count on', 'memory.fill(row, 0, inputs);', 'memory.fill(row, 0, rank);'],
    [
      'absent classes like others',
      'const here = isPresent(op, c, row);',
      'const here = isPresent(op, c, row) || true;',
    ],
  ]),
  ...of('assembly/sums/settle.ts', 'learning', [
    ['samples stay and are added again', 'if (i == own || waits)', 'if (i == own)'],
    ['the own sample stays', 'if (i == own || waits)', 'if (waits)'],
    ['all that waits is forgotten', 'forgets ? y : -1', '-1'],
    ['a job that forgets counts as a label', 'if (!forgets) observe', 'observe'],
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
