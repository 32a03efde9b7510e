// Images on the device: damaged bytes, cursors, provisioning; each refused by name, or carried on with.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import {
  CURSOR_BYTES,
  C_CRC,
  C_IMAGE_ID,
  C_KIND,
  C_OP,
  C_SEQUENCE,
  C_STATE,
  C_TILE,
  C_TICKET,
  HEADER_BYTES,
  H_CONSTANTS_SPACE,
  H_CRC,
  H_IMAGE_ID,
  H_JOBS,
  H_SLOT_STRIDE,
  H_TENSORS,
  H_TENSOR_COUNTS,
  N_MAGIC,
  OP_ACTIVATION_TYPE,
  OP_FLAGS,
  OP_KIND,
  OP_SCALE_FORMAT,
  OP_TILES,
  OP_WEIGHT_TYPE,
  STATE_MAGIC,
  TENSOR_BYTES,
  TENSOR_OFFSET,
  TENSOR_SIZE,
  TENSOR_TYPE,
} from '../assembly/layout.js';
import { compileUnproved as compile } from './util/compile.js';
import { Random } from '../host/math/random.js';
import { BrownoutError } from '../host/error.js';
import { type Image, readImage, resealImage, withPolicy } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { bindImports, type Device, type DeviceExports, PowerCut } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { provision } from '../host/simulator/provision.js';
import { answerOf, builtModule } from './util/devices.js';
import { denseNetwork, int8s } from '../samples/networks.js';
import { runOracle } from './util/oracle.js';

import {
  MASKS,
  ARENA,
  digits,
  crc,
  field,
  setField,
  refusal,
  changed,
  resealed,
} from './util/image-bytes.js';

/** The module on NVM that the test fills as it likes. */
class Rig {
  readonly nvm: SimulatedNvm;
  readonly device: DeviceExports;
  readonly memory: Uint8Array;
  readonly sramBytes: number;
  /** The memory that holds the image. */
  readonly flash: Uint8Array;
  writes = 0;

  constructor(image: Image, nvmBytes = image.nvmBytes) {
    this.nvm = new SimulatedNvm(nvmBytes);
    this.sramBytes = ARENA + image.arenaBytes;
    const observe = (access: string): void => {
      if (access === 'write') this.writes++;
    };
    let memory = new Uint8Array();
    this.flash = image.device.slice();
    const options = {
      image: { device: this.flash },
      nvm: this.nvm,
      sramBytes: this.sramBytes,
      observe,
    };
    const imports = bindImports(options, () => memory) as unknown as WebAssembly.Imports;
    this.device = new WebAssembly.Instance(builtModule('device'), imports)
      .exports as unknown as DeviceExports;
    memory = new Uint8Array(this.device.memory.buffer);
    this.memory = memory;
  }

  boot(base = 0): number {
    return this.device.boot(0, this.flash.length, base, this.nvm.present.length - base, this.sramBytes);
  }

  /** Boots on `bytes`, which must fail with `expected`, write nothing and leave the device unbooted. */
  refuses(expected: ErrorCode, what: string): void {
    this.writes = 0;
    const code = this.boot();
    assert.is(code, expected, `${what}: ${ErrorCode[code] ?? code}`);
    assert.is(this.writes, 0, what);
    assert.is(this.device.status(), ErrorCode.E_NOT_BOOTED, what);
  }
}

function start(rig: Rig, image: Image, input: Int8Array, base = 0): void {
  assert.is(rig.boot(base), Status.IDLE);
  // Fed through SRAM in pieces that fit it.
  for (let at = 0; at < input.length; at += 64) {
    const piece = input.subarray(at, at + 64);
    rig.memory.set(new Uint8Array(piece.buffer, piece.byteOffset, piece.length), ARENA);
    assert.is(rig.device.feed(ARENA, piece.length), at + piece.length);
  }
  assert.is(input.length, image.input.bytes);
  assert.is(rig.device.submit(9, 0), Status.RUN);
}

/** Runs the job that was started to its answer. */
function finish(rig: Rig, image: Image): string {
  while (rig.device.status() === Status.RUN) assert.ok(rig.device.run(0) >= 0);
  assert.is(rig.device.status(), Status.DONE);
  return answerOf({ nvm: rig.nvm } as Device, image).join();
}

