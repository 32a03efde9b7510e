// Random WASM programs of integers: structured control of every kind, bounded loops, calls, memory of every width.
import { ByteWriter, Op } from '../../host/toolchain/wasm-bytes.js';
import { Random } from '../../host/math/random.js';
import { assemble, type AssembledFunction, i32, i64 } from './assemble.js';

/** Bytes that programs read and write. */
export const PROGRAM_BYTES = 4096;
const FUNCTIONS = 3;
const VARIABLES = [i32, i32, i64, i64, i32, i64];
const COUNTERS = 6;
const EMPTY = 0x40;

type Label = { kind: 'block'; type: number } | { kind: 'loop'; counter: number };

const LOADS: Record<number, [opcode: number, bytes: number][]> = {
  [i32]: [
    [0x28, 4],
    [0x2c, 1],
    [0x2d, 1],
    [0x2e, 2],
    [0x2f, 2],
  ],
  [i64]: [
    [0x29, 8],
    [0x30, 1],
    [0x31, 1],
    [0x32, 2],
    [0x33, 2],
    [0x34, 4],
    [0x35, 4],
  ],
};
const STORES: Record<number, [opcode: number, bytes: number][]> = {
  [i32]: [
    [0x36, 4],
    [0x3a, 1],
    [0x3b, 2],
  ],
  [i64]: [
    [0x37, 8],
    [0x3c, 1],
    [0x3d, 2],
    [0x3e, 4],
  ],
};
const CONSTANTS = [0, 1, 2, 7, 31, 32, 63, 64, 255, 0x7fff, 0x7fffffff];

class Program {
  readonly code = new ByteWriter();
  readonly #labels: Label[] = [];
  /** The stack's promise that traps may happen: a few programs only. */
  readonly #trapping: boolean;

  constructor(
    private readonly random: Random,
    private readonly callees: number,
  ) {
    this.#trapping = random.integer(8) === 0;
  }

