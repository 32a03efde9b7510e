// The public API: flat verbs, plain options, data out.
export { analyze, type AnalyzeResult } from './analyze/analyze.js';
export type { AnalyzeOptions } from './analyze/options.js';
export { compare, type CompareResult } from './compare/compare.js';
export type { CompareOptions } from './compare/options.js';
export { compile } from './compile/compile.js';
export type { CompileOptions } from './compile/options.js';
export type { LearningCandidate, LearningChoice } from './compile/choose-learning.js';
export { chooseLearning, type LearningTuning, tuneLearning } from './compile/tune-learning.js';
export type { SumsTrial } from './learning/sums/tune.js';
export type { Trial } from './learning/tune.js';
export type { Rival, RivalPoint } from './learn/rivals.js';
export { compress, type CompressResult } from './compress/compress.js';
export type { Structure } from './compress/candidates.js';
export type { Metric } from './compress/metrics.js';
export type { ActivationBits, CompressOptions, CompressProgress } from './compress/compress-options.js';
export type { CompressReport } from './compress/compress-report.js';
export { fromGraph } from './compress/from-graph.js';
export { initialise } from './compress/initialise.js';
export { quantize, type QuantizeOptions } from './compress/quantize.js';
export { train } from './compress/train.js';
export type { TrainingOptions } from './compress/training-options.js';
export type { FloatNetwork } from './compress/float-network.js';
export type { FloatLayer } from './compress/layers.js';
export { fftTwiddles } from './math/fft-twiddles.js';
export type { GivenInputs } from './data/given-inputs.js';
export type { InputArray, ReadAs } from './data/model-input.js';
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
export { demo, type DemoResult } from './demo/demo.js';
export type { DemoOptions, DemoSample } from './demo/options.js';
export { BrownoutError, ExitCode, type Failure } from './error.js';
export { exportFirmware, type FirmwareExport, type FirmwareUsage } from './export/export-firmware.js';
export type { Need, Support } from './firmware/support.js';
export type { ExportOptions } from './export/options.js';
export { flash, type FlashResult } from './flash/flash.js';
export type { FlashOptions } from './flash/options.js';
export type { BoardReplayOptions } from './replay/board-options.js';
export { replayOnBoard, type BoardReplayResult } from './replay/replay-on-board.js';
export type { FloatGraph, GraphOp } from './import/float-graph.js';
export { firstColumns } from './import/first-columns.js';
export { quantizeGraph, type QuantizeGraphOptions } from './import/quantize-graph.js';
export { importModel, type ImportOptions, type ImportedModel } from './import/import-model.js';
export type { WeightChoice } from './import/narrow-weights.js';
export type { BoardCheck, BoardNvmCheck } from './check/board.js';
export { check, type CheckResult } from './check/check.js';
export type { NvmKind } from './firmware/nvm-bodies/index.js';
export type { CheckOptions } from './check/options.js';
export { inspect, type InspectResult } from './inspect/inspect.js';
export { readImage, type Image } from './model/image.js';
export type { NetworkState, QuantizedNetwork, QuantizedOp, TensorSpec } from './model/quantized-network.js';
export type { ActivationType, Values } from './model/values.js';
export { buildDevice } from './toolchain/build-device.js';
export type { BuildOptions } from './toolchain/parts.js';
export { parseTrace, resample, stitch, type Trace, type TraceOptions } from './power/trace.js';
export type { TargetOptions } from './power/target.js';
export type { ReplayOptions } from './replay/options.js';
export { type InputSource, replay, type ReplayResult } from './replay/replay.js';
export type { RunOptions } from './run/options.js';
export { run, type RunResult } from './run/run.js';
export type { Mistake, Score } from './run/score.js';
export type { SignOptions } from './sign/options.js';
export { sign, type SignResult } from './sign/sign.js';
export type { SizeOptions } from './size/options.js';
export { size, type SizeResult } from './size/size.js';
export type { ReplayCutsOptions, VerifyOptions } from './verify/options.js';
export { replayCuts, type ReplayCutsResult } from './verify/replay.js';
export { learn, type LearnResult } from './learn/learn.js';
export type { LearningPoint, LearnReplayOptions } from './learn/options.js';
export { restore, type RestoreOptions } from './restore/restore.js';
export type { Quantity } from './options/quantity.js';
export {
  type LearningStatus,
  learningStatus,
  readWeights,
  withWeights,
  writeWeights,
} from './learning/learned.js';
export type { LearnOptions } from './learning/spec.js';
export { verify, type VerifyResult } from './verify/verify.js';
export { readLog, writeLog, type LogRecord } from './xray/device-log.js';
export type { XrayOptions } from './xray/options.js';
export { xray, type XrayOutput, type XrayResult } from './xray/xray.js';
export {
  type BackgroundOptions,
  compressAsync,
  replayAsync,
  trainAsync,
  verifyAsync,
} from './background/in-background.js';
export type { Progress } from './background/calls.js';
export { deviceProfile, DEVICES } from './profiles/index.js';
export type { AcceleratorCosts, DeviceProfile, Provenance, Sourced } from './profiles/profile.js';
export type { SpiOpcodes, SpiPart, SpiStatus } from './firmware/spi-parts.js';
export type { Efficiency, OwnConverter } from './power/own-converter.js';
// Whatever the calls above take or return (test/api.test.ts finds what is missing).
export type { OpKind } from '../assembly/layout.js';
export type { OpAnalysis, Usage } from './analyze/analyze.js';
export type { Costs } from './check/check.js';
export type { CompareCell, CompareRow, Sensitivity } from './compare/compare.js';
export type { Strategy } from './compare/strategies/programs.js';
export type { ProgramRun } from './compare/strategies/run-program.js';
export type { AdmmOptions, Residuals } from './compress/admm.js';
export type { Augmentation } from './compress/augment.js';
export type { Figures, LayerDecision, SensitivityRow, TriedCandidate } from './compress/compress-report.js';
export type { LevelRow } from './compress/compress-report.js';
export type { Constraint } from './compress/constraint.js';
export type { Budget, DeviceCost } from './compress/device-cost.js';
export type { Architecture, LabelledData } from './compress/float-network.js';
export type {
  Activation,
  BatchNormLayer,
  CirculantLayer,
  ConvolutionLayer,
  DenseLayer,
  DepthwiseLayer,
  LayerShape,
  Padding,
  WeightedLayer,
} from './compress/layers.js';
export type { Optimizer } from './compress/training-options.js';
export type { RoundingOptions } from './compress/rounding.js';
export type { Candidate } from './compress/search.js';
export type { Method, MethodResult } from './compress/structured.js';
export type { EpochReport, Teacher } from './compress/training-options.js';
export type { Choices, LayerChoice } from './compress/transform.js';
export type { DemoDetails } from './demo/demo.js';
export type { FirmwareSize } from './firmware/build-elf.js';
export type { Endurance } from './firmware/endurance.js';
export type { Bounds, GraphPort, GraphTensor, UnaryOp, WeightedOp } from './import/float-graph.js';
export type { Obstacle } from './import/obstacles.js';
export type { RangeMethod } from './import/ranges.js';
export type { CursorReport } from './inspect/inspect.js';
export type { AudioFeatures } from './model/audio-features.js';
export type { CommitPolicy, DeviceImage } from './model/image.js';
export type { LearningHeader } from './model/learning-header.js';
export type { ImageSignature } from './model/signature.js';
export type { CompiledFor, ImageMetadata, Layer, Preprocessing, Proof } from './model/metadata.js';
export type {
  Add,
  AveragePool2d,
  Circulant,
  CirculantMethod,
  ComputingOp,
  Concat,
  ConstantTensor,
  Conv2d,
  Convert,
  ConvolutionMethod,
  FuseChoice,
  Dense,
  DepthwiseConv2d,
  Logistic,
  Lookup,
  MapTable,
  Matmul,
  MaxPool2d,
  Mean,
  Mul,
  Pad,
  Quantization,
  QuantizationChoices,
  Repeat,
  Requantization,
  Requantize,
  Reshape,
  Scaling,
  Slice,
  Softmax,
  SpectraChoice,
  Transpose,
  WeightTransform,
  Window,
} from './model/quantized-network.js';
export type { InferenceKind, LearningKind, OpRecord, SumsKind } from './model/record.js';
export type { Region, TensorRegion, TensorTable } from './model/tensor-table.js';
export type { WeightBits, WeightFormat, WeightType } from './model/weight-types.js';
export type { SumBody } from './ops/record.js';
export type { Body } from './ops/shared/cost.js';
export type { Origin } from './origin.js';
export type { EnergyLedger, EnergyUse, RunStatistics } from './power/statistics.js';
export type { PowerSegment } from './power/harvester.js';
export type { TileSpan, Timeline } from './power/recorder.js';
export type { Estimate } from './profiles/estimates.js';
export type { ReplayEnergy, ReplayOp } from './replay/replay.js';
export type { Answers } from './run/run.js';
export type { Wear } from './simulator/wear.js';
export type { SizeRow } from './size/size.js';
export type { InstructionCosts } from './toolchain/meter.js';
export type { Counterexample } from './verify/counterexample.js';
export type { Obligation } from './verify/violation.js';
export type { Cause, Diagnosis } from './xray/diagnose.js';
export type { Grey, LayerPicture } from './xray/pictures.js';
export type { TensorFigures } from './xray/statistics.js';
export type { Fault, LayerReport } from './xray/xray.js';
export type { Port } from './model/quantized-network.js';
export type { ModuleStatement } from './firmware/manifest.js';
