// Small changes of the planner, the memory rule, C files and what emits C.
import { of } from './mutant.js';

export const HOST = [
  ...of('host/plan/buffers.ts', 'plan', [
    ['buffers freed an op early', 'other.last < first ||', 'other.last <= first ||'],
    ['buffers freed before they are read', 'step >= dies', 'step >= born'],
    ['gaps of any size', 'from + buffer.bytes <= other.from', 'from <= other.from'],
    ['buffers not moved past others', 'Math.max(from, other.to)', 'from'],
    ['buffers placed out of order', 'index < 0 ? placed.length : index', 'placed.length', 'test:buffers'],
    ['buffers moved before others', 'align(from + buffer.bytes)', 'from + ALIGNMENT'],
    ['no commit where buffers overlap', 'if (clash) {', 'if (false) {'],
    ['a commit one op late', 'steps[index - 1]', 'steps[index]'],
    ['reads not remembered', 'read.push(...reads.map(({ buffer }) => buffer));', ''],
    [
      'overlaps by their starts alone',
      'b.address < writes.address + writes.bytes && writes.address < b.address + b.bytes',
      'b.address === writes.address',
    ],
    ['reads kept over a commit', '      read = [];\n', '', 'equivalent: more commits than need be'],
  ]),
  ...of('host/ops/dense.ts', { test: 'room' }, [
    [
      'the largest tiles of dense layers alone',
      '(whole, limits), ...cutsOfParts(whole, limits)]',
      '(whole, limits)].slice(0, 0)',
    ],
  ]),
  ...of('host/ops/dense.ts', { test: 'lines' }, [
    ['any tiles of dense layers below a line', 'group >= Math.min(unit, outputs)', 'true'],
  ]),
  ...of('host/plan/learning/plan.ts', 'plan', [
    [
      'replays of the sample that came last',
      'kept.address = Group.SAMPLE << GROUP_SHIFT',
      'kept.address = Group.SPARE << GROUP_SHIFT',
      'test:learn-device',
    ],
    [
      'inferences that keep nothing',
      'if (spec.late && kept !== inference.input)',
      'if (false)',
      'test:learn-device',
    ],
  ]),
  ...of('host/plan/learning/plan.ts', { test: 'learn-device' }, [
    ['entries as long as inputs', 'entryBytes: kept.bytes', 'entryBytes: inference.input.bytes'],
  ]),
  ...of('host/plan/learning/program.ts', { test: 'wipe' }, [
    ['an inference that wipes before it commits', 'commits: spec.wipes }', 'commits: false }'],
    ['a learn job that wipes before it commits', 'nowhere, [], spec.wipes);', 'nowhere, [], false);'],
    ['lanes not wiped', 'bytes: this.laneBytes * laneCountOf(spec)', 'bytes: 16'],
    ['one lane wiped', 'bytes: this.laneBytes * laneCountOf(spec)', 'bytes: this.laneBytes'],
    [
      'scratch not wiped',
      'sizeWipe(composer.wipeScratch, start, end - start)',
      'sizeWipe(composer.wipeScratch, start, 16)',
    ],
    ['inferences that do not wipe', '...wipeSpare(given, false)', ''],
    ['learn jobs that do not wipe', 'this.#wipe();', ';'],
  ]),
  ...of('host/plan/learning/program.ts', { test: 'learn-device' }, [
    ['sums of errors without their mask', 'if (last && masked)', 'if (false)'],
    ['a sum that stops at two', 'add(sum, cameBack(term), term', 'add(error, cameBack(term), term'],
    [
      'an input that two layers read kept in two places',
      ' || this.#inputs.has(buffer)',
      '',
      'equivalent: lanes are larger than need be; both layers read the last one',
    ],
  ]),
  ...of('host/learning/derive.ts', { test: 'learning-mirror' }, [
    ['sums with a ReLU not masked', "(isWeighted(op) || op.kind === 'add')", 'isWeighted(op)'],
    ['one σ for what comes back from all readers', 'sigma / first', 'first / first'],
    ['a tensor with one reader of several', 'roots[input] === tensor ? [own] : []', 'false ? [own] : []'],
  ]),
  ...of('host/learning/derive.ts', { test: 'learning-spec' }, [
    ['the ring keeps what one branch reads', 'isCut && learning', 'learning'],
    [
      'the ring keeps the lowest tensor, not the highest',
      'let index = ops.length - 1; index >= 0; index--',
      'let index = 0; index < ops.length; index++',
    ],
    ['the ring keeps a tensor above what learns', 'learning.every((op) => forward.includes(op))', 'true'],
  ]),
  ...of('host/learning/reach.ts', { test: 'learning-spec' }, [
    [
      'errors past a reader that stops them',
      'for (const input of op.inputs)',
      'for (const input of op.inputs.slice(1))',
    ],
  ]),
  ...of('host/plan/learning/sums.ts', { test: 'wipe' }, [
    ['a head by sums that wipes before it commits', 'writes: nowhere, commits }', 'writes: nowhere }'],
    ['one entry wiped of those folded in', ', base + steps.indexOf(step))', ', 0)'],
    ['inferences that do not wipe', ', wait, ...wipe(false)]', ', wait]'],
  ]),
  ...of('host/plan/learning/path.ts', { test: 'wipe' }, [
    ['the sample wiped', 'OpKind.WIPE ? 0 : given', 'OpKind.WIPE ? given : given'],
  ]),
  ...of('host/verify/job.ts', { test: 'wipe' }, [
    ['what a job settled counted from its end', 'const settled = wipes + 1;', 'const settled = last;'],
  ]),
  ...of('host/plan/planner.ts', 'plan', [
    ['slots of 48 bytes', 'const SLOT_STRIDE = 64', 'const SLOT_STRIDE = 48'],
    [
      'input over the diagnostics',
      'align(diagnosticsOffset + DIAGNOSTICS_BYTES)',
      'align(diagnosticsOffset)',
    ],
    ['output over the input', 'align(inputBuffer.address + inputBuffer.bytes)', 'align(inputBuffer.address)'],
    [
      'activations over the output',
      'align(outputBuffer.address + outputBuffer.bytes)',
      'align(outputBuffer.address)',
    ],
    ['slots over the state’s record', 'const slotsOffset = SLOT_STRIDE;', 'const slotsOffset = 0;'],
    ['diagnostics in the second slot', 'slotsOffset + 2 * SLOT_STRIDE;', 'slotsOffset + SLOT_STRIDE;'],
    [
      'every op is plain',
      '!record.isLearning && recordOp(record).isPlain(record)',
      '!record.isLearning',
      'test:kernels',
    ],
    ['commits not marked', '  markCommits(inferring);\n', ''],
    ['inputs at the start of their buffer', 'buffer.address + inside', 'buffer.address'],
    [
      'outputs at the start of their buffer',
      'writes.address + (lowered.outputOffset ?? 0)',
      'writes.address',
    ],
  ]),
  ...of('host/plan/footprint.ts', 'plan', [
    [
      'windows of the first tile',
      'Math.max(first * strideX - leftPadding, 0)',
      'Math.max(0 - leftPadding, 0)',
    ],
    ['rows of the first tile', 'const row = Math.floor(segment / perRow);', 'const row = 0;'],
    ['columns of the first tile', 'const first = (segment % perRow) * columns;', 'const first = 0;'],
    ['columns beyond the edge', 'Math.min(first + columns, outputWidth) - 1', 'first + columns - 1'],
    ['parts one too many', 'Math.ceil(channelCount / part)', 'Math.ceil((channelCount + 1) / part)'],
  ]),
  ...of('host/plan/memory-rule.ts', { test: 'plan' }, [
    ['reads not noted', '        readIn.fill(segment, read[0], read[1]);\n', ''],
    ['segments that never end', 'segment++;', ';'],
    ['clashes passed over', 'if (clash >= 0)', 'if (clash > 1e9)'],
    ['the input is anybody’s', 'if (write[0] < keep[1] && keep[0] < write[1])', 'if (false)'],
  ]),
  ...of('firmware/brownout.c', { test: 'provision-c' }, [
    [
      'the header written at once',
      'brownout_nvm_write(4, brownout_first_state + 4, BROWNOUT_STATE_BYTES - 4)',
      'brownout_nvm_write(0, brownout_first_state, BROWNOUT_STATE_BYTES)',
    ],
    [
      'the second slot not cleared',
      '  brownout_nvm_write(BROWNOUT_SLOT1, zeros, BROWNOUT_CURSOR_BYTES);\n',
      '',
    ],
    [
      'no barrier before the magic',
      'BROWNOUT_CURSOR_BYTES);\n  brownout_nvm_sync();\n  brownout_nvm_write(0, brownout_first_state, 4);',
      'BROWNOUT_CURSOR_BYTES);\n  brownout_nvm_write(0, brownout_first_state, 4);',
    ],
    ['the old magic left', '  brownout_nvm_write(0, zeros, 4);\n  brownout_nvm_sync();\n', ''],
    [
      'diagnostics not cleared',
      '  brownout_nvm_write(BROWNOUT_DIAGNOSTICS, zeros, BROWNOUT_DIAGNOSTICS_BYTES);\n',
      '',
      'equivalent: a count without its checksum is none, and one with it is of another cursor',
    ],
    ['no first cursor', '  brownout_nvm_write(BROWNOUT_SLOT0, cursor, BROWNOUT_CURSOR_BYTES);\n', ''],
    [
      'no barrier after the magic',
      'brownout_nvm_write(0, brownout_first_state, 4);\n  brownout_nvm_sync();\n}',
      'brownout_nvm_write(0, brownout_first_state, 4);\n}',
    ],
  ]),
  ...of('firmware/brownout_nvm_file.c', 'model', [
    ['a barrier without fsync', 'if (fsync(nvm_file()) != 0) brownout_trap();', ';'],
    ['a short write taken for all of it', '    length -= (uint32_t)written;\n', '    length = 0;\n'],
    ['the rest of a short write from its start', '    from += written;\n', ''],
    ['the rest of a short write at its start', '    address += (uint32_t)written;\n', ''],
  ]),
  ...of('firmware/brownout_nvm_eeprom.c', 'model', [
    [
      'a barrier that does not wait',
      'void brownout_nvm_sync(void) {\n  settle();\n}',
      'void brownout_nvm_sync(void) {\n}',
    ],
    ['a read that does not wait', '  settle();\n  spi_read(', '  spi_read('],
    ['pieces over the end of a page', 'length < room ? length : room;', 'length;'],
    ['pages counted from the region', '(BROWNOUT_NVM_ADDRESS + address) % BROWNOUT', 'address % BROWNOUT'],
    [
      'bytes that are there written again',
      '  if (memcmp(brownout_nvm_view(address, length, old), from, (size_t)length) == 0) return;\n',
      '  brownout_nvm_view(address, length, old);\n',
      'equivalent: the same bytes again, but for wear',
    ],
  ]),
  ...of('firmware/brownout_nvm_flash.c', 'model', [
    [
      'a record that did not take believed',
      'while (memcmp(record_at(location), &record, sizeof record) != 0);',
      'while (0);',
    ],
    ['a header that did not take believed', 'while (!has_head(page));', 'while (0);'],
    [
      'the monitor ignored',
      'if (brownout_power_low() && free_pages() + (uint32_t)has_room() > 1u) return;',
      ';',
    ],
    ['cold pages left cold', '  reclaim(cold);\n', ''],
    ['a reserve of two pages', 'BROWNOUT_LOG_RESERVE = 3 }', 'BROWNOUT_LOG_RESERVE = 2 }'],
    [
      'what is there already written again',
      '  if (old && memcmp(old, nvm_log.buffer, sizeof nvm_log.buffer) == 0) return;\n',
      '  (void)old;\n',
    ],
    ['a reserve of no page', 'free_pages() < BROWNOUT_LOG_RESERVE - 1 || !has_room()', '!has_room()'],
    [
      'a barrier that writes nothing',
      'void brownout_nvm_sync(void) {\n  flush();',
      'void brownout_nvm_sync(void) {',
    ],
    [
      'a sector left unwritten',
      '      flush();\n      nvm_log.sector = BROWNOUT_LOG_NONE;',
      '      nvm_log.sector = BROWNOUT_LOG_NONE;',
    ],
    ['never dirty', '    nvm_log.is_dirty = 1;\n', ''],
    [
      'always dirty',
      '  nvm_log.is_dirty = 0;\n',
      '',
      'equivalent: what is there already is not written again',
    ],
    ['the count of what lives kept', '  nvm_log.pages[nvm_log.active].live++;\n', ''],
  ]),
];
