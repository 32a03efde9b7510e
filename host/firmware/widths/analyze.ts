// What the i32 values of a module may be, whatever its inputs: by abstract interpretation over its WASM, with intervals. What
// it starts from are constants of the image (facts.ts); nothing is taken from a run.
import { Op } from '../../toolchain/wasm-bytes.js';
import type { FunctionType, WasmModule } from '../../toolchain/wasm-binary.js';
import type { WasmInterface } from '../../toolchain/wasm-interface.js';
import { binary, isBinary, isComparison, loadOf, read, select, unary } from './evaluate.js';
import type { Facts } from './facts.js';
import { add, ANY, constant, type Interval, join, meet, only, unsigned } from './interval.js';
import { isSame, joined, type Operand, operand, State, widened } from './state.js';
import { type Node, type Tree, treeOf } from './tree.js';

/** A store that might reach what facts are known of: they are worth nothing. */
export class UnknownStore extends Error {}

interface Label {
  isLoop: boolean;
  height: number;
  results: number;
  incoming: State | undefined;
}

/** What was found: of the locals of each function, parameters first, of what it returns, and of each instruction. */
export interface Found {
  locals: Map<number, Interval[]>;
  returns: Map<number, Interval>;
  /** By offset of the instruction; none where it is never reached. */
  results: Map<number, Interval>;
}

const PAGE = 0x10000;
const PLAIN_ROUNDS = 1;
const NARROWING_ROUNDS = 1;
const MOST_ROUNDS = 60;
const MOST_UNROLLED = 16;

export class Analysis {
  readonly found: Found = { locals: new Map(), returns: new Map(), results: new Map() };
  readonly #trees = new Map<number, Tree>();
  readonly #types = new Map<number, FunctionType>();
  /** Whether what is seen now counts: not while a loop is still sought. */
  #counts = true;
  /** The record that the arena begins with. */
  #record: Uint8Array | undefined;
  /** A record is being brought to the arena. */
  #isFetching = false;
  #function = 0;
  #labels: Label[] = [];

  constructor(
    module: WasmModule,
    private readonly shown: WasmInterface,
    private readonly facts: Facts,
  ) {
    for (const body of module.bodies) {
      const tree = treeOf(module, body);
      this.#trees.set(body.index, tree);
      this.#types.set(body.index, body.type);
      this.found.locals.set(
        body.index,
        Array.from({ length: tree.locals }, () => constant(0)),
      );
    }
  }

  /** Every exported function, by itself. Throws UnknownStore. */
  run(): Found {
    for (const { name, index, kind } of this.shown.exports) {
      if (kind !== 'function') continue;
      const { params } = this.#types.get(index)!;
      const given = this.facts.parameters.get(name) ?? [];
      const values = params.map((_, i) => operand(given[i] === undefined ? ANY : constant(given[i])));
      if (name === 'run' && this.facts.records.length > 0) this.#runOps(index, values);
      else this.#enter(index, values, name === 'boot' ? new Map() : this.facts.words());
    }
    return this.found;
  }

  /** `run`, op by op: its outer loop begins with any op, its cursor at any tile of it (assembly/engine.ts, cursor.ts). */
  #runOps(index: number, values: Operand[]): void {
    const { nodes, locals } = this.#trees.get(index)!;
    const at = nodes.findIndex(({ opcode }) => opcode === Op.LOOP);
    if (at < 0 || nodes.some(({ opcode }, i) => i !== at && opcode === Op.LOOP)) {
      throw new UnknownStore('run is not one loop');
    }
    const start = this.#open(index, values, this.facts.words(), locals);
    const before = this.#block(nodes.slice(0, at), start);
    if (!before) return;
    let head = before;
    head.memory = this.facts.words();
    for (let round = 0; ; round++) {
      let next = head;
      for (const op of this.facts.records.keys()) {
        for (const end of this.#oneOp(nodes[at]!, head, op)) next = joined(next, end);
      }
      next.memory = this.facts.words();
      if (isSame(head, next)) break;
      if (round > MOST_ROUNDS) throw new UnknownStore('no end');
      head = round < PLAIN_ROUNDS ? next : widened(head, next);
      head.memory = this.facts.words();
    }
  }

