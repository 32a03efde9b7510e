// Options of learning with their defaults, checked.
import { BrownoutError } from '../error.js';
import { choice, flag, type Kind, real, seedKind, text, whole } from '../options/kinds.js';
import { checkOptions, type Table } from '../options/table.js';
import type { LearnOptions } from './spec.js';

/** From here on a quarter of the ring holds enough for the guard. */
const GUARD_RING = 8;
/** Validation entries with which the guard judges (docs/LEARNING.md §4). */
const GUARD_LEAST = 4;
const CODE = { code: 'E_LEARN' };

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

const layersKind: Kind<string> = {
  ...text('LAYERS', 'last'),
  ...CODE,
  expected: 'last, bias, head:N, all, auto, or names of layers',
};

export const learningOptions = {
  layers: {
    kind: layersKind,
    required: true,
    help: 'what the device learns: last, bias, head:N, all, auto, or names such as fc2,conv1:bias,fc1:0-15',
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
  ring: { kind: { ...whole(4, 64), ...CODE }, default: 16, help: 'samples that are kept, 4 to 64' },
  late: {
    kind: { ...flag, ...CODE },
    default: true,
    help: 'do not keep inferences for a label that comes later',
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

/** Every option, checked. Throws `E_LEARN`, which names the option; `E_OPTION` for one that is not known. */
export function completeOptions(options: LearnOptions): Required<LearnOptions> {
  const given = checkOptions(learningOptions, options);
  const { ring } = given;
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
    layers: given.layers.trim(),
    guardEvery,
    holdOut,
    validations,
    margin: given.margin ?? Math.max(validations >> 1, 1),
  };
}
