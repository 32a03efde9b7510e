// A WASM interpreter for the integer MVP, bulk copy and fill: an oracle for metering that shares no code with it.
// It decodes by itself, executes one instruction at a time, and counts each before it executes.
import type { InstructionCosts } from '../../host/toolchain/meter.js';

type Value = number | bigint;
interface Code {
  op: number;
  a: number;
  b: number;
  constant: Value;
  labels: number[];
  end: number;
  otherwise: number;
}
interface Fn {
  params: number;
  results: number;
  locals: Value[];
  code: Code[];
}
interface Label {
  target: number;
  arity: number;
  height: number;
  loop: boolean;
}

/** Called for each import: its arguments, and what was counted so far, the call itself included. */
export type ImportHook = (index: number, args: Value[]) => Value | undefined;

const ranges =
  (...pairs: [number, number][]) =>
  (op: number) =>
    pairs.some(([a, b]) => op >= a && op <= b);
const classes: [keyof InstructionCosts, (op: number) => boolean][] = [
  ['branch', ranges([0x04, 0x04], [0x0c, 0x0f])],
  ['call', ranges([0x10, 0x11])],
  ['select', ranges([0x1b, 0x1b])],
  ['local', ranges([0x20, 0x24])],
  ['load', ranges([0x28, 0x35])],
  ['store', ranges([0x36, 0x3e])],
  ['constant', ranges([0x3f, 0x3f], [0x41, 0x42])],
  ['mul32', ranges([0x6c, 0x6c])],
  ['div32', ranges([0x6d, 0x70])],
  ['mul64', ranges([0x7e, 0x7e])],
  ['div64', ranges([0x7f, 0x82])],
  ['alu32', ranges([0x45, 0x4f], [0x67, 0x6b], [0x71, 0x78], [0xa7, 0xa7], [0xac, 0xad], [0xc0, 0xc1])],
  ['alu64', ranges([0x50, 0x5a], [0x79, 0x7d], [0x83, 0x8a], [0xc2, 0xc4])],
  ['bulkSetup', ranges([0xfc0a, 0xfc0b])],
];

export class Interpreter {
  instructions = 0;
  cycles = 0;
  memory = new Uint8Array(0);
  private readonly globals: Value[] = [];
  private readonly table: number[] = [];
  private readonly functions: Fn[] = [];
  private readonly types: { params: number; results: number }[] = [];
  private readonly imports: { params: number; results: number }[] = [];
  private readonly exports = new Map<string, number>();
  private at = 8;

  constructor(
    private readonly wasm: Uint8Array,
    private readonly costs: InstructionCosts,
    private readonly hook: ImportHook = () => undefined,
  ) {
    const declared: number[] = [];
    while (this.at < wasm.length) {
      const id = this.byte();
      const end = this.leb() + this.at;
      const count = id === 0 ? 0 : this.leb();
      for (let i = 0; i < count; i++) this.item(id, declared, i);
      this.at = end;
    }
  }

  private byte(): number {
    return this.wasm[this.at++]!;
  }