test('device: every single byte of header and plan matters', () => {
  const rig = new Rig(digits);
  provision(rig.nvm, digits);
  for (let at = 0; at < digits.constants.offset; at++) {
    for (const mask of MASKS) {
      rig.flash.set(changed(digits.device, at, mask));
      const { E_MAGIC, E_VERSION, E_HEADER, E_PLAN } = ErrorCode;
      const expected = at < 4 ? E_MAGIC : at < 8 ? E_VERSION : at < HEADER_BYTES ? E_HEADER : E_PLAN;
      rig.refuses(expected, `byte ${at} ^ ${mask}`);
    }
  }
  rig.flash.set(digits.device);
  assert.is(rig.boot(), Status.IDLE);
});

test('device: every byte of the record that the state begins with matters, but for those reserved', () => {
  const rig = new Rig(digits);
  provision(rig.nvm, digits);
  const good = rig.nvm.cells.slice();
  for (let at = 0; at < 8; at++) {
    for (const mask of MASKS) {
      rig.nvm.load(changed(good, at, mask));
      rig.refuses(at < 4 ? ErrorCode.E_MAGIC : ErrorCode.E_CURSOR_IMAGE, `byte ${at} ^ ${mask}`);
    }
  }
  rig.nvm.load(good);
  assert.is(rig.boot(), Status.IDLE);
});

const tinyNetwork: QuantizedNetwork = {
  name: 'tiny',
  tensors: [
    { shape: [5], scale: 1, zeroPoint: 3 },
    { shape: [4], scale: 1, zeroPoint: -2 },
    { shape: [3], scale: 1, zeroPoint: 1 },
  ],
  ops: [0, 1].map((index) => ({
    kind: 'dense' as const,
    name: `dense${index}`,
    inputs: [index],
    output: index + 1,
    weights: int8s(new Random(index), (5 - index) * (4 - index)),
    bias: new Int32Array(4 - index).fill(-50),
    multipliers: Int32Array.of(2 ** 30),
    shifts: Int32Array.of(-3),
    clampMin: -128,
    clampMax: 127,
  })),
  input: 0,
  output: 2,
};
/** Several tiles. */
const tiny = readImage(compile(tinyNetwork, { arenaBytes: 208, policy: 'every 1' }));
const tinyInput = Int8Array.of(1, -128, 127, 0, 55);
const tinyAnswer = runOracle(tinyNetwork, tinyInput)[2]!.join();

test('device: too little NVM, SRAM or image, and a state anywhere in NVM', () => {
  const rig = new Rig(tiny, 8192);
  provision(rig.nvm, tiny);
  const boot = (nvmBytes: number, sramBytes: number, imageBytes = tiny.imageBytes): number =>
    rig.device.boot(0, imageBytes, 0, nvmBytes, sramBytes);
  for (let bytes = 0; bytes < tiny.nvmBytes; bytes++) {
    assert.is(boot(bytes, 65536), ErrorCode.E_NVM_SIZE, `${bytes} bytes of NVM`);
  }
  for (let bytes = 0; bytes < rig.sramBytes; bytes++) {
    assert.is(boot(8192, bytes), ErrorCode.E_SRAM_SIZE, `${bytes} bytes of SRAM`);
  }
  for (let bytes = 0; bytes < tiny.imageBytes; bytes++) {
    assert.is(boot(8192, 65536, bytes), ErrorCode.E_HEADER, `${bytes} bytes of the image`);
  }
  assert.is(rig.writes, 0);
  assert.is(boot(tiny.nvmBytes, rig.sramBytes), Status.IDLE);
  for (const base of [16, 1024, 8192 - tiny.nvmBytes]) {
    const moved = new Rig(tiny, 8192);
    moved.nvm.load(new Uint8Array(8192).fill(0xa5));
    provision(moved.nvm, tiny, { base });
    assert.is(moved.device.boot(0, tiny.imageBytes, 0, 8192, moved.sramBytes), ErrorCode.E_MAGIC);
    start(moved, tiny, tinyInput, base);
    while (moved.device.status() === Status.RUN) moved.device.run(0);
    const at = base + tiny.output.offset;
    const answer = new Int8Array(moved.nvm.cells.slice(at, at + tiny.output.bytes).buffer);
    assert.is(answer.join(), tinyAnswer, `at ${base}`);
    const outside = moved.nvm.cells.filter((_, i) => i < base || i >= base + tiny.nvmBytes);
    assert.ok(
      outside.every((byte) => byte === 0xa5),
      'nothing outside its region',
    );
  }
  assert.throws(
    () => provision(new SimulatedNvm(8192), tiny, { base: 8193 - tiny.nvmBytes }),
    (error: unknown) => error instanceof BrownoutError && error.code === 'E_NVM_SIZE',
  );
});

