// Nodes that stand for several: quantized operators (QLinear…, …Integer), and those of onnxruntime and skl2onnx, as the
// plain ones they are made of.
import type { OnnxAttribute, OnnxModel, OnnxNode } from './model.js';
import { attribute, input, type Maker, type Piece, type Rule, scalar } from './rules.js';
import { linear, normalizer, scaler } from './sklearn.js';

const dequantized = (
  make: Maker,
  what: string,
  from: [string, string, string],
  axis?: number,
): [string, Piece] => {
  const name = make.name(what);
  const attributes = axis === undefined ? {} : { attributes: attribute('axis', { integer: axis }) };
  return [name, { op: 'DequantizeLinear', inputs: from, outputs: [name], ...attributes }];
};

/** The reals between a node's integers: made by `op` of dequantized inputs, quantized again. */
function quantizedOp(
  op: string,
  inputs: readonly [value: number, scale: number, zero: number][],
  output: readonly [scale: number, zero: number],
): Rule {
  return (node, make) => {
    const names = inputs.map(([value, scale, zero], i) =>
      dequantized(make, `in${i}`, [input(node, value), input(node, scale), input(node, zero)]),
    );
    const real = make.name('real');
    return [
      ...names.map(([, piece]) => piece),
      { op, inputs: names.map(([name]) => name), outputs: [real], attributes: node.attributes },
      {
        op: 'QuantizeLinear',
        inputs: [real, input(node, output[0]), input(node, output[1])],
        outputs: node.outputs,
      },
    ];
  };
}

/** Scales of an int32 bias: the input's times those of the weights. */
function biasScales(make: Maker, x: string, w: string): string | undefined {
  const [a, b] = [make.constantOf(x), make.constantOf(w)];
  if (!a || !b) return undefined;
  const values = Array.from(b.values, (scale) => scale * a.values[0]!);
  return make.constant('bias_scale', {
    shape: values.length === 1 ? [] : [values.length],
    values,
    integer: false,
  });
}

const qLinearConv: Rule = (node, make) => {
  const [x, xs, xz, w, ws, wz, ys, yz, bias = ''] = node.inputs as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const [xr, xd] = dequantized(make, 'x', [x, xs, xz]);
  const [wr, wd] = dequantized(make, 'w', [w, ws, wz], 0);
  const scale = bias ? biasScales(make, xs, ws) : undefined;
  if (bias && !scale) return undefined;
  const [br, bd] = bias ? dequantized(make, 'b', [bias, scale!, ''], 0) : ['', undefined];
  const real = make.name('real');
  return [
    xd,
    wd,
    ...(bd ? [bd] : []),
    { op: 'Conv', inputs: [xr, wr, ...(br ? [br] : [])], outputs: [real], attributes: node.attributes },
    { op: 'QuantizeLinear', inputs: [real, ys, yz], outputs: node.outputs },
  ];
};

const qLinearMatMul: Rule = (node, make) => {
  const [a, as, az, b, bs, bz, ys, yz] = node.inputs as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const [ar, ad] = dequantized(make, 'a', [a, as, az]);
  const [br, bd] = dequantized(make, 'b', [b, bs, bz], 1);
  const real = make.name('real');
  return [
    ad,
    bd,
    { op: 'MatMul', inputs: [ar, br], outputs: [real] },
    { op: 'QuantizeLinear', inputs: [real, ys, yz], outputs: node.outputs },
  ];
};

/** com.microsoft.QGemm: with an output scale the answer is quantized, without it is real. */
const qGemm: Rule = (node, make) => {
  const [a, as, az, b, bs, bz, bias = '', ys = '', yz = ''] = node.inputs as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const transposed = node.attributes.get('transB')?.integer ?? 0;
  const [ar, ad] = dequantized(make, 'a', [a, as, az]);
  const [br, bd] = dequantized(make, 'b', [b, bs, bz], transposed ? 0 : 1);
  const scale = bias ? biasScales(make, as, bs) : undefined;
  if (bias && !scale) return undefined;
  const [cr, cd] = bias ? dequantized(make, 'c', [bias, scale!, ''], 0) : ['', undefined];
  const real = ys ? make.name('real') : (node.outputs[0] ?? '');
  return [
    ad,
    bd,
    ...(cd ? [cd] : []),
    { op: 'Gemm', inputs: [ar, br, ...(cr ? [cr] : [])], outputs: [real], attributes: node.attributes },
    ...(ys ? [{ op: 'QuantizeLinear', inputs: [real, ys, yz], outputs: node.outputs }] : []),
  ];
};

