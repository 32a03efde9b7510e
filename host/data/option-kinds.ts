// Kinds of options whose values are files on the command line, and what is in them in the API.
import { file, isBytes, type Kind } from '../options/kinds.js';
import type { InputArray } from './model-input.js';

/** Whether a value is an array of samples. */
export const isArray = (value: unknown): value is InputArray => {
  if (
    typeof value !== 'object' ||
    value === null ||
    !('dtype' in value && 'shape' in value && 'data' in value)
  )
    return false;
  return Array.isArray(value.shape) && ArrayBuffer.isView(value.data) && !(value.data instanceof DataView);
};

/** `--signed-by`. */
export const signedByOption = {
  kind: file('a public key (PEM)', 'key.pub.pem', isBytes),
  help: 'take no image but one that this Ed25519 key has signed: PEM of the public key',
} as const;

/** All files that a text such as NAME=FILE,FILE may mean: none of them is written over. */
export const pathsIn = (text: string): string[] => [
  text,
  ...text.split(',').flatMap((part) => [part, part.slice(part.indexOf('=') + 1)]),
];

/** Samples: the API takes an array, as `readNpy` and `readInput` give it. */
export const samplesKind = (example = 'x.npy'): Kind<InputArray, string> => ({
  ...file('an array { dtype, shape, data }, as readInput gives it', example, isArray),
  paths: pathsIn,
});

/** The API takes the bytes of the file. */
export const bytesKind = (what: string, example: string, placeholder?: string): Kind<Uint8Array, string> =>
  file(`a Uint8Array: ${what}`, example, isBytes, placeholder);
