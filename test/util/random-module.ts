// Random modules for passes over WASM: every kind of control, and calls that a test sees.
import { ByteWriter, Op } from '../../host/toolchain/wasm-bytes.js';
import { assemble, type AssembledFunction, i32 } from './assemble.js';

export function randomizer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A random module: structured control of every kind, bounded loops, calls, imports, memory. */
export function randomModule(seed: number): Uint8Array<ArrayBuffer> {
  const random = randomizer(seed);
  const functions: AssembledFunction[] = [];
  const importCount = 1;
  for (let index = 0; index < 3; index++) functions.push(randomFunction(random, importCount, index));
  return assemble({ imports: [{ params: [i32], results: [i32] }], functions, pages: 1, table: [1, 1] });
}

function randomFunction(
  random: (below: number) => number,
  imports: number,
  index: number,
): AssembledFunction {
  const code = new ByteWriter();
  const variables = 4; // Two parameters and two locals; then a counter per loop depth.
  type Label = 'function' | 'block' | 'value' | { counter: number };
  const labels: Label[] = ['function'];
  const constant = (value: number) => code.u8(Op.I32_CONST).signed(value);
  const variable = () => random(variables);
  const address = (depth: number) => {
    expression(depth);
    constant(0xff8);
    code.u8(0x71);
  };
  const expression = (depth: number): void => {
    const kind = depth <= 0 ? random(2) : random(13);
    if (kind === 0) constant(random(4) ? random(20) : random(2 ** 31));
    else if (kind === 1 || kind === 2) code.op(Op.LOCAL_GET, variable());
    else if (kind === 3) {
      address(depth - 1);
      code.u8(0x28 + [0, 4, 5, 6, 7][random(5)]!, 0, random(16));
    } else if (kind === 4) {
      for (let i = 0; i < 3; i++) expression(depth - 1);
      code.u8(Op.SELECT);
    } else if (kind === 5 && labels.length < 6) {
      code.u8(Op.BLOCK, i32);
      labels.push('value');
      statements(depth - 1);
      expression(depth - 1);
      labels.pop();
      code.u8(Op.END);
    } else if (kind === 6) call(depth - 1);
    else if (kind === 7) {
      expression(depth - 1);
      code.u8(Op.LOCAL_TEE, variable());
    } else if (kind === 8) {
      // Division, by what is never 0 nor −1.
      expression(depth - 1);
      expression(depth - 1);
      constant(7);
      code.u8(0x71);
      constant(1);
      code.u8(0x6a, 0x6d + random(4));
    } else if (kind === 9) {
      expression(depth - 1);
      code.u8([0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1][random(6)]!);
    } else if (kind === 10) {
      for (let i = 0; i < 2; i++) {
        expression(depth - 1);
        code.u8(0xac + random(2));
      }
      code.u8(random(2) ? 0x7c + random(3) : 0x83 + random(8), 0xa7);
    } else {
      expression(depth - 1);
      expression(depth - 1);
      const operators = [0x46, 0x48, 0x4d, 0x4f, 0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77];
      code.u8(operators[random(operators.length)]!);
    }
  };
  const call = (depth: number): void => {
    expression(depth);
    const callee = random(index + 1);
    if (callee === 0) code.op(Op.CALL, 0);
    else {
      expression(depth);
      if (callee === 1 && random(2)) {
        constant(random(2));
        code.u8(Op.CALL_INDIRECT, 1, 0);
      } else code.op(Op.CALL, imports + callee - 1);
    }
  };
  const branch = (depth: number): void => {
    const to = random(labels.length);
    const label = labels[labels.length - 1 - to]!;
    if (label === 'block') {
      expression(depth);
      code.op(Op.BR_IF, to);
    } else if (typeof label === 'object') {
      // Back to a header only while the loop's counter lasts.
      code.op(Op.LOCAL_GET, label.counter);
      constant(0);
      code.u8(0x4a);
      code.op(Op.BR_IF, to);
    } else {
      expression(depth);
      expression(depth);
      code.op(Op.BR_IF, to).u8(Op.DROP);
    }
  };
  const statements = (depth: number): void => {
    for (let count = 1 + random(3); count > 0; count--) statement(depth);
  };
  const statement = (depth: number): void => {
    const kind = depth <= 0 ? random(3) : random(14);
    if (kind <= 1) {
      expression(depth);
      code.op(Op.LOCAL_SET, variable());
    } else if (kind === 2) {
      address(depth);
      expression(depth);
      code.u8([Op.I32_STORE, 0x3a, 0x3b][random(3)]!, 0, random(16));
    } else if (kind === 3 || kind === 4) {
      expression(depth - 1);
      code.u8(Op.IF, 0x40);
      labels.push('block');
      statements(depth - 1);
      if (kind === 4) {
        code.u8(Op.ELSE);
        statements(depth - 1);
      }
      labels.pop();
      code.u8(Op.END);
    } else if (kind === 5) {
      code.u8(Op.BLOCK, 0x40);
      labels.push('block');
      statements(depth - 1);
      labels.pop();
      code.u8(Op.END);
    } else if (kind <= 7 && labels.length < 4) {
      const counter = variables + labels.length;
      constant(1 + random(3));
      code.op(Op.LOCAL_SET, counter).u8(Op.LOOP, 0x40).op(Op.LOCAL_GET, counter);
      constant(1);
      code.u8(0x6b).op(Op.LOCAL_SET, counter);
      labels.push({ counter });
      statements(depth - 1);
      code.op(Op.LOCAL_GET, counter);
      constant(0);
      code.u8(0x4a, Op.BR_IF, 0);
      labels.pop();
      code.u8(Op.END);
    } else if (kind === 8 || kind === 9) branch(depth - 1);
    else if (kind === 10) {
      call(depth - 1);
      code.u8(Op.DROP, Op.NOP);
    } else if (kind === 11) {
      // A jump table inside blocks of its own, and out to any enclosing block.
      const cases = 1 + random(3);
      for (let i = 0; i < cases; i++) {
        code.u8(Op.BLOCK, 0x40);
        labels.push('block');
      }
      expression(depth - 1);
      const targets = labels.map((_, i) => i).filter((i) => labels[labels.length - 1 - i] === 'block');
      code.u8(Op.BR_TABLE).u32(cases);
      for (let i = 0; i <= cases; i++) code.u32(targets[random(targets.length)]!);
      for (let i = 0; i < cases; i++) {
        labels.pop();
        code.u8(Op.END);
        statements(depth - 2);
      }
    } else if (kind === 12) {
      for (let i = 0; i < 2; i++) address(depth - 1);
      expression(depth - 1);
      constant(31);
      code.u8(0x71, 0xfc);
      if (random(2)) code.u8(0x0a, 0, 0);
      else code.u8(0x0b, 0);
    } else {
      expression(0);
      code.u8(Op.IF, 0x40);
      expression(depth - 1);
      if (random(2)) code.u8(Op.RETURN);
      else code.op(Op.BR, labels.length);
      if (random(2)) code.op(Op.LOCAL_GET, 0).u8(Op.DROP); // Dead code.
      code.u8(Op.END);
    }
  };
  statements(5);
  expression(3);
  return { params: [i32, i32], results: [i32], locals: Array<number>(12).fill(i32), code };
}
