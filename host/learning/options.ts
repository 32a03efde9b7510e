// Options of learning with their defaults, checked.
import { BrownoutError } from '../error.js';
import { choice, flag, instance, type Kind, real, seedKind, text, whole } from '../options/kinds.js';
import { checkOptions, type Table } from '../options/table.js';
import type { LearnOptions } from './spec.js';
import type { SumsOptions } from './sums/derive.js';

/** From here on a quarter of the ring holds enough for the guard. */
const GUARD_RING = 8;
/** Validation entries with which the guard judges (docs/LEARNING.md §4). */
const GUARD_LEAST = 4;
const CODE = { code: 'E_LEARN' };
/** Entries of the ring, of a head by gradients and by sums. */
const RING = 16;
const SUMS_RING = 10;
/** Of a head by sums: what the factory's data counts for, and the ridge. */
const PRIOR = 3;
const RIDGE = 800 / 4096;

/** Options of learning by gradients, all there. */
export type GradientOptions = Required<
  Omit<LearnOptions, 'rank' | 'prior' | 'ridge' | 'fold' | 'decay' | 'reserve' | 'forget' | 'data'>
>;

/** 0, or 1 − 2^−n. */
const MOMENTA: readonly number[] = [0, ...Array.from({ length: 8 }, (_, i) => 1 - 2 ** -(i + 1))];
const momentumKind: Kind<number> = {
  ...real(0, 1, { placeholder: 'M' }),
  ...CODE,
  expected: '0, 0.5, 0.75, 0.875, 0.9375 and so on (1 − 2^−n)',
  parse: (written) => MOMENTA.find((momentum) => written.trim() !== '' && momentum === Number(written)),
  check: (value) => MOMENTA.find((momentum) => momentum === value),
  right(wrong) {
    const asked = Number(wrong);
    if (!Number.isFinite(asked)) return '0.875';
    return `${MOMENTA.reduce((a, b) => (Math.abs(b - asked) < Math.abs(a - asked) ? b : a))}`;
  },
};

const isSamples = (value: unknown): value is NonNullable<LearnOptions['data']> =>
  Array.isArray(value) &&
  value.every(
    (one: unknown) =>
      typeof one === 'object' &&
      one !== null &&
      'input' in one &&
      'label' in one &&
      one.input instanceof Int8Array &&
      Number.isInteger(one.label),
  );

const layersKind: Kind<string> = {
  ...text('LAYERS', 'last'),
  ...CODE,
  expected: 'auto, sums, last, bias, head:N, all, or names of layers',
};

export const learningOptions = {
  layers: {
    kind: layersKind,
    required: true,
    help: 'what the device learns: auto (chosen), sums, last, bias, head:N, all, or names such as fc2,conv1:bias,fc1:0-15',
    cli: 'learn',
    was: ['train'],
  },
  loss: {
    kind: { ...choice(['cross-entropy', 'mse']), ...CODE },
    default: 'cross-entropy',
    help: 'cross-entropy or mse',
  },
  learningRate: {
    kind: { ...real(0, 1024, { open: true, placeholder: 'RATE', example: '1/64' }), ...CODE },
    default: 1 / 64,
    otherwise: '1/64',
    help: 'learning rate of float SGD',
    was: ['lr'],
  },
  momentum: { kind: momentumKind, default: 0, help: '0, 0.5, 0.75, 0.875, … (1 − 2^−n)' },
  replay: {
    kind: { ...whole(0, 7), ...CODE },
    default: 1,
    help: 'kept samples learnt along with each labelled one',
  },
  ring: {
    kind: { ...whole(4, 64), ...CODE },
    otherwise: '16; 10 of sums',
    help: 'samples that are kept, 4 to 64',
  },
  rank: {
    kind: { ...whole(2, 64), ...CODE },
    otherwise: '64, or 48 where the head would take longer than an inference',
    help: 'of sums: directions that samples are projected to',
  },
  prior: {
    kind: { ...real(0, 1000, { open: true, placeholder: 'N', example: '3' }), ...CODE },
    otherwise: '3',
    help: 'of sums: samples of a class that the factory’s data counts for; more keep the old',
  },
  ridge: {
    kind: { ...real(0, 16, { open: true, placeholder: 'SHARE', example: '0.2' }), ...CODE },
    otherwise: '0.195',
    help: 'of sums: added to the variances within classes, as a share of their mean; more trust few samples less',
  },
  fold: {
    kind: { ...whole(1, 62), ...CODE },
    otherwise: 'two less than the ring',
    help: 'of sums: labelled samples that wait until the head is made anew',
  },
  decay: {
    kind: { ...whole(0, 15), ...CODE },
    otherwise: '0',
    help: 'of sums: each fold takes 2^-N off what was there; 0: nothing',
  },
  reserve: {
    kind: { ...whole(0, 64), ...CODE },
    otherwise: '0',
    help: 'of sums: classes beyond the network’s that may be learnt later',
  },
  forget: {
    kind: { ...flag, ...CODE },
    otherwise: 'no',
    help: 'of sums: what is learnt of a class can be forgotten on the device',
  },
  data: { kind: { ...instance('labelled samples: [{ input, label }]', isSamples), ...CODE } },
  late: {
    kind: { ...flag, ...CODE },
    default: true,
    help: 'do not keep inferences for a label that comes later',
  },
  wipeEvicted: {
    kind: { ...flag, ...CODE },
    default: false,
    help: 'write zeros over samples that give way in the ring, in the same job',
  },
  guardEvery: {
    kind: { ...whole(0, 65_535), ...CODE },
    otherwise: '32; none below 8 ring entries',
    help: 'labelled samples between two guards, 0 for none',
  },
  holdOut: {
    kind: { ...whole(0, 65_535), ...CODE },
    otherwise: '8 with a guard',
    help: 'every N-th labelled sample is for the guard, 0 for none',
  },
  validations: { kind: { ...whole(0, 32), ...CODE } },
  margin: { kind: { ...whole(0, 64), ...CODE } },
  sure: { kind: { ...real(-1e9, 1000), ...CODE }, default: 0.05 },
  clip: { kind: { ...real(0, 127, { open: true }), ...CODE }, default: 16 },
  seed: {
    kind: { ...seedKind, ...CODE },
    default: 1,
    help: 'seed of stochastic rounding and replay',
    cli: 'learn-seed',
    was: ['train-seed'],
  },
} as const satisfies Table<LearnOptions>;

