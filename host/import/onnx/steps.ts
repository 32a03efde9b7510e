// Nodes that stand for one: handlers called one after the other, on values with names of their own.
import type { Activation, Handler, OnnxGraph } from './graph.js';
import type { OnnxNode } from './model.js';

export class Steps {
  #made = 0;

  constructor(
    readonly graph: OnnxGraph,
    readonly node: OnnxNode,
  ) {}

  #name(): string {
    return `${this.node.outputs[0] ?? ''}#${this.#made++}`;
  }

  /** A node of its own; returns the name of what it makes. */
  run(
    handler: Handler,
    op: string,
    inputs: string[],
    attributes: OnnxNode['attributes'] = new Map(),
  ): string {
    const output = this.#name();
    handler(this.graph, { ...this.node, op, domain: '', inputs, outputs: [output], attributes });
    return output;
  }

  /** A constant; without a shape a single number, or a list. */
  constant(values: ArrayLike<number>, shape?: number[], integer = false): string {
    const name = this.#name();
    const sizes = shape ?? (values.length === 1 ? [] : [values.length]);
    this.graph.fold({ ...this.node, outputs: [name] }, { shape: sizes, values, integer });
    return name;
  }

  /** A value by a name. */
  define(value: Activation): string {
    const name = this.#name();
    this.graph.define(name, value);
    return name;
  }

  value(name: string): Activation {
    return this.graph.value(name)!;
  }

  /** Says that a value is what the node makes. */
  finish(name: string, output = 0): void {
    this.graph.define(this.node.outputs[output] ?? '', this.value(name));
  }
}
