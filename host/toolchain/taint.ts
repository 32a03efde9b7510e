// A WASM→WASM pass that follows data: which values come from bytes marked as tainted, and whether a branch, an address or
// a length ever does. A run in which none does takes the same way, and touches the same bytes, whatever those bytes are.
import { loadOf, storeOf } from './memory-access.js';
import {
  encodeModule,
  type FunctionBody,
  type FunctionType,
  type Instruction,
  instructionsOf,
  parseModule,
  requireValid,
  rewriteCode,
  type WasmModule,
} from './wasm-binary.js';
import { ByteReader, ByteWriter, EMPTY_BLOCK, hex, Op, Section, ValueType } from './wasm-bytes.js';
import { readInterface } from './wasm-interface.js';

const pageBytes = 0x10000;
const { I32, V128 } = ValueType;
const I32_LOAD8_U = 0x2d;
const I32_LOAD16_U = 0x2f;
const I64_LOAD = 0x29;
const I64_STORE = 0x37;
const I32_STORE8 = 0x3a;
const I32_STORE16 = 0x3b;
const I32_NE = 0x47;
const I64_NE = 0x52;
const I32_ADD = 0x6a;
const I32_MUL = 0x6c;
const I32_OR = 0x72;
const I64_EXTEND_U = 0xad;

/** A build of a module that follows tainted bytes. */
export interface Tainting {
  wasm: Uint8Array<ArrayBuffer>;
  /** Where the marks begin: the byte of address a is tainted if that at `marksAt` + a is not 0. */
  marksAt: number;
  /**
   * Where the module leaves the offset of an instruction whose address or length was tainted, and four bytes on of one whose
   * branch was; 0: there was none.
   */
  foundAt: number;
}

/**
 * Gives every byte of memory a mark, behind the module's own pages, and every value one of its own. Loads, stores, copies
 * and arithmetic hand marks on. What an import returns is clean; whoever writes into memory from outside marks it.
 *
 * @throws Error if the module is malformed, uses vectors, or does not define exactly one memory.
 */
export function followTaint(wasm: Uint8Array): Tainting {
  const module = parseModule(wasm);
  const [memory] = module.memories;
  if (!memory || memory.imported || module.memories.length > 1)
    throw new Error('expected a module that defines its memory, and only one');
  const marksAt = memory.initial * pageBytes;
  const types = functionTypes(module);
  const code = rewriteCode(module, (body, out) => new Follower(module, types, body, out, marksAt).rewrite());
  requireValid(wasm.slice());
  const pages = 2 * memory.initial + 1;
  const section = new ByteWriter().u8(1, 1).u32(pages).u32(pages);
  const tainting = encodeModule(
    module,
    new Map([
      [Section.MEMORY, section.bytes()],
      [Section.CODE, code],
    ]),
  );
  return { wasm: tainting, marksAt, foundAt: 2 * marksAt };
}

/** Of every function, imports first. */
function functionTypes(module: WasmModule): FunctionType[] {
  const imports = readInterface(module).imports.map(({ type }) => type);
  return [...imports, ...module.bodies.map(({ type }) => type)];
}

/** Values taken and left by instructions without immediates, from 0x45 on. */
function numericArity(opcode: number): number {
  const unary =
    opcode === 0x45 ||
    opcode === 0x50 ||
    (opcode >= 0x67 && opcode <= 0x69) ||
    (opcode >= 0x79 && opcode <= 0x7b) ||
    (opcode >= 0x8b && opcode <= 0x91) ||
    (opcode >= 0x99 && opcode <= 0x9f) ||
    opcode >= 0xa7;
  return unary ? 1 : 2;
}

/** A block under way. */
interface Frame {
  opcode: number;
  /** Values on the stack where it begins. */
  height: number;
  /** Values that its end leaves, and that a branch to it takes along. */
  results: number;
  carried: number;
  /** What follows is never reached. */
  dead: boolean;
}

/** Rewrites one function so that marks go with its values. */
class Follower {
  private readonly added: number[] = [];
  private readonly frames: Frame[] = [];
  /** A mark of each place on the stack, as a local. */
  private readonly places: number[] = [];
  private readonly spare = new Map<string, number>();
  /** Offsets of what was found: of addresses and lengths, and of branches. */
  private readonly found: readonly [number, number];
  private depth = 0;

  constructor(
    private readonly module: WasmModule,
    private readonly types: readonly FunctionType[],
    private readonly body: FunctionBody,
    private readonly out: ByteWriter,
    private readonly marksAt: number,
  ) {
    for (let local = 0; local < body.localCount; local++) this.added.push(I32);
    this.found = [this.newLocal(I32), this.newLocal(I32)];
  }

