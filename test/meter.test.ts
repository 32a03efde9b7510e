import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mapInPlace } from '../host/toolchain/in-place.js';
import { charge, type InstructionCosts, meter, readMeter, setBudget } from '../host/toolchain/meter.js';
import { encodeModule, instructionsOf, parseModule, rewriteCode } from '../host/toolchain/wasm-binary.js';
import { ByteWriter, Op, Section } from '../host/toolchain/wasm-bytes.js';
import { assemble, i32, i64, instantiate, v128 } from './util/assemble.js';
import { randomModule, randomizer } from './util/random-module.js';
import { Interpreter } from './util/wasm-interpreter.js';

// Distinct costs, so that a mistaken class shows; sixteenths too.
const costs: InstructionCosts = {
  ...{ local: 1, constant: 0.5, alu32: 1.0625, mul32: 2.125, div32: 12, alu64: 2.25, mul64: 5, div64: 40 },
  ...{ load: 2.5, store: 3, branch: 1.9375, call: 7, select: 1.5, simd: 4, bulkPerByte: 0.25, bulkSetup: 9 },
};

interface Metered {
  meter: WebAssembly.Global & { value: bigint };
  memory: WebAssembly.Memory;
  [name: string]: unknown;
}
type Callable = (...args: number[]) => number;

const source = `
@external("env", "i0") declare function tick(x: i32): i32;
export function dot(a: usize, b: usize, n: i32): i32 {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += <i32>load<i8>(a + i) * <i32>load<i8>(b + i);
  return sum;
}
export function choose(x: i32): i32 {
  switch (x & 7) {
    case 0: return tick(x);
    case 1: x += 3;
    case 2: x *= 5; break;
    case 3: { while (x > 40) x /= 3; return x; }
    case 5: x = x % 11;
    default: x = x > 9 ? x << 2 : x - 1;
  }
  return x ^ 0x55;
}
export function collatz(x: i32): i32 {
  let steps = 0;
  for (; x != 1 && steps < 50; steps++) {
    if (x & 1) x = 3 * x + 1; else x >>= 1;
    if (x > 5000) return tick(-steps);
  }
  return steps;
}
export function nested(n: i32, seed: i32): i32 {
  let hash: u64 = 0xcbf29ce484222325;
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      if (((i ^ j) & 3) == 3) continue;
      if (j == 7) break;
      hash = (hash ^ <u64>choose(seed + i * j)) * 0x100000001b3;
      store<u64>(64 + <usize>(hash & 0x7f8), hash);
    }
    if (tick(<i32>hash) < -1000000000) return -1;
  }
  memory.fill(4096, <u8>seed, n * 8);
  memory.copy(5000, 4100, n * 4);
  return collatz((<i32>(hash >>> 7) & 0x3ff) + 1);
}`;
const simdSource = `
export function dot(a: usize, b: usize, n: i32): i32 {
  let sum = i32x4.splat(0);
  for (let i = 0; i < n; i += 8)
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load_ext<i8>(a + i), v128.load_ext<i8>(b + i)));
  v128.store(256, sum);
  return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
}`;

