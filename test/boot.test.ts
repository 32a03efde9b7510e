// A million contents of NVM at boot: a named error or a job that goes on right; never a trap, a hang, a silent restart
// or a write where none belongs.
//
// A header or plan whose checksum was made to fit what it says is a forgery, which no power failure leaves behind. Of
// a header the device checks enough to stay inside its regions. What a plan's records say it takes on trust: the memory
// rule is checked when compiling. So after a forged plan these tests run no tiles; and no answer is expected of either.
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
  C_TICKET,
  C_TILE,
  DIAGNOSTICS_BYTES,
  D_BOOTS,
  D_CRC,
  D_SEQUENCE,
  HEADER_BYTES,
  H_CRC,
  H_DIAGNOSTICS,
  H_IMAGE_ID,
  H_INPUT,
  H_PLAN,
  H_PLAN_CRC,
  H_SLOTS,
  H_UNSTABLE,
  OP_BYTES,
  OP_TILES,
} from '../assembly/layout.js';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import type { DeviceExports } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { builtModule, makeDevice } from './util/devices.js';
import { int8s, requantization, tensor } from '../samples/networks.js';
import { runOracle } from './util/oracle.js';

const CONTENTS = 1_000_000;
const INPUTS = 8;
const random = new Random(11);

/** Two dense layers, 8 → 6 → 4. */
const network: QuantizedNetwork = {
  name: 'tiny',
  tensors: [INPUTS, 6, 4].map((size) => tensor(random, [size])),
  ops: [8, 6].map((size, index) => ({
    kind: 'dense' as const,
    name: `dense${index}`,
    inputs: [index],
    output: index + 1,
    weights: int8s(random, size * (6 - 2 * index)),
    ...requantization(random, 6 - 2 * index, 20000),
  })),
  input: 0,
  output: 2,
};
/** So little SRAM that each layer is several tiles. */
const image = readImage(compile(network, { arenaBytes: 208, policy: 'every 1' }));
const tiles = image.ops.map((op) => op.get(OP_TILES));
const input = int8s(random, INPUTS);
const answer = runOracle(network, input)[2]!.join();

/** NVM that holds both the image, at `IMAGE`, and its state, at `BASE`, other bytes around them. */
const SPACE = 2048;
const IMAGE = 192;
const BASE = Math.ceil((IMAGE + image.imageBytes + 32) / 64) * 64;

/** The module on bytes that the test fills as it likes; it notes every write. */
const space = new Uint8Array(SPACE);
const words = new DataView(space.buffer);
const written: [address: number, length: number][] = [];
/** Where the module may read and write: outside, NVM ends. */
let [first, last] = [0, SPACE];
const inside = (address: number, length: number): void => {
  if (address < first || length < 0 || address + length > last) {
    throw new RangeError(`${length} bytes at ${address}: NVM is ${first} to ${last}`);
  }
};
const view = (address: number, length: number, scratch: number): number => {
  inside(address, length);
  memory.set(space.subarray(address, address + length), scratch);
  return scratch;
};
const { exports } = new WebAssembly.Instance(builtModule('device'), {
  image: { view },
  nvm: {
    view,
    write(address: number, source: number, length: number): void {
      inside(address, length);
      written.push([address, length]);
      space.set(memory.subarray(source, source + length), address);
    },
    sync: (): void => {},
  },
  power: { low: (): number => random.integer(2) },
}) as unknown as { exports: DeviceExports };
const memory = new Uint8Array(exports.memory.buffer);
const arena = exports.arena.value as number;
const sramBytes = arena + image.arenaBytes;

const boot = (base = BASE, imageAt = IMAGE): number =>
  exports.boot(imageAt, last - imageAt, base, last - base, sramBytes);
/** Fields of the header. */
const field = (offset: number): number => words.getUint32(IMAGE + offset, true);
const setField = (offset: number, value: number): void => words.setUint32(IMAGE + offset, value, true);
/** Fields of the state. */
const stateField = (offset: number): number => words.getUint32(BASE + offset, true);
const setStateField = (offset: number, value: number): void => words.setUint32(BASE + offset, value, true);
const sealState = (at: number, from: number, end: number): void =>
  setStateField(at, crc32(space.subarray(BASE + from, BASE + end)));
const seal = (at: number, from: number, end: number): void =>
  setField(at, crc32(space.subarray(IMAGE + from, IMAGE + end)));
const pick = <T>(choices: readonly T[]): T => choices[random.integer(choices.length)]!;

