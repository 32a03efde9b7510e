import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inPlaceAddress, mapInPlace } from '../host/toolchain/in-place.js';
import { type InstructionCosts, meter, readMeter, setBudget } from '../host/toolchain/meter.js';
import { ByteWriter, Op } from '../host/toolchain/wasm-bytes.js';
import { assemble, type AssembledFunction, f32, f64, i32, i64, instantiate } from './util/assemble.js';

const pageBytes = 65536;
const nvmBytes = 70000;

interface Exports {
  memory: WebAssembly.Memory;
  meter: { value: bigint };
  [name: string]: unknown;
}
type Callable = (...args: (number | bigint)[]) => number;

/** Whether the call trapped. */
function traps(exports: Exports, name: string, ...args: (number | bigint)[]): boolean {
  try {
    (exports[name] as Callable)(...args);
    return false;
  } catch (error) {
    assert.instance(error, WebAssembly.RuntimeError);
    return true;
  }
}

interface Store {
  name: string;
  bytes: number;
  offset: number;
  code: AssembledFunction;
  value?: number | bigint;
}

// Every store there is, as a function of the address (and the value), at several static offsets.
const stores: Store[] = [];
const scalars: [string, number, number, number][] = [
  ['i32.store', 0x36, 4, i32],
  ['i64.store', 0x37, 8, i64],
  ['f32.store', 0x38, 4, f32],
  ['f64.store', 0x39, 8, f64],
  ['i32.store8', 0x3a, 1, i32],
  ['i32.store16', 0x3b, 2, i32],
  ['i64.store8', 0x3c, 1, i64],
  ['i64.store16', 0x3d, 2, i64],
  ['i64.store32', 0x3e, 4, i64],
];
for (const offset of [0, 5, pageBytes - 8, pageBytes - 1, pageBytes, 0x7fffffff, 0xffffffff]) {
  const address = () => new ByteWriter().u8(Op.LOCAL_GET, 0);
  for (const [name, opcode, bytes, type] of scalars) {
    const code = address().u8(Op.LOCAL_GET, 1, opcode, 0).u32(offset);
    const value = type === i64 ? 0x5a5a5a5a5a5a5a5an : type === i32 ? 0x5a5a5a5a : 1.1;
    stores.push({ name, bytes, offset, value, code: { params: [i32, type], results: [], code } });
  }
  const vector = () => address().u8(0xfd, 0x0c).raw(new Uint8Array(16).fill(0x5a));
  const whole = vector().u8(0xfd, 0x0b, 0).u32(offset);
  stores.push({ name: 'v128.store', bytes: 16, offset, code: { params: [i32], results: [], code: whole } });
  for (let lane = 0; lane < 4; lane++) {
    const code = vector()
      .u8(0xfd, 0x58 + lane, 0)
      .u32(offset)
      .u8(1);
    const name = `v128.store${8 << lane}_lane`;
    stores.push({ name, bytes: 1 << lane, offset, code: { params: [i32], results: [], code } });
  }
}

test('a store traps exactly where it would have without NVM behind its memory', () => {
  const limit = pageBytes;
  const original = assemble({ functions: stores.map(({ code }) => code), pages: 1 });
  assert.is(inPlaceAddress(original), limit);
  const plain = instantiate<Exports>(original);
  const guarded = instantiate<Exports>(mapInPlace(original, { nvmBytes }));
  const open = instantiate<Exports>(mapInPlace(original, { nvmBytes, trapStores: false }));
  assert.is(guarded.memory.buffer.byteLength, 3 * pageBytes);
  const own = new Uint8Array(plain.memory.buffer);
  const mapped = new Uint8Array(guarded.memory.buffer);
  const untouched = new Uint8Array(mapped.length - limit);
  for (const [i, { name, bytes, offset, value }] of stores.entries()) {
    const around = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32 - offset];
    for (let d = -bytes - 1; d <= bytes + 1; d++)
      around.push(limit + d, limit + d - offset, 2 ** 32 + d - offset);
    for (const address of around) {
      if (address < 0 || address >= 2 ** 32) continue;
      const args = value === undefined ? [address | 0] : [address | 0, value];
      const what = `${name} at ${address} + ${offset}`;
      own.fill(0);
      mapped.fill(0);
      const expected = address + offset + bytes > limit;
      assert.is(traps(plain, `f${i}`, ...args), expected, `${what}: the original`);
      assert.is(traps(guarded, `f${i}`, ...args), expected, what);
      assert.is(Buffer.compare(own, mapped.subarray(0, limit)), 0, `${what}: memory`);
      assert.is(Buffer.compare(mapped.subarray(limit), untouched), 0, `${what}: NVM`);
      const outside = address + offset + bytes > 3 * pageBytes;
      assert.is(traps(open, `f${i}`, ...args), outside, `${what}: without guards`);
    }
  }
});

