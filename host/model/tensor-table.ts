// The table of tensors: what the input and the output of an image consist of (docs/FORMAT.md).
import {
  type ActivationType as Code,
  H_TENSORS,
  H_TENSOR_COUNTS,
  TENSOR_BYTES,
  TENSOR_OFFSET,
  TENSOR_SIZE,
  TENSOR_TYPE,
} from '../../assembly/layout.js';
import { ACTIVATION_TYPES, type ActivationType } from './values.js';

/** Bytes of NVM, from where the image's state begins; of plan and constants, bytes of the image. */
export interface Region {
  offset: number;
  bytes: number;
}

/** One tensor that an app writes or reads. */
export interface TensorRegion extends Region {
  type: ActivationType;
}

/** Where each input and output lies in NVM. */
export interface TensorTable {
  /** Side by side, in this order: together the region `input`, what `feed` fills. */
  inputs: TensorRegion[];
  /** Together the region `output`. */
  outputs: TensorRegion[];
  /** What is kept from one inference to the next: where it lies in its bank. */
  states: TensorRegion[];
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function tensorTableBytes({ inputs, outputs, states }: TensorTable): Uint8Array {
  const entries = [...inputs, ...outputs, ...states];
  const bytes = new Uint8Array(entries.length * TENSOR_BYTES);
  const fields = view(bytes);
  entries.forEach(({ offset, bytes: size, type }, i) => {
    fields.setUint32(i * TENSOR_BYTES + TENSOR_OFFSET, offset, true);
    fields.setUint32(i * TENSOR_BYTES + TENSOR_SIZE, size, true);
    fields.setUint8(i * TENSOR_BYTES + TENSOR_TYPE, ACTIVATION_TYPES[type]);
  });
  return bytes;
}

/** Puts where the table lies, and how many tensors of each role it has, into a header. */
export function setTensorTable(
  header: DataView,
  address: number,
  { inputs, outputs, states }: TensorTable,
): void {
  header.setUint32(H_TENSORS, address, true);
  header.setUint8(H_TENSOR_COUNTS, inputs.length);
  header.setUint8(H_TENSOR_COUNTS + 1, outputs.length);
  header.setUint8(H_TENSOR_COUNTS + 2, states.length);
}

/** Whether tensors lie side by side in a region, which they fill. */
function fills({ offset, bytes }: Region, tensors: readonly TensorRegion[]): boolean {
  const sound = tensors.every((tensor, i) => {
    const before = tensors[i - 1];
    return tensor.bytes > 0 && tensor.offset === (before ? before.offset + before.bytes : offset);
  });
  const last = tensors.at(-1);
  return sound && last !== undefined && last.offset + last.bytes === offset + bytes;
}

/** The table of device bytes; undefined where it is not of their constants, their input and output, or banks of `stateBytes`. */
export function readTensorTable(
  device: Uint8Array,
  {
    constants,
    input,
    output,
    stateBytes,
  }: { constants: Region; input: Region; output: Region; stateBytes: number },
): TensorTable | undefined {
  const fields = view(device);
  const at = fields.getUint32(H_TENSORS, true);
  const [inputs, outputs, states, reserved] = [0, 1, 2, 3].map((i) =>
    fields.getUint8(H_TENSOR_COUNTS + i),
  ) as [number, number, number, number];
  if (reserved !== 0) return undefined;
  const count = inputs + outputs + states;
  const end = at + count * TENSOR_BYTES;
  if (at % 4 !== 0 || at < constants.offset || end > constants.offset + constants.bytes) return undefined;
  const entries = Array.from({ length: count }, (_, i) => entryAt(fields, at + i * TENSOR_BYTES));
  const known = entries.filter((entry) => entry !== undefined);
  const table = {
    inputs: known.slice(0, inputs),
    outputs: known.slice(inputs, inputs + outputs),
    states: known.slice(inputs + outputs),
  };
  const inBank = ({ offset, bytes }: Region): boolean => bytes > 0 && offset + bytes <= stateBytes;
  if (!table.states.every(inBank) || (stateBytes > 0 && states === 0)) return undefined;
  if (known.length < entries.length || !fills(input, table.inputs) || !fills(output, table.outputs))
    return undefined;
  return table;
}

function entryAt(fields: DataView, at: number): TensorRegion | undefined {
  const code: Code = fields.getUint8(at + TENSOR_TYPE);
  const type = Object.entries(ACTIVATION_TYPES).find(([, of]) => of === code)?.[0] as
    ActivationType | undefined;
  for (let byte = TENSOR_TYPE + 1; byte < TENSOR_BYTES; byte++)
    if (fields.getUint8(at + byte) !== 0) return undefined;
  if (type === undefined) return undefined;
  const [offset, bytes] = [TENSOR_OFFSET, TENSOR_SIZE].map((field) => fields.getUint32(at + field, true));
  return { offset: offset!, bytes: bytes!, type };
}