/** A cursor with a fitting checksum. */
function cursor(fields: Record<number, number>): Uint8Array {
  const bytes = new Uint8Array(CURSOR_BYTES);
  setField(bytes, C_IMAGE_ID, tiny.imageId);
  for (const [offset, value] of Object.entries(fields)) setField(bytes, Number(offset), value);
  setField(bytes, C_CRC, crc(bytes.subarray(0, C_CRC)));
  return bytes;
}

const torn = (bytes: Uint8Array): Uint8Array => changed(bytes, C_TICKET, 1);

test('device: cursors that are torn, foreign or contradict each other', () => {
  const rig = new Rig(tiny);
  provision(rig.nvm, tiny);
  const good = rig.nvm.cells.slice();
  const place = (first: Uint8Array, second: Uint8Array): void => {
    const nvm = good.slice();
    nvm.set(first, tiny.slots.offset);
    nvm.set(second, tiny.slots.offset + tiny.slotStride);
    rig.nvm.load(nvm);
  };
  const blank = new Uint8Array(CURSOR_BYTES);
  const at = (sequence: number, more: Record<number, number> = {}): Uint8Array =>
    cursor({ [C_SEQUENCE]: sequence, ...more });
  const { E_CURSOR, E_CURSOR_IMAGE } = ErrorCode;
  // Neither whole: never a silent restart.
  for (const [a, b] of [
    [blank, blank],
    [torn(at(4)), blank],
    [blank, torn(at(4))],
    [torn(at(4)), torn(at(5))],
    [blank.map(() => 0xff), blank.map(() => 0xff)],
  ] as const) {
    place(a, b);
    rig.refuses(E_CURSOR, 'no whole cursor');
  }
  const foreign = at(7, { [C_IMAGE_ID]: tiny.imageId ^ 1 });
  for (const [a, b] of [
    [foreign, blank],
    [blank, foreign],
    [at(6), foreign],
    [foreign, at(8)],
    [foreign, foreign],
  ] as const) {
    place(a, b);
    rig.refuses(E_CURSOR_IMAGE, 'another image’s cursor');
  }
  const sequences = [0, 1, 2, 3, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff];
  for (const a of sequences) {
    for (const b of sequences) {
      // The older says DONE, so that the state tells which was taken.
      const ahead = (b - a) >>> 0;
      const newest = ahead === 1 ? 1 : ahead === 0xffffffff ? 0 : undefined;
      place(at(a, { [C_STATE]: newest === 0 ? 0 : 2 }), at(b, { [C_STATE]: newest === 1 ? 0 : 2 }));
      if (newest === undefined) rig.refuses(E_CURSOR, `sequences ${a} and ${b}`);
      else assert.is(rig.boot(), Status.IDLE, `sequences ${a} and ${b}`);
      place(at(a), torn(at(b)));
      assert.is(rig.boot(), Status.IDLE, 'one torn slot is what a cut leaves');
      place(torn(at(a)), at(b));
      assert.is(rig.boot(), Status.IDLE);
    }
  }
  // Whole, but nowhere a job can stand.
  const tiles = tiny.ops.map((op) => op.get(OP_TILES));
  const run = (op: number, tile: number, kind = 0): Uint8Array =>
    at(3, { [C_STATE]: Status.RUN, [C_KIND]: kind, [C_OP]: op, [C_TILE]: tile });
  for (const bad of [
    run(0, tiles[0]!),
    run(1, tiles[1]!),
    run(0, 0xffffffff),
    run(2, 0),
    run(0x7fffffff, 0),
    run(0x02000000, 0),
    run(0xffffffff, 0),
    run(0, 0, 1),
    run(0, 0, 2),
    run(0, 0, 0xffffffff),
    at(3, { [C_STATE]: 3 }),
    at(3, { [C_STATE]: 0xffffffff }),
  ]) {
    place(bad, blank);
    rig.refuses(E_CURSOR, 'a cursor that names no place');
  }
  tiles.forEach((count, op) => {
    for (let tile = 0; tile < count; tile++) {
      place(run(op, tile), blank);
      assert.is(rig.boot(), Status.RUN);
      finish(rig, tiny);
    }
  });
});

/** NVM whose power fails after `left` bytes and barriers. */
class FailingNvm extends SimulatedNvm {
  left = Infinity;

  override write(address: number, bytes: Uint8Array): void {
    const written = Math.min(bytes.length, this.left);
    this.left -= written;
    super.write(address, bytes.subarray(0, written));
    if (written < bytes.length) throw new PowerCut();
  }

  override sync(): void {
    if (this.left === 0) throw new PowerCut();
    this.left--;
    super.sync();
  }
}

