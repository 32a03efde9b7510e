#!/usr/bin/env bash
# TensorFlow Lite's SUM of int8 by the reference kernels (the interpreter's BUILTIN_REF) is wrong by far, where the default
# kernels answer the sum: here of 32 numbers, 6.8 for 18.0.
#
# Who takes BUILTIN_REF for the truth, as its name says, and holds a port or a quantized model to it, finds its own SUM wrong: Keras'
# reduce_sum, UnitNormalization and what else converts to SUM. Compare those with the default kernels.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv v
v/bin/pip install --quiet tensorflow-cpu==2.21.0
cat >run.py <<'PY'
import os, sys
os.environ.update(TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='')
import numpy as np
import tensorflow as tf

start = tf.keras.layers.Input((32, 2), batch_size=1)
model = tf.keras.Model(start, tf.keras.layers.Lambda(lambda t: tf.reduce_sum(t, axis=1))(start))
x = np.random.RandomState(1).rand(8, 32, 2).astype('f4')
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([one[None]] for one in x)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.int8
file = converter.convert()


def answers(kernels):
    runtime = tf.lite.Interpreter(model_content=file, experimental_op_resolver_type=kernels)
    runtime.allocate_tensors()
    given, made = runtime.get_input_details()[0], runtime.get_output_details()[0]
    scale, zero = given['quantization']
    found = []
    for one in x[:3]:
        runtime.set_tensor(given['index'], np.clip(np.round(one[None] / scale) + zero, -128, 127).astype('i1'))
        runtime.invoke()
        found += runtime.get_tensor(made['index']).flatten().tolist()
    scale, zero = made['quantization']
    return found, [round(scale * (q - zero), 1) for q in found]


kinds = tf.lite.experimental.OpResolverType
print('tensorflow', tf.__version__)
print('float sums  ', [round(float(value), 1) for value in x[:3].sum(axis=1).flatten()])
usual, reals = answers(kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
reference, wrong = answers(kinds.BUILTIN_REF)
print('default     ', usual, reals)
print('BUILTIN_REF ', reference, wrong)
exact = [float(value) for value in x[:3].sum(axis=1).flatten()]
if max(abs(a - b) for a, b in zip(reals, exact)) > 0.5 or max(abs(a - b) for a, b in zip(wrong, exact)) < 5:
    sys.exit('changed: the default kernels are no longer right, or the reference kernels no longer wrong')
PY
v/bin/python run.py 2>/dev/null