  rewrite(): number[] {
    const { params, results } = this.body.type;
    // What the caller left of its arguments; a caller from outside leaves none.
    params.forEach((_, i) => {
      this.out.u8(Op.I32_CONST).signed(0);
      this.memory(I32_LOAD8_U, this.argumentAt(i));
      this.out.op(Op.LOCAL_SET, this.markOf(i));
      this.out.u8(Op.I32_CONST).signed(0).u8(Op.I32_CONST).signed(0);
      this.memory(I32_STORE8, this.argumentAt(i));
    });
    this.frames.push({
      opcode: Op.BLOCK,
      height: 0,
      results: results.length,
      carried: results.length,
      dead: false,
    });
    for (const instruction of instructionsOf(this.module, this.body)) this.follow(instruction);
    return this.added;
  }

  private newLocal(type: number): number {
    return this.body.localCount + this.added.push(type) - 1;
  }

  private temporary(role: string, type: number): number {
    const key = `${role} ${type}`;
    const local = this.spare.get(key) ?? this.newLocal(type);
    this.spare.set(key, local);
    return local;
  }

  /** The mark of a local of the function. */
  private markOf(local: number): number {
    return this.body.localCount + local;
  }

  /** The mark of a place on the stack. */
  private place(depth: number): number {
    while (this.places.length <= depth) this.places.push(this.newLocal(I32));
    return this.places[depth]!;
  }

  private argumentAt(index: number): number {
    return 2 * this.marksAt + 16 + index;
  }

  private get resultAt(): number {
    return 2 * this.marksAt + 8;
  }

  private get frame(): Frame {
    return this.frames[this.frames.length - 1]!;
  }

  private memory(opcode: number, offset: number): void {
    this.out.u8(opcode, 0).u32(offset);
  }

  private copyOf({ start, end }: Instruction): void {
    this.out.raw(this.module.bytes.subarray(start, end));
  }

  /** Notes the instruction if the mark in `local` is set. */
  private note({ start, opcode }: Instruction, local: number): void {
    const found = this.found[opcode === Op.IF || opcode === Op.BR_IF || opcode === Op.BR_TABLE ? 1 : 0];
    this.out.u8(Op.I32_CONST).signed(start);
    this.out.op(Op.LOCAL_GET, found).op(Op.LOCAL_GET, local).u8(Op.SELECT).op(Op.LOCAL_SET, found);
  }

  private clean(place: number): void {
    this.out.u8(Op.I32_CONST).signed(0).op(Op.LOCAL_SET, this.place(place));
  }

  private move(from: number, to: number): void {
    if (from !== to) this.out.op(Op.LOCAL_GET, from).op(Op.LOCAL_SET, to);
  }

  private join(from: number, to: number): void {
    this.out.op(Op.LOCAL_GET, from).op(Op.LOCAL_GET, to).u8(I32_OR).op(Op.LOCAL_SET, to);
  }

  /** `count` values become one that is marked if one of them is. */
  private merge(count: number): void {
    for (let i = 1; i < count; i++) this.join(this.place(this.depth - i), this.place(this.depth - count));
    this.depth -= count - 1;
  }

  private follow(instruction: Instruction): void {
    const { opcode } = instruction;
    if (this.control(instruction)) return;
    if (this.frame.dead) {
      this.copyOf(instruction);
      return;
    }
    const size = loadOf(opcode);
    const store = storeOf(opcode);
    if (opcode > 0xff && opcode !== Op.MEMORY_COPY && opcode !== Op.MEMORY_FILL)
      throw new Error(`cannot follow taint through ${hex(opcode)}, at offset ${instruction.start}`);
    if (size) this.load(instruction, size);
    else if (store) this.store(instruction, ...store);
    else if (opcode === Op.MEMORY_COPY || opcode === Op.MEMORY_FILL) this.bulk(instruction);
    else this.plain(instruction);
  }