test('provisioning: a cut after every byte and barrier leaves a device that says E_MAGIC, or works', () => {
  const old = denseNetwork(new Random(21), 6);
  const oldImage = readImage(compile(old, { arenaBytes: 208 }));
  const oldInput = int8s(new Random(22), oldImage.input.bytes);
  const oldAnswer = runOracle(old, oldInput)[1]!.join();
  const nvmBytes = Math.max(tiny.nvmBytes, oldImage.nvmBytes);
  const before: Record<string, Uint8Array> = {
    zeros: new Uint8Array(nvmBytes),
    erased: new Uint8Array(nvmBytes).fill(0xff),
    random: new Uint8Array(int8s(new Random(23), nvmBytes).buffer),
  };
  for (const [name, image, sequence] of [
    ['another image', oldImage, 4],
    ['the same image', tiny, 0xffffffff],
  ] as const) {
    const nvm = new SimulatedNvm(nvmBytes);
    provision(nvm, image, { sequence });
    before[name] = nvm.cells.slice();
  }
  const codes = new Map<string, number>();
  for (const [name, cells] of Object.entries(before)) {
    let finished = false;
    for (let left = 0; !finished; left++) {
      for (const outcome of [undefined, new Random(left), new Random(left + 1e6)]) {
        const nvm = new FailingNvm(nvmBytes, { tearUnit: 1 << (left % 4) });
        nvm.load(cells);
        nvm.left = left;
        try {
          provision(nvm, tiny);
          finished = true;
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
          nvm.cut(outcome && randomOutcome(outcome));
        }
        const what = `${name}, cut after ${left} units`;
        const rig = new Rig(tiny, nvmBytes);
        rig.nvm.load(nvm.cells);
        const code = rig.boot();
        codes.set(`${name} ${code}`, (codes.get(`${name} ${code}`) ?? 0) + 1);
        if (code === ErrorCode.E_MAGIC) {
          assert.is.not(field(nvm.cells, N_MAGIC), STATE_MAGIC);
          continue;
        }
        if (code === ErrorCode.E_CURSOR_IMAGE) {
          // Nothing has happened yet: earlier firmware still has its state.
          assert.is(name, 'another image', what);
          const earlier = new Rig(oldImage, nvmBytes);
          earlier.nvm.load(nvm.cells);
          start(earlier, oldImage, oldInput);
          assert.is(finish(earlier, oldImage), oldAnswer, what);
          continue;
        }
        assert.is(code, Status.IDLE, what);
        start(rig, tiny, tinyInput);
        assert.is(finish(rig, tiny), tinyAnswer, what);
      }
    }
  }
  for (const name of Object.keys(before)) {
    assert.ok(codes.get(`${name} ${ErrorCode.E_MAGIC}`)! > 300, name);
    assert.ok(codes.get(`${name} ${Status.IDLE}`)! >= 3, name);
  }
});

test('a job or a slot outside its region is refused by desk and device, whatever the checksum says', () => {
  const { length } = tiny.ops;
  const wrong: Record<number, number>[] = [
    { [H_SLOT_STRIDE]: 0 },
    { [H_SLOT_STRIDE]: CURSOR_BYTES - 4 },
    { [H_SLOT_STRIDE]: tiny.nvmBytes },
    { [H_SLOT_STRIDE]: 0x7ffffff0 },
    { [H_JOBS]: 1 },
    { [H_JOBS]: 0x01ffffff },
    { [H_JOBS + 4]: length + 1 },
    { [H_JOBS]: 0xffffffff, [H_JOBS + 4]: 2 },
    { [H_JOBS + 8]: length, [H_JOBS + 12]: 1 },
  ];
  for (const fields of wrong) {
    const file = tiny.file.slice();
    for (const [offset, value] of Object.entries(fields)) setField(file, Number(offset), value);
    setField(file, H_CRC, crc(file.subarray(H_IMAGE_ID, HEADER_BYTES)));
    const what = `header fields ${JSON.stringify(fields)}`;
    assert.is(refusal(file, what), 'E_IMAGE_HEADER', what);
    const rig = new Rig(tiny);
    provision(rig.nvm, tiny);
    rig.flash.set(file.subarray(0, HEADER_BYTES));
    rig.refuses(ErrorCode.E_HEADER, what);
  }
});

