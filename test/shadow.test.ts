// The copy of a module that traps at the use of a byte nobody has written: the same results, and a trap where it should.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readImage } from '../host/model/image.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { type ModuleName, moduleBytes } from '../host/toolchain/modules.js';
import { shadowReads } from '../host/toolchain/shadow.js';
import { ByteWriter } from '../host/toolchain/wasm-bytes.js';
import { assemble, i32, i64, instantiate, v128 } from './util/assemble.js';

interface Exports {
  memory: WebAssembly.Memory;
  f0(address: number, value?: number): number;
}

/** A module of one function on one page, shadowed, with bytes from 256 on unknown. */
function shadowed(params: number[], results: number[], code: ByteWriter, locals: number[] = []) {
  const plain = assemble({ functions: [{ params, results, locals, code }], pages: 1 });
  const { wasm, shadowAt, faultAt } = shadowReads(plain);
  const exports = instantiate<Exports>(wasm);
  const memory = new Uint8Array(exports.memory.buffer);
  memory.fill(1, shadowAt + 256, shadowAt + 65536);
  const fault = (): number => new DataView(memory.buffer).getUint32(faultAt, true) - 1;
  return { exports, memory, fault, shadow: memory.subarray(shadowAt, faultAt) };
}

// i32.load … i64.load32_u with the bytes they read.
const LOADS = [4, 8, 0, 0, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4];

test('every load traps if one of its bytes is unknown, and says which access', () => {
  LOADS.forEach((size, index) => {
    if (size === 0) return;
    const opcode = 0x28 + index;
    const wide = opcode === 0x29 || opcode >= 0x30;
    const code = new ByteWriter().op(0x20, 0).u8(opcode, 0).u32(3);
    if (wide) code.u8(0xa7);
    const { exports, fault } = shadowed([i32], [i32], code);
    exports.f0(256 - 3 - size);
    for (let at = 256 - 2 - size; at <= 300; at++) {
      assert.throws(() => exports.f0(at), /unreachable/, `${opcode} at ${at}`);
      assert.is(fault(), at + 3);
    }
  });
});

test('stores trap behind the fence, but for room that lies there as a whole', () => {
  const room = [400, 416] as const;
  const store = new ByteWriter().op(0x20, 0).op(0x20, 1).u8(0x36, 0).u32(8);
  const fill = new ByteWriter().op(0x20, 0).u8(0x41, 0).op(0x20, 1).u8(0xfc).u32(11).u8(0);
  for (const [code, offset] of [
    [store, 8],
    [fill, 0],
  ] as const) {
    const plain = assemble({ functions: [{ params: [i32, i32], results: [], code }], pages: 1 });
    const { wasm } = shadowReads(plain, { fence: 300, room });
    const { f0 } = instantiate<Exports>(wasm);
    for (let at = 280; at < 440; at++) {
      // Four bytes each.
      const may = at + 4 <= 300 || (at >= room[0] && at + 4 <= room[1]);
      if (may) f0(at - offset, 4);
      else assert.throws(() => f0(at - offset, 4), /unreachable/, `at ${at}`);
    }
  }
});

test('vector loads, too', () => {
  const lanes = (opcode: number, lane: boolean): ByteWriter => {
    const code = new ByteWriter().op(0x20, 0);
    if (lane) code.op(0x20, 1);
    code.u8(0xfd).u32(opcode).u8(0).u32(0);
    if (lane) code.u8(0);
    return code.u8(0xfd, 0x1b, 0);
  };
  for (const [opcode, size] of [
    [0x00, 16],
    [0x01, 8],
    [0x07, 1],
    [0x0a, 8],
    [0x5c, 4],
    [0x5d, 8],
    [0x54, 1],
    [0x57, 8],
  ] as const) {
    const lane = opcode >= 0x54 && opcode < 0x58;
    const { exports } = shadowed([i32], [i32], lanes(opcode, lane), [v128]);
    exports.f0(256 - size);
    assert.throws(() => exports.f0(257 - size), /unreachable/, `${opcode}`);
  }
});

test('a store makes its bytes known, and no others', () => {
  const stores = [
    [0x36, 4, false],
    [0x37, 8, true],
    [0x3a, 1, false],
    [0x3b, 2, false],
    [0x3c, 1, true],
    [0x3d, 2, true],
    [0x3e, 4, true],
  ] as const;
  for (const [opcode, size, wide] of stores) {
    const code = new ByteWriter().op(0x20, 0).op(0x20, 1);
    if (wide) code.u8(0xac);
    code.u8(opcode, 0).u32(5).u8(0x41, 0);
    const { exports, shadow } = shadowed([i32, i32], [i32], code);
    exports.f0(295, -1);
    const known = [...shadow.subarray(296, 320).keys()].filter((i) => shadow[296 + i] === 0);
    assert.equal(
      known,
      Array.from({ length: size }, (_, i) => i + 4),
      `${opcode}`,
    );
  }
});

test('memory.copy takes the shadow along, memory.fill makes known', () => {
  const copy = new ByteWriter().u8(0x41).signed(1000).op(0x20, 0).u8(0x41).signed(8);
  copy.u8(0xfc).u32(10).u8(0, 0, 0x41, 0);
  const copied = shadowed([i32], [i32], copy);
  copied.exports.f0(252);
  assert.equal([...copied.shadow.subarray(999, 1009)], [1, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  const fill = new ByteWriter().op(0x20, 0).u8(0x41, 0).u8(0x41).signed(6);
  fill.u8(0xfc).u32(11).u8(0, 0x41, 0);
  const filled = shadowed([i32], [i32], fill);
  filled.exports.f0(500);
  assert.equal([...filled.shadow.subarray(499, 507)], [1, 0, 0, 0, 0, 0, 0, 1]);
});

test('a shadowed device answers as the one that ships', () => {
  const image = readImage(
    new Uint8Array(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url))),
  );
  const answer = (wasm: Uint8Array<ArrayBuffer>, own: { ownBytes?: number } = {}): number[] => {
    const nvm = new SimulatedNvm(image.nvmBytes);
    provision(nvm, image);
    const device = new Device(new WebAssembly.Module(wasm), { image, nvm, sramBytes: 8192, ...own });
    return [...completeJob(device, image, { ticket: 1, input: image.sample! }).answer];
  };
  for (const name of ['device', 'digits', 'device.simd'] satisfies ModuleName[]) {
    const { wasm, shadowAt } = shadowReads(moduleBytes(name));
    assert.equal(answer(wasm, { ownBytes: shadowAt }), answer(moduleBytes(name)));
  }
});

test('what is no module of ours is refused', () => {
  assert.throws(() => shadowReads(new Uint8Array(3)), /not a WASM binary/);
  assert.throws(
    () => shadowReads(assemble({ functions: [{ params: [i64], results: [], code: new ByteWriter() }] })),
    /memory/,
  );
});

test.run();