  private plain(instruction: Instruction): void {
    const { opcode, index } = instruction;
    const top = this.depth - 1;
    if (opcode >= 0x45 && opcode <= 0xc4) this.merge(numericArity(opcode));
    else if (opcode === Op.LOCAL_GET) this.move(this.markOf(index), this.place(this.depth++));
    else if (opcode === Op.LOCAL_SET) {
      this.move(this.place(top), this.markOf(index));
      this.depth--;
    } else if (opcode === Op.LOCAL_TEE) this.move(this.place(top), this.markOf(index));
    else if (opcode === Op.SELECT) this.merge(3);
    else if (opcode === Op.DROP) this.depth--;
    else if (opcode !== Op.NOP) {
      // Constants, globals and the size of memory.
      if (opcode === Op.GLOBAL_SET || opcode === Op.MEMORY_GROW)
        throw new Error(`cannot follow taint through ${hex(opcode)}, at offset ${instruction.start}`);
      this.clean(this.depth++);
    }
    this.copyOf(instruction);
  }

  private load(instruction: Instruction, size: number): void {
    const { out } = this;
    const at = instruction.memoryOffset + this.marksAt;
    const address = this.temporary('address', I32);
    const place = this.place(this.depth - 1);
    this.note(instruction, place);
    out.op(Op.LOCAL_TEE, address);
    this.copyOf(instruction);
    out.op(Op.LOCAL_GET, address);
    if (size <= 4) this.memory(size === 1 ? I32_LOAD8_U : size === 2 ? I32_LOAD16_U : Op.I32_LOAD, at);
    else {
      this.memory(I64_LOAD, at);
      out.u8(Op.I64_CONST).signed(0).u8(I64_NE);
    }
    out.op(Op.LOCAL_SET, place);
  }

  private store(instruction: Instruction, size: number, type: number): void {
    const { out } = this;
    if (type === V128)
      throw new Error(`cannot follow taint through a vector, at offset ${instruction.start}`);
    const at = instruction.memoryOffset + this.marksAt;
    const value = this.temporary('value', type);
    const address = this.temporary('address', I32);
    this.note(instruction, this.place(this.depth - 2));
    out.op(Op.LOCAL_SET, value).op(Op.LOCAL_TEE, address).op(Op.LOCAL_GET, value);
    this.copyOf(instruction);
    out.op(Op.LOCAL_GET, address).op(Op.LOCAL_GET, this.place(this.depth - 1));
    out.u8(Op.I32_CONST).signed(0).u8(I32_NE);
    if (size === 8) out.u8(I64_EXTEND_U, Op.I64_CONST).signed(0x0101010101010101n).u8(Op.I64_MUL);
    else if (size > 1) out.u8(Op.I32_CONST).signed(0x01010101).u8(I32_MUL);
    this.memory(
      size === 8 ? I64_STORE : size === 4 ? Op.I32_STORE : size === 2 ? I32_STORE16 : I32_STORE8,
      at,
    );
    this.depth -= 2;
  }

  private bulk(instruction: Instruction): void {
    const { out } = this;
    const isCopy = instruction.opcode === Op.MEMORY_COPY;
    const [length, middle, to] = ['length', 'middle', 'to'].map((role) => this.temporary(role, I32)) as [
      ...[number, number, number],
    ];
    const marks = (local: number): ByteWriter =>
      out.op(Op.LOCAL_GET, local).u8(Op.I32_CONST).signed(this.marksAt).u8(I32_ADD);
    for (const place of isCopy ? [1, 2, 3] : [1, 3]) this.note(instruction, this.place(this.depth - place));
    out.op(Op.LOCAL_SET, length).op(Op.LOCAL_SET, middle).op(Op.LOCAL_TEE, to);
    out.op(Op.LOCAL_GET, middle).op(Op.LOCAL_GET, length);
    this.copyOf(instruction);
    marks(to);
    if (isCopy) marks(middle).op(Op.LOCAL_GET, length).u8(0xfc).u32(10).u8(0, 0);
    else {
      out
        .op(Op.LOCAL_GET, this.place(this.depth - 2))
        .u8(Op.I32_CONST)
        .signed(0)
        .u8(I32_NE);
      out.op(Op.LOCAL_GET, length).u8(0xfc).u32(11).u8(0);
    }
    this.depth -= 3;
  }

  private call(instruction: Instruction): void {
    const { out } = this;
    const { params, results } = this.types[instruction.index]!;
    const imported = instruction.index < this.module.importedFunctions;
    const first = this.depth - params.length;
    params.forEach((_, i) => {
      if (imported) {
        this.note(instruction, this.place(first + i));
        return;
      }
      out
        .u8(Op.I32_CONST)
        .signed(0)
        .op(Op.LOCAL_GET, this.place(first + i))
        .u8(Op.I32_CONST)
        .signed(0)
        .u8(I32_NE);
      this.memory(I32_STORE8, this.argumentAt(i));
    });
    this.copyOf(instruction);
    this.depth = first;
    for (let i = 0; i < results.length; i++) {
      if (imported) this.clean(this.depth++);
      else {
        out.u8(Op.I32_CONST).signed(0);
        this.memory(Op.I32_LOAD, this.resultAt);
        out.op(Op.LOCAL_SET, this.place(this.depth++));
      }
    }
  }