test('the table of tensors names input and output, and is refused where it does not', () => {
  const table = field(tiny.file, H_TENSORS);
  assert.equal(tiny.tensors, {
    inputs: [{ ...tiny.input, type: 'int8' }],
    outputs: [{ ...tiny.output, type: 'int8' }],
    states: [],
  });
  assert.is(readImage(resealed(tiny, () => {})).imageId, tiny.imageId, 'the builder of this test works');
  const wrong: Record<string, (file: Uint8Array) => void> = {
    'no inputs': (file) => setField(file, H_TENSOR_COUNTS, 1 << 8),
    'no outputs': (file) => setField(file, H_TENSOR_COUNTS, 1),
    'two inputs': (file) => setField(file, H_TENSOR_COUNTS, 2 | (1 << 8)),
    'a state without banks': (file) => setField(file, H_TENSOR_COUNTS, 0x10101),
    'a reserved count': (file) => setField(file, H_TENSOR_COUNTS, 0x1000101),
    'a table before the constants': (file) => setField(file, H_TENSORS, tiny.constants.offset - 4),
    'a table beyond them': (file) => setField(file, H_TENSORS, tiny.imageBytes - 16),
    'a table far away': (file) => setField(file, H_TENSORS, 0xfffffff0),
    'an odd address': (file) => setField(file, H_TENSORS, table + 1),
    'an input elsewhere': (file) => setField(file, table + TENSOR_OFFSET, tiny.input.offset + 4),
    'a smaller input': (file) => setField(file, table + TENSOR_SIZE, tiny.input.bytes - 1),
    'an empty input': (file) => setField(file, table + TENSOR_SIZE, 0),
    'another output': (file) => setField(file, table + TENSOR_BYTES + TENSOR_OFFSET, tiny.input.offset),
    'an unknown type': (file) => setField(file, table + TENSOR_TYPE, 7),
    'a reserved byte of an entry': (file) => setField(file, table + TENSOR_TYPE, 1 << 8),
    'constants among the state': (file) => setField(file, H_CONSTANTS_SPACE, 0),
    'constants in another memory': (file) => setField(file, H_CONSTANTS_SPACE, 2),
    'a reserved byte beside the space': (file) => setField(file, H_CONSTANTS_SPACE, (1 << 8) | 1),
  };
  for (const [what, edit] of Object.entries(wrong)) {
    assert.is(refusal(resealed(tiny, edit), what), 'E_IMAGE_HEADER', what);
  }
  const rig = new Rig(tiny);
  provision(rig.nvm, tiny);
  for (const what of ['constants among the state', 'constants in another memory']) {
    rig.flash.set(resealed(tiny, wrong[what]!).subarray(0, HEADER_BYTES));
    rig.refuses(ErrorCode.E_VERSION, what);
  }
});

test('device: an op of a kind, a type, a format or a flag that it does not know is refused', () => {
  const wrong: [field: number, value: number][] = [
    ...[0, 18, 31, 32, 33, 63, 64, 127, 128, 140, 255].map((kind): [number, number] => [OP_KIND, kind]),
    ...[2, 3, 32, 255].map((type): [number, number] => [OP_ACTIVATION_TYPE, type]),
    ...[4, 5, 31, 32, 33, 255].map((type): [number, number] => [OP_WEIGHT_TYPE, type]),
    ...[2, 128, 255].map((format): [number, number] => [OP_SCALE_FORMAT, format]),
    ...[6, 7, 8, 15].map((bit): [number, number] => [OP_FLAGS, 1 << bit]),
  ];
  for (const [offset, value] of wrong) {
    const image = resealImage(tiny, (ops) => ops[0]!.set(offset, value));
    const rig = new Rig(image);
    provision(rig.nvm, image);
    rig.refuses(ErrorCode.E_OP, `field ${offset} = ${value}`);
  }
});

test('withPolicy: the network, and so its id and its cursors, stay what they are', () => {
  const policy = { every: 5, low: false };
  const image = withPolicy(digits, policy, 'every 5');
  const again = readImage(image.file);
  for (const one of [image, again]) {
    assert.is(one.imageId, digits.imageId);
    assert.equal(one.policy, policy);
    assert.equal(one.device.subarray(HEADER_BYTES), digits.device.subarray(HEADER_BYTES));
    assert.equal(one.sample, digits.sample);
  }
  assert.equal(again.device, image.device);
  assert.not.equal(digits.policy, policy, 'the original is left alone');
  assert.equal(readImage(digits.file).policy, digits.policy);
  const rig = new Rig(digits);
  provision(rig.nvm, digits);
  start(rig, digits, digits.sample as Int8Array);
  rig.device.run(1);
  rig.flash.set(image.device);
  assert.is(rig.boot(), Status.RUN, 'a job under way survives a change of policy');
});

test.run();