/** Space with the image in it, untouched, between two tiles of a job, or done with it. */
const snapshots = [-1, ...Array(tiles[0]! + tiles[1]! + 1).keys()].map((done) => {
  const nvm = new SimulatedNvm(image.nvmBytes);
  const device = makeDevice(image, 'scalar', { nvm });
  device.boot();
  if (done >= 0) {
    device.feed(input);
    device.submit(7);
    for (let i = 0; i < done; i++) device.run(1);
  }
  const bytes = new Uint8Array(SPACE).fill(0xa5);
  bytes.set(image.device, IMAGE);
  bytes.set(nvm.cells, BASE);
  return bytes;
});

/** Every write since the last call lies in one of these ranges of the image's region. */
function expectWrites(what: string, ranges: readonly (readonly [from: number, end: number])[]): void {
  for (const [address, length] of written) {
    const [from, end] = [address - BASE, address - BASE + length];
    if (!ranges.some((range) => from >= range[0] && end <= range[1])) {
      assert.unreachable(`${what} writes ${from} to ${end}, allowed ${ranges.join(' or ')}`);
    }
  }
  written.length = 0;
}

/** A region of the header as it stands. */
const region = (at: number): [number, number] => [field(at), field(at) + field(at + 4)];

/** A code that the module may return: a name, and no state that `boot` does not know. */
function expectNamed(code: number, what: string): void {
  if (code < 0 ? ErrorCode[code] === undefined : code > Status.LOW) assert.unreachable(`${what}: ${code}`);
}

/** Boots; an error leaves no write (but of the boot counter, and of slots that are settled) and no booted device. */
function expectBoot(what: string, base = BASE, imageAt = IMAGE): number {
  written.length = 0;
  const code = boot(base, imageAt);
  expectNamed(code, what);
  const isUp = code >= 0 || code === ErrorCode.E_NO_PROGRESS;
  const counts = code === Status.RUN || code === ErrorCode.E_NO_PROGRESS;
  const settles = space[IMAGE + H_UNSTABLE] !== 0;
  const allowed = [...(counts ? [region(H_DIAGNOSTICS)] : []), ...(settles ? [region(H_SLOTS)] : [])];
  expectWrites(`${what}: boot`, allowed);
  if (code === Status.LOW || exports.status() >= 0 !== isUp) assert.unreachable(`${what}: boot says ${code}`);
  return code;
}

/** Calls in any order, with any arguments, on a device that booted: names, and writes where they belong. */
function expectCalls(what: string, mayRun: boolean): void {
  const ticket = new DataView(memory.buffer).getUint32((exports.cursor.value as number) + C_TICKET, true);
  const tickets = [ticket, ticket, 0, random.uint32()];
  const slots = region(H_SLOTS);
  for (let calls = 0; calls < 4; calls++) {
    switch (random.integer(mayRun ? 6 : 5)) {
      case 0: {
        const length = pick([0, 1, INPUTS, random.uint32()]);
        const code = exports.feed(arena, length);
        if (code < 0 || code > field(H_INPUT + 4)) expectNamed(code, `${what}: feed`);
        expectWrites(`${what}: feed`, [region(H_INPUT)]);
        break;
      }
      case 1:
        expectNamed(exports.submit(pick(tickets), pick([0, 1, random.uint32()])), `${what}: submit`);
        break;
      case 2:
        expectNamed(exports.ack(pick(tickets)), `${what}: ack`);
        break;
      case 3:
        expectNamed(exports.cancel(pick(tickets)), `${what}: cancel`);
        break;
      case 4:
        expectNamed(exports.label(pick(tickets), random.uint32()), `${what}: label`);
        break;
      case 5:
        expectNamed(exports.run(pick([0, 1, -1, random.uint32()])), `${what}: run`);
        expectWrites(`${what}: run`, [slots, [image.output.offset, image.nvmBytes]]);
    }
    expectWrites(what, [slots]);
  }
}

/** Whatever the job in it: run to its end or given up, the next one has the right answer. */
function expectNextAnswer(what: string): void {
  const cursor = new DataView(memory.buffer, exports.cursor.value as number);
  if (random.integer(2)) {
    for (let runs = 0; exports.status() === Status.RUN; runs++) {
      if (runs > tiles[0]! + tiles[1]! || exports.run(0) < 0) assert.unreachable(`${what}: does not end`);
    }
    exports.ack(cursor.getUint32(C_TICKET, true));
  } else exports.cancel(cursor.getUint32(C_TICKET, true));
  if (exports.status() !== Status.IDLE) {
    // A job under ticket 0 exists in a forged cursor only.
    assert.is(cursor.getUint32(C_TICKET, true), 0, what);
    return;
  }
  memory.set(new Uint8Array(input.buffer), arena);
  exports.feed(arena, 0);
  exports.feed(arena, INPUTS);
  assert.is(exports.submit(cursor.getUint32(C_TICKET, true) ^ 0x55, 0), Status.RUN, what);
  while (exports.status() === Status.RUN) exports.run(0);
  const at = BASE + image.output.offset;
  assert.is(new Int8Array(space.slice(at, at + image.output.bytes).buffer).join(), answer, what);
}

