// Which locals, parameters and results matter by their low 16 bits alone, whatever they may be: addresses on a part of 16
// bits, and what those are computed from. The low 16 bits of a sum, difference, product or mask follow from those of its
// operands.
import { Op } from '../../toolchain/wasm-bytes.js';
import type { WasmModule } from '../../toolchain/wasm-binary.js';
import type { WasmInterface } from '../../toolchain/wasm-interface.js';
import { isBinary, isComparison, loadOf } from './evaluate.js';
import { type Node, treeOf } from './tree.js';

/** A local of a function, or at -1 its result. */
const nameOf = (of: number, local: number): string => `${of}:${local}`;

/** What an operand is made of by such operations. */
type Sources = readonly string[];
const NONE: Sources = [];

/** add, sub, mul; and, or, xor; shl. */
const LOW = new Set([0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73]);
const SHL = 0x74;

/** Imports by name: which parameters are addresses or lengths, of which a part takes 16 bits. */
const NARROW: Record<string, (at: number) => boolean> = {
  ...{ view: () => true, write: () => true },
  gemm_s8: (at) => at <= 7 || at >= 11,
  ntt_forward_s8: () => true,
  ntt_sums: () => true,
  ntt_inverse_s8: (at) => at <= 4 || at >= 8,
};

/** Names of what matters in all its bits. */
class Demand {
  readonly wide = new Set<string>();
  readonly #edges = new Map<string, Sources[]>();

  /** All bits of `sources` matter. */
  need(sources: Sources): void {
    const open = [...sources];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (this.wide.has(name)) continue;
      this.wide.add(name);
      for (const from of this.#edges.get(name) ?? []) open.push(...from);
    }
  }

  /** As many bits of `sources` matter as of `name`. */
  flow(name: string, sources: Sources): void {
    if (this.wide.has(name)) this.need(sources);
    else this.#edges.set(name, [...(this.#edges.get(name) ?? []), sources]);
  }
}

/** What is known to be narrow already. */
export interface Known {
  local(of: number, index: number): boolean;
  returns(of: number): boolean;
  result(start: number): boolean;
}

class Walk {
  #stack: Sources[] = [];

  constructor(
    private readonly module: WasmModule,
    private readonly shown: WasmInterface,
    private readonly known: Known,
    private readonly demand: Demand,
    private readonly of: number,
    private readonly returns: number,
  ) {}

  block(nodes: readonly Node[]): void {
    for (const node of nodes) this.#step(node);
  }

  /** What is left at the end of a function. */
  end(): void {
    if (this.returns > 0 && this.#stack.length > 0) this.#return(this.#stack.at(-1)!);
  }

  #return(sources: Sources): void {
    if (!this.known.returns(this.of)) this.demand.flow(nameOf(this.of, -1), sources);
  }

