// The weight bank: which parameters of a network learn, and where in a bank they lie (docs/LEARNING.md §2).
import { GROUP_SHIFT, Group, OP_BIAS, OP_WEIGHTS } from '../../../assembly/layout.js';
import { inputOf, type WeightedOp } from '../../learning/geometry.js';
import type { LearnedLayer, LearningSpec } from '../../learning/spec.js';
import { elementCount, type QuantizedNetwork } from '../../model/quantized-network.js';
import { align } from '../../ops/shared/lowering.js';
import type { Buffer, Step } from '../step.js';

/** Low bytes at the factory: W8 is then W rounded to nearest. */
const FACTORY_LOW = 128;

/** Where a learned layer's parameters lie in a bank. */
export interface BankLayer {
  learned: LearnedLayer;
  /** Offset of W8, and how far behind it the low bytes are; undefined where biases alone learn. */
  weights: Buffer | undefined;
  low: number;
  bias: Buffer;
}

export interface Bank {
  bytes: number;
  /** By index of the network's op. */
  layers: Map<number, BankLayer>;
  /** What is in bank 0. */
  factory: Uint8Array;
}

const banked = (offset: number, bytes: number): Buffer => ({
  bytes,
  born: -1,
  dies: -1,
  address: (Group.WEIGHTS << GROUP_SHIFT) | offset,
});

/** Takes the constant of `field` out of a step, which then reads it from the bank. */
function moveToBank(step: Step, field: number, buffer: Buffer): void {
  const { lowered } = step;
  step.lowered = { ...lowered, constants: lowered.constants.filter((constant) => constant.field !== field) };
  step.reads = [...step.reads, { field, buffer, offset: 0 }];
}

const constantOf = (step: Step, field: number): Uint8Array =>
  step.lowered.constants.find((constant) => constant.field === field)!.bytes;

/** Moves the parameters that learn from the constants of `steps` (of ops `opOf`) to a bank. */
export function bankOf(
  network: QuantizedNetwork,
  spec: LearningSpec,
  steps: readonly Step[],
  opOf: ReadonlyMap<Step, number>,
): Bank {
  const learned = new Map(spec.steps.flatMap(({ op, learned: t }) => (t ? [[op, t] as const] : [])));
  const parts: { offset: number; bytes: Uint8Array }[] = [];
  const layers: Bank['layers'] = new Map();
  let end = 0;
  const place = (bytes: Uint8Array): number => {
    const offset = end;
    parts.push({ offset, bytes });
    end += align(bytes.length);
    return offset;
  };
  for (const step of steps) {
    const op = opOf.get(step)!;
    const layer = learned.get(op);
    if (!layer) continue;
    let weights: Buffer | undefined;
    let low = 0;
    if (layer.weights) {
      const high = constantOf(step, OP_WEIGHTS);
      weights = banked(place(high), high.length);
      low = align(high.length);
      place(new Uint8Array(high.length).fill(FACTORY_LOW));
      if (layer.momentum > 0) place(new Uint8Array(2 * high.length));
      moveToBank(step, OP_WEIGHTS, weights);
    }
    if (layer.means > 0) {
      const input = inputOf(network, network.ops[op] as WeightedOp);
      const inputs = elementCount(input);
      place(new Uint8Array(inputs).fill(input.zeroPoint));
      place(new Uint8Array(inputs).fill(FACTORY_LOW));
    }
    const folded = constantOf(step, OP_BIAS);
    const bias = banked(place(folded), folded.length);
    moveToBank(step, OP_BIAS, bias);
    layers.set(op, { learned: layer, weights, low, bias });
  }
  const factory = new Uint8Array(end);
  for (const { offset, bytes } of parts) factory.set(bytes, offset);
  return { bytes: end, layers, factory };
}
