// Principal directions of features: the few in which samples differ most, by orthogonal iteration (Golub and Van Loan, Matrix
// Computations, §8.2.4) and Jacobi rotations within what it finds (§8.5). Additions, products and square roots alone, so that
// one set of samples gives one answer on every machine.
import { Random } from '../../math/random.js';

const ITERATIONS = 40;
const SWEEPS = 12;
const SEED = 0x5175;

export interface Directions {
  /** Unit vectors, the direction of largest variance first. */
  vectors: Float64Array[];
  /** Variance along each. */
  variances: number[];
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(to: Float64Array, from: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * from[i]!;
}

/** Makes vectors orthonormal in place (Gram and Schmidt, modified); one that has nothing of its own becomes zero. */
function orthonormalize(vectors: Float64Array[]): void {
  vectors.forEach((vector, i) => {
    const before = Math.sqrt(dot(vector, vector));
    for (let k = 0; k < i; k++) addScaled(vector, vectors[k]!, -dot(vector, vectors[k]!));
    const length = Math.sqrt(dot(vector, vector));
    const factor = length > before * 1e-9 ? 1 / length : 0;
    for (let j = 0; j < vector.length; j++) vector[j]! *= factor;
  });
}

/** Values of a covariance matrix that are kept; beyond that it is applied sample by sample. */
const MOST_MATRIX = 1 << 20;

type Apply = (vector: Float64Array) => Float64Array<ArrayBuffer>;

/** Multiplies by the covariance of centred samples. */
function covarianceOf(samples: readonly Float64Array[]): Apply {
  const size = samples[0]!.length;
  if (size * size > MOST_MATRIX) {
    return (vector) => {
      const result = new Float64Array(size);
      for (const sample of samples) addScaled(result, sample, dot(sample, vector) / samples.length);
      return result;
    };
  }
  const rows = Array.from({ length: size }, () => new Float64Array(size));
  for (const sample of samples) {
    for (let i = 0; i < size; i++) {
      const [row, factor] = [rows[i]!, sample[i]! / samples.length];
      if (factor !== 0) for (let j = 0; j <= i; j++) row[j]! += factor * sample[j]!;
    }
  }
  rows.forEach((row, i) => {
    for (let j = i + 1; j < size; j++) row[j] = rows[j]![i]!;
  });
  return (vector) => Float64Array.from(rows, (row) => dot(row, vector));
}

/** Eigenvalues and eigenvectors (columns) of a small symmetric matrix, by Jacobi rotations. */
function jacobi(matrix: Float64Array[]): { values: number[]; vectors: Float64Array[] } {
  const size = matrix.length;
  const a = matrix.map((row) => row.slice());
  const v = matrix.map((_, i) => Float64Array.from({ length: size }, (_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (a[p]![q] === 0) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < size; k++) {
          const [x, y] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * x - s * y;
          a[k]![q] = s * x + c * y;
        }
        for (let k = 0; k < size; k++) {
          const [x, y] = [a[p]![k]!, a[q]![k]!];
          a[p]![k] = c * x - s * y;
          a[q]![k] = s * x + c * y;
          const [m, n] = [v[k]![p]!, v[k]![q]!];
          v[k]![p] = c * m - s * n;
          v[k]![q] = s * m + c * n;
        }
      }
    }
  }
  return { values: a.map((row, i) => row[i]!), vectors: v };
}

/** The `rank` directions in which centred samples vary most; fewer if they vary in fewer. */
export function principalDirections(samples: readonly Float64Array[], rank: number): Directions {
  const size = samples[0]!.length;
  const random = new Random(SEED);
  const covariance = covarianceOf(samples);
  const basis: Float64Array<ArrayBuffer>[] = Array.from({ length: Math.min(rank, size) }, () =>
    Float64Array.from({ length: size }, () => random.uniform(-1, 1)),
  );
  orthonormalize(basis);
  for (let i = 0; i < ITERATIONS; i++) {
    basis.forEach((vector, at) => {
      basis[at] = covariance(vector);
    });
    orthonormalize(basis);
  }
  const images = basis.map(covariance);
  const small = basis.map((a) => Float64Array.from(images, (b) => dot(a, b)));
  const { values, vectors } = jacobi(small);
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!);
  const most = Math.max(values[order[0]!]!, 0);
  const kept = order.filter((i) => values[i]! > most * 1e-6);
  return {
    variances: kept.map((i) => values[i]!),
    vectors: kept.map((i) => {
      const vector = new Float64Array(size);
      basis.forEach((from, k) => {
        addScaled(vector, from, vectors[k]![i]!);
      });
      return vector;
    }),
  };
}
