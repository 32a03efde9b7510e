// Other runtimes of Node, one thread each. None is a dependency (together they take half a gigabyte): they are found in
// the folder that BROWNOUT_PEERS names, or in node_modules; what is not there is left out with a word.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** A model on a runtime: `run` is one inference, copying the input in and leaving the output where it can be read. */
export interface Peer {
  name: string;
  run(): void;
  output(): Int8Array;
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

/** Every peer that is installed. */
export async function findPeers(model: Uint8Array, input: Int8Array): Promise<Peer[]> {
  const found = await Promise.all([tfliteWeb(model, input)]);
  return found.filter((peer) => peer !== undefined);
}
