// A node of an .onnx file, and what stands in it.
import type { Message } from './protobuf.js';

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
}
