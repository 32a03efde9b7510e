// The layers of an image, and where their outputs are in NVM.
import { OP_OUTPUT } from '../../assembly/layout.js';
import { BrownoutError } from '../error.js';
import type { Image } from '../model/image.js';
import { tensorBytes, type TensorSpec } from '../model/quantized-network.js';
import { type Values, valuesFrom } from '../model/values.js';
import { describeOp } from '../ops/record.js';

/** Where the output of a layer is when its last op record, `op`, has ended. */
export interface LayerPlace {
  name: string;
  /** Name of the kernel. */
  kernel: string;
  /** Index of the first and of the last op record. */
  first: number;
  op: number;
  /** NVM address, from the image's base. */
  address: number;
  bytes: number;
  spec: TensorSpec;
}

export interface DeviceLayer extends LayerPlace {
  /** One tensor a sample. */
  values: Values[];
}

export interface DeviceRun {
  inputs: Values[];
  layers: DeviceLayer[];
}

export const valuesAt = (bytes: Uint8Array, { spec }: { spec: TensorSpec }): Values =>
  valuesFrom(bytes, spec.dtype);

/** The layers of an image. Throws `E_XRAY` for images made before they were written down. */
export function layersOf(image: Image): LayerPlace[] {
  const { layers, ops } = image.metadata;
  if (!layers) {
    throw new BrownoutError({
      code: 'E_XRAY',
      found: 'an image that does not say how its layers are quantized',
      expected: '`layers` in its metadata',
      hint: 'Compile the model with this version, and without learning.',
    });
  }
  let first = 0;
  return layers.map(({ records, output }) => {
    // What is made on the way is of other kinds.
    const all = image.ops.slice(first, first + records);
    const own = all.filter(({ kind }) => kind === all.at(-1)!.kind);
    const place: LayerPlace = {
      name: ops[first]!,
      kernel: describeOp(own[0]!).kind,
      first,
      op: first + records - 1,
      address: Math.min(...own.map((record) => record.get(OP_OUTPUT))),
      bytes: tensorBytes(output),
      spec: output,
    };
    first += records;
    return place;
  });
}
