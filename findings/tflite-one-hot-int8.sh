#!/usr/bin/env bash
# TensorFlow Lite's converter quantizes ONE_HOT to int8 so that "off" is no longer 0. The value for "on" gets the scale of the
# result (1/255, zero point -128), the value for "off" a scale and a zero point of its own; the kernel copies both codes as they
# are, so that off, code 0, reads as 0.5 in the result. All kernels of TensorFlow Lite answer so, and nothing says a word.
#
# A small model that ends in one_hot(argmax(x)) and goes on with it (a mask, a choice of experts) is right in float and wrong once
# it is quantized: every class that was not chosen counts for half. Whoever imports the file must decide between the file's
# integers and what they stand for; whoever trains should leave the class a number and choose with it.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv v
v/bin/pip install --quiet tensorflow-cpu==2.21.0
cat >run.py <<'PY'
import contextlib, io, os, sys
os.environ.update(TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='')
import numpy as np
import tensorflow as tf

start = tf.keras.layers.Input((5,), batch_size=1)
chosen = tf.keras.layers.Lambda(lambda t: tf.one_hot(tf.argmax(t, -1), 5) * t)(tf.keras.layers.ReLU()(start))
model = tf.keras.Model(start, chosen)
x = np.random.RandomState(1).rand(50, 5).astype('f4')
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([one[None]] for one in x)
with contextlib.redirect_stdout(io.StringIO()):
    file = converter.convert()


def answer(kernels):
    runtime = tf.lite.Interpreter(
        model_content=file, experimental_op_resolver_type=kernels, experimental_preserve_all_tensors=True
    )
    runtime.allocate_tensors()
    given, made = runtime.get_input_details()[0], runtime.get_output_details()[0]
    runtime.set_tensor(given['index'], x[:1])
    runtime.invoke()
    hot = [t for t in runtime.get_tensor_details() if 'one_hot' in t['name'] and list(t['shape']) == [1, 5]][0]
    scale, zero = hot['quantization']
    codes = runtime.get_tensor(hot['index']).flatten()
    reals = [round(float(scale * (int(q) - zero)), 2) for q in codes]
    return reals, [round(float(v), 2) for v in runtime.get_tensor(made['index']).flatten()]


kinds = tf.lite.experimental.OpResolverType
print('tensorflow', tf.__version__)
expected = model(x[:1]).numpy().flatten()
print('float answer             ', [round(float(v), 2) for v in expected])
for name in ['BUILTIN_REF', 'BUILTIN_WITHOUT_DEFAULT_DELEGATES', 'BUILTIN']:
    hot, made = answer(getattr(kinds, name))
    print(f'{name}: one_hot {hot}, answer {made}')
    if sorted(hot)[:4] != [0.5] * 4 or max(abs(a - b) for a, b in zip(made, expected)) < 0.2:
        sys.exit('changed: what is off is no longer 0.5, or the answer is right')
PY
v/bin/python run.py 2>/dev/null