const fillRandom = (from: number, end: number): void => {
  for (let at = from & ~3; at < end; at += 4) words.setUint32(at, random.uint32(), true);
};

/** Changes one to three fields of bytes `from` … `end` of the region: bits, or values that are near others. */
function mutate(from: number, end: number): void {
  for (let changes = 1 + random.integer(3); changes > 0; changes--) {
    const at = from + 4 * random.integer((end - from) >> 2);
    const other = field(from + 4 * random.integer((end - from) >> 2));
    const value = pick([field(at) ^ (1 << random.integer(32)), 0, 1, 0xffffffff, other, random.uint32()]);
    setField(at, value + pick([0, 0, 0, 4, -4, 128, -128]));
  }
}

/** Puts a whole cursor into a slot; what it says is for the caller to judge. */
function placeCursor(slot: number, fields: Record<number, number>): void {
  const from = image.slots.offset + slot * image.slotStride;
  for (let at = 0; at < CURSOR_BYTES; at += 4) setStateField(from + at, fields[at] ?? 0);
  sealState(from + C_CRC, from, from + C_CRC);
}

/** Two whole cursors of any content; returns what booting on them must say. */
function placeCursors(): number {
  const sequence = random.uint32();
  const cursors = [0, 1].map((slot) => ({
    [C_IMAGE_ID]: random.integer(20) ? image.imageId : random.uint32(),
    [C_SEQUENCE]: (sequence + pick([slot, slot, slot, 1 - slot, 0, random.uint32()])) >>> 0,
    [C_STATE]: pick([0, 1, 1, 1, 2, 3, random.uint32()]),
    [C_KIND]: pick([0, 0, 0, 0, 1, 2, random.uint32()]),
    [C_OP]: pick([0, 1, 2, random.uint32()]),
    [C_TILE]: pick([0, 1, 2, random.uint32()]),
    [C_TICKET]: random.uint32(),
  }));
  cursors.forEach((fields, slot) => {
    placeCursor(slot, fields);
  });
  if (cursors.some((c) => c[C_IMAGE_ID] !== image.imageId)) return ErrorCode.E_CURSOR_IMAGE;
  const ahead = (cursors[1]![C_SEQUENCE]! - cursors[0]![C_SEQUENCE]!) >>> 0;
  if (ahead !== 1 && ahead !== 0xffffffff) return ErrorCode.E_CURSOR;
  const newest = cursors[ahead === 1 ? 1 : 0]!;
  const [state, kind] = [newest[C_STATE]!, newest[C_KIND]!];
  const stands = state !== Status.RUN || (kind === 0 && newest[C_TILE]! < (tiles[newest[C_OP]!] ?? 0));
  return state <= Status.DONE && kind <= 1 && stands ? state : ErrorCode.E_CURSOR;
}

