// What tests of a fleet share: a small image with a head by sums, and the sums that many samples make.
import * as assert from 'uvu/assert';
import { completeSumsOptions } from '../../host/learning/options.js';
import { fold, type Projected } from '../../host/learning/sums/arithmetic.js';
import { deriveSums } from '../../host/learning/sums/derive.js';
import { sumsOfImage } from '../../host/learning/sums/of-image.js';
import type { Sums } from '../../host/learning/sums/spec.js';
import { Random } from '../../host/math/random.js';
import { type Image, readImage } from '../../host/model/image.js';
import { int8s } from '../../samples/networks.js';
import { compileUnproved } from './compile.js';
import { learnable } from './learnable.js';

export const RANK = 4;
export const CLASSES = 3;
export const INPUTS = 8;
/** A charge is about what a boot and the longest tile take, so that jobs of several charges are cut. */
const CAPACITOR_UF = 14;

const network = learnable(new Random(5), [INPUTS], ['dense:6', 'dense:3']);
const data = Array.from({ length: 24 }, (_, i) => ({
  input: int8s(new Random(i), INPUTS),
  label: i % CLASSES,
}));
const learn = { layers: 'sums', data, rank: RANK, ring: 5 };

export const file = compileUnproved(network, { learn, capacitorUf: CAPACITOR_UF });
export const image: Image = readImage(file);
export const spec = deriveSums(network, completeSumsOptions(learn), data);
export const { prior } = sumsOfImage(image);

/** Counts, totals and products of samples, in sixteenths. */
export function exactSums(samples: readonly Projected[]): number[] {
  const products = CLASSES * (1 + RANK);
  const exact = Array.from({ length: products + (RANK * (RANK + 1)) / 2 }, () => 0);
  for (const { p, label } of samples) {
    exact[label]! += 16;
    for (let i = 0; i < RANK; i++) {
      exact[CLASSES + label * RANK + i]! += 16 * p[i]!;
      for (let j = 0; j <= i; j++) exact[products + (i * (i + 1)) / 2 + j]! += 16 * p[i]! * p[j]!;
    }
  }
  return exact;
}

/** The prior and `added`, of so many samples: exact sums, halved until they fit a bank. */
export function fitting(added: readonly number[], samples: number): Sums {
  const before = [...prior.counts, ...prior.totals, ...prior.products];
  const sums = added.map((value, i) => value + before[i]!);
  let halvings = 0;
  while (sums.some((value) => Math.abs(value) >= 2 ** (30 + halvings))) halvings++;
  const words = Int32Array.from(sums, (value) => Math.floor(value / 2 ** halvings));
  const totals = CLASSES * (1 + RANK);
  const parts = {
    counts: words.slice(0, CLASSES),
    totals: words.slice(CLASSES, totals),
    products: words.slice(totals),
  };
  const numbers = { halvings: prior.halvings + halvings, samples: prior.samples + samples };
  // Nothing is added: the means are made anew.
  return fold({ ...prior, ...parts, ...numbers }, []);
}

export function compareTotals(totals: Float64Array, samples: readonly Projected[]): void {
  assert.equal([...totals], exactSums(samples));
}