test('memory.fill and memory.copy: the whole destination counts, the source does not', () => {
  const three = () => new ByteWriter().u8(Op.LOCAL_GET, 0, Op.LOCAL_GET, 1, Op.LOCAL_GET, 2);
  const params = [i32, i32, i32];
  const original = assemble({
    functions: [
      { params, results: [], code: three().u8(0xfc, 0x0b, 0) },
      { params, results: [], code: three().u8(0xfc, 0x0a, 0, 0) },
    ],
    pages: 1,
  });
  const plain = instantiate<Exports>(original);
  const guarded = instantiate<Exports>(mapInPlace(original, { nvmBytes }));
  const nvm = new Uint8Array(guarded.memory.buffer, pageBytes);
  nvm.fill(0xee);
  const ends = [0, 1, pageBytes - 1, pageBytes, pageBytes + 1, 2 ** 31, 2 ** 32 - 1];
  for (const to of ends)
    for (const size of ends) {
      const what = `${size} bytes to ${to}`;
      const expected = to + size > pageBytes;
      assert.is(traps(plain, 'f0', to | 0, 7, size | 0), expected, `fill, original: ${what}`);
      assert.is(traps(guarded, 'f0', to | 0, 7, size | 0), expected, `fill: ${what}`);
      assert.is(traps(guarded, 'f1', to | 0, 64, size | 0), expected, `copy: ${what}`);
    }
  assert.ok(nvm.every((byte) => byte === 0xee));
  // From NVM to memory is a load.
  assert.not(traps(guarded, 'f1', 100, pageBytes + 5, 300));
  const memory = new Uint8Array(guarded.memory.buffer);
  assert.equal([memory[99], memory[100], memory[399], memory[400]], [7, 0xee, 0xee, 7]);
});

test('loads reach NVM; memory.size is the module’s own', () => {
  const load = new ByteWriter().u8(Op.LOCAL_GET, 0, 0x28, 2, 0);
  const size = new ByteWriter().u8(Op.MEMORY_SIZE, 0);
  const grow = new ByteWriter().u8(Op.I32_CONST, 1, Op.MEMORY_GROW, 0);
  const wasm = assemble({
    functions: [
      { params: [i32], results: [i32], code: load },
      { params: [], results: [i32], code: size },
      { params: [], results: [i32], code: grow },
    ],
    pages: 2,
  });
  const exports = instantiate<Exports>(mapInPlace(wasm, { nvmBytes }));
  const view = new DataView(exports.memory.buffer);
  assert.is(view.byteLength, 4 * pageBytes);
  view.setInt32(2 * pageBytes + 40, 123456789, true);
  assert.is((exports.f0 as Callable)(2 * pageBytes + 40), 123456789);
  assert.is((exports.f1 as Callable)(), 2);
  assert.is((exports.f2 as Callable)(), -1);
});

test('metered first, then mapped: counts and cuts are those of the original', () => {
  const costs: InstructionCosts = {
    ...{
      local: 1,
      constant: 1,
      alu32: 1,
      mul32: 1,
      div32: 1,
      alu64: 1,
      mul64: 1,
      div64: 1,
      load: 2,
      store: 2,
    },
    ...{ branch: 3, call: 4, select: 1, simd: 1, bulkPerByte: 0.5, bulkSetup: 10 },
  };
  // for (i = n; ; ) { store8(i, i); fill(100, 1, i); if (!--i) break; }
  const code = new ByteWriter().u8(Op.LOOP, 0x40, Op.LOCAL_GET, 0, Op.LOCAL_GET, 0, 0x3a, 0, 0);
  code.u8(Op.I32_CONST).signed(100).u8(Op.I32_CONST, 1, Op.LOCAL_GET, 0, 0xfc, 0x0b, 0);
  code.u8(Op.LOCAL_GET, 0, Op.I32_CONST, 1, 0x6b, Op.LOCAL_TEE, 0, Op.BR_IF, 0, Op.END);
  const original = assemble({ functions: [{ params: [i32], results: [], code }], pages: 1 });
  const metered = meter(original, costs);
  const plain = instantiate<Exports>(metered);
  const mapped = instantiate<Exports>(mapInPlace(metered, { nvmBytes }));
  for (let cycles = 0; cycles < 2000; cycles += 3)
    for (const n of [1, 5, 60]) {
      for (const { meter } of [plain, mapped]) setBudget(meter, cycles);
      assert.is(traps(mapped, 'f0', n), traps(plain, 'f0', n), `${cycles} cycles, n = ${n}`);
      assert.equal(readMeter(mapped.meter), readMeter(plain.meter));
      assert.is(
        Buffer.compare(
          new Uint8Array(plain.memory.buffer),
          new Uint8Array(mapped.memory.buffer, 0, pageBytes),
        ),
        0,
      );
    }
  for (const { meter } of [plain, mapped]) setBudget(meter, 1e6);
  assert.not(traps(mapped, 'f0', 60));
  assert.equal(readMeter(mapped.meter), { cyclesLeft: 1e6 - 60 * 24 - (60 * 61) / 4, instructions: 60 * 12 });
});

test('a module whose memory cannot be mapped is refused', () => {
  const code = new ByteWriter();
  const none = assemble({ functions: [{ params: [], results: [], code }] });
  const one = assemble({ functions: [{ params: [], results: [], code }], pages: 1 });
  assert.throws(() => mapInPlace(none, { nvmBytes }), /defines its memory/);
  assert.throws(() => mapInPlace(one, { nvmBytes: 2 ** 32 - 65535 }), /65537 pages/);
  assert.throws(() => mapInPlace(one, { nvmBytes: -1 }), /nvmBytes is -1/);
  assert.throws(() => mapInPlace(one, { nvmBytes: 0.5 }), /nvmBytes is 0.5/);
});

test.run();