async function compile(text: string, ...flags: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { default: asc } = await import('assemblyscript/asc');
  let wasm = new Uint8Array();
  const args = ['m.ts', '--outFile', 'm.wasm', '--runtime', 'stub', '--use', 'abort=', '--noAssert'];
  const { error, stderr } = await asc.main(
    [...args, '--initialMemory', '1', '--maximumMemory', '1', ...flags],
    {
      readFile: (name) => (name === 'm.ts' ? text : null),
      writeFile: (_, data) => {
        if (typeof data !== 'string') wasm = new Uint8Array(data);
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return wasm;
}

// Not in a `before` hook: uvu would swallow a failure there.
const compiled: Record<string, Uint8Array<ArrayBuffer>> = {
  '-O3': await compile(source, '-O3', '--debug'),
  '-O0': await compile(source, '-O0'),
  '-Os, SIMD': await compile(simdSource, '-Os', '--enable', 'simd'),
};

/** Instantiates a metered module; `hook` sees each import call and may charge or throw. */
function load(wasm: Uint8Array<ArrayBuffer>, hook: (exports: Metered, x: number) => number): Metered {
  const exports: Metered = instantiate<Metered>(wasm, { i0: (x: number) => hook(exports, x) });
  return exports;
}

const answer = (x: number) => Math.imul(x, 0x9e3779b1) ^ 77;
const used = (exports: Metered, budget: number) => {
  const { cyclesLeft, instructions } = readMeter(exports.meter);
  return [instructions, budget - cyclesLeft];
};
const budget = 2 ** 26;

/** Runs an export metered, plain and interpreted; all must agree on everything. Returns the cycles. */
function compare(wasm: Uint8Array<ArrayBuffer>, name: string, args: number[], what: string): number {
  const seen: number[][] = [];
  const metered = load(meter(wasm, costs), (exports, x) => {
    seen.push([x, ...used(exports, budget)]);
    return answer(x);
  });
  const expected: number[][] = [];
  const oracle = new Interpreter(wasm, costs, (_, [x]) => {
    expected.push([Number(x), oracle.instructions, oracle.cycles]);
    return answer(Number(x));
  });
  const plain = load(wasm, (_, x) => answer(x));
  setBudget(metered.meter, budget);
  const result = (metered[name] as Callable)(...args);
  assert.is(result, (plain[name] as Callable)(...args), `${what}: result`);
  assert.is(Number(oracle.call(name, ...args)), result, `${what}: the interpreter's result`);
  assert.equal(used(metered, budget), [oracle.instructions, oracle.cycles], `${what}: instructions, cycles`);
  assert.equal(seen, expected, `${what}: counts at imports`);
  const memory = Buffer.from(metered.memory.buffer);
  assert.is(memory.compare(Buffer.from(plain.memory.buffer)), 0, `${what}: memory`);
  assert.is(memory.compare(oracle.memory), 0, `${what}: the interpreter's memory`);
  return oracle.cycles;
}

test('every module survives decoding and encoding byte for byte', () => {
  const folder = new URL('../wasm/', import.meta.url);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.wasm')) : [];
  const modules = names.map((name): [string, Uint8Array] => [name, readFileSync(new URL(name, folder))]);
  for (const [name, wasm] of [...modules, ...Object.entries(compiled)]) {
    const module = parseModule(wasm);
    const code = rewriteCode(module, (body, out) => {
      for (const { start, end } of instructionsOf(module, body)) out.raw(wasm.subarray(start, end));
      return [];
    });
    const encoded = encodeModule(module, new Map([[Section.CODE, code]]));
    assert.is(Buffer.compare(encoded, wasm), 0, name);
    assert.ok(WebAssembly.validate(meter(wasm, costs)), `${name}, metered`);
  }
});

test('compiled code: counts, results and memory agree with an interpreter', () => {
  const random = randomizer(1);
  for (const flags of ['-O3', '-O0']) {
    for (let i = 0; i < 12; i++) {
      compare(compiled[flags]!, 'dot', [random(99), random(99), random(40)], `dot ${flags}`);
      compare(compiled[flags]!, 'choose', [random(3000) - 500], `choose ${flags}`);
      compare(compiled[flags]!, 'collatz', [1 + random(5000)], `collatz ${flags}`);
      compare(compiled[flags]!, 'nested', [random(9), random(1000)], `nested ${flags}`);
    }
  }
});

test('random code: counts, results and memory agree with an interpreter', () => {
  let total = 0;
  for (let seed = 0; seed < 200; seed++) {
    const wasm = randomModule(seed);
    for (let input = 0; input < 3; input++)
      total += compare(wasm, `f${input}`, [seed * input, input - 1], `seed ${seed}, input ${input}`);
  }
  assert.ok(total > 5e4, `the programs do something: ${total} cycles`);
});

test('a budget cuts before exactly the right import call', () => {
  const cases: [string, Uint8Array<ArrayBuffer>, string, number[]][] = [
    ['nested -O3', compiled['-O3']!, 'nested', [3, 5]],
    ['nested -O0', compiled['-O0']!, 'nested', [2, 5]],
  ];
  for (let seed = 0; seed < 12; seed++) cases.push([`seed ${seed}`, randomModule(seed), 'f2', [seed, 3]]);
  let cuts = 0;
  for (const [name, wasm, entry, args] of cases) {
    for (const importCost of [0, 3.25]) {
      const reached: number[] = [];
      const oracle = new Interpreter(wasm, costs, (_, [x]) => {
        reached.push(oracle.cycles);
        oracle.cycles += importCost;
        return answer(Number(x));
      });
      oracle.call(entry, ...args);
      const total = oracle.cycles;
      let calls = 0;
      const exports = load(meter(wasm, costs), ({ meter: global }, x) => {
        calls++;
        if (importCost > 0) charge(global, importCost);
        return answer(x);
      });
      const memory = new Uint8Array(exports.memory.buffer);
      const initial = memory.slice();
      // Every sixteenth of a short run; of a long one, every sixteenth near calls and ends, and a stride.
      const step = total < 600 ? 1 / 16 : Math.floor((total * 16) / 400) / 16;
      const budgets = new Set([0, total - 1 / 16, total, total + 1 / 16]);
      for (let at = 0; at < total; at += step) budgets.add(at);
      for (const at of reached.slice(0, 60)) for (let d = -2; d <= 2; d++) budgets.add(at + d / 16);
      for (const cycles of budgets) {
        if (cycles < 0) continue;
        memory.set(initial);
        calls = 0;
        setBudget(exports.meter, cycles);
        let trapped = false;
        try {
          (exports[entry] as Callable)(...args);
        } catch (error) {
          assert.instance(error, WebAssembly.RuntimeError);
          trapped = true;
        }
        const { cyclesLeft } = readMeter(exports.meter);
        const what = `${name}, ${cycles} of ${total} cycles`;
        assert.is(calls, reached.filter((at) => at < cycles).length, `${what}: import calls`);
        assert.is(cyclesLeft <= 0, cycles <= total, `${what}: spent`);
        if (trapped) assert.ok(cyclesLeft <= 0, `${what}: trapped with ${cyclesLeft} cycles left`);
        else assert.is(cyclesLeft, cycles - total, `${what}: cycles left`);
        cuts++;
      }
    }
  }
  assert.ok(cuts > 1000, `${cuts} cuts`);
});

test('an endless loop ends', () => {
  const code = new ByteWriter().u8(Op.LOOP, 0x40, Op.BR, 0, Op.END);
  const wasm = meter(assemble({ functions: [{ params: [], results: [], code }], pages: 1 }), costs);
  const exports = load(wasm, () => 0);
  setBudget(exports.meter, 1e5);
  assert.throws(() => (exports.f0 as Callable)());
  const { cyclesLeft, instructions } = readMeter(exports.meter);
  assert.is(instructions, Math.ceil(1e5 / costs.branch));
  assert.is(cyclesLeft, 1e5 - instructions * costs.branch);
});

test('endless recursion without a loop ends by the budget, not by the stack', () => {
  const code = new ByteWriter().op(Op.CALL, 0);
  const exports = load(meter(assemble({ functions: [{ params: [], results: [], code }] }), costs), () => 0);
  setBudget(exports.meter, 100 * costs.call);
  assert.throws(() => (exports.f0 as Callable)(), /unreachable/);
  assert.equal(readMeter(exports.meter), { cyclesLeft: 0, instructions: 100 });
});

test('a call through the table out of the module is cut as exactly as a direct one', () => {
  const code = new ByteWriter();
  for (let i = 0; i < 3; i++) code.u8(Op.I32_CONST, i, Op.I32_CONST, 0, Op.CALL_INDIRECT, 1, 0, Op.DROP);
  code.u8(Op.I32_CONST, 0);
  const imports = [{ params: [i32], results: [i32] }];
  const functions = [{ params: [i32], results: [i32], code }];
  let calls = 0;
  const exports = load(meter(assemble({ imports, functions, table: [0] }), costs), () => ++calls);
  const each = 2 * costs.constant + costs.call;
  for (let sixteenths = 0; sixteenths <= 3 * each * 16 + 1; sixteenths++) {
    calls = 0;
    setBudget(exports.meter, sixteenths / 16);
    const expected = [1, 2, 3].filter((n) => n * each * 16 < sixteenths).length;
    if (expected === 3) (exports.f0 as Callable)();
    else assert.throws(() => (exports.f0 as Callable)(), /unreachable/);
    assert.is(calls, expected, `${sixteenths} sixteenths`);
  }
});

test('the count is exact after an unreachable of the module itself, which leaves budget', () => {
  const code = new ByteWriter().u8(Op.NOP, Op.UNREACHABLE);
  const exports = load(meter(assemble({ functions: [{ params: [], results: [], code }] }), costs), () => 0);
  setBudget(exports.meter, 5);
  assert.throws(() => (exports.f0 as Callable)(), /unreachable/);
  assert.equal(readMeter(exports.meter), { cyclesLeft: 5, instructions: 2 });
});

test('SIMD: the same results, and a count known by hand', () => {
  const wasm = compiled['-Os, SIMD']!;
  const plain = load(wasm, () => 0);
  const metered = load(meter(wasm, costs), () => 0);
  for (const { memory } of [plain, metered])
    new Uint8Array(memory.buffer).forEach((_, i, bytes) => {
      bytes[i] = Math.imul(i, 0x9e3779b1) >>> 24;
    });
  setBudget(metered.meter, budget);
  assert.is((metered.dot as Callable)(512, 9000, 256), (plain.dot as Callable)(512, 9000, 256));
  assert.is(Buffer.compare(Buffer.from(metered.memory.buffer), Buffer.from(plain.memory.buffer)), 0);

  // v128.load, v128.const, i8x16.add, v128.store64_lane: (local, load, constant, simd, local, store) in some order
  const code = new ByteWriter().u8(Op.LOCAL_GET, 0, Op.LOCAL_GET, 0, 0xfd, 0x00, 4, 0, 0xfd, 0x0c);
  code.raw(new Uint8Array(16).fill(3)).u8(0xfd, 0x6e, 0xfd, 0x5b, 3, 0, 1);
  const exports = load(
    meter(assemble({ functions: [{ params: [i32], results: [], code }], pages: 1 }), costs),
    () => 0,
  );
  setBudget(exports.meter, budget);
  (exports.f0 as Callable)(64);
  const cycles = 2 * costs.local + costs.load + costs.constant + costs.simd + costs.store;
  assert.equal(used(exports, budget), [6, cycles]);
  assert.is(new DataView(exports.memory.buffer).getBigInt64(64, true), 0x0303030303030303n);
});

test('functions of several results, 64-bit and vector ones keep them', () => {
  const several = new ByteWriter().op(Op.LOCAL_GET, 0).op(Op.LOCAL_GET, 0);
  several.u8(0xac, Op.LOCAL_GET, 0, Op.BR_IF, 0);
  const wide = new ByteWriter()
    .u8(Op.I64_CONST)
    .signed(-(2n ** 63n))
    .u8(Op.RETURN);
  const vector = new ByteWriter().op(Op.CALL, 3).u8(0xfd, 0x1b, 2);
  const vectorInner = new ByteWriter().u8(Op.I32_CONST, 9, 0xfd, 0x11);
  const wasm = assemble({
    functions: [
      { params: [i32], results: [i32, i64], code: several },
      { params: [], results: [i64], code: wide },
      { params: [], results: [i32], code: vector },
      { params: [], results: [v128], code: vectorInner },
    ],
  });
  const exports = load(meter(wasm, costs), () => 0);
  setBudget(exports.meter, budget);
  assert.equal((exports.f0 as (x: number) => unknown)(-4), [-4, -4n]);
  assert.is((exports.f1 as () => bigint)(), -(2n ** 63n));
  assert.is((exports.f2 as () => number)(), 9);
});

test('a bulk length beyond memory spends the budget and does not wrap', () => {
  const code = new ByteWriter().u8(Op.I32_CONST, 0, Op.I32_CONST, 0, Op.I32_CONST, 0x7f, 0xfc, 0x0b, 0);
  const wasm = assemble({ functions: [{ params: [], results: [], code }], pages: 1 });
  const exports = load(meter(wasm, { ...costs, bulkPerByte: 4096 }), () => 0);
  setBudget(exports.meter, 1000);
  assert.throws(() => (exports.f0 as Callable)(), /unreachable/);
  assert.ok(readMeter(exports.meter).cyclesLeft < -1e6);
});

test('setBudget, readMeter and charge keep to sixteenths and leave the instruction count alone', () => {
  const global = { value: 0n };
  setBudget(global, 10.1);
  assert.equal(readMeter(global), { cyclesLeft: 10.0625, instructions: 0 });
  global.value += 0xffff_fff0n;
  assert.is(charge(global, 10), false);
  assert.equal(readMeter(global), { cyclesLeft: 0.0625, instructions: 0xffff_fff0 });
  assert.is(charge(global, 1 / 16), true);
  assert.equal(readMeter(global), { cyclesLeft: 0, instructions: 0xffff_fff0 });
  assert.is(charge(global, 1e12), true);
  assert.is(charge(global, 1e12), true);
  assert.ok(readMeter(global).cyclesLeft < 0);
  setBudget(global, 2 ** 27);
  assert.is(readMeter(global).cyclesLeft, 2 ** 27);
  for (const cycles of [-1, 2 ** 27 + 1, Number.NaN])
    assert.throws(() => setBudget(global, cycles), /budget/);
});

test('what cannot be metered is refused by name', () => {
  const wasm = compiled['-O3']!;
  assert.throws(() => meter(wasm, { ...costs, load: 0.3 }), /cost load is 0.3/);
  assert.throws(() => meter(meter(wasm, costs), costs), /already exports/);
  const function_ = (...bytes: number[]) =>
    assemble({ functions: [{ params: [], results: [], code: new ByteWriter().u8(...bytes) }], pages: 1 });
  assert.throws(() => meter(function_(0x12, 0), costs), /unsupported opcode 0x12 at offset \d+/);
  assert.throws(() => meter(function_(0xfd, 0x80, 0x02), costs), /unsupported opcode 0xfd 0x100 at offset/);
  assert.throws(() => meter(function_(0xfc, 0x08, 0, 0), costs), /unsupported opcode 0xfc08 at offset/);
  assert.throws(() => meter(function_(Op.I32_CONST, 1), costs), /./, 'invalid by type');
});

test('malformed modules: an Error, or a valid result; never a hang', () => {
  const passes = [
    (wasm: Uint8Array) => meter(wasm, costs),
    (wasm: Uint8Array) => mapInPlace(wasm, { nvmBytes: 65536 }),
  ];
  const outcome = (pass: (wasm: Uint8Array) => Uint8Array<ArrayBuffer>, wasm: Uint8Array, what: string) => {
    try {
      assert.ok(WebAssembly.validate(pass(wasm)), `${what}: an invalid result`);
      return true;
    } catch (error) {
      // A RangeError or TypeError would be an accident, except from deep in WebAssembly itself.
      assert.ok(error instanceof Error && !(error instanceof TypeError), `${what}: ${String(error)}`);
      if (error instanceof assert.Assertion) throw error;
      return false;
    }
  };
  const random = randomizer(7);
  for (const [name, wasm] of [...Object.entries(compiled), ['random', randomModule(3)] as const]) {
    for (const [i, pass] of passes.entries()) {
      for (let size = 0; size < wasm.length; size++) {
        const cut = wasm.slice(0, size);
        const what = `${name}, pass ${i}, ${size} bytes`;
        if (outcome(pass, cut, what)) assert.ok(WebAssembly.validate(cut), what);
      }
      for (let n = 0; n < 400; n++) {
        const broken = wasm.slice();
        for (let flips = 1 + random(2); flips > 0; flips--) broken[random(wasm.length)] = random(256);
        outcome(pass, broken, `${name}, pass ${i}, mutation ${n}`);
      }
    }
  }
});

test.run();
