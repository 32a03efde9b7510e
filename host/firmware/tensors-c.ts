// Inputs and outputs of an image as C: what an application needs to feed numbers of a sensor and to read an answer.
import type { Image } from '../model/image.js';
import { offsetsOf, type Port } from '../model/ports.js';
import { elementCount, type TensorSpec } from '../model/quantized-network.js';

/** An input or output, as C has it. */
interface Tensor {
  name: string;
  tensor: TensorSpec;
  /** Bytes from where the whole input or output begins. */
  offset: number;
  /** Range of reals that it was trained on. */
  range: { minimum: number; maximum: number; channelsFirst?: boolean } | undefined;
}

const elementBytes = ({ dtype }: TensorSpec): number => (dtype === 'int16' ? 2 : 1);

function inputsOf({ metadata }: Image): Tensor[] {
  const { input, inputs, preprocessing } = metadata;
  const ports: readonly Port[] = inputs ?? [{ name: 'input', tensor: input, preprocessing }];
  const offsets = offsetsOf(ports);
  return ports.map(({ name, tensor, preprocessing: range = preprocessing }, i) => ({
    name,
    tensor,
    offset: offsets[i]! * elementBytes(tensor),
    range,
  }));
}

function outputsOf({ metadata }: Image): Tensor[] {
  const { output, outputs } = metadata;
  const ports: readonly Port[] = outputs ?? [{ name: 'output', tensor: output }];
  const offsets = offsetsOf(ports);
  return ports.map(({ name, tensor }, i) => ({
    ...{ name, tensor, offset: offsets[i]! * elementBytes(tensor) },
    range: undefined,
  }));
}

