// The desk module: float32 kernels under the host trainer. It never runs on a device.
// Pointers are byte addresses and counts are elements; matrices are row-major and images NHWC.
// Gradients accumulate (+=), so the host clears them first.
export { heapBase, cosine } from './scalar';
export { gemm, gemmWorkspaceSize } from './gemm';
export { sparseGemm, sparseGemmWorkspaceSize } from './sparse_gemm';
export { im2col, col2im, padImages, addUnpadded } from './patches';
export { convolve, convolveInputGradient, convolveWorkspaceSize, countNonZero } from './convolution';
export {
  convolveWeightGradient,
  listGradients,
  listPooledGradients,
  listsSize,
  placesSize,
  spareSize,
} from './convolution_lists';
export {
  clear,
  fillRows,
  sumRows,
  relu,
  reluGradient,
  clampValues,
  clampGradient,
  addScaled,
  addTransposed,
} from './pointwise';
export { maxPool, maxPoolGradient } from './max_pool';
export { circulantToDense, denseToCirculant } from './circulant';
export {
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  softTargetLoss,
  softmax,
  countCorrect,
} from './cross_entropy';
export { momentumUpdate, adamUpdate } from './update';
export { warp, warpWorkspaceSize, elasticField } from './warp';
export { addNoise, shiftRows, dropout } from './augment';
export { depthwise, depthwiseGradient } from './depthwise';
export { averagePool } from './average_pool';
export { batchStatistics, normalise, normaliseGradient } from './batch_norm';
export {
  fakeQuantize,
  fakeQuantizeGradient,
  fakeQuantizeWeights,
  roundOdd,
  roundingError,
  stepGradient,
  exponentials,
  logarithms,
} from './fake_quantize';
export { pullTowards, squaredDistance } from './constraint';
export { widen, requantizeSums, addIntegers, softmaxIntegers, narrow } from './integer';
