// What rules that take a node apart are made of.
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './model.js';

export type Piece = Pick<OnnxNode, 'op' | 'inputs' | 'outputs'> &
  Partial<Pick<OnnxNode, 'domain' | 'attributes'>>;

/** What a rule makes new names and constants with. */
export interface Maker {
  /** A name for a value inside the node. */
  name(what: string): string;
  constant(what: string, tensor: OnnxTensor): string;
  constantOf(name: string | undefined): OnnxTensor | undefined;
  /** Whether a value that the file has as integers stands for the reals they were made of. */
  isReal(name: string): boolean;
}

/** What a node becomes; undefined: it stays. */
export type Rule = (node: OnnxNode, make: Maker) => Piece[] | undefined;

export const scalar = (value: number, integer = false): OnnxTensor => ({
  shape: [],
  values: [value],
  integer,
});
export const attribute = (name: string, value: OnnxAttribute): Map<string, OnnxAttribute> =>
  new Map([[name, value]]);
export const input = (node: OnnxNode, slot: number): string => node.inputs[slot] ?? '';
