#!/usr/bin/env bash
# TensorFlow.js' average pooling with padding "same" divides a window at the edge by the inputs it has; its gradient on the
# CPU backend divides by the whole window. So the gradient is not that of the forward pass: here each input of a corner
# window of four gets 1/9 of the output's gradient instead of 1/4.
#
# Who trains a network with padded average pools there and brings it here, or checks a gradient of this trainer against
# TensorFlow.js, finds other numbers at the edges. A finite difference of the forward pass shows which is right.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs@4.22.0
cat >run.cjs <<'JS'
const tf = require('@tensorflow/tfjs');
const pool = (x) => tf.avgPool(x, 3, 1, 'same');
const ones = (corner = 1) => tf.tensor4d([corner, ...Array(8).fill(1)], [1, 3, 3, 1]);
// Only the first output counts: the mean of four inputs.
const first = (x) => tf.sum(tf.slice(pool(x), [0, 0, 0, 0], [1, 1, 1, 1]));
console.log('corner output for all inputs 1:', first(ones()).dataSync()[0]);
const difference = first(ones(2)).dataSync()[0] - first(ones(1)).dataSync()[0];
const gradient = tf.grad(first)(ones()).dataSync()[0];
console.log(`tfjs ${tf.version.tfjs}, backend ${tf.getBackend()}`);
console.log(`d output / d input at the corner: by difference ${difference.toFixed(4)}, by tf.grad ${gradient.toFixed(4)}`);
if (Math.abs(difference - 1 / 4) > 1e-6 || Math.abs(gradient - 1 / 9) > 1e-6) {
  console.error('changed: the two are no longer 1/4 and 1/9');
  process.exit(1);
}
JS
node run.cjs
