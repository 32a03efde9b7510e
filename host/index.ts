// The public API: flat verbs, plain options, data out.
export { analyze, type AnalyzeOptions, type AnalyzeResult } from './analyze/analyze.js';
export { compare, type CompareOptions, type CompareResult } from './compare/compare.js';
export { compile, type CompileOptions } from './compile/compile.js';
export { compress, type CompressResult } from './compress/compress.js';
export type { CompressOptions, CompressProgress } from './compress/compress-options.js';
export type { CompressReport } from './compress/compress-report.js';
export { fromGraph } from './compress/from-graph.js';
export { initialise } from './compress/initialise.js';
export { quantize, type QuantizeOptions } from './compress/quantize.js';
export { train, type TrainingOptions } from './compress/train.js';
export type { FloatNetwork } from './compress/float-network.js';
export type { FloatLayer } from './compress/layers.js';
export { fftTwiddles } from './math/fft-twiddles.js';
export { type InputArray, type ReadAs } from './data/model-input.js';
export { readNpy, writeNpy, type NpyArray } from './data/npy.js';
export type { NpyData, NpyType } from './data/npy-types.js';
export { type InputFile, type InputFormat, readInput, type InputTarget } from './data/read-input.js';
export {
  type LabelledArray,
  readArray,
  type ReadArrayOptions,
  readSamples,
  type ReadSamplesOptions,
  type Samples,
} from './data/samples.js';
export { type Labels, readLabels } from './data/labels.js';
export { demo, type DemoOptions, type DemoResult } from './demo/demo.js';
export { BrownoutError, ExitCode, type Failure } from './error.js';
export {
  exportFirmware,
  type ExportOptions,
  type FirmwareExport,
  type FirmwareUsage,
} from './export/export-firmware.js';
export { flash, type FlashOptions, type FlashResult } from './flash/flash.js';
export { replayOnBoard, type BoardReplayOptions, type BoardReplayResult } from './replay/replay-on-board.js';
export type { FloatGraph, GraphOp } from './import/float-graph.js';
export { firstColumns } from './import/first-columns.js';
export { quantizeGraph, type QuantizeGraphOptions } from './import/quantize-graph.js';
export { importModel, type ImportOptions, type ImportedModel } from './import/import-model.js';
export { inspect, type InspectResult } from './inspect/inspect.js';
export { readImage, type Image } from './model/image.js';
export type { QuantizedNetwork, QuantizedOp, TensorSpec } from './model/quantized-network.js';
export type { ActivationType, Values } from './model/values.js';
export { buildDevice, type BuildOptions } from './toolchain/build-device.js';
export { parseTrace, resample, stitch, type Trace, type TraceOptions } from './power/trace.js';
export { replay, type ReplayOptions, type ReplayResult } from './replay/replay.js';
export { run, type RunOptions, type RunResult } from './run/run.js';
export { size, type SizeOptions, type SizeResult } from './size/size.js';
export { replayCuts, type ReplayCutsOptions, type ReplayCutsResult } from './verify/replay.js';
export { learn, type LearningPoint, type LearnReplayOptions, type LearnResult } from './learn/learn.js';
export {
  type LearningStatus,
  learningStatus,
  readWeights,
  withWeights,
  writeWeights,
} from './learning/learned.js';
export type { LearnOptions } from './learning/spec.js';
export { verify, type VerifyOptions, type VerifyResult } from './verify/verify.js';
export { readLog, writeLog, type LogRecord } from './xray/device-log.js';
export { xray, type XrayOptions, type XrayOutput, type XrayResult } from './xray/xray.js';
