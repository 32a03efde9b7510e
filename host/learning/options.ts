// Options of learning with their defaults, checked.
import { BrownoutError } from '../error.js';
import type { LearnOptions } from './spec.js';

/** From here on a quarter of the ring holds enough for the guard. */
const GUARD_RING = 8;
/** Validation entries with which the guard judges (docs/LEARNING.md §4). */
const GUARD_LEAST = 4;

function fail(option: string, found: unknown, expected: string, hint: string): never {
  throw new BrownoutError({ code: 'E_LEARN', found: `${option} ${String(found)}`, expected, hint });
}

function whole(option: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  fail(option, value, `a whole number from ${least} to ${most}`, `Give another ${option}.`);
}

function real(option: string, value: number, most: number): number {
  if (value > 0 && value <= most) return value;
  fail(option, value, `a number above 0, at most ${most}`, `Give another ${option}.`);
}

/** 0, or 1 − 2^−n. */
function momentumOf(value: number): number {
  const n = Array.from({ length: 8 }, (_, i) => i + 1).find((i) => value === 1 - 2 ** -i);
  if (value === 0 || n) return value;
  fail('momentum', value, '0, 0.5, 0.75, 0.875, 0.9375 and so on', 'Take the nearest of these.');
}

/** Every option, checked. Errors: E_LEARN with the option's name. */
export function completeOptions(options: LearnOptions): Required<LearnOptions> {
  const { layers, loss = 'cross-entropy', late = true } = options;
  if (typeof layers !== 'string' || layers.trim() === '')
    fail('layers', layers, 'last, bias, head:N, all, auto, or names', 'Say what is to learn.');
  if (loss !== 'cross-entropy' && loss !== 'mse')
    fail('loss', loss, 'cross-entropy or mse', 'Give one of the two.');
  const ring = whole('ring', options.ring ?? 16, 4, 64);
  const guardEvery = whole('guardEvery', options.guardEvery ?? (ring < GUARD_RING ? 0 : 32), 0, 65535);
  const holdOut = whole('holdOut', options.holdOut ?? (guardEvery > 0 ? 8 : 0), 0, 65535);
  if (holdOut === 1) fail('holdOut', 1, '0, or from 2', 'With 1 nothing is left to learn from.');
  const quarter = Math.max(Math.floor(ring / 4), GUARD_LEAST);
  const validations = whole('validations', options.validations ?? (holdOut > 0 ? quarter : 0), 0, ring >> 1);
  if (guardEvery > 0 && (holdOut === 0 || validations < GUARD_LEAST)) {
    const found = `${guardEvery} with holdOut ${holdOut}, validations ${validations}`;
    const expected = `samples held out, and at least ${GUARD_LEAST} of them kept`;
    fail('guardEvery', found, expected, 'Turn the guard off with guardEvery 0, or hold samples out.');
  }
  const sure = options.sure ?? 0.05;
  if (!Number.isFinite(sure) || sure > 1000) fail('sure', sure, 'a loss in bits', 'Below 0: learn all.');
  return {
    layers: layers.trim(),
    loss,
    learningRate: real('learningRate', options.learningRate ?? 1 / 64, 1024),
    replay: whole('replay', options.replay ?? 1, 0, 7),
    ring,
    late,
    guardEvery,
    holdOut,
    validations,
    margin: whole('margin', options.margin ?? Math.max(validations >> 1, 1), 0, 64),
    sure,
    clip: real('clip', options.clip ?? 16, 127),
    momentum: momentumOf(options.momentum ?? 0),
    seed: whole('seed', options.seed ?? 1, 0, 0xffffffff),
  };
}
