// What the loops of firmware/brownout_accel.h and brownout_accel_plain.h have to do, for rows of int8 weights times vectors.
import type { Body } from './cost.js';
import type { Counts } from './work.js';

/** Rows that go `step` at a time: groups, the last of which may begin earlier, and rows by themselves (accel_together). */
function together(rows: number, step: number): { groups: number; alone: number } {
  if (rows < step) return { groups: 0, alone: rows };
  const alone = rows % step === 1 ? 1 : 0;
  return { groups: Math.ceil((rows - alone) / step), alone };
}

/** Without the DSP extension: three rows on two vectors, four on one. */
function plainCounts(vectors: number, rows: number, length: number): Counts {
  const pairs = vectors - (vectors % 2);
  const [three, four] = [together(rows, 3), together(rows, 4)];
  const alone = pairs * three.alone + (vectors - pairs) * four.alone;
  const fours = (vectors - pairs) * four.groups;
  return {
    plainThree: (pairs / 2) * three.groups,
    plainThreeMac: pairs * three.groups * 3 * length,
    plainFour: fours,
    plainFourMac: fours * 4 * length,
    plainAlone: alone,
    plainAloneMac: alone * length,
  };
}

/** With the DSP extension, and on a Cortex-M0+: two rows on two vectors, four on one. */
function pairedCounts(vectors: number, rows: number, length: number, room: boolean): Counts {
  const [pairs, two] = [vectors - (vectors % 2), rows - (rows % 2)];
  const wide = room && pairs > 0 && rows > 1 && length % 4 === 0;
  const fours = vectors > pairs ? rows - (rows % 4) : 0;
  const single = (vectors - pairs) * (rows - fours) + pairs * (rows - two);
  const blocks = (pairs * two) / 4;
  const macs = pairs * two * length;
  return {
    pairedRow: pairs > 0 ? two / 2 : 0,
    ...(wide
      ? { pairedWideMac: macs, pairedWidened: pairs * length, pairedWideBlock: blocks }
      : { pairedMac: macs, pairedBlock: blocks }),
    pairedFourMac: fours * length,
    pairedFour: fours / 4,
    pairedSingleMac: single * length,
    pairedSingle: single,
  };
}

/** Rows for which an MSP430 widens a vector once (firmware/brownout_accel_msp430.h). */
const WIDENING_ROWS = 6;

/** An MSP430's: a row on a vector, whose values are widened once where there are rows enough. */
function wordCounts(vectors: number, rows: number, length: number, room: boolean): Counts {
  const widens = room && rows >= WIDENING_ROWS;
  return {
    [widens ? 'wordMac' : 'wordByteMac']: vectors * rows * length,
    ...(widens ? { wordWidened: vectors * length } : {}),
    wordOutput: vectors * rows,
  };
}

/** int16 of LEA's RAM for vectors, and when firmware uses it (firmware/brownout_accel_lea.h). */
const LEA = { vectors: 1536, tile: 16, row: 256, leastRow: 96, leastVectors: 4 } as const;

/** By an MSP430's vector unit: rows and vectors that the core widens, the rows for as many vectors as it holds at a time. */
function unitCounts(vectors: number, rows: number, length: number, room: boolean): Counts {
  if (vectors < LEA.leastVectors || length < LEA.leastRow) {
    const core = Object.entries(wordCounts(vectors, rows, length, room));
    return Object.fromEntries(core.map(([name, count]) => [`unitCore${name.slice('word'.length)}`, count]));
  }
  const even = length + (length % 2);
  const held = length > LEA.vectors ? 1 : Math.min(LEA.tile, Math.floor(LEA.vectors / even));
  const tiles = Math.ceil(vectors / held);
  const pieces = Math.ceil(length / LEA.row);
  const again = length > LEA.vectors ? vectors * rows * length : vectors * length;
  return {
    unitCall: vectors * rows * pieces,
    unitMac: vectors * rows * even,
    unitWidened: tiles * rows * length + again,
    unitRow: tiles * rows,
    unitOutput: vectors * rows,
  };
}

/**
 * Multiply-adds of `rows` channels of `vectors` windows, as each body goes about them; `room`: to widen vectors in. A body asks
 * for those that are `countedBy` it.
 */
export function gemmCounts(vectors: number, rows: number, length: number, room: boolean): Counts {
  return {
    ...pairedCounts(vectors, rows, length, room),
    ...plainCounts(vectors, rows, length),
    ...wordCounts(vectors, rows, length, room),
    ...unitCounts(vectors, rows, length, room),
    rest: (length % 4) * vectors * rows,
  };
}

/**
 * Beginnings of names of counts that not every body goes by, of each body; `core`: what a vector unit does in the place of any.
 * `metered`: of the MSP430's kernels as WASM.
 */
const PREFIXES = {
  dsp: ['paired', 'halves', 'core'],
  armv6m: ['paired', 'bytes', 'doubled', 'core'],
  armv7m: ['plain', 'bytes', 'doubled', 'core'],
  rv32: ['plain', 'bytes', 'doubled', 'core'],
  msp430: ['word', 'bytes', 'core'],
  lea: ['unit', 'bytes'],
  metered: ['paired', 'bytes', 'core'],
} as const satisfies Record<Body | 'metered', readonly string[]>;
const ALL = new RegExp(`^(${[...new Set(Object.values(PREFIXES).flat())].join('|')})[A-Z]`);

/** Whether what `name` counts is done by `body`: not what another does in its place. */
export function countedBy(body: Body | 'metered', name: string): boolean {
  return !ALL.test(name) || PREFIXES[body].some((prefix) => name.startsWith(prefix));
}
