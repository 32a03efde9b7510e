// Samples with their classes, as commands that learn take them.
import type { NpyArray } from './npy.js';
import { readNpy } from './npy.js';
import { readNpz } from './npz.js';
import { BrownoutError } from '../error.js';
import { readUserFile } from './files.js';

export interface NamedArrays {
  x: NpyArray;
  y: NpyArray;
  /** Whose each input is. */
  groups?: NpyArray;
}

/** Whole numbers from 0 to 255. Throws `E_LABEL`. */
export function classesOf({ data }: NpyArray, name: string): Uint8Array {
  const wrong = data.findIndex((value) => !(Number.isInteger(value) && value >= 0 && value < 256));
  if (wrong < 0) return Uint8Array.from(data);
  throw new BrownoutError({
    code: 'E_LABEL',
    found: `${data[wrong]} at element ${wrong} of ${name}`,
    expected: 'class numbers from 0 to 255',
    hint: 'Give one number for each input, not one-hot rows.',
  });
}

/** Training and, if the file has them, test arrays. Throws `E_DATASET`. */
export function readSets(
  path: string,
  labels: string | undefined,
): { training: NamedArrays; test?: NamedArrays } {
  const bytes = readUserFile(path);
  const wrong = (found: string): BrownoutError =>
    new BrownoutError({
      code: 'E_DATASET',
      found,
      expected: 'arrays x and y (or x_train, y_train), and x_test, y_test if you like',
      hint: 'Save them with numpy.savez("train.npz", x=…, y=…), or give x.npy with --labels y.npy.',
    });
  if (labels !== undefined) {
    return { training: { x: readNpy(bytes), y: readNpy(readUserFile(labels)) } };
  }
  if (String.fromCharCode(...bytes.subarray(0, 2)) !== 'PK')
    throw wrong(`"${path}", which is no .npz, without --labels`);
  const arrays = readNpz(bytes);
  const either = (...names: string[]): NpyArray | undefined =>
    names.map((name) => arrays.get(name)).find((array) => array !== undefined);
  const [x, y] = [either('x', 'x_train'), either('y', 'y_train')];
  const [xTest, yTest] = [arrays.get('x_test'), arrays.get('y_test')];
  if (!x || !y || !xTest !== !yTest) throw wrong(`arrays ${[...arrays.keys()].join(', ')}`);
  const groups = arrays.get('groups');
  return {
    training: { x, y, ...(groups ? { groups } : {}) },
    ...(xTest && yTest ? { test: { x: xTest, y: yTest } } : {}),
  };
}
