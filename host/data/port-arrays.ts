// Arrays for an image of several inputs, as the command line names them.
import type { Image } from '../model/image.js';
import { readUserFile } from './files.js';
import { checkPorts, givenPorts, type InputArray } from './model-input.js';
import { readNpy } from './npy.js';
import { isZip, npzMembers } from './npz.js';
import { readArray, type ReadArrayOptions } from './samples.js';

/**
 * `text`: a .npz whose arrays have the inputs' names; or a file for each input, divided by commas, in their order or as
 * NAME=FILE. Throws `E_FILE`, `E_INPUT_NAME`, or the format's own error.
 */
export function readPortArrays(
  text: string,
  image: Image,
  { as }: Pick<ReadArrayOptions, 'as'> = {},
): Record<string, InputArray> {
  const ports = givenPorts(image);
  const said = as ? { as } : {};
  const files = text.split(',');
  const [first = ''] = files;
  const bytes = files.length === 1 && !first.includes('=') ? readUserFile(first) : undefined;
  if (bytes && isZip(bytes)) {
    const { names, member } = npzMembers(bytes);
    const arrays = Object.fromEntries(names.map((name) => [name, { ...readNpy(member(name)), ...said }]));
    checkPorts(arrays, image);
    return arrays;
  }
  const named = files.map((file, i): [string, string] => {
    const port = ports.find(({ name }) => file.startsWith(`${name}=`));
    return port ? [port.name, file.slice(port.name.length + 1)] : [ports[i]?.name ?? file, file];
  });
  checkPorts(Object.fromEntries(named), image);
  return Object.fromEntries(
    named.map(([name, file]) => {
      const port = ports.find((one) => one.name === name)!;
      const preprocessing = port.preprocessing ?? image.metadata.preprocessing;
      const target = { shape: port.tensor.shape, preprocessing };
      return [name, readArray(file, { target, ...said }).array];
    }),
  );
}