  #variable(type: number): number {
    const fitting = VARIABLES.flatMap((other, i) => (other === type ? [i] : []));
    return fitting[this.random.integer(fitting.length)]!;
  }

  #constant(type: number): void {
    const { random } = this;
    const sign = random.integer(3) ? 1n : -1n;
    const near = BigInt(CONSTANTS[random.integer(CONSTANTS.length)]!);
    const any = BigInt(random.uint32());
    const wide =
      type === i64 && random.integer(4) === 0 ? (near << 32n) ^ any : random.integer(4) ? near : any;
    const bits = type === i32 ? 32 : 64;
    this.code.u8(type === i32 ? Op.I32_CONST : Op.I64_CONST).signed(BigInt.asIntN(bits, sign * wide));
  }

  /** An address at which `bytes` bytes are inside memory, and the immediates for it: alignment and offset. */
  #address(depth: number, bytes: number): [alignment: number, offset: number] {
    const aligned = this.random.integer(2) === 0;
    const mask = (PROGRAM_BYTES / 2 - 1) & (aligned ? -bytes : -1);
    this.expression(i32, depth);
    this.code.u8(Op.I32_CONST).signed(mask).u8(0x71);
    return aligned
      ? [Math.round(Math.log2(bytes)), this.random.integer(9) * bytes]
      : [0, this.random.integer(100)];
  }

  /** Leaves a value of `type`. */
  expression(type: number, depth: number): void {
    const { random, code } = this;
    const kind = depth <= 0 ? random.integer(2) : random.integer(12);
    const wide = type === i64;
    if (kind === 0) {
      this.#constant(type);
      return;
    }
    if (kind <= 2) {
      code.op(Op.LOCAL_GET, this.#variable(type));
      return;
    }
    if (kind === 3) {
      const loads = LOADS[type]!;
      const [opcode, bytes] = loads[random.integer(loads.length)]!;
      const [alignment, offset] = this.#address(depth - 1, bytes);
      code.u8(opcode, alignment).u32(offset);
    } else if (kind === 4) {
      this.expression(type, depth - 1);
      this.expression(type, depth - 1);
      this.expression(i32, depth - 1);
      code.u8(Op.SELECT);
    } else if (kind === 5 && this.#labels.length < 6) this.#valueBlock(type, depth);
    else if (kind === 6) this.#call(type, depth - 1);
    else if (kind === 7) {
      this.expression(type, depth - 1);
      code.op(Op.LOCAL_TEE, this.#variable(type));
    } else if (kind === 8) this.#unary(type, depth);
    else if (kind === 9 && wide) {
      // The product that must become one multiplication; sometimes of sums that look like it.
      for (let i = 0; i < 2; i++) {
        this.expression(i32, depth - 1);
        code.u8(random.integer(4) ? 0xac : 0xad);
      }
      code.u8(Op.I64_MUL);
    } else if (kind === 10) this.#divide(type, depth);
    else {
      // Comparisons, and all that takes two.
      const compare = !wide && random.integer(3) === 0;
      const of = compare && random.integer(2) ? i64 : type;
      this.expression(of, depth - 1);
      this.expression(of, depth - 1);
      if (compare) code.u8((of === i64 ? 0x51 : 0x46) + random.integer(10));
      else {
        const which = [0, 1, 2, 7, 8, 9, 10, 11, 12, 13, 14][random.integer(11)]!;
        code.u8((wide ? 0x7c : 0x6a) + which);
      }
    }
  }

  #valueBlock(type: number, depth: number): void {
    const { code, random } = this;
    const chosen = random.integer(2) === 0;
    if (chosen) this.expression(i32, depth - 1);
    code.u8(chosen ? Op.IF : Op.BLOCK, type);
    this.#labels.push({ kind: 'block', type });
    for (let branch = 0; branch <= (chosen ? 1 : 0); branch++) {
      if (branch) code.u8(Op.ELSE);
      this.statements(depth - 1);
      this.expression(type, depth - 1);
      if (random.integer(3) === 0) {
        this.expression(i32, 1);
        code.op(Op.BR_IF, 0);
      }
    }
    this.#labels.pop();
    code.u8(Op.END);
  }

  #unary(type: number, depth: number): void {
    const { code, random } = this;
    const choices =
      type === i32 ? [0x45, 0x50, 0x67, 0x68, 0x69, 0xa7, 0xc0, 0xc1] : [0x79, 0x7a, 0x7b, 0xac];
    if (type === i64) choices.push(0xad, 0xc2, 0xc3, 0xc4);
    const opcode = choices[random.integer(choices.length)]!;
    const from = opcode === 0x50 || opcode === 0xa7 ? i64 : opcode === 0xac || opcode === 0xad ? i32 : type;
    this.expression(from, depth - 1);
    code.u8(opcode);
  }

  /** By what is never 0 nor −1, but for programs that trap. */
  #divide(type: number, depth: number): void {
    const { code, random } = this;
    const wide = type === i64;
    this.expression(type, depth - 1);
    this.expression(type, depth - 1);
    if (!this.#trapping || random.integer(3)) {
      code.u8(wide ? Op.I64_CONST : Op.I32_CONST, 7, wide ? 0x83 : 0x71);
      code.u8(wide ? Op.I64_CONST : Op.I32_CONST, 1, wide ? 0x7c : 0x6a);
    }
    code.u8((wide ? 0x7f : 0x6d) + random.integer(4));
  }

  #call(type: number, depth: number): void {
    const { code, random } = this;
    if (this.callees > 0 && random.integer(3)) {
      this.expression(i32, depth);
      this.expression(i32, depth);
      this.expression(i64, depth);
      code.op(Op.CALL, 1 + random.integer(this.callees));
    } else {
      this.expression(i32, depth);
      code.op(Op.CALL, 0).u8(0xac);
    }
    if (type === i32) code.u8(0xa7);
  }

  statements(depth: number): void {
    for (let count = 1 + this.random.integer(3); count > 0; count--) this.#statement(depth);
  }

  #block(open: () => void, label: Label, body: () => void): void {
    open();
    this.#labels.push(label);
    body();
    this.#labels.pop();
    this.code.u8(Op.END);
  }

  #statement(depth: number): void {
    const { random, code } = this;
    const kind = depth <= 0 ? random.integer(3) : random.integer(13);
    const type = random.integer(2) ? i32 : i64;
    const inner = (): void => this.statements(depth - 1);
    const empty: Label = { kind: 'block', type: EMPTY };
    if (kind <= 1) {
      this.expression(type, depth);
      code.op(Op.LOCAL_SET, this.#variable(type));
    } else if (kind === 2) {
      const stores = STORES[type]!;
      const [opcode, bytes] = stores[random.integer(stores.length)]!;
      const [alignment, offset] = this.#address(depth - 1, bytes);
      this.expression(type, depth - 1);
      code.u8(opcode, alignment).u32(offset);
    } else if (kind === 3 || kind === 4) {
      this.expression(i32, depth - 1);
      this.#block(
        () => code.u8(Op.IF, EMPTY),
        empty,
        () => {
          inner();
          if (kind === 4) code.u8(Op.ELSE);
          if (kind === 4) inner();
        },
      );
    } else if (kind === 5) this.#block(() => code.u8(Op.BLOCK, EMPTY), empty, inner);
    else if (kind <= 7 && this.#labels.length < 4) this.#loop(depth);
    else if (kind === 8) this.#branch(depth - 1);
    else if (kind === 9) {
      this.expression(type, depth - 1);
      code.u8(Op.DROP, Op.NOP);
    } else if (kind === 10) this.#table(depth);
    else if (kind === 11) this.#bulk(depth);
    else this.#leave(depth);
  }

  #loop(depth: number): void {
    const { code, random } = this;
    const counter = VARIABLES.length + this.#labels.length;
    const whileShaped = random.integer(2) === 0;
    code.u8(Op.I32_CONST, 1 + random.integer(4)).op(Op.LOCAL_SET, counter);
    code.u8(Op.LOOP, EMPTY);
    this.#labels.push({ kind: 'loop', counter });
    code.op(Op.LOCAL_GET, counter).u8(Op.I32_CONST, 1, 0x6b).op(Op.LOCAL_TEE, counter);
    if (whileShaped) {
      code.u8(Op.IF, EMPTY);
      this.#labels.push({ kind: 'block', type: EMPTY });
      this.statements(depth - 1);
      this.#labels.pop();
      code.op(Op.BR, 1).u8(Op.END);
    } else {
      code.u8(Op.DROP);
      this.statements(depth - 1);
      code.op(Op.LOCAL_GET, counter).u8(Op.I32_CONST, 0, 0x4a).op(Op.BR_IF, 0);
    }
    this.#labels.pop();
    code.u8(Op.END);
  }

  /** Out of a block, with its value, or back to a loop while its counter lasts. */
  #branch(depth: number): void {
    const { code, random } = this;
    if (this.#labels.length === 0) return;
    const to = random.integer(this.#labels.length);
    const label = this.#labels[this.#labels.length - 1 - to]!;
    if (label.kind === 'loop') {
      code.op(Op.LOCAL_GET, label.counter).u8(Op.I32_CONST, 0, 0x4a).op(Op.BR_IF, to);
      return;
    }
    if (label.type !== EMPTY) this.expression(label.type, depth);
    this.expression(i32, depth);
    code.op(Op.BR_IF, to);
    if (label.type !== EMPTY) code.u8(Op.DROP);
  }

  #table(depth: number): void {
    const { code, random } = this;
    const cases = 1 + random.integer(3);
    for (let i = 0; i < cases; i++) {
      code.u8(Op.BLOCK, EMPTY);
      this.#labels.push({ kind: 'block', type: EMPTY });
    }
    this.expression(i32, depth - 1);
    const targets = this.#labels.flatMap((label, i) => {
      return label.kind === 'block' && label.type === EMPTY ? [this.#labels.length - 1 - i] : [];
    });
    code.u8(Op.BR_TABLE).u32(cases);
    for (let i = 0; i <= cases; i++) code.u32(targets[random.integer(targets.length)]!);
    for (let i = 0; i < cases; i++) {
      this.#labels.pop();
      code.u8(Op.END);
      this.statements(depth - 2);
    }
  }

  #bulk(depth: number): void {
    const { code, random } = this;
    this.#address(depth - 1, 1);
    this.#address(depth - 1, 1);
    this.expression(i32, depth - 1);
    code.u8(Op.I32_CONST, 31, 0x71, 0xfc);
    if (random.integer(2)) code.u8(0x0a, 0, 0);
    else code.u8(0x0b, 0);
  }

  /** A return in the middle, with dead code behind it. */
  #leave(depth: number): void {
    const { code, random } = this;
    this.expression(i32, 1);
    code.u8(Op.IF, EMPTY);
    this.#labels.push({ kind: 'block', type: EMPTY });
    this.expression(i64, depth - 1);
    if (random.integer(2)) code.u8(Op.RETURN);
    else code.op(Op.BR, this.#labels.length);
    this.#labels.pop();
    if (random.integer(2)) code.op(Op.LOCAL_GET, 0).u8(Op.DROP);
    if (this.#trapping && random.integer(2)) code.u8(Op.UNREACHABLE);
    code.u8(Op.END);
  }
}

/**
 * A module of three functions (i32, i32, i64) → i64, exported as f0 … f2; each may call those before it and the import
 * i0 (i32 → i32). `depth`: how deep statements nest.
 */
export function randomProgram(seed: number, depth: number): Uint8Array<ArrayBuffer> {
  const random = new Random(seed);
  const functions = Array.from({ length: FUNCTIONS }, (_, index): AssembledFunction => {
    const program = new Program(random, index);
    program.statements(depth);
    program.expression(i64, 2);
    const locals = [...VARIABLES.slice(3), ...Array<number>(COUNTERS).fill(i32)];
    return { params: VARIABLES.slice(0, 3), results: [i64], locals, code: program.code };
  });
  return assemble({ imports: [{ params: [i32], results: [i32] }], functions, pages: 1 });
}
