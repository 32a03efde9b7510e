// A .tflite file as plain objects: its one subgraph, tensors and operators. Field numbers are those of schema.fbs.
import { damaged, FlatTable } from './flatbuffer.js';
import { operatorName } from './op-names.js';

/** TensorType of the schema, by number. */
const TYPES = [
  'float32',
  'float16',
  'int32',
  'uint8',
  'int64',
  'string',
  'bool',
  'int16',
  'complex64',
  'int8',
  'float64',
  'complex128',
  'uint64',
  'resource',
  'variant',
  'uint32',
  'uint16',
  'int4',
  'bfloat16',
] as const;

export type TfliteType = (typeof TYPES)[number];

export interface TfliteTensor {
  index: number;
  name: string;
  shape: number[];
  type: TfliteType;
  /** Real scales; empty: not quantized. */
  scales: number[];
  zeroPoints: number[];
  /** The dimension that scales go along, if there are several. */
  axis: number;
  /** Constants as stored; empty: computed. */
  data: Uint8Array;
}

export interface TfliteOperator {
  index: number;
  name: string;
  /** Tensors; −1: left out. */
  inputs: number[];
  outputs: number[];
  /** Table of its options, empty if it has none. */
  options: FlatTable | undefined;
}

export interface TfliteModel {
  tensors: TfliteTensor[];
  operators: TfliteOperator[];
  inputs: number[];
  outputs: number[];
  /** Graphs that operators call, such as CALL_ONCE. */
  others: readonly Omit<TfliteModel, 'others'>[];
}

const IDENTIFIER = 'TFL3';
/** Elements of a tensor: far more than any part's NVM, and little enough to count. */
const MOST_ELEMENTS = 1 << 24;
/** Tensors and operators a model may have: a flatbuffer may name one table any number of times. */
const MOST_PARTS = 4096;

const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function readTensor(table: FlatTable, index: number, buffers: readonly FlatTable[]): TfliteTensor {
  const name = table.text(3);
  const what = `tensor ${index} "${name}"`;
  const shape = table.int32s(0);
  const type = TYPES[table.int8(1)];
  if (type === undefined) damaged(`${what} of type ${table.int8(1)}`, `0–${TYPES.length - 1}`);
  if (shape.length > 8 || shape.some((size) => size < 0) || elementsOf(shape) > MOST_ELEMENTS)
    damaged(`${what} of shape [${shape.slice(0, 9)}]`, `sizes from 0 on, ${MOST_ELEMENTS} elements at most`);
  const bufferIndex = table.uint32(2);
  const buffer = buffers[bufferIndex];
  if (!buffer) damaged(`${what} in buffer ${bufferIndex}`, `one of ${buffers.length}`);
  const quantization = table.table(4);
  const scales = quantization?.float32s(2) ?? [];
  const zeroPoints = (quantization?.int64s(3) ?? []).map(Number);
  if (scales.length > MOST_ELEMENTS || (zeroPoints.length !== scales.length && zeroPoints.length > 1))
    damaged(`${what} with ${scales.length} scales and ${zeroPoints.length} zero points`, 'as many');
  return {
    index,
    name,
    shape,
    type,
    scales,
    zeroPoints,
    axis: quantization?.int32(6) ?? 0,
    data: buffer.bytes(0),
  };
}

/** Reads a .tflite file. Throws `E_TFLITE`. */
export function readTflite(bytes: Uint8Array): TfliteModel {
  const root = FlatTable.root(bytes);
  const identifier = String.fromCharCode(...bytes.subarray(4, 8));
  if (identifier !== IDENTIFIER) damaged(`file identifier "${identifier}"`, `"${IDENTIFIER}"`);
  const subgraphs = root.tables(2);
  if (subgraphs.length === 0) damaged('no subgraph', 'one');
  if (subgraphs.length > MOST_SUBGRAPHS)
    damaged(`${subgraphs.length} subgraphs`, `at most ${MOST_SUBGRAPHS}`);
  const buffers = root.tables(4);
  const codes = root.tables(1);
  const [main, ...others] = subgraphs.map((graph) => readSubgraph(graph, buffers, codes));
  return { ...main!, others };
}

/** Graphs that a file may have: the model, and what it calls once. */
const MOST_SUBGRAPHS = 16;

function readSubgraph(
  graph: FlatTable,
  buffers: readonly FlatTable[],
  codes: readonly FlatTable[],
): Omit<TfliteModel, 'others'> {
  const tables = graph.tables(0);
  const operators = graph.tables(3);
  if (Math.max(tables.length, operators.length, buffers.length, codes.length) > MOST_PARTS)
    damaged(`${tables.length} tensors and ${operators.length} operators`, `at most ${MOST_PARTS} of each`);
  const tensors = tables.map((table, index) => readTensor(table, index, buffers));
  const references = (list: number[], least: number, where: string): number[] => {
    if (list.length > MOST_PARTS) damaged(`${list.length} ${where}`, `at most ${MOST_PARTS}`);
    const wrong = list.find((tensor) => tensor < least || tensor >= tensors.length);
    if (wrong !== undefined) damaged(`tensor ${wrong} among ${where}`, `${least}–${tensors.length - 1}`);
    return list;
  };
  return {
    tensors,
    operators: operators.map((table, index): TfliteOperator => {
      const code = codes[table.uint32(0)];
      if (!code) damaged(`operator ${index} of code ${table.uint32(0)}`, `one of ${codes.length}`);
      // Newer files hold the number in field 3, older ones in field 0.
      const number = Math.max(code.int8(0), code.int32(3));
      const custom = code.text(1);
      return {
        index,
        name: number === 32 ? `CUSTOM "${custom}"` : operatorName(number),
        inputs: references(table.int32s(1), -1, `inputs of operator ${index}`),
        outputs: references(table.int32s(2), 0, `outputs of operator ${index}`),
        options: table.table(4),
      };
    }),
    inputs: references(graph.int32s(1), 0, 'inputs'),
    outputs: references(graph.int32s(2), 0, 'outputs'),
  };
}
