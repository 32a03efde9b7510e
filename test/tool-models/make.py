# Models as exporters write them, with inputs and what the reference runtime answers, for `npm test -- tool-models`:
#   python -m venv v && v/bin/pip install torch onnx onnxscript onnxruntime scikit-learn skl2onnx tensorflow-cpu && v/bin/python make.py
# Made with torch 2.15, onnx 1.23, onnxruntime 1.32, scikit-learn 1.9, skl2onnx 1.20, tensorflow 2.21.
# NAME.onnx or .tflite, and NAME.npz: `x`, `y`; calibration takes x as well.
import os
import numpy as np
import onnx
import onnxruntime as ort

here = os.path.dirname(os.path.abspath(__file__))
at = lambda name: os.path.join(here, name)


def stripped(name):
    """Without what says where on whose machine it was made."""
    model = onnx.load(at(name))
    for one in [model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.functions]:
        del one.metadata_props[:]
        one.doc_string = ''
    for initializer in model.graph.initializer:
        del initializer.metadata_props[:]
    onnx.save(model, at(name))


def answers(name, x, output=-1):
    session = ort.InferenceSession(at(name + '.onnx'))
    key = session.get_inputs()[0].name
    y = np.concatenate([session.run(None, {key: x[i : i + 1]})[output] for i in range(len(x))])
    np.savez_compressed(at(name + '.npz'), x=x, y=y.astype('f4'))


def from_torch():
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    class Shuffle(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, groups=8)
            self.h = nn.Linear(8, 3)

        def forward(self, x):
            x = F.silu(self.a(x))
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
            return self.h(F.gelu(self.b(F.pad(x, (1, 1, 1, 1), mode='reflect')), approximate='tanh').mean((2, 3)))

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.p, self.cls = nn.Linear(6, 8), nn.Parameter(torch.randn(1, 1, 8) * 0.1)
            self.a, self.n, self.h = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8), nn.Linear(8, 3)

        def forward(self, x):
            x = torch.cat([self.cls.expand(x.shape[0], -1, -1), self.p(x)], 1)
            y = self.n(x)
            return self.h((x + self.a(y, y, y, need_weights=False)[0])[:, 0])

    class Choice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.g, self.b = nn.Linear(8, 8), nn.GroupNorm(2, 4), nn.Linear(8, 3)

        def forward(self, x):
            x = self.a(x)
            x = torch.where(x > 0, x, torch.expm1(x) * 0.5)
            x = self.g(x.reshape(1, 4, 2)).reshape(1, 8)
            return torch.einsum('bi,oi->bo', x, self.b.weight) + self.b.bias

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.e, self.h = nn.Embedding(20, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.h(self.e(x).mean(1))

    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.r, self.h = nn.GRU(4, 6, batch_first=True), nn.Linear(6, 3)

        def forward(self, x):
            return self.h(self.r(x)[0][:, -1])

    def export(name, model, x, **options):
        torch.manual_seed(1)
        model = model().eval()
        torch.onnx.export(model, (torch.tensor(x[:1]),), at(name + '.onnx'), **options)
        answers(name, x)

    random = np.random.RandomState(1)
    real = lambda *shape: random.randn(*shape).astype('f4')
    script, dynamo = dict(dynamo=False, opset_version=17), dict(dynamo=True, external_data=False)
    export('torch-shuffle', Shuffle, real(8, 1, 12, 12), **script)
    export('torch-attention', Attention, real(16, 5, 6), **script)
    export('torch-attention-dynamo', Attention, real(16, 5, 6), **dynamo)
    export('torch-choice', Choice, real(16, 8), **dynamo)
    export('torch-words', Words, random.randint(0, 20, (16, 6)), **script)
    export('torch-gru', Steps, real(16, 6, 4), **script)


def from_sklearn():
    from sklearn.datasets import load_iris
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer
    from skl2onnx import to_onnx

    x, y = load_iris(return_X_y=True)
    x = x.astype('f4')
    model = make_pipeline(Normalizer(), MLPClassifier((8,), max_iter=500, random_state=1)).fit(x, y)
    for name, zipped in (('sklearn-mlp', False), ('sklearn-mlp-zipmap', True)):
        options = None if zipped else {id(model): {'zipmap': False}}
        with open(at(name + '.onnx'), 'wb') as file:
            file.write(to_onnx(model, x[:1], options=options).SerializeToString())
        np.savez_compressed(at(name + '.npz'), x=x[::8], y=model.predict_proba(x[::8]).astype('f4'))


def quantized():
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

    x = np.load(at('torch-shuffle.npz'))['x']

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.items = iter([{'x': x[i : i + 1]} for i in range(len(x))])

        def get_next(self):
            item = next(self.items, None)
            return item and {ort.InferenceSession(at('torch-shuffle.onnx')).get_inputs()[0].name: item['x']}

    quantize_dynamic(at('torch-shuffle.onnx'), at('ort-dynamic.onnx'))
    answers('ort-dynamic', x)
    kinds = dict(activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    quantize_static(at('torch-shuffle.onnx'), at('ort-operators.onnx'), Reader(), quant_format=QuantFormat.QOperator, **kinds)
    answers('ort-operators', x)


def from_keras():
    import tensorflow as tf

    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(1)
    start = layers.Input((8, 8, 1), batch_size=1)
    low = layers.Conv2D(4, 3, strides=2, padding='same', activation='relu')(start)
    high = layers.UpSampling2D(2, interpolation='bilinear')(low)
    model = tf.keras.Model(start, layers.Conv2D(2, 1)(layers.Concatenate()([high, start])))
    x = np.random.RandomState(1).randn(8, 8, 8, 1).astype('f4')
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one[None]] for one in x)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    file = converter.convert()
    with open(at('keras-upsampled.tflite'), 'wb') as out:
        out.write(file)
    kernels = tf.lite.experimental.OpResolverType.BUILTIN_REF
    runtime = tf.lite.Interpreter(model_content=file, experimental_op_resolver_type=kernels)
    runtime.allocate_tensors()
    given, made = runtime.get_input_details()[0], runtime.get_output_details()[0]
    scale, zero = given['quantization']
    codes = np.clip(np.round(x / scale) + zero, -128, 127).astype('i1')
    y = []
    for one in codes:
        runtime.set_tensor(given['index'], one[None])
        runtime.invoke()
        y.append(runtime.get_tensor(made['index'])[0].copy())
    np.savez_compressed(at('keras-upsampled.npz'), x=codes, y=np.array(y))


from_torch()
from_sklearn()
quantized()
from_keras()
for name in os.listdir(here):
    if name.endswith('.onnx'):
        stripped(name)