/** A string of C. Only what every compiler reads: the rest is escaped, in octal, which cannot run into what follows. */
const cString = (text: string): string => {
  const bytes = [...Buffer.from(text, 'utf8')].map((byte) => {
    const isPlain = byte >= 32 && byte < 127 && !'"\\?'.includes(String.fromCharCode(byte));
    return isPlain ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"${bytes.join('')}"`;
};

/** A double of C: the shortest text that reads as the same number. */
const real = (value: number): string => (Number.isInteger(value) ? `${value}.0` : `${value}`);

/** One word of a comment: nothing in it ends the comment. */
const inComment = (text: string): string => text.replace(/[^\w .:-]/g, '_');

function comment(role: string, index: number, { name, tensor, range }: Tensor): string[] {
  const { shape, scale, zeroPoint, dtype = 'int8', unsigned } = tensor;
  const order = range?.channelsFirst ? ', the model’s own order has channels first: turn them' : '';
  return [
    `/* ${role} ${index}, ${inComment(name)}: [${shape.join(', ')}], the last varies fastest${order.replace('’', "'")}.`,
    ` * ${dtype}; real = (q - ${zeroPoint}) * ${scale}.` +
      (range ? ` Trained on reals from ${range.minimum} to ${range.maximum}.` : ''),
    ...(unsigned ? [" * The model's file has uint8: q + 128."] : []),
    ' */',
  ];
}

function macros(role: 'INPUT' | 'OUTPUT', index: number, { tensor, offset, range }: Tensor): string[] {
  const name = `BROWNOUT_${role}${index}`;
  return [
    `#define ${name}_OFFSET ${offset}u`,
    `#define ${name}_VALUES ${elementCount(tensor)}u`,
    `#define ${name}_SCALE ${real(tensor.scale)}`,
    `#define ${name}_ZERO_POINT ${tensor.zeroPoint < 0 ? `(${tensor.zeroPoint})` : tensor.zeroPoint}`,
    ...(range
      ? [
          `#define ${name}_MINIMUM ${real(range.minimum)}`,
          `#define ${name}_MAXIMUM ${real(range.maximum)}`,
          ...(range.channelsFirst ? [`#define ${name}_CHANNELS_FIRST 1`] : []),
        ]
      : []),
  ];
}

/** How sound is brought to features, where the model takes those. */
function features({ metadata }: Image): string[] {
  const { features: found } = metadata.preprocessing;
  if (!found) return [];
  const lines = Object.entries(found).map(([name, value]) => {
    const macro = `BROWNOUT_FEATURES_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
    return `#define ${macro} ${typeof value === 'number' ? value : cString(String(value))}`;
  });
  return ['/* The input is features of sound (docs/INPUTS.md). */', ...lines, ''];
}

/** Whether the image says what each value of its answer stands for. */
const isClassifier = ({ metadata: { classes, output } }: Image): boolean =>
  classes?.length === elementCount(output);

/** Names of the answer's classes; where the image has none, their numbers. */
function classNames(image: Image): string[] {
  const { classes = [], output } = image.metadata;
  return isClassifier(image) ? classes : Array.from({ length: elementCount(output) }, (_, i) => `${i}`);
}

const TENSOR = `/* An input or output: its values lie one behind the other from \`offset\` of the whole. */
struct brownout_tensor {
  const char *name;
  const uint32_t *shape; /* \`rank\` sizes; the last varies fastest */
  uint32_t rank;
  uint32_t offset;      /* in bytes */
  uint32_t values;
  uint32_t value_bytes; /* 1: int8_t, 2: int16_t */
  int32_t zero_point;
  double scale;         /* real = (integer - zero_point) * scale */
};`.split('\n');

/** For brownout_model.h: what there is of inputs, outputs and classes. */
export function tensorDeclarations(image: Image): string[] {
  const [inputs, outputs] = [inputsOf(image), outputsOf(image)];
  const values = (list: Tensor[]): number => list.reduce((sum, { tensor }) => sum + elementCount(tensor), 0);
  return [
    ...TENSOR,
    '',
    `#define BROWNOUT_INPUTS ${inputs.length}u`,
    `#define BROWNOUT_OUTPUTS ${outputs.length}u`,
    `#define BROWNOUT_INPUT_VALUES ${values(inputs)}u`,
    `#define BROWNOUT_OUTPUT_VALUES ${values(outputs)}u`,
    `#define BROWNOUT_CLASS_NAMES ${classNames(image).length}u`,
    '',
    ...inputs.flatMap((one, i) => [...comment('Input', i, one), ...macros('INPUT', i, one), '']),
    ...outputs.flatMap((one, i) => [...comment('Output', i, one), ...macros('OUTPUT', i, one), '']),
    ...features(image),
    'extern const struct brownout_tensor brownout_inputs[BROWNOUT_INPUTS];',
    'extern const struct brownout_tensor brownout_outputs[BROWNOUT_OUTPUTS];',
    ...(isClassifier(image)
      ? ['/* Names of the classes, in the order of the answer. */', '#define BROWNOUT_IS_CLASSIFIER 1']
      : ['/* The image names no classes: their numbers, in the order of the answer. */']),
    'extern const char *const brownout_class_names[BROWNOUT_CLASS_NAMES];',
  ];
}

function tensorTable(role: 'input' | 'output', tensors: Tensor[]): string[] {
  const rows = tensors.map(({ tensor, offset }, i) => {
    const { shape, scale, zeroPoint } = tensor;
    const sizes = [shape.length, offset, elementCount(tensor), elementBytes(tensor)].map(
      (size) => `${size}u`,
    );
    const rest = [...sizes, zeroPoint, real(scale)].join(', ');
    return `  {${role}_name${i}, ${role}_shape${i}, ${rest}},`;
  });
  return [
    ...tensors.map(
      ({ tensor }, i) => `static const uint32_t ${role}_shape${i}[] = {${tensor.shape.join(', ')}};`,
    ),
    ...tensors.map(({ name }, i) => `static const char ${role}_name${i}[] = ${cString(name)};`),
    `const struct brownout_tensor brownout_${role}s[] = {`,
    ...rows,
    '};',
  ];
}

/** For brownout_model.c: the tables. Texts are arrays, since literals stay in programs that use none of them. */
export function tensorDefinitions(image: Image): string[] {
  const [inputs, names] = [inputsOf(image), classNames(image)];
  return [
    ...tensorTable('input', inputs),
    ...tensorTable('output', outputsOf(image)),
    ...names.map((name, i) => `static const char class_name${i}[] = ${cString(name)};`),
    `const char *const brownout_class_names[] = {${names.map((_, i) => `class_name${i}`).join(', ')}};`,
    '',
  ];
}