  /** What the function found and what its result is marked with go to memory. */
  private leave(): void {
    const { out } = this;
    this.found.forEach((found, i) => {
      out.op(Op.LOCAL_GET, found).u8(Op.IF, EMPTY_BLOCK);
      out.u8(Op.I32_CONST).signed(0).op(Op.LOCAL_GET, found);
      this.memory(Op.I32_STORE, 2 * this.marksAt + 4 * i);
      out.u8(Op.END);
    });
    if (this.body.type.results.length === 0) return;
    out
      .u8(Op.I32_CONST)
      .signed(0)
      .op(Op.LOCAL_GET, this.place(this.depth - 1));
    this.memory(Op.I32_STORE, this.resultAt);
  }

  /** Marks that a branch takes along to a label; `sure`: it is taken. */
  private branch(label: number, sure: boolean): void {
    const target = this.frames[this.frames.length - 1 - label]!;
    for (let i = 0; i < target.carried; i++) {
      const from = this.place(this.depth - target.carried + i);
      const to = this.place(target.height + i);
      if (from === to) continue;
      if (sure) this.move(from, to);
      else this.join(from, to);
    }
    if (label === this.frames.length - 1) this.leave();
  }

  private open(instruction: Instruction): void {
    const { opcode, start } = instruction;
    const { dead } = this.frame;
    if (opcode === Op.IF && !dead) this.note(instruction, this.place(--this.depth));
    const { params, results } = this.blockType(start + 1);
    const height = this.depth - (dead ? 0 : params);
    this.frames.push({ opcode, height, results, carried: opcode === Op.LOOP ? params : results, dead });
    this.copyOf(instruction);
  }

  private blockType(offset: number): { params: number; results: number } {
    const type = Number(new ByteReader(this.module.bytes, offset).signed());
    if (type >= 0) {
      const { params, results } = this.module.types[type]!;
      return { params: params.length, results: results.length };
    }
    return { params: 0, results: (type & 0x7f) === EMPTY_BLOCK ? 0 : 1 };
  }

  private close(instruction: Instruction): void {
    const frame = this.frames.pop()!;
    const outer = this.frames.length === 0;
    this.depth = frame.height + frame.results;
    if (outer && !frame.dead) this.leave();
    this.copyOf(instruction);
  }

  /** Handles blocks, branches and calls. */
  private control(instruction: Instruction): boolean {
    const { opcode, index, labels } = instruction;
    const { frame } = this;
    if (opcode === Op.BLOCK || opcode === Op.LOOP || opcode === Op.IF) this.open(instruction);
    else if (opcode === Op.END) this.close(instruction);
    else if (opcode === Op.ELSE) {
      this.depth = frame.height;
      frame.dead = this.frames[this.frames.length - 2]!.dead;
      this.copyOf(instruction);
    } else if (frame.dead) return false;
    else if (opcode === Op.BR_IF) {
      this.note(instruction, this.place(--this.depth));
      this.branchIf(instruction);
    } else if (
      opcode === Op.BR ||
      opcode === Op.RETURN ||
      opcode === Op.UNREACHABLE ||
      opcode === Op.BR_TABLE
    ) {
      if (opcode === Op.BR) this.branch(index, true);
      if (opcode === Op.RETURN) this.leave();
      if (opcode === Op.BR_TABLE) {
        this.note(instruction, this.place(--this.depth));
        const value = this.temporary('value', I32);
        this.out.op(Op.LOCAL_SET, value);
        for (const label of labels) this.branch(label, false);
        this.out.op(Op.LOCAL_GET, value);
      }
      this.copyOf(instruction);
      frame.dead = true;
    } else if (opcode === Op.CALL) this.call(instruction);
    else if (opcode === Op.CALL_INDIRECT)
      throw new Error(`cannot follow taint through an indirect call, at offset ${instruction.start}`);
    else return false;
    return true;
  }

  private branchIf(instruction: Instruction): void {
    const condition = this.temporary('value', I32);
    this.out.op(Op.LOCAL_SET, condition);
    this.branch(instruction.index, false);
    this.out.op(Op.LOCAL_GET, condition);
    this.copyOf(instruction);
  }
}
