// Cycles of an MSP430, counted op by op on `mspdebug sim`: groups of the shapes of samples/calibration.ts, as many as the part holds,
// in firmware as it is exported.
import { compile } from '../host/compile/compile.js';
import { OP_TILES } from '../assembly/layout.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { Range } from '../host/firmware/targets.js';
import { deviceProfile } from '../host/profiles/index.js';
import {
  CALIBRATION_FAMILIES,
  calibrationNetwork,
  type Family,
  opsOfFamily,
} from '../samples/calibration.js';
import { calibrated, type CountedMsp430, packRecord } from './calibration.js';
import type { CalibrationSet } from './calibration-fit.js';
import { Msp430 } from './mspdebug.js';

/** What the simulator has of memory besides FRAM and what the program sets up: SRAM for larger blocks than the part holds. */
const SRAM: Range = { origin: 0x600, bytes: 0x3a00 };
/** Below the half that is LEA's. */
const LEA_SRAM: Range = { origin: 0x600, bytes: 0x2600 };
/** Image and state of a group: the rest of FRAM is for its code. */
const MOST_BYTES = 26_000;
/** Ops of a group, about as many as networks have: the more there are, the less of them is proved to be narrow. */
const MOST_OPS = 8;

interface Setting {
  /** Whether LEA computes sums. */
  lea?: true;
  set: CalibrationSet;
  seed: number;
  arenaBytes: number;
  capacitorUf: number;
  families: readonly Family[];
}

/** Shapes to fit to and others, each with little SRAM and small tiles, or with more of both. */
export const MSP430_SETTINGS: readonly Setting[] = [
  { set: 'fit', seed: 1, arenaBytes: 4096, capacitorUf: 100, families: CALIBRATION_FAMILIES },
  {
    ...{ set: 'fit', seed: 2, arenaBytes: 11_000, capacitorUf: 10_000 },
    families: [
      'convolutions',
      'blocks',
      'rows',
      'fewBits',
      'sparse',
      'levels',
      'circulant',
      'together',
      'others',
      'int16',
    ],
  },
  { set: 'held-out', seed: 101, arenaBytes: 6000, capacitorUf: 330, families: CALIBRATION_FAMILIES },
];

/** The same where LEA computes sums, of what it does at all: charges that hold tiles of several windows. */
export const LEA_SETTINGS: readonly Setting[] = (
  [
    ['fit', 1],
    ['fit', 2],
    ['held-out', 101],
  ] as const
).map(([set, seed], i) => {
  return {
    lea: true,
    set,
    seed,
    arenaBytes: 7600 - 1500 * i,
    capacitorUf: [5000, 300, 1000][i]!,
    families: ['long', 'maps', 'together'],
  };
});

/** The image of some ops of a family; undefined where they do not fit. */
function imageOf(
  family: Family,
  { lea, seed, arenaBytes, capacitorUf }: Setting,
  only: readonly number[],
): Image | undefined {
  try {
    const network = calibrationNetwork(family, new Random(seed), only);
    const device = lea
      ? { ...deviceProfile('msp430fr5994-lea'), sramBytes: deviceProfile('msp430fr5994').sramBytes }
      : 'msp430fr5994';
    const where = { device, arenaBytes, capacitorUf, nvmBytes: 1 << 18 };
    const image = readImage(compile(network, { ...where, policy: 'low', verify: false }));
    return image.device.length + image.nvmBytes <= MOST_BYTES ? image : undefined;
  } catch (error) {
    if (error instanceof BrownoutError) return undefined;
    throw error;
  }
}

/** Ops of a family side by side, as many as fit. */
export function groupsOf(family: Family, setting: Setting): number[][] {
  const groups: number[][] = [];
  for (let index = 0; index < opsOfFamily(family); index++) {
    if (!imageOf(family, setting, [index])) continue;
    const last = groups.at(-1);
    if (last && last.length < MOST_OPS && imageOf(family, setting, [...last, index])) last.push(index);
    else groups.push([index]);
  }
  return groups;
}

/** What was counted of an op. */
type Cycles = Pick<CountedMsp430, 'first' | 'rest' | 'tiles'>;

/** Of every op of an image. Throws `E_COMPILE` where its program does not fit. */
async function countImage(image: Image, lea: boolean): Promise<Cycles[]> {
  const part = await (lea ? Msp430.onOther(image, LEA_SRAM, 'core') : Msp430.onOther(image, SRAM));
  const tiles = image.ops.reduce((sum, op) => sum + op.get(OP_TILES), 0);
  const most = 2 * (tiles + image.ops.length) + 50;
  const functions = ['plan_fetchRecord', 'brownout_power_low', 'cursor_commit', 'brownout_module_run'];
  const counted: Cycles[] = [];
  let [from, commits, committing] = [0, 0, 0];
  for (const { name, cycles } of part.marks(functions, most, part.run().nvm)) {
    const op = counted.at(-1);
    if (name === 'plan_fetchRecord') {
      counted.push({ first: 0, rest: 0, tiles: 0 });
      [from, commits] = [cycles, 0];
    } else if (name === 'brownout_module_run' && committing > 0) {
      commits += cycles - committing;
      committing = 0;
    } else if (op && (name === 'brownout_power_low' || name === 'cursor_commit') && committing === 0) {
      const all = cycles - from - commits;
      if (op.tiles === 0) op.first = all;
      op.rest = all - op.first;
      op.tiles++;
      if (name === 'cursor_commit') committing = cycles;
    }
  }
  return counted;
}

/** Counts a group, in halves where its code is too large; an op of which alone it is, not at all. */
export async function countGroup(
  family: Family,
  setting: Setting,
  only: readonly number[],
): Promise<CountedMsp430[]> {
  const image = imageOf(family, setting, only)!;
  try {
    const counted = await countImage(image, setting.lea === true);
    return calibrated(image).map((index) => {
      return { set: setting.set, family, record: packRecord(image.ops[index]!), ...counted[index]! };
    });
  } catch (error) {
    if (!(error instanceof BrownoutError) || error.code !== 'E_COMPILE') throw error;
    const half = only.length >> 1;
    if (half === 0) return [];
    const first = await countGroup(family, setting, only.slice(0, half));
    return [...first, ...(await countGroup(family, setting, only.slice(half)))];
  }
}
