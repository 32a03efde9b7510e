// Einsum of two values as a product of matrices: letters of both and the answer are a batch, those of both alone are summed.
import { elementCount } from '../../model/quantized-network.js';
import type { Handler, OnnxGraph } from './graph.js';
import type { OnnxNode } from './model.js';
import { matMul } from './products.js';
import { reshape, transpose } from './shapes.js';
import { Steps } from './steps.js';

/** The letters of each side, as ONNX writes them: `bij,jk->bik`. */
function lettersOf(graph: OnnxGraph, node: OnnxNode): { inputs: string[]; output: string } {
  const equation = graph.text(node, 'equation').replaceAll(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const inputs = left.split(',');
  const once = [...inputs.join('')].filter((letter, _, all) => all.filter((x) => x === letter).length === 1);
  const output = right ?? once.sort().join('');
  const plain = [...inputs, output].every(
    (word) => /^[A-Za-z]*$/.test(word) && new Set(word).size === word.length,
  );
  const known = [...output].every((letter) => left.includes(letter));
  if (inputs.length !== 2 || inputs.length !== node.inputs.length || !plain || !known)
    graph.refuse(node, `of "${equation}"`, 'two inputs, letters each once', 'Write it with MatMul.');
  return { inputs, output };
}

export const einsum: Handler = (graph, node) => {
  const { inputs, output } = lettersOf(graph, node);
  const [a, b] = inputs as [string, string];
  const shapes = [0, 1].map((slot) => graph.constant(node, slot)?.shape ?? graph.any(node, slot).shape);
  const sizes = new Map<string, number>();
  inputs.forEach((word, i) => {
    if (word.length !== shapes[i]!.length)
      graph.refuse(node, `of "${word}" on [${shapes[i]}]`, 'a letter each');
    [...word].forEach((letter, axis) => sizes.set(letter, shapes[i]![axis]!));
  });
  const size = (letters: readonly string[]): number =>
    elementCount({ shape: letters.map((one) => sizes.get(one)!) });
  const both = [...a].filter((letter) => b.includes(letter));
  const batch = both.filter((letter) => output.includes(letter));
  const summed = both.filter((letter) => !output.includes(letter));
  const [left, right] = [a, b].map((word) => [...word].filter((letter) => !both.includes(letter))) as [
    string[],
    string[],
  ];
  if ([...left, ...right].some((letter) => !output.includes(letter)))
    graph.refuse(
      node,
      `of "${graph.text(node, 'equation')}"`,
      'sums over what both have',
      'Use ReduceSum before.',
    );
  const steps = new Steps(graph, node);
  const list = (values: number[]): string => steps.constant(values, [values.length], true);
  const turned = (name: string, word: string, letters: string[]): string => {
    const perm = letters.map((letter) => word.indexOf(letter));
    if (perm.every((axis, i) => axis === i)) return name;
    return steps.run(transpose, 'Transpose', [name], new Map([['perm', { integers: perm }]]));
  };
  const lead = batch.length > 0 ? [size(batch)] : [];
  const [rows, depth, columns] = [size(left), size(summed), size(right)];
  const matrix = (name: string, word: string, letters: string[], shape: number[]): string =>
    steps.run(reshape, 'Reshape', [turned(name, word, letters), list([...lead, ...shape])]);
  const [x = '', y = ''] = node.inputs;
  const product = steps.run(matMul, 'MatMul', [
    matrix(x, a, [...batch, ...left, ...summed], [rows, depth]),
    matrix(y, b, [...batch, ...summed, ...right], [depth, columns]),
  ]);
  const made = [...batch, ...left, ...right];
  const whole = steps.run(reshape, 'Reshape', [product, list(made.map((letter) => sizes.get(letter)!))]);
  steps.finish(turned(whole, made.join(''), [...output]));
};