  /** States in which the outer loop goes round after op `op`. What is behind the loop is run, too. */
  #oneOp(loop: Node, head: State, op: number): State[] {
    const record = this.facts.records[op]!;
    this.#record = record;
    const state = head.copy();
    state.memory = new Map([...state.memory, ...this.facts.cursor(op)]);
    const label: Label = { isLoop: true, height: 0, results: 0, incoming: undefined };
    this.#labels.push(label);
    const behind = this.#block(loop.body, state);
    this.#labels.pop();
    const nodes = this.#trees.get(this.#function)!.nodes;
    if (behind) this.#block(nodes.slice(nodes.indexOf(loop) + 1), behind);
    this.#record = undefined;
    return label.incoming ? [label.incoming] : [];
  }

  #open(index: number, values: Operand[], memory: ReadonlyMap<number, Interval>, locals: number): State {
    this.#function = index;
    this.#labels = [
      { isLoop: false, height: 0, results: this.#types.get(index)!.results.length, incoming: undefined },
    ];
    const ranges = Array.from({ length: locals }, (_, i) => values[i]?.range ?? constant(0));
    values.forEach(({ range }, i) => this.#seen(i, range));
    return new State(ranges, new Array<number>(locals).fill(0), [], memory);
  }

  /** A call: what comes back, undefined if nothing ever does. */
  #enter(
    index: number,
    values: Operand[],
    memory: ReadonlyMap<number, Interval>,
  ): { range: Interval; memory: ReadonlyMap<number, Interval> } | undefined {
    const [labels, caller] = [this.#labels, this.#function];
    const { nodes, locals } = this.#trees.get(index)!;
    const state = this.#open(index, values, memory, locals);
    const [label] = this.#labels;
    const end = this.#block(nodes, state);
    let out = label!.incoming;
    if (end) out = joined(out, settled(end, label!));
    [this.#labels, this.#function] = [labels, caller];
    if (!out) return undefined;
    const range = label!.results > 0 ? out.stack.at(-1)!.range : ANY;
    if (this.#counts) {
      const before = this.found.returns.get(index);
      this.found.returns.set(index, before ? join(before, range) : range);
    }
    return { range, memory: out.memory };
  }

  #seen(local: number, range: Interval): void {
    if (!this.#counts) return;
    const locals = this.found.locals.get(this.#function)!;
    locals[local] = join(locals[local]!, range);
  }

  /** The state behind `nodes`, undefined if nothing gets there. Changes `state`. */
  #block(nodes: readonly Node[], state: State): State | undefined {
    let here: State | undefined = state;
    for (const node of nodes) {
      here = this.#step(node, here);
      if (!here) return undefined;
    }
    return here;
  }

  #branch(depth: number, state: State): void {
    const label = this.#labels[this.#labels.length - 1 - depth]!;
    label.incoming = joined(label.incoming, settled(state.copy(), label));
  }

  #step(node: Node, state: State): State | undefined {
    const { opcode } = node;
    if (opcode === Op.BLOCK || opcode === Op.IF) return this.#forward(node, state);
    if (opcode === Op.LOOP) return this.#loop(node, state);
    if (opcode === Op.BR || opcode === Op.RETURN) {
      this.#branch(opcode === Op.BR ? node.index : this.#labels.length - 1, state);
      return undefined;
    }
    if (opcode === Op.BR_IF) {
      const test = state.stack.pop()!;
      const taken = state.copy();
      if (taken.suppose(test, true)) this.#branch(node.index, taken);
      return state.suppose(test, false) ? state : undefined;
    }
    if (opcode === Op.BR_TABLE) {
      this.#table(node, state);
      return undefined;
    }
    if (opcode === Op.UNREACHABLE) return undefined;
    if (opcode === Op.CALL) return this.#call(node, state);
    this.#straight(node, state);
    return state;
  }

  #table({ labels }: Node, state: State): void {
    const { range } = state.stack.pop()!;
    const last = labels.length - 1;
    labels.forEach((label, i) => {
      const isPossible = i === last ? range.u1 >= last : range.u0 <= i && i <= range.u1;
      if (isPossible) this.#branch(label, state);
    });
  }

  /** A block, or an if. */
  #forward(node: Node, state: State): State | undefined {
    const test = node.opcode === Op.IF ? state.stack.pop()! : undefined;
    const label: Label = {
      ...{ isLoop: false, height: state.stack.length, results: node.results, incoming: undefined },
    };
    const other = test && state.copy();
    this.#labels.push(label);
    const ends: (State | undefined)[] = [];
    if (!test || state.suppose(test, true)) ends.push(this.#block(node.body, state));
    if (test && other!.suppose(test, false)) ends.push(this.#block(node.otherwise, other!));
    this.#labels.pop();
    for (const end of ends) if (end) label.incoming = joined(label.incoming, settled(end, label));
    return label.incoming;
  }

  /** A short loop round by round, as long as each is one way or the other. Undefined where it is not over soon. */
  #unrolled(
    around: (head: State, isLast?: boolean) => { back: State | undefined; behind: State | undefined },
    state: State,
    isLast: boolean,
  ): { behind: State | undefined } | undefined {
    let behind: State | undefined;
    let head: State | undefined = state;
    for (let round = 0; head; round++) {
      if (round > MOST_UNROLLED) return undefined;
      const end = around(head, isLast);
      if (end.behind) behind = joined(behind, end.behind);
      head = end.back;
    }
    return { behind };
  }

  #loop(node: Node, state: State): State | undefined {
    const counts = this.#counts;
    const around = (head: State, isLast = false): { back: State | undefined; behind: State | undefined } => {
      const label: Label = {
        ...{ isLoop: true, height: head.stack.length, results: 0, incoming: undefined },
      };
      const outer = this.#labels.map((each) => ({ ...each }));
      this.#labels.push(label);
      const behind = this.#block(node.body, head.copy());
      this.#labels.pop();
      // What leaves the loop only counts when its head is known.
      if (!isLast) outer.forEach(({ incoming }, i) => (this.#labels[i]!.incoming = incoming));
      return { back: label.incoming, behind };
    };
    this.#counts = false;
    const isShort = node.isSimple && this.#unrolled(around, state, false);
    if (isShort) {
      this.#counts = counts;
      return this.#unrolled(around, state, true)!.behind;
    }
    let head = state;
    for (let round = 0; ; round++) {
      const { back } = around(head);
      const next = back ? joined(head, back) : head;
      if (isSame(head, next)) break;
      if (round > MOST_ROUNDS) throw new UnknownStore('no end');
      head = round < PLAIN_ROUNDS ? next : widened(head, next);
    }
    // Widening went too far: what comes round from there is enough.
    for (let round = 0; round < NARROWING_ROUNDS; round++) {
      const { back } = around(head);
      head = back ? joined(state, back) : state;
    }
    this.#counts = counts;
    return around(head, true).behind;
  }

  #call(node: Node, state: State): State | undefined {
    const imported = this.shown.imports[node.index];
    const type = imported ? imported.type : this.#types.get(node.index)!;
    const values = state.stack.splice(state.stack.length - type.params.length);
    if (imported) {
      for (const at of this.facts.written(imported.name)) {
        const length = imported.name === 'view' ? values[1]!.range : ANY;
        this.#store(values[at]!.range, undefined, state, length);
        this.#inPage(values[at]!, this.facts.sramBytes, state);
      }
      const range = this.facts.imported(imported.name);
      if (type.results.length > 0) this.#push(node, state, operand(range));
      return state;
    }
    const wasFetching = this.#isFetching;
    this.#isFetching ||= this.shown.functionNames.get(node.index) === this.facts.fetchRecord;
    const back = this.#enter(node.index, values, state.memory);
    this.#isFetching = wasFetching;
    if (!back) return undefined;
    state.memory = back.memory;
    const name = this.shown.functionNames.get(node.index) ?? '';
    for (const at of this.facts.addresses(name)) this.#inPage(values[at]!, this.facts.sramBytes, state);
    if (type.results.length > 0) this.#push(node, state, operand(back.range));
    return state;
  }

  #push(node: Node, state: State, value: Operand): void {
    state.stack.push(value);
    if (!this.#counts) return;
    const before = this.found.results.get(node.start);
    this.found.results.set(node.start, before ? join(before, value.range) : value.range);
  }

  #straight(node: Node, state: State): void {
    const { opcode, index } = node;
    const { stack } = state;
    if (opcode === Op.NOP) return;
    if (opcode === Op.DROP) stack.pop();
    else if (opcode === Op.LOCAL_GET) this.#push(node, state, state.get(index));
    else if (opcode === Op.LOCAL_SET || opcode === Op.LOCAL_TEE) {
      const { range } = stack.pop()!;
      state.set(index, range);
      this.#seen(index, range);
      if (opcode === Op.LOCAL_TEE) this.#push(node, state, state.get(index));
    } else if (opcode === Op.I32_CONST) this.#push(node, state, operand(constant(Number(node.constant))));
    else if (opcode === Op.SELECT) {
      const [test, b, a] = [stack.pop()!, stack.pop()!, stack.pop()!];
      this.#push(node, state, select(state, test, a, b));
    } else if (isBinary(opcode) || isComparison(opcode)) {
      const [b, a] = [stack.pop()!, stack.pop()!];
      this.#push(node, state, binary(opcode, a, b));
    } else this.#other(node, state);
  }

  /** Memory, conversions, and all of i64, of which nothing is known. */
  #other(node: Node, state: State): void {
    const { opcode } = node;
    const { stack } = state;
    if (opcode === Op.MEMORY_COPY || opcode === Op.MEMORY_FILL) {
      const [to, , length] = stack.splice(stack.length - 3);
      this.#store(to!.range, undefined, state, length!.range);
    } else if (opcode >= Op.I32_STORE && opcode <= Op.I64_STORE32) {
      const [address, value] = stack.splice(stack.length - 2);
      const at = add(address!.range, constant(node.memoryOffset));
      this.#inPage(address!, this.facts.sramBytes - node.memoryOffset, state);
      this.#store(at, opcode === Op.I32_STORE ? value!.range : undefined, state);
    } else if (loadOf(opcode)) this.#push(node, state, operand(this.#load(node, stack.pop()!, state)));
    else if (opcode === Op.GLOBAL_SET) stack.pop();
    else if (opcode === Op.GLOBAL_GET || opcode === Op.MEMORY_SIZE || opcode === Op.I64_CONST) {
      this.#push(node, state, operand(ANY));
    } else {
      const takes = operandsOf(opcode);
      const values = stack.splice(stack.length - takes);
      const found = takes === 1 ? unary(opcode, values[0]!) : undefined;
      this.#push(node, state, found ?? operand(isTest(opcode) ? unsigned(0, 1) : ANY));
    }
  }

  #load({ opcode, memoryOffset }: Node, address: Operand, state: State): Interval {
    const { bytes, range } = loadOf(opcode)!;
    const base = only(address.range);
    this.#inPage(address, PAGE - memoryOffset, state);
    if (base === undefined) return range;
    const at = base + memoryOffset;
    const offset = at - this.facts.arena;
    if (this.#record && offset >= 0 && offset + bytes <= this.#record.length) {
      const copy = new Uint8Array(4);
      copy.set(this.#record.subarray(offset, offset + bytes));
      return read(opcode, new DataView(copy.buffer).getUint32(0, true));
    }
    const word = state.memory.get(at - (at % 4));
    if (!word || (at % 4) + bytes > 4) return range;
    if (bytes === 4) return word;
    const value = only(word);
    return value === undefined ? range : read(opcode, value >>> (8 * (at % 4)));
  }

  /** Behind an access: what is behind the `end` of memory traps. */
  #inPage({ local, range }: Operand, end: number, state: State): void {
    if (!local || state.versions[local.index] !== local.version) return;
    const within = meet(meet(range, state.locals[local.index]!) ?? range, unsigned(0, end));
    if (within) state.locals[local.index] = within;
  }

  /** A store at `at`: of a word of that value, or of up to so many bytes. */
  #store(at: Interval, value: Interval | undefined, state: State, length = constant(8)): void {
    const { arena, header } = this.facts;
    if (at.u1 === 0 || this.#isFetching) return;
    const end = arena + (this.#record?.length ?? 0);
    if (at.u0 >= end) return;
    const address = only(at);
    if (address === undefined || address + length.u1 > arena) {
      if (this.#record)
        throw new UnknownStore(`a store at ${at.u0} to ${at.u1} in function ${this.#function}`);
      state.memory = new Map();
    } else if (address === header && length.u1 > 8) {
      // The only bytes that are brought there.
      state.memory = new Map([...state.memory, ...this.facts.words()]);
    } else {
      const words = [...state.memory].filter(([word]) => word + 4 <= address || word >= address + length.u1);
      state.memory = new Map(words);
      if (value && address % 4 === 0) (state.memory as Map<number, Interval>).set(address, value);
    }
  }
}

/** As it is where a label is: its results on the operands of before. */
function settled(state: State, { height, results, isLoop }: Label): State {
  const kept = isLoop ? 0 : results;
  const values = state.stack.splice(state.stack.length - kept);
  state.stack.length = Math.min(height, state.stack.length);
  state.stack.push(...values);
  return state;
}

/** Operands of a numeric instruction of i64, or of a conversion. */
function operandsOf(opcode: number): number {
  const isUnary =
    opcode === 0x45 ||
    opcode === 0x50 ||
    (opcode >= 0x67 && opcode <= 0x69) ||
    (opcode >= 0x79 && opcode <= 0x7b) ||
    opcode >= 0xa7 ||
    opcode <= Op.I64_LOAD32_U;
  return isUnary ? 1 : 2;
}

/** A test of i64. */
const isTest = (opcode: number): boolean => opcode >= 0x50 && opcode <= 0x5a;
