#!/usr/bin/env bash
# tf2onnx writes Keras' exact GELU (activation="gelu") as a node "Erfc" of the standard's own domain. ONNX has no such operator
# (it has Erf), so that the file is none: the checker and onnxruntime refuse it, while tf2onnx reports no error.
#
# Who exports a transformer or a mixer from Keras meets it when the model is loaded, not when it is exported.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv v
v/bin/pip install --quiet tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.23.2
cat >run.py <<'PY'
import os, sys
os.environ.update(TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='')
import onnx, tensorflow as tf, tf2onnx

start = tf.keras.layers.Input((4,), batch_size=1)
model = tf.keras.Model(start, tf.keras.layers.Dense(3, activation='gelu')(start))
call = tf.function(lambda x: model(x, training=False))
made, _ = tf2onnx.convert.from_function(call, input_signature=(tf.TensorSpec((1, 4), tf.float32),), opset=17)
ops = [node.op_type for node in made.graph.node]
print('tf2onnx', tf2onnx.__version__, 'tensorflow', tf.__version__, 'nodes', ops)
try:
    onnx.checker.check_model(made)
    refused = False
except onnx.checker.ValidationError as error:
    print('onnx', onnx.__version__, 'checker:', str(error).splitlines()[0])
    refused = True
sys.exit(0 if 'Erfc' in ops and refused else 1)
PY
v/bin/python run.py 2>/dev/null