/** What NVM may hold: fills `space`, boots and calls; returns the code of the boot. */
const KINDS: Record<string, (what: string) => number> = {
  noise(what) {
    fillRandom(0, SPACE);
    return expectBoot(
      what,
      ...([SPACE, SPACE].map((end) => random.integer(end >> 2) * 4) as [number, number]),
    );
  },
  'noise behind a magic and a version'(what) {
    fillRandom(IMAGE + H_CRC, SPACE);
    return expectBoot(what);
  },
  'a state that is noise behind its record'(what) {
    fillRandom(BASE + image.slots.offset, SPACE);
    const code = expectBoot(what);
    assert.is(code, ErrorCode.E_CURSOR, what);
    return code;
  },
  'an image or a state that lies elsewhere'(what) {
    const at = random.integer(SPACE >> 2) * 4;
    const isState = random.integer(2) === 1;
    const code = isState ? expectBoot(what, at) : expectBoot(what, BASE, at);
    if (at !== (isState ? BASE : IMAGE)) assert.ok(code < 0, what);
    return code;
  },
  'an end of NVM that is too near'(what) {
    last = BASE + random.integer(image.nvmBytes);
    const code = expectBoot(what);
    assert.is(code, ErrorCode.E_NVM_SIZE, what);
    return code;
  },
  'whole cursors of any content'(what) {
    if (random.integer(2)) fillRandom(BASE + image.slots.offset, SPACE);
    const expected = placeCursors();
    const code = expectBoot(what);
    if (code !== ErrorCode.E_NO_PROGRESS || expected !== Status.RUN) assert.is(code, expected, what);
    if (code >= 0) {
      expectCalls(what, true);
      if (random.integer(4) === 0) expectNextAnswer(what);
    }
    return code;
  },
  'any diagnostics'(what) {
    const { offset } = image.diagnostics;
    fillRandom(BASE + offset, BASE + offset + DIAGNOSTICS_BYTES);
    if (random.integer(2)) {
      const newest = stateField(image.slots.offset + image.slotStride + C_SEQUENCE);
      setStateField(offset + D_SEQUENCE, newest + pick([0, 0, -1, 1]));
      setStateField(
        offset + D_BOOTS,
        pick([image.maxBoots, image.maxBoots - 1, 0xffffffff, random.uint32()]),
      );
      sealState(offset + D_CRC, offset, offset + D_CRC);
    }
    const code = expectBoot(what);
    assert.ok(code >= 0 || code === ErrorCode.E_NO_PROGRESS, what);
    if (random.integer(8) === 0) expectNextAnswer(what);
    return code;
  },
  'a damaged header or plan'(what) {
    const at = IMAGE + random.integer(image.constants.offset);
    space[at]! ^= 1 + random.integer(255);
    const code = expectBoot(what);
    if (code < 0) return code;
    // Of a plan only the records that a job under way still enters are looked at.
    assert.ok(code === Status.RUN && at >= IMAGE + HEADER_BYTES, what);
    let next: number;
    for (next = code; next === Status.RUN;) next = exports.run(0);
    expectWrites(what, [region(H_SLOTS), [image.output.offset, image.nvmBytes]]);
    if (next === ErrorCode.E_PLAN) return next;
    assert.is(next, Status.DONE, what);
    const from = BASE + image.output.offset;
    assert.is(new Int8Array(space.slice(from, from + image.output.bytes).buffer).join(), answer, what);
    return code;
  },
  'a forged header'(what) {
    mutate(H_IMAGE_ID, HEADER_BYTES);
    seal(H_CRC, H_IMAGE_ID, HEADER_BYTES);
    const code = expectBoot(what);
    if (code >= 0) expectCalls(what, true);
    return code;
  },
  'a forged plan'(what) {
    // While a job runs only the records it enters are looked at: every other plan is of a device that is idle.
    if (random.integer(2)) space.set(snapshots[0]!);
    mutate(image.plan.offset, image.constants.offset);
    if (random.integer(2)) setField(H_PLAN, field(H_PLAN) + pick([4, 128, -4, 1]));
    if (random.integer(2)) setField(H_PLAN + 4, field(H_PLAN + 4) + pick([-128, -4, 4, -252, 128]));
    // The device goes by whole records.
    const [from, end] = region(H_PLAN);
    seal(H_PLAN_CRC, from, from + Math.ceil((end - from) / OP_BYTES) * OP_BYTES);
    seal(H_CRC, H_IMAGE_ID, HEADER_BYTES);
    const code = expectBoot(what);
    if (code < 0) return code;
    const records = Array.from({ length: (end - from) / OP_BYTES }, (_, i) => from + i * OP_BYTES);
    if (code !== Status.RUN)
      for (const record of records) assert.ok((field(record + OP_TILES) | 0) > 0, what);
    expectCalls(what, false);
    return code;
  },
};

test(`${CONTENTS.toLocaleString('en')} contents of NVM: a named error or a job that goes on right`, () => {
  const seen = new Map<number, number>();
  const kinds = Object.entries(KINDS);
  for (let i = 0; i < CONTENTS; i++) {
    const [name, run] = kinds[i % kinds.length]!;
    space.set(pick(snapshots));
    [first, last] = [0, SPACE];
    const code = run(`content ${i}, ${name}`);
    seen.set(code, (seen.get(code) ?? 0) + 1);
  }
  const { E_MAGIC, E_HEADER, E_PLAN, E_OP, E_NVM_SIZE, E_CURSOR, E_CURSOR_IMAGE, E_NO_PROGRESS } = ErrorCode;
  const refusals = [E_MAGIC, E_HEADER, E_PLAN, E_OP, E_NVM_SIZE, E_CURSOR, E_CURSOR_IMAGE, E_NO_PROGRESS];
  for (const code of [...refusals, Status.IDLE, Status.RUN, Status.DONE]) {
    const name = code < 0 ? ErrorCode[code] : Status[code];
    assert.ok((seen.get(code) ?? 0) > 1000, `${name}: ${seen.get(code)} times`);
  }
});

test.run();
