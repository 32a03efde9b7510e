// What importers build a quantized network with.
import { BrownoutError } from '../error.js';
import { offsetsOf, packed, type Port } from '../model/ports.js';
import {
  elementCount,
  type NetworkState,
  type QuantizedNetwork,
  type QuantizedOp,
  type TensorSpec,
} from '../model/quantized-network.js';

/** An op without what the builder knows: input and output tensors. */
type OpBody<Op> = Op extends QuantizedOp ? Omit<Op, 'inputs' | 'output'> : never;

export class NetworkBuilder {
  readonly #tensors: TensorSpec[] = [];
  #ops: QuantizedOp[] = [];

  /** A tensor that an op is yet to make, or the network's input. */
  tensor(spec: TensorSpec): number {
    this.#tensors.push(spec);
    return this.#tensors.length - 1;
  }

  spec(tensor: number): TensorSpec {
    return this.#tensors[tensor]!;
  }

  /** Adds an op and the tensor it makes. */
  add(body: OpBody<QuantizedOp>, inputs: readonly number[], output: TensorSpec): number {
    const tensor = this.tensor(output);
    this.#ops.push({ ...body, inputs, output: tensor } as QuantizedOp);
    return tensor;
  }

  /** The same values under another shape. */
  reshape(tensor: number, shape: readonly number[], name = 'reshape'): number {
    const spec = this.spec(tensor);
    if (`${spec.shape}` === `${shape}`) return tensor;
    // What was only renamed is renamed from what it was.
    const made = this.#ops.find(({ output }) => output === tensor);
    const source = made?.kind === 'reshape' ? this.spec(made.inputs[0]!) : undefined;
    if (source?.scale === spec.scale && source.zeroPoint === spec.zeroPoint)
      return this.reshape(made!.inputs[0]!, shape, name);
    return this.add({ kind: 'reshape', name }, [tensor], { ...spec, shape });
  }

  /** The same integers under another specification. */
  reinterpret(tensor: number, spec: TensorSpec): number {
    return this.add({ kind: 'reshape', name: 'reshape' }, [tensor], spec);
  }

  /** The network's input and its parts, one for each port. */
  inputs(ports: readonly Port[]): { input: number; parts: number[] } {
    if (ports.length === 1) {
      const input = this.tensor(ports[0]!.tensor);
      return { input, parts: [input] };
    }
    const whole = packed(ports);
    const input = this.tensor(whole);
    const offsets = offsetsOf(ports);
    const parts = ports.map(({ name, tensor }, i) => {
      const body = { kind: 'slice' as const, name: `input ${name}`, axis: 0, start: offsets[i]! };
      const shape = [elementCount(tensor)];
      return this.reinterpret(this.add(body, [input], { ...whole, shape }), tensor);
    });
    return { input, parts };
  }

  /** The network's output: tensors side by side, one for each port. */
  outputs(tensors: readonly number[], ports: readonly Port[]): number {
    const [first = 0] = tensors;
    if (ports.length === 1) return first;
    const whole = packed(ports);
    const flat = tensors.map((tensor) =>
      this.reinterpret(tensor, { ...whole, shape: [elementCount(this.spec(tensor))] }),
    );
    return this.add({ kind: 'concat', name: 'outputs', axis: 0 }, flat, whole);
  }

  /** Ops that the answer needs, in order, and tensors that these use; `kept` has where each tensor went. */
  finish(
    name: string,
    input: number,
    output: number,
    states: readonly NetworkState[] = [],
  ): { network: QuantizedNetwork; kept: Map<number, number> } {
    const needed = new Set([output, ...states.flatMap((state) => [state.input, state.output])]);
    this.#ops = this.#ops
      .reverse()
      .filter((op) => {
        if (!needed.has(op.output)) return false;
        for (const tensor of op.inputs) needed.add(tensor);
        return true;
      })
      .reverse();
    if (needed.has(input) && this.#ops.every(({ kind }) => kind === 'reshape')) {
      throw new BrownoutError({
        code: 'E_NETWORK',
        found: 'an answer that is the input itself, quantized, dequantized or under another shape',
        expected: 'an op that computes: quantizing is done where samples are fed',
        hint: 'There is nothing for a device to compute: give the model that this is a part of.',
      });
    }
    if (!needed.has(input)) {
      throw new BrownoutError({
        code: 'E_NETWORK',
        found: 'an answer that is not computed from the input',
        expected: 'ops from input to output',
        hint: 'Check what the model was exported from.',
      });
    }
    const kept = new Map<number, number>();
    const tensors = this.#tensors.filter((_, index) => {
      if (needed.has(index)) kept.set(index, kept.size);
      return needed.has(index);
    });
    const at = (tensor: number): number => kept.get(tensor)!;
    const names = new Map<string, number>();
    const ops = this.#ops.map((op): QuantizedOp => {
      // One name an op: reports tell them apart by it.
      const uses = (names.get(op.name) ?? 0) + 1;
      names.set(op.name, uses);
      const unique = uses === 1 ? op.name : `${op.name}_${uses}`;
      return { ...op, name: unique, inputs: op.inputs.map(at), output: at(op.output) };
    });
    const held = states.map((state) => ({ ...state, input: at(state.input), output: at(state.output) }));
    return {
      network: {
        ...{ name, tensors, ops, input: at(input), output: at(output) },
        ...(held.length > 0 ? { states: held } : {}),
      },
      kept,
    };
  }
}

/** Rows of values of a shape before, along and behind `axis`. */
export function aroundAxis(
  shape: readonly number[],
  axis: number,
): [outer: number, size: number, inner: number] {
  return [
    elementCount({ shape: shape.slice(0, axis) }),
    shape[axis]!,
    elementCount({ shape: shape.slice(axis + 1) }),
  ];
}
