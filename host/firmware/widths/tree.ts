// The instructions of a function as a tree of blocks, which an analysis walks again and again.
import { ByteReader, Op } from '../../toolchain/wasm-bytes.js';
import {
  type FunctionBody,
  type Instruction,
  instructionsOf,
  localTypesOf,
  type WasmModule,
} from '../../toolchain/wasm-binary.js';

export interface Node extends Instruction {
  /** Of i32.const and i64.const. */
  constant: bigint;
  /** Values that a block leaves. */
  results: number;
  body: Node[];
  otherwise: Node[];
  /** No loop is within. */
  isSimple: boolean;
}

export interface Tree {
  nodes: Node[];
  /** How many locals there are, parameters first. */
  locals: number;
}

/** The tree of a function without blocks of parameters. */
export function treeOf(module: WasmModule, body: FunctionBody): Tree {
  const root: Node[] = [];
  const open: { node: Node | undefined; into: Node[] }[] = [{ node: undefined, into: root }];
  for (const instruction of instructionsOf(module, body)) {
    const { opcode, start } = instruction;
    const here = open.at(-1)!;
    if (opcode === Op.END) {
      open.pop();
      continue;
    }
    if (opcode === Op.ELSE) {
      here.into = here.node!.otherwise;
      continue;
    }
    const isConstant = opcode === Op.I32_CONST || opcode === Op.I64_CONST;
    const isBlock = opcode === Op.BLOCK || opcode === Op.LOOP || opcode === Op.IF;
    const immediate = isConstant || isBlock ? new ByteReader(module.bytes, start + 1).signed() : 0n;
    const node: Node = {
      ...instruction,
      constant: immediate,
      results: isBlock && immediate !== -64n ? 1 : 0,
      body: [],
      otherwise: [],
      isSimple: true,
    };
    if (opcode === Op.LOOP) {
      for (const each of open) if (each.node) each.node.isSimple = false;
    }
    here.into.push(node);
    if (isBlock) open.push({ node, into: node.body });
  }
  return { nodes: root, locals: localTypesOf(module, body).length };
}