  #pop(): Sources {
    return this.#stack.pop() ?? NONE;
  }

  #need(count: number): void {
    for (let i = 0; i < count; i++) this.demand.need(this.#pop());
  }

  /** A result, of which all bits are known where its range is. */
  #push({ start }: Node, sources: Sources): void {
    this.#stack.push(this.known.result(start) ? NONE : sources);
  }

  #step(node: Node): void {
    const { opcode, index } = node;
    if (opcode === Op.BLOCK || opcode === Op.LOOP || opcode === Op.IF) {
      if (opcode === Op.IF) this.#need(1);
      const before = [...this.#stack];
      for (const body of [node.body, node.otherwise]) {
        this.block(body);
        for (const sources of this.#stack.slice(before.length)) this.demand.need(sources);
        this.#stack = [...before];
      }
      for (let i = 0; i < node.results; i++) this.#stack.push(NONE);
    } else if (opcode === Op.BR_IF || opcode === Op.BR_TABLE || opcode === Op.BR) {
      if (opcode !== Op.BR) this.#need(1);
      for (const sources of this.#stack) this.demand.need(sources);
    } else if (opcode === Op.RETURN) {
      if (this.returns > 0) this.#return(this.#pop());
    } else if (opcode === Op.LOCAL_GET) {
      this.#stack.push(this.#kept(index));
    } else if (opcode === Op.LOCAL_SET || opcode === Op.LOCAL_TEE) {
      this.#flow(nameOf(this.of, index), this.known.local(this.of, index), this.#pop());
      if (opcode === Op.LOCAL_TEE) this.#stack.push(this.#kept(index));
    } else if (opcode === Op.CALL) this.#call(node);
    else this.#straight(node);
  }

  /**
   * What a local holds. That its range at hand is known does not help: it is read as it is kept, and by its low bits alone a
   * negative value comes back as another.
   */
  #kept(index: number): Sources {
    return this.known.local(this.of, index) ? NONE : [nameOf(this.of, index)];
  }

  #flow(name: string, isKnown: boolean, sources: Sources): void {
    if (!isKnown) this.demand.flow(name, sources);
  }

  #call(node: Node): void {
    const { index } = node;
    const imported = this.shown.imports[index];
    const type = imported?.type ?? this.module.bodies.find((body) => body.index === index)!.type;
    const values = type.params.map(() => this.#pop()).reverse();
    values.forEach((sources, at) => {
      if (!imported) this.#flow(nameOf(index, at), this.known.local(index, at), sources);
      else if (!NARROW[imported.name]?.(at)) this.demand.need(sources);
    });
    if (type.results.length === 0) return;
    this.#push(node, imported || this.known.returns(index) ? NONE : [nameOf(index, -1)]);
  }

  #straight(node: Node): void {
    const { opcode } = node;
    if (opcode === Op.DROP) this.#pop();
    else if (opcode === Op.NOP || opcode === Op.UNREACHABLE) return;
    else if (opcode === Op.SELECT) {
      this.#need(1);
      this.#push(node, [...this.#pop(), ...this.#pop()]);
    } else if (LOW.has(opcode)) this.#push(node, [...this.#pop(), ...this.#pop()]);
    else if (opcode === SHL) {
      this.#need(1);
      this.#push(node, this.#pop());
    } else if (loadOf(opcode) || (opcode >= 0x29 && opcode <= Op.I64_LOAD32_U)) {
      this.#pop();
      this.#push(node, NONE);
    } else if (opcode >= Op.I32_STORE && opcode <= Op.I64_STORE32) {
      const value = this.#pop();
      // Of 8 and 16 bits; i64 has no sources.
      if (opcode === Op.I32_STORE) this.demand.need(value);
      this.#pop();
    } else if (opcode === Op.MEMORY_COPY || opcode === Op.MEMORY_FILL) {
      for (let i = 0; i < 3; i++) this.#pop();
    } else if (opcode === Op.GLOBAL_SET) this.#need(1);
    else if (opcode === Op.I32_CONST || opcode === Op.I64_CONST || opcode === Op.GLOBAL_GET) {
      this.#stack.push(NONE);
    } else if (opcode === Op.MEMORY_SIZE) this.#stack.push(NONE);
    else {
      this.#need(takes(opcode));
      this.#push(node, NONE);
    }
  }
}

/** Operands of a numeric instruction. */
function takes(opcode: number): number {
  if (isBinary(opcode) || isComparison(opcode)) return 2;
  const isOne =
    opcode === 0x45 ||
    opcode === 0x50 ||
    (opcode >= 0x67 && opcode <= 0x69) ||
    (opcode >= 0x79 && opcode <= 0x7b) ||
    opcode >= 0xa7;
  return isOne ? 1 : 2;
}

/** Whether a local, or at -1 the result, of a function matters in more than its low 16 bits. */
export function widelyUsed(
  module: WasmModule,
  shown: WasmInterface,
  known: Known,
): (of: number, local: number) => boolean {
  const demand = new Demand();
  const exported = new Set(shown.exports.filter(({ kind }) => kind === 'function').map(({ index }) => index));
  for (const body of module.bodies) {
    if (exported.has(body.index)) demand.need([nameOf(body.index, -1)]);
    const walk = new Walk(module, shown, known, demand, body.index, body.type.results.length);
    walk.block(treeOf(module, body).nodes);
    walk.end();
  }
  return (of, local) => demand.wide.has(nameOf(of, local));
}
