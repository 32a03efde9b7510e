// Files of inputs, as the command line names them: one way for every command that runs an image.
import { existsSync } from 'node:fs';
import type { Image } from '../model/image.js';
import { readUserFile } from './files.js';
import { classesOf } from './labels.js';
import { checkPorts, type GivenInputs, givenPorts, portImage } from './given-inputs.js';
import { type InputArray, type ReadAs, readInputAs } from './model-input.js';
import { readNpy } from './npy.js';
import { isZip, npzMembers } from './npz.js';
import type { InputFormat } from './read-input.js';
import { type LabelledArray, readArray, readText, SETS } from './samples.js';

/** What files held, as calls take it. */
export interface InputFiles {
  given: GivenInputs;
  /** Those that the file carries. */
  labels?: Uint8Array;
  /** A line that says how each input was read: `read as: codes (int8, .npy)`. */
  said: string;
}

/** The array in a file of samples for an image, with the word of `--as` if there is one: what verbs hand on. */
function inputFor(path: string, image: Image, as?: ReadAs): LabelledArray {
  const { input, preprocessing, classes } = image.metadata;
  const target = { shape: input.shape, preprocessing };
  return readArray(path, { target, ...(as ? { as } : {}), ...(classes ? { classes } : {}) });
}

interface PortArray {
  format: InputFormat;
  array: InputArray;
}

interface PortFiles {
  arrays: Map<string, PortArray>;
  labels?: Uint8Array;
}

/** The arrays of a .npz by their names, and the labels beside them. */
function portArchive(bytes: Uint8Array, image: Image, said: { as?: ReadAs }): PortFiles {
  const { names, member } = npzMembers(bytes);
  const ports = givenPorts(image).map(({ name }) => name);
  const isLabels = (name: string): boolean =>
    !ports.includes(name) && (SETS.training.labels as readonly string[]).includes(name);
  const label = names.find(isLabels);
  const arrays = names
    .filter((name) => !isLabels(name))
    .map((name): [string, PortArray] => [
      name,
      { format: 'npz', array: { ...readNpy(member(name)), ...said } },
    ]);
  checkPorts(Object.fromEntries(arrays), image);
  const labels = label === undefined ? {} : { labels: classesOf(readNpy(member(label)), label) };
  return { arrays: new Map(arrays), ...labels };
}

/** `text`: a .npz whose arrays have the inputs’ names; or a file for each, in their order or as NAME=FILE, with commas. */
function portFiles(text: string, image: Image, as: ReadAs | undefined): PortFiles {
  const ports = givenPorts(image);
  const said = as ? { as } : {};
  const files = existsSync(text) ? [text] : text.split(',');
  const [first = ''] = files;
  const isOne = files.length === 1 && (existsSync(first) || !first.includes('='));
  const bytes = isOne && ports.length > 1 ? readUserFile(first) : undefined;
  if (bytes && isZip(bytes)) return portArchive(bytes, image, said);
  const named = files.map((file, i): [string, string] => {
    const port = ports.find(({ name }) => file.startsWith(`${name}=`));
    return port ? [port.name, file.slice(port.name.length + 1)] : [ports[i]?.name ?? file, file];
  });
  checkPorts(Object.fromEntries(named), image);
  const read = named.map(([name, file]): [string, LabelledArray] => {
    const { input, preprocessing } = portImage(
      ports.find((one) => one.name === name)!,
      image,
    ).metadata;
    return [name, readArray(file, { target: { shape: input.shape, preprocessing }, ...said })];
  });
  const labels = read.find(([, one]) => one.labels)?.[1].labels;
  return { arrays: new Map(read), ...(labels ? { labels } : {}) };
}

/**
 * Inputs from files. `text`: one file; of an image of several inputs a .npz whose arrays have their names, or a file for
 * each, divided by commas, in their order or as NAME=FILE. Throws `E_FILE`, `E_INPUT_NAME`, or the format’s own error.
 */
export function readInputFiles(text: string, image: Image, as?: ReadAs): InputFiles {
  if (!image.metadata.inputs) {
    const { array, format, labels } = inputFor(text, image, as);
    const said = `${readText({ format, dtype: array.dtype, as: readInputAs(array, image) })}\n`;
    return { given: { input: array }, ...(labels ? { labels } : {}), said };
  }
  const { arrays, labels } = portFiles(text, image, as);
  const lines = givenPorts(image).map((port) => {
    const { array, format } = arrays.get(port.name)!;
    return `${readText({ format, dtype: array.dtype, as: readInputAs(array, portImage(port, image)) }, port.name)}\n`;
  });
  const inputs = Object.fromEntries([...arrays].map(([name, { array }]) => [name, array]));
  return { given: { inputs }, ...(labels ? { labels } : {}), said: lines.join('') };
}