  private big(signed: boolean): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return signed ? BigInt.asIntN(Number(shift) + 7, value) : value;
    }
  }

  private leb(): number {
    return Number(this.big(false));
  }

  private text(): string {
    const size = this.leb();
    this.at += size;
    return String.fromCharCode(...this.wasm.subarray(this.at - size, this.at));
  }

  private item(id: number, declared: number[], i: number): void {
    if (id === 1) {
      this.at++;
      const params = this.leb();
      this.at += params;
      const results = this.leb();
      this.at += results;
      this.types.push({ params, results });
    } else if (id === 2) {
      this.text();
      this.text();
      this.at++;
      this.imports.push(this.types[this.leb()]!);
    } else if (id === 3) declared.push(this.leb());
    else if (id === 5) {
      const bounded = this.byte();
      this.memory = new Uint8Array(this.leb() * 65536);
      if (bounded) this.leb();
    } else if (id === 6) {
      this.at += 2;
      this.globals.push(this.decode()[0]!.constant);
    } else if (id === 7) {
      const name = this.text();
      const kind = this.byte();
      const index = this.leb();
      if (kind === 0) this.exports.set(name, index);
    } else if (id === 9) {
      this.at++;
      let to = Number(this.decode()[0]!.constant);
      for (let count = this.leb(); count > 0; count--) this.table[to++] = this.leb();
    } else if (id === 10) {
      const type = this.types[declared[i]!]!;
      this.leb();
      const locals: Value[] = [];
      for (let groups = this.leb(); groups > 0; groups--) {
        const count = this.leb();
        const zero = this.byte() === 0x7e ? 0n : 0;
        for (let n = 0; n < count; n++) locals.push(zero);
      }
      this.functions.push({ ...type, locals, code: this.decode() });
    } else if (id === 11) {
      this.at++;
      const to = Number(this.decode()[0]!.constant);
      const size = this.leb();
      this.memory.set(this.wasm.subarray(this.at, this.at + size), to);
      this.at += size;
    }
  }

  private decode(): Code[] {
    const code: Code[] = [];
    const open: number[] = [];
    for (;;) {
      let op = this.byte();
      if (op === 0xfc) op = 0xfc00 + this.leb();
      const item: Code = { op, a: 0, b: 0, constant: 0, labels: [], end: 0, otherwise: -1 };
      if (op >= 2 && op <= 4) {
        const type = Number(this.big(true));
        item.a = type >= 0 ? this.types[type]!.results : type === -64 ? 0 : 1;
        open.push(code.length);
      } else if (op === 5) code[open.at(-1)!]!.otherwise = code.length;
      else if (op === 0x0b) {
        const start = open.pop();
        if (start === undefined) return [...code, item];
        code[start]!.end = code.length;
        const { otherwise } = code[start]!;
        if (otherwise >= 0) code[otherwise]!.end = code.length;
      } else if (op === 0x0e) for (let count = this.leb(); count >= 0; count--) item.labels.push(this.leb());
      else if (op === 0x0c || op === 0x0d || op === 0x10 || (op >= 0x20 && op <= 0x24)) item.a = this.leb();
      else if (op === 0x11 || (op >= 0x28 && op <= 0x3e)) {
        item.a = this.leb();
        item.b = this.leb();
      } else if (op === 0x3f || op === 0xfc0b) this.at++;
      else if (op === 0xfc0a) this.at += 2;
      else if (op === 0x41) item.constant = Number(this.big(true));
      else if (op === 0x42) item.constant = this.big(true);
      code.push(item);
    }
  }

  /** Calls an export; throws on a trap. */
  call(name: string, ...args: Value[]): Value | undefined {
    return this.invoke(this.exports.get(name)!, args)[0];
  }

  private invoke(index: number, args: Value[]): Value[] {
    const imported = this.imports[index];
    if (imported) {
      const result = this.hook(index, args);
      return imported.results ? [result!] : [];
    }
    return this.execute(this.functions[index - this.imports.length]!, args);
  }

  private count(op: number): void {
    if (op === 2 || op === 3 || op === 5 || op === 0x0b) return;
    this.instructions++;
    const found = classes.find(([, has]) => has(op));
    if (found) this.cycles += this.costs[found[0]];
    else if (![0x00, 0x01, 0x1a].includes(op)) throw new Error(`no class for ${op.toString(16)}`);
  }

  private execute(fn: Fn, args: Value[]): Value[] {
    const locals = [...args, ...fn.locals];
    const stack: Value[] = [];
    const exit = fn.code.length - 1;
    const labels: Label[] = [{ target: exit, arity: fn.results, height: 0, loop: false }];
    const pop = () => stack.pop()!;
    const popI = () => Number(stack.pop());
    let pc = 0;
    const branch = (depth: number) => {
      const at = labels.length - 1 - depth;
      const { target, arity, height, loop } = labels[at]!;
      const values = stack.slice(stack.length - arity);
      stack.length = height;
      stack.push(...values);
      labels.length = loop || at === 0 ? at + 1 : at;
      pc = target + (at === 0 ? 0 : 1);
    };
    while (pc < exit) {
      const here = pc++;
      const { op, a, b, constant, labels: table, end, otherwise } = fn.code[here]!;
      this.count(op);
      if (op === 2) labels.push({ target: end, arity: a, height: stack.length, loop: false });
      else if (op === 3) labels.push({ target: here, arity: 0, height: stack.length, loop: true });
      else if (op === 4) {
        const taken = popI() !== 0;
        if (!taken && otherwise < 0) pc = end + 1;
        else {
          labels.push({ target: end, arity: a, height: stack.length, loop: false });
          if (!taken) pc = otherwise + 1;
        }
      } else if (op === 5) pc = end;
      else if (op === 0x0b) labels.pop();
      else if (op === 0) throw new Error('unreachable');
      else if (op === 0x0c) branch(a);
      else if (op === 0x0d) {
        if (popI()) branch(a);
      } else if (op === 0x0e) branch(table[Math.min(popI() >>> 0, table.length - 1)]!);
      else if (op === 0x0f) branch(labels.length - 1);
      else if (op === 0x10 || op === 0x11) {
        const callee = op === 0x10 ? a : this.table[popI()]!;
        const type = this.imports[callee] ?? this.functions[callee - this.imports.length]!;
        stack.push(...this.invoke(callee, stack.splice(stack.length - type.params)));
      } else if (op === 0x1a) pop();
      else if (op === 0x1b) {
        const [x, y, c] = stack.splice(-3);
        stack.push(c ? x! : y!);
      } else if (op === 0x20) stack.push(locals[a]!);
      else if (op === 0x21) locals[a] = pop();
      else if (op === 0x22) locals[a] = stack.at(-1)!;
      else if (op === 0x23) stack.push(this.globals[a]!);
      else if (op === 0x24) this.globals[a] = pop();
      else if (op >= 0x28 && op <= 0x35) stack.push(this.load(op, (popI() >>> 0) + b));
      else if (op >= 0x36 && op <= 0x3e) {
        const value = BigInt(pop());
        const size = [4, 8, 0, 0, 1, 2, 1, 2, 4][op - 0x36]!;
        const to = (popI() >>> 0) + b;
        for (let i = 0; i < size; i++) this.memory[to + i] = Number((value >> BigInt(8 * i)) & 255n);
      } else if (op === 0x3f) stack.push(this.memory.length / 65536);
      else if (op === 0x41 || op === 0x42) stack.push(constant);
      else if (op === 0xfc0a || op === 0xfc0b) {
        const size = popI();
        const source = popI();
        const to = popI();
        this.cycles += size * this.costs.bulkPerByte;
        if (op === 0xfc0a) this.memory.copyWithin(to, source, source + size);
        else this.memory.fill(source & 255, to, to + size);
      } else if (op !== 1) this.numeric(op, stack);
    }
    return stack.slice(stack.length - fn.results);
  }

  private load(op: number, from: number): Value {
    const view = new DataView(this.memory.buffer);
    if (op === 0x28) return view.getInt32(from, true);
    if (op === 0x29) return view.getBigInt64(from, true);
    if (op === 0x2c) return view.getInt8(from);
    if (op === 0x2d) return view.getUint8(from);
    if (op === 0x2e) return view.getInt16(from, true);
    if (op === 0x2f) return view.getUint16(from, true);
    if (op === 0x34) return BigInt(view.getInt32(from, true));
    if (op === 0x35) return BigInt(view.getUint32(from, true));
    throw new Error(`no load ${op.toString(16)}`);
  }

  private numeric(op: number, stack: Value[]): void {
    const wide = (op >= 0x50 && op <= 0x5a) || (op >= 0x79 && op <= 0x8a) || (op >= 0xc2 && op <= 0xc4);
    const bits = wide ? 64 : 32;
    const unary = [0x45, 0x50, 0x67, 0x68, 0x69, 0x79, 0x7a, 0x7b].includes(op) || op >= 0xa7;
    const y = BigInt(unary ? 0 : stack.pop()!);
    const x = BigInt(stack.pop()!);
    const n = (value: bigint) => BigInt.asUintN(bits, value);
    const flag = (value: boolean) => (value ? 1n : 0n);
    const compare = (k: number): bigint =>
      [
        () => flag(x === y),
        () => flag(x !== y),
        () => flag(x < y),
        () => flag(n(x) < n(y)),
        () => flag(x > y),
        () => flag(n(x) > n(y)),
        () => flag(x <= y),
        () => flag(n(x) <= n(y)),
        () => flag(x >= y),
        () => flag(n(x) >= n(y)),
      ][k]!();
    const shift = n(y) % BigInt(bits);
    const arithmetic = (k: number): bigint =>
      [
        () => BigInt(bits - (x === 0n ? 0 : n(x).toString(2).length)),
        () => BigInt(x === 0n ? bits : n(x).toString(2).length - 1 - n(x).toString(2).lastIndexOf('1')),
        () => BigInt([...n(x).toString(2)].filter((digit) => digit === '1').length),
        () => x + y,
        () => x - y,
        () => x * y,
        () => x / y,
        () => n(x) / n(y),
        () => x % y,
        () => n(x) % n(y),
        () => x & y,
        () => x | y,
        () => x ^ y,
        () => x << shift,
        () => x >> shift,
        () => n(x) >> shift,
        () => (n(x) << shift) | (n(x) >> (BigInt(bits) - shift)),
        () => (n(x) >> shift) | (n(x) << (BigInt(bits) - shift)),
      ][k]!();
    const push32 = (value: bigint) => stack.push(Number(BigInt.asIntN(32, value)));
    if (op === 0x45 || op === 0x50) push32(flag(x === 0n));
    else if (op >= 0x46 && op <= 0x4f) push32(compare(op - 0x46));
    else if (op >= 0x51 && op <= 0x5a) push32(compare(op - 0x51));
    else if (op >= 0x67 && op <= 0x78) push32(arithmetic(op - 0x67));
    else if (op >= 0x79 && op <= 0x8a) stack.push(BigInt.asIntN(64, arithmetic(op - 0x79)));
    else if (op === 0xa7) push32(x);
    else if (op === 0xac) stack.push(x);
    else if (op === 0xad) stack.push(BigInt.asUintN(32, x));
    else if (op === 0xc0) push32(BigInt.asIntN(8, x));
    else if (op === 0xc1) push32(BigInt.asIntN(16, x));
    else if (op >= 0xc2 && op <= 0xc4) stack.push(BigInt.asIntN(8 << (op - 0xc2), x));
    else throw new Error(`no instruction ${op.toString(16)}`);
  }
}
