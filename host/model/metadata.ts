// What an image says for the desk alone: names, scales, how inputs are prepared, what was proved.
import { plainStrings } from '../error.js';
import type { AudioFeatures } from './audio-features.js';
import { COPY_AGAIN, refuse } from './image-error.js';
import { arePorts, type Port } from './ports.js';
import type { QuantizationChoices, TensorSpec } from './quantized-network.js';

/** How a float input becomes the model's: stated, so that nobody feeds the wrong scale unnoticed. */
export interface Preprocessing {
  /** Range of the float input the model was trained on. */
  minimum: number;
  maximum: number;
  /** The model was made for channels first: such arrays are taken too, and turned. */
  channelsFirst?: boolean;
  /** Sound is brought to these features first. */
  features?: AudioFeatures;
}

/** What `verify` proved of an image when it was compiled: the counts of VerifyResult. */
export interface Proof {
  cursors: number;
  tiles: number;
  bytesChecked: number;
  garbageFills: number;
  recoveryPairs: number;
  tear: number;
}

/** An op of the network: so many records, one behind the other, that make `output`. */
export interface Layer {
  records: number;
  output: TensorSpec;
}

/** What an image was compiled for: its tiles, methods and commits are those of a charge of it. */
export interface CompiledFor {
  /** Name of the device profile. */
  device: string;
  capacitorUf: number;
  /** Name of the converter, if one was chosen. */
  converter?: string;
  /** Whether they were one's own, which a name alone does not give back. */
  ownDevice?: true;
  ownConverter?: true;
}

/** Between the names of two layers that are one record. */
export const FUSED_NAMES = ' + ';

/** What only the desk needs. */
export interface ImageMetadata {
  name: string;
  input: TensorSpec;
  output: TensorSpec;
  preprocessing: Preprocessing;
  /** One name an op. */
  ops: string[];
  /** What the records make, op by op; absent in images of before, and in those that learn. */
  layers?: Layer[];
  /** How it was quantized, if it was here. */
  quantization?: QuantizationChoices;
  /** Names of the answer's classes, if it is a classifier. */
  classes?: string[];
  /** Where there are several: what `input` and `output` consist of. */
  inputs?: readonly Port[];
  outputs?: readonly Port[];
  /** What it keeps from one inference to the next. */
  states?: readonly Port[];
  /** The policy's name as given to the compiler. */
  policy: string;
  /** Absent in images of before. */
  compiledFor?: CompiledFor;
  /** Bytes of NVM that a cut may spoil together; absent: each byte is written alone. */
  line?: number;
  /** Absent: not proved since it was compiled, or changed since. */
  proof?: Proof;
}

function isTensorSpec(value: unknown): value is TensorSpec {
  if (typeof value !== 'object' || value === null) return false;
  const { shape, scale, zeroPoint, dtype = 'int8' } = value as Record<string, unknown>;
  return (
    Array.isArray(shape) &&
    shape.every((size) => Number.isSafeInteger(size) && size > 0) &&
    typeof scale === 'number' &&
    scale > 0 &&
    Number.isInteger(zeroPoint) &&
    (dtype === 'int8' || dtype === 'int16')
  );
}

/** Whether they are features of sound, or absent. */
function areFeatures(value: Preprocessing['features']): boolean {
  if (value === undefined) return true;
  const { kind, ...numbers } = value ?? {};
  const all = Object.values(numbers);
  const windows = [numbers.windowSamples, numbers.strideSamples, numbers.melBins, numbers.sampleRate];
  const sound = windows.every((count) => Number.isInteger(count) && count > 0 && count <= 1 << 20);
  return (kind === 'mfcc' || kind === 'log-mel') && sound && all.every((number) => Number.isFinite(number));
}

/** Whether they cover the records, or are absent. */
function areLayers(value: unknown, ops: number): boolean {
  if (value === undefined) return true;
  if (!Array.isArray(value)) return false;
  const counts = value.map((layer: Partial<Layer> | null) => {
    const records = layer?.records ?? 0;
    return Number.isSafeInteger(records) && records > 0 && isTensorSpec(layer?.output) ? records : Number.NaN;
  });
  return counts.reduce((sum, count) => sum + count, 0) === ops;
}

/** Whether they are states, or absent. */
const areStates = (value: unknown): boolean =>
  value === undefined ||
  (Array.isArray(value) &&
    value.every(
      (state: Partial<Port> | null) => typeof state?.name === 'string' && isTensorSpec(state.tensor),
    ));

const isName = (value: unknown): boolean =>
  typeof value === 'string' && value.trim() !== '' && value.length <= MOST_NAME;
const MOST_NAME = 80;

/** Whether it is a device with a capacitor, or absent. Whether there is such a device is another matter. */
function isCompiledFor(value: unknown): boolean {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { device, capacitorUf, converter, ...own } = value as Record<keyof CompiledFor, unknown>;
  return (
    isName(device) &&
    typeof capacitorUf === 'number' &&
    capacitorUf > 0 &&
    capacitorUf < Infinity &&
    (converter === undefined || isName(converter)) &&
    [own.ownDevice, own.ownConverter].every((is) => is === undefined || is === true)
  );
}

/** Metadata of an image of so many records, `layered` of which are of layers. Throws `E_IMAGE_METADATA`. */
export function parseMetadata(payload: Uint8Array, ops: number, layered: number): ImageMetadata {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    refuse('E_IMAGE_METADATA', 'metadata that is not JSON', 'a JSON object', COPY_AGAIN);
  }
  const m = (value ?? {}) as Partial<ImageMetadata>;
  const names = (list: unknown): boolean =>
    Array.isArray(list) && list.every((name) => typeof name === 'string');
  const sound =
    typeof m.name === 'string' &&
    typeof m.policy === 'string' &&
    isTensorSpec(m.input) &&
    isTensorSpec(m.output) &&
    typeof m.preprocessing?.minimum === 'number' &&
    typeof m.preprocessing.maximum === 'number' &&
    areFeatures(m.preprocessing.features) &&
    names(m.ops) &&
    m.ops?.length === ops &&
    areLayers(m.layers, layered) &&
    arePorts(m.inputs, m.input, isTensorSpec) &&
    arePorts(m.outputs, m.output, isTensorSpec) &&
    areStates(m.states) &&
    isCompiledFor(m.compiledFor) &&
    (m.quantization === undefined || Number.isSafeInteger(m.quantization?.equalizedPairs)) &&
    (m.classes === undefined || names(m.classes)) &&
    (m.line === undefined || [4, 8, 16].includes(m.line)) &&
    (m.proof === undefined ||
      (m.proof !== null && Object.values(m.proof).every((value) => Number.isSafeInteger(value))));
  if (!sound) {
    refuse(
      'E_IMAGE_METADATA',
      'metadata with fields missing or of another type',
      'those of docs/FORMAT.md',
      COPY_AGAIN,
    );
  }
  return plainStrings(m as ImageMetadata);
}