/** Integers less their zero points, as reals: what ConvInteger and MatMulInteger multiply. */
function integerOp(op: string): Rule {
  return (node, make) => {
    const one = make.constant('one', scalar(1));
    const weights = make.constantOf(input(node, 1));
    // Quantized anew for every input: reals, see DynamicQuantizeLinear.
    const real = make.isReal(input(node, 0));
    const [a, ad] = real
      ? [input(node, 0), undefined]
      : dequantized(make, 'a', [input(node, 0), one, input(node, 2)]);
    const zeros = make.constantOf(input(node, 3));
    const several = zeros !== undefined && zeros.values.length > 1;
    const scales = several
      ? make.constant('ones', {
          shape: [zeros.values.length],
          values: Array.from(zeros.values, () => 1),
          integer: false,
        })
      : one;
    const [b, bd] = dequantized(make, 'b', [input(node, 1), scales, input(node, 3)], op === 'Conv' ? 0 : 1);
    if (!weights) return undefined;
    const made = { op, inputs: [a, b], outputs: node.outputs, attributes: node.attributes };
    return [...(ad ? [ad] : []), bd, made];
  };
}

/** Quantized anew for every input: with one scale for all inputs, the rest of the model is what it was made from. */
const dynamicQuantizeLinear: Rule = (node) => {
  const [y = '', scale = '', zero = ''] = node.outputs;
  const one: Piece = {
    op: 'Constant',
    inputs: [],
    outputs: [scale],
    attributes: attribute('value_float', { real: 1 }),
  };
  const none: Piece = {
    op: 'Constant',
    inputs: [],
    outputs: [zero],
    attributes: attribute('value_int', { integer: 0 }),
  };
  return [
    { op: 'Identity', inputs: [input(node, 0)], outputs: [y] },
    ...(scale ? [one] : []),
    ...(zero ? [none] : []),
  ];
};

/** a · (b − zero) · scales + bias: onnxruntime's dynamically quantized dense layer. */
const dynamicMatMul =
  (slots: {
    b: number;
    bScale: number;
    bZero: number;
    bias: number;
    aScale?: number;
    aZero?: number;
  }): Rule =>
  (node, make) => {
    const [b, bd] = dequantized(
      make,
      'b',
      [input(node, slots.b), input(node, slots.bScale), input(node, slots.bZero)],
      1,
    );
    const from = input(node, 0);
    const quantizedInput = slots.aScale !== undefined;
    const [a, ad] = quantizedInput
      ? dequantized(make, 'a', [from, input(node, slots.aScale!), input(node, slots.aZero!)])
      : [from, undefined];
    const bias = input(node, slots.bias);
    const product = bias ? make.name('product') : (node.outputs[0] ?? '');
    return [
      ...(ad ? [ad] : []),
      bd,
      { op: 'MatMul', inputs: [a, b], outputs: [product] },
      ...(bias ? [{ op: 'Add', inputs: [product, bias], outputs: node.outputs }] : []),
    ];
  };

/** A node and what follows it: an activation that onnxruntime fused into it. */
const fused =
  (op: string): Rule =>
  (node, make) => {
    const activation = node.attributes.get('activation')?.text ?? '';
    if (activation === '')
      return [{ op, inputs: node.inputs, outputs: node.outputs, attributes: node.attributes }];
    const parameters = node.attributes.get('activation_params')?.reals ?? [];
    const [alpha, beta] = [
      node.attributes.get('activation_alpha')?.real,
      node.attributes.get('activation_beta')?.real,
    ];
    const inner = make.name('inner');
    const attributes = new Map<string, OnnxAttribute>();
    const names = activation === 'Clip' ? ['min', 'max'] : ['alpha', 'beta'];
    [parameters[0] ?? alpha, parameters[1] ?? beta].forEach((value, i) => {
      if (value !== undefined) attributes.set(names[i]!, { real: value });
    });
    return [
      { op, inputs: node.inputs.slice(0, 3), outputs: [inner], attributes: node.attributes },
      { op: activation, inputs: [inner], outputs: node.outputs, attributes },
    ];
  };

/** A bias and Gelu. */
const biasGelu: Rule = (node, make) => {
  const sum = make.name('sum');
  return [
    { op: 'Add', inputs: [input(node, 0), input(node, 1)], outputs: [sum] },
    { op: 'Gelu', inputs: [sum], outputs: node.outputs },
  ];
};

