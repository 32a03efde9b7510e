// Nodes of skl2onnx' as plain ones.
import type { OnnxTensor } from './model.js';
import { attribute, input, type Rule } from './rules.js';

/** skl2onnx: x · coefficients + intercepts, an output a class. */
export const linear: Rule = (node, make) => {
  const { attributes } = node;
  const coefficients = attributes.get('coefficients')?.reals ?? [];
  const intercepts = attributes.get('intercepts')?.reals ?? [];
  const labels =
    attributes.get('classlabels_ints')?.integers ?? attributes.get('classlabels_strings')?.texts ?? [];
  const outputs = Math.max(1, intercepts.length, attributes.get('targets')?.integer ?? 0);
  const depth = coefficients.length / outputs;
  const two = labels.length === 2 && outputs === 1;
  if (!Number.isInteger(depth) || depth === 0 || two) return undefined;
  const values = Array.from(
    { length: coefficients.length },
    (_, i) => coefficients[(i % outputs) * depth + Math.floor(i / outputs)]!,
  );
  const weights = make.constant('coefficients', { shape: [depth, outputs], values, integer: false });
  const bias = make.constant('intercepts', {
    shape: [outputs],
    values: Array.from({ length: outputs }, (_, i) => intercepts[i] ?? 0),
    integer: false,
  });
  const transform = attributes.get('post_transform')?.text ?? 'NONE';
  const classifier = node.op === 'LinearClassifier';
  const answer = (classifier ? node.outputs[1] : node.outputs[0]) || make.name('scores');
  const after = { NONE: '', SOFTMAX: 'Softmax', LOGISTIC: 'Sigmoid' }[transform];
  if (after === undefined) return undefined;
  const scores = after ? make.name('linear') : answer;
  const label = classifier ? (node.outputs[0] ?? '') : '';
  return [
    { op: 'Gemm', inputs: [input(node, 0), weights, bias], outputs: [scores] },
    ...(after
      ? [{ op: after, inputs: [scores], outputs: [answer], attributes: attribute('axis', { integer: -1 }) }]
      : []),
    ...(label
      ? [{ op: 'ArgMax', inputs: [answer], outputs: [label], attributes: attribute('axis', { integer: 1 }) }]
      : []),
  ];
};

/** Rows over their norm; of probabilities, whose sum is 1 already, nothing is left to do. */
export const normalizer: Rule = (node, make) => {
  const norm = node.attributes.get('norm')?.text || 'MAX';
  const { inputs, outputs } = node;
  if (norm === 'L1' && node.attributes.get('after softmax')) return [{ op: 'Identity', inputs, outputs }];
  const last = attribute('axis', { integer: -1 });
  if (norm === 'L1' || norm === 'L2')
    return [
      {
        op: 'LpNormalization',
        inputs,
        outputs,
        attributes: last.set('p', { integer: norm === 'L1' ? 1 : 2 }),
      },
    ];
  const most = make.name('most');
  const axes = attribute('axes', { integers: [-1] });
  return [
    { op: 'ReduceMax', inputs, outputs: [most], attributes: axes },
    { op: 'Div', inputs: [input(node, 0), most], outputs },
  ];
};

/** skl2onnx' Scaler: (x − offset) · scale. */
export const scaler: Rule = (node, make) => {
  const list = (name: string): number[] => node.attributes.get(name)?.reals ?? [];
  const [offset, scale] = [list('offset'), list('scale')];
  const centred = make.name('centred');
  const row = (values: number[]): OnnxTensor => ({ shape: [values.length], values, integer: false });
  return [
    {
      op: 'Sub',
      inputs: [input(node, 0), make.constant('offset', row(offset.length ? offset : [0]))],
      outputs: [centred],
    },
    {
      op: 'Mul',
      inputs: [centred, make.constant('scale', row(scale.length ? scale : [1]))],
      outputs: node.outputs,
    },
  ];
};