function fail(option: string, found: unknown, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LEARN', found: `\`${option}\` ${String(found)}`, expected, hint });
}

/** What a head by sums is called where layers are named; and the word for what is chosen by memory, energy and samples. */
export const SUMS = 'sums';
export const AUTO = 'auto';
const OF_SUMS = ['rank', 'prior', 'ridge', 'fold', 'decay', 'reserve', 'forget', 'data'] as const;
const OF_BOTH: readonly string[] = ['layers', 'ring', 'late', 'wipeEvicted'];

/** `options` for `layers`: without those of the other way to learn. */
export function optionsFor(options: LearnOptions, layers: string): LearnOptions {
  const own: readonly string[] = OF_SUMS;
  const isSums = layers === SUMS;
  const kept = Object.entries(options).filter(
    ([name]) => OF_BOTH.includes(name) || own.includes(name) === isSums,
  );
  return { ...Object.fromEntries(kept), layers };
}

/** Throws `E_LEARN` for an option of the other way to learn. */
function checkWay(options: LearnOptions, sums: boolean): void {
  const own: readonly string[] = OF_SUMS;
  const defaults = learningOptions as Table<LearnOptions> as Readonly<Record<string, { default?: unknown }>>;
  // What a table has filled in is no option that somebody gave.
  const stray = Object.entries(options).find(
    ([name, value]) =>
      value !== undefined &&
      value !== defaults[name]?.default &&
      !OF_BOTH.includes(name) &&
      own.includes(name) !== sums,
  );
  if (!stray) return;
  const expected = sums ? 'an option of a head by sums' : 'an option of learning by gradients';
  const hint = sums
    ? `Leave it out: sums have ${OF_SUMS.join(', ')}, ring, late and wipeEvicted.`
    : 'Leave it out, or learn `sums`.';
  fail(stray[0], own.includes(stray[0]) && stray[0] === 'data' ? 'given' : stray[1], expected, hint);
}

/** Options of a head by sums, checked. Throws `E_LEARN`; `E_OPTION` for one that is not known. */
export function completeSumsOptions(options: LearnOptions): SumsOptions {
  const {
    rank,
    prior = PRIOR,
    ridge = RIDGE,
    decay = 0,
    reserve = 0,
    forget = false,
    late,
    wipeEvicted,
    ...given
  } = checkOptions(learningOptions, options);
  checkWay(options, true);
  const ring = given.ring ?? SUMS_RING;
  const every = given.fold ?? ring - 2;
  if (every > ring - 2)
    fail('fold', every, `at most ${ring - 2}: two less than the ring`, 'Give fewer, or keep a larger ring.');
  return {
    rank,
    prior,
    ridge,
    every,
    decay,
    reserve,
    forget,
    ring,
    late,
    wipeEvicted,
  };
}

/** Every option, checked. Throws `E_LEARN`, which names the option; `E_OPTION` for one that is not known. */
export function completeOptions(options: LearnOptions): GradientOptions {
  const {
    rank: _,
    prior: __,
    ridge: ___,
    fold: ____,
    decay: _____,
    reserve: ______,
    forget: _______,
    data: ________,
    ...given
  } = checkOptions(learningOptions, options);
  checkWay(options, false);
  const ring = given.ring ?? RING;
  const guardEvery = given.guardEvery ?? (ring < GUARD_RING ? 0 : 32);
  const holdOut = given.holdOut ?? (guardEvery > 0 ? 8 : 0);
  if (holdOut === 1)
    fail('holdOut', 1, '0, or from 2', 'With 1 nothing is left to learn from: give `holdOut` 2.');
  const quarter = Math.max(Math.floor(ring / 4), GUARD_LEAST);
  const validations = given.validations ?? (holdOut > 0 ? quarter : 0);
  if (validations > ring >> 1)
    fail(
      'validations',
      validations,
      `at most half of the ring, ${ring >> 1}`,
      'Give fewer, or leave it out.',
    );
  if (guardEvery > 0 && (holdOut === 0 || validations < GUARD_LEAST)) {
    const found = `${guardEvery} with \`holdOut\` ${holdOut}, \`validations\` ${validations}`;
    const expected = `samples held out, and at least ${GUARD_LEAST} of them kept`;
    fail('guardEvery', found, expected, 'Turn the guard off with `guardEvery` 0, or hold samples out.');
  }
  return {
    ...given,
    ring,
    layers: given.layers.trim(),
    guardEvery,
    holdOut,
    validations,
    margin: given.margin ?? Math.max(validations >> 1, 1),
  };
}
