// Functions of an .onnx file, put in place of the nodes that call them (PyTorch's exporter writes them).
import type { OnnxAttribute, OnnxNode } from './node.js';
import { damaged } from './protobuf.js';

export interface OnnxFunction {
  /** Domain and name. */
  key: string;
  inputs: string[];
  outputs: string[];
  /** Attributes that a call may leave out. */
  defaults: Map<string, OnnxAttribute>;
  nodes: OnnxNode[];
}

/** How deep functions may call each other. */
const MOST_DEPTH = 16;

/** The nodes of `one`, called by `call`: names of its own are made unique, attributes are the call's. */
function bodyOf(one: OnnxFunction, call: OnnxNode, serial: number): OnnxNode[] {
  const names = new Map<string, string>([['', '']]);
  one.inputs.forEach((name, i) => {
    names.set(name, call.inputs[i] ?? '');
  });
  one.outputs.forEach((name, i) => {
    names.set(name, call.outputs[i] ?? `${name}#${serial}`);
  });
  const rename = (name: string): string => names.get(name) ?? `${name}#${serial}`;
  return one.nodes.map((node) => {
    const attributes = new Map<string, OnnxAttribute>();
    for (const [name, attribute] of node.attributes) {
      const { reference } = attribute;
      const value =
        reference === undefined ? attribute : (call.attributes.get(reference) ?? one.defaults.get(reference));
      if (value) attributes.set(name, value);
    }
    return {
      ...node,
      name: node.name || call.name,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
      attributes,
    };
  });
}

/** `nodes` without calls of `functions`, numbered anew. Throws `E_ONNX` where functions call themselves. */
export function inlineFunctions(
  nodes: readonly OnnxNode[],
  functions: ReadonlyMap<string, OnnxFunction>,
  most: number,
): OnnxNode[] {
  const result: OnnxNode[] = [];
  let serial = 0;
  const place = (list: readonly OnnxNode[], depth: number): void => {
    for (const node of list) {
      const one = functions.get(`${node.domain}.${node.op}`);
      if (one) {
        if (depth >= MOST_DEPTH)
          damaged(`functions that call each other ${depth} deep`, `${MOST_DEPTH} at most`);
        place(bodyOf(one, node, serial++), depth + 1);
      } else result.push({ ...node, index: result.length });
      if (result.length > most) damaged(`more than ${most} nodes`, 'fewer');
    }
  };
  place(nodes, 0);
  return result;
}
