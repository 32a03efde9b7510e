// A node of an .onnx file, and what stands in it.
import type { Message } from './protobuf.js';

/** Constant values; integers as they are, reals as float32. */
export interface OnnxTensor {
  shape: number[];
  values: ArrayLike<number>;
  /** Scales the values were dequantized with, one or one for each of dimension `axis`: then `values` are reals. */
  scales?: number[];
  axis?: number;
  /** Of unsigned integers. */
  unsigned?: boolean;
  integer: boolean;
  /** Of integers; default 8. */
  bits?: number;
}

export interface OnnxAttribute {
  integer?: number;
  real?: number;
  text?: string;
  integers?: number[];
  reals?: number[];
  texts?: string[];
  tensor?: Message;
  /** In a function: the attribute of the calling node that this one is. */
  reference?: string;
}

export interface OnnxNode {
  index: number;
  op: string;
  /** '' for ONNX's own. */
  domain: string;
  name: string;
  /** What to call it in messages, where the file has another word for it. */
  label?: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, OnnxAttribute>;
  /** Of If: its two graphs. What these use of the model around them is among its inputs, after the condition. */
  branches?: Record<'held' | 'otherwise', OnnxBranch>;
}

/** One of two graphs that a condition chooses from. */
export interface OnnxBranch {
  nodes: OnnxNode[];
  constants: Map<string, OnnxTensor>;
  outputs: string[];
}