const fastGelu: Rule = (node, make) => {
  const bias = input(node, 1);
  const sum = bias ? make.name('sum') : input(node, 0);
  return [
    ...(bias ? [{ op: 'Add', inputs: [input(node, 0), bias], outputs: [sum] }] : []),
    {
      op: 'Gelu',
      inputs: [sum],
      outputs: node.outputs,
      attributes: attribute('approximate', { text: 'tanh' }),
    },
  ];
};

/** The input, a skip and a bias added, then LayerNormalization. */
const skipLayerNormalization: Rule = (node, make) => {
  const [x, skip, gamma, beta = '', bias = ''] = node.inputs as [string, string, string];
  const sum = node.outputs[3] || make.name('sum');
  const first = bias ? make.name('first') : sum;
  return [
    { op: 'Add', inputs: [x, skip], outputs: [first] },
    ...(bias ? [{ op: 'Add', inputs: [first, bias], outputs: [sum] }] : []),
    {
      op: 'LayerNormalization',
      inputs: [sum, gamma, beta],
      outputs: [node.outputs[0] ?? ''],
      attributes: node.attributes,
    },
  ];
};

/** A product of matrices, times a factor. */
const fusedMatMul: Rule = (node, make) => {
  const { attributes } = node;
  if (['transA', 'transB', 'transBatchA', 'transBatchB'].some((name) => attributes.get(name)?.integer))
    return undefined;
  const alpha = attributes.get('alpha')?.real ?? 1;
  if (alpha === 1) return [{ op: 'MatMul', inputs: node.inputs, outputs: node.outputs }];
  const product = make.name('product');
  return [
    { op: 'MatMul', inputs: node.inputs, outputs: [product] },
    { op: 'Mul', inputs: [product, make.constant('alpha', scalar(alpha))], outputs: node.outputs },
  ];
};

/** onnxruntime's LSTM of dynamically quantized weights: turned, and with scales of their own. */
const dynamicLstm: Rule = (node, make) => {
  const weights = (what: string, slot: number, scaleSlot: number): string | undefined => {
    const [stored, scales, zeros] = [slot, scaleSlot, scaleSlot + 1].map((one) =>
      make.constantOf(input(node, one)),
    );
    const [directions = 1, depth = 1, outputs = 1] = stored?.shape ?? [];
    if (!stored || !scales) return undefined;
    const per = (list: ArrayLike<number>, direction: number, output: number): number =>
      list[list.length === 1 ? 0 : list.length === directions ? direction : direction * outputs + output] ??
      0;
    const values = Float64Array.from({ length: stored.values.length }, (_, i) => {
      const [direction, output, at] = [
        Math.floor(i / depth / outputs),
        Math.floor(i / depth) % outputs,
        i % depth,
      ];
      const q = stored.values[(direction * depth + at) * outputs + output]!;
      return (q - per(zeros?.values ?? [0], direction, output)) * per(scales.values, direction, output);
    });
    return make.constant(what, { shape: [directions, outputs, depth], values, integer: false });
  };
  const [w, r] = [weights('w', 1, 8), weights('r', 2, 10)];
  if (!w || !r) return undefined;
  const inputs = [input(node, 0), w, r, ...node.inputs.slice(3, 8)];
  return [{ op: 'LSTM', inputs, outputs: node.outputs, attributes: node.attributes }];
};

const pooled = (op: string): Rule => quantizedOp(op, [[0, 1, 2]], [3, 4]);
const inner =
  (op: string): Rule =>
  (node) => [{ ...node, op, domain: '' }];

