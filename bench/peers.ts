// Other runtimes of Node, one thread each. None is a dependency (together they take half a gigabyte): they are found in
// the folder that BROWNOUT_PEERS names, or in node_modules; what is not there is left out with a word.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** A model on a runtime: `run` is one inference, copying the input in and leaving the output where it can be read. */
export interface Peer {
  name: string;
  run(): void | Promise<void>;
  /** None of a float model. */
  output?(): Int8Array;
}

const folder = process.env['BROWNOUT_PEERS'];
const require = createRequire(folder ? join(folder, 'index.js') : import.meta.url);

/** How to get all of them. */
export const INSTALL =
  'ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node onnxruntime-web @tensorflow/tfjs-tflite' +
  ' --legacy-peer-deps, in a folder that BROWNOUT_PEERS names';

interface WebTensor {
  data(): Int8Array;
}
interface WebVector {
  size(): number;
  get(index: number): WebTensor;
}
interface WebRunner {
  GetInputs(): WebVector;
  GetOutputs(): WebVector;
  Infer(): boolean;
}
interface WebModule {
  HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  TFLiteWebModelRunner: {
    CreateFromBufferAndOptions(
      at: number,
      bytes: number,
      options: { numThreads: number; enableProfiling: boolean; maxProfilingBufferEntries: number },
    ): { ok(): boolean; value(): WebRunner; errorMessage(): string };
  };
}

/** TensorFlow Lite for the web, WASM with SIMD and XNNPACK, by way of its glue; undefined where it is not installed. */
async function tfliteWeb(model: Uint8Array, input: Int8Array): Promise<Peer | undefined> {
  let glue: string;
  try {
    glue = require.resolve('@tensorflow/tfjs-tflite/wasm/tflite_web_api_cc_simd.js');
  } catch {
    return undefined;
  }
  const make = require(glue) as (options: object) => Promise<WebModule>;
  // Given the bytes, the glue need not fetch them.
  const wasmBinary = readFileSync(glue.replace(/js$/, 'wasm'));
  const module = await make({ wasmBinary, print: () => {}, printErr: () => {} });
  const at = module._malloc(model.length);
  module.HEAPU8.set(model, at);
  const options = { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 0 };
  const made = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(at, model.length, options);
  if (!made.ok()) throw new Error(`tfjs-tflite: ${made.errorMessage()}`);
  const runner = made.value();
  const first = runner.GetInputs().get(0);
  const last = runner.GetOutputs().get(0);
  return {
    name: 'tfjs-tflite (XNNPACK)',
    run(): void {
      first.data().set(input);
      runner.Infer();
    },
    output: () => last.data().slice(),
  };
}

interface OnnxSession {
  inputNames: string[];
  inputMetadata: { shape: (number | string)[] }[];
  run(feeds: object): Promise<object>;
}
interface OnnxRuntime {
  env: { wasm: { numThreads?: number } };
  InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
  Tensor: new (type: string, data: Float32Array, shape: number[]) => object;
}

/** ONNX Runtime on the same network before it was quantized, one thread; undefined where it is not installed. */
async function onnx(
  name: 'onnxruntime-node' | 'onnxruntime-web',
  model: Uint8Array,
): Promise<Peer | undefined> {
  let runtime: OnnxRuntime;
  try {
    runtime = require(name) as OnnxRuntime;
  } catch {
    return undefined;
  }
  if (name === 'onnxruntime-web') runtime.env.wasm.numThreads = 1;
  // Named, as the two share what they register, and the first would answer for both.
  const executionProviders = [name === 'onnxruntime-web' ? 'wasm' : 'cpu'];
  const options = { executionProviders, intraOpNumThreads: 1, interOpNumThreads: 1 };
  const session = await runtime.InferenceSession.create(model, options);
  const shape = session.inputMetadata[0]!.shape.map((size) =>
    typeof size === 'number' && size > 0 ? size : 1,
  );
  const input = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const feeds = { [session.inputNames[0]!]: new runtime.Tensor('float32', input, shape) };
  return {
    name: `${name}, float32`,
    async run(): Promise<void> {
      await session.run(feeds);
    },
  };
}

/** Every peer that is installed. `float`: the network before it was quantized, as ONNX. */
export async function findPeers(model: Uint8Array, input: Int8Array, float?: Uint8Array): Promise<Peer[]> {
  const found = [await tfliteWeb(model, input)];
  if (float) found.push(await onnx('onnxruntime-node', float), await onnx('onnxruntime-web', float));
  return found.filter((peer) => peer !== undefined);
}