const RULES: Record<string, Rule> = {
  QLinearConv: qLinearConv,
  QLinearMatMul: qLinearMatMul,
  ConvInteger: integerOp('Conv'),
  MatMulInteger: integerOp('MatMul'),
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  'com.microsoft.QLinearConv': qLinearConv,
  'com.microsoft.QGemm': qGemm,
  'com.microsoft.QLinearAdd': quantizedOp(
    'Add',
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
    [6, 7],
  ),
  'com.microsoft.QLinearMul': quantizedOp(
    'Mul',
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
    [6, 7],
  ),
  'com.microsoft.QLinearSigmoid': quantizedOp('Sigmoid', [[0, 1, 2]], [3, 4]),
  'com.microsoft.QLinearLeakyRelu': quantizedOp('LeakyRelu', [[0, 1, 2]], [3, 4]),
  'com.microsoft.QLinearSoftmax': pooled('Softmax'),
  'com.microsoft.QLinearAveragePool': pooled('AveragePool'),
  'com.microsoft.QLinearGlobalAveragePool': pooled('GlobalAveragePool'),
  'com.microsoft.QLinearReduceMean': pooled('ReduceMean'),
  'com.microsoft.QLinearConcat': (node, make) => {
    const parts = node.inputs.slice(2);
    const names = Array.from({ length: parts.length / 3 }, (_, i) =>
      dequantized(make, `in${i}`, [parts[3 * i]!, parts[3 * i + 1]!, parts[3 * i + 2]!]),
    );
    const real = make.name('real');
    return [
      ...names.map(([, piece]) => piece),
      { op: 'Concat', inputs: names.map(([name]) => name), outputs: [real], attributes: node.attributes },
      { op: 'QuantizeLinear', inputs: [real, input(node, 0), input(node, 1)], outputs: node.outputs },
    ];
  },
  'com.microsoft.DynamicQuantizeLSTM': dynamicLstm,
  'com.microsoft.DynamicQuantizeMatMul': dynamicMatMul({ b: 1, bScale: 2, bZero: 3, bias: 4 }),
  'com.microsoft.MatMulIntegerToFloat': dynamicMatMul({
    b: 1,
    aScale: 2,
    bScale: 3,
    aZero: 4,
    bZero: 5,
    bias: 6,
  }),
  'com.microsoft.QuantizeLinear': inner('QuantizeLinear'),
  'com.microsoft.DequantizeLinear': inner('DequantizeLinear'),
  'com.microsoft.FusedConv': fused('Conv'),
  'com.microsoft.FusedGemm': fused('Gemm'),
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.BiasGelu': biasGelu,
  'com.microsoft.FastGelu': fastGelu,
  'com.microsoft.SkipLayerNormalization': skipLayerNormalization,
  'ai.onnx.ml.LinearClassifier': linear,
  'ai.onnx.ml.LinearRegressor': linear,
  'ai.onnx.ml.Normalizer': normalizer,
  'ai.onnx.ml.Scaler': scaler,
};

const MOVES = [
  'Reshape',
  'Flatten',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Identity',
  'Slice',
  'Split',
  'Gather',
  'MaxPool',
];

/** What a node is looked up by. */
export const keyOf = ({ domain, op }: Pick<OnnxNode, 'domain' | 'op'>): string =>
  domain ? `${domain}.${op}` : op;

/** Names of the nodes that rules take apart. */
export const EXPANDED = Object.keys(RULES);

/** The model with such nodes taken apart; indices stay those of the file. */
export function expandNodes(model: OnnxModel): OnnxModel {
  const constants = new Map(model.constants);
  const softmaxed = new Set<string>();
  const reals = new Set<string>();
  const nodes = model.nodes.flatMap((given): OnnxNode[] => {
    const node =
      keyOf(given) === 'ai.onnx.ml.Normalizer' && softmaxed.has(input(given, 0))
        ? { ...given, attributes: new Map([...given.attributes, ['after softmax', {}] as const]) }
        : given;
    const rule = Object.hasOwn(RULES, keyOf(node)) ? RULES[keyOf(node)] : undefined;
    const make: Maker = {
      name: (what) => `${node.outputs[0] ?? ''}#${node.index}.${what}`,
      constant: (what, tensor) => {
        const name = `${node.outputs[0] ?? ''}#${node.index}.${what}`;
        constants.set(name, tensor);
        return name;
      },
      constantOf: (name) => (name ? constants.get(name) : undefined),
      isReal: (name) => reals.has(name),
    };
    if (node.op === 'DynamicQuantizeLinear') reals.add(node.outputs[0] ?? '');
    // What only moves values leaves them what they are.
    else if (MOVES.includes(node.op) && reals.has(input(node, 0)))
      for (const name of node.outputs) reals.add(name);
    const pieces = rule?.(node, make);
    const made = pieces?.map((piece): OnnxNode => ({
      ...node,
      domain: '',
      attributes: new Map(),
      ...piece,
    })) ?? [node];
    for (const { op, outputs } of made)
      if (op === 'Softmax' || op === 'Sigmoid') softmaxed.add(outputs[0] ?? '');
    return made;
  });
  return { ...model, constants, nodes };
}
