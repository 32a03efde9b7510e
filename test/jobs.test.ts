// The job protocol on the device: exactly-once processing under the app's ticket, whoever dies between two calls.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import { C_STATE, C_TICKET, D_BOOTS, JobKind, OP_TILES, VERSION, STATIC_BYTES } from '../assembly/layout.js';
import { compileUnproved as compile } from './util/compile.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import {
  bindImports,
  type Device,
  type DeviceExports,
  PowerCut,
  type Supply,
} from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { CountdownPower } from '../host/simulator/countdown-power.js';
import { answerOf, builtModule, makeDevice } from './util/devices.js';
import { int8s, requantization, tensor } from '../samples/networks.js';
import { runOracle } from './util/oracle.js';

const INPUTS = 8;
const ARENA = STATIC_BYTES;

/** Two dense layers, 8 → 6 → 4. */
function tinyNetwork(random: Random): QuantizedNetwork {
  const sizes = [INPUTS, 6, 4];
  return {
    name: 'tiny',
    tensors: sizes.map((size) => tensor(random, [size])),
    ops: [0, 1].map((index) => ({
      kind: 'dense' as const,
      name: `dense${index}`,
      inputs: [index],
      output: index + 1,
      weights: int8s(random, sizes[index]! * sizes[index + 1]!),
      ...requantization(random, sizes[index + 1]!, 20000),
    })),
    input: 0,
    output: 2,
  };
}

const network = tinyNetwork(new Random(3));
/** So little SRAM that each layer is several tiles. */
const image = readImage(compile(network, { arenaBytes: 208, policy: 'every 1' }));
const inputOf = (ticket: number): Int8Array => int8s(new Random(ticket), INPUTS);
const expectedAnswer = (ticket: number): string =>
  runOracle(network, inputOf(ticket))[network.output]!.join();

/** The module's own exports on simulated NVM: every call the app can make, and power to take away. */
class Rig {
  readonly nvm: SimulatedNvm;
  readonly device: DeviceExports;
  readonly memory: Uint8Array;
  writes = 0;

  constructor({ sequence = 0, supply }: { sequence?: number; supply?: Supply } = {}) {
    this.nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: 4 });
    provision(this.nvm, image, { sequence });
    const options = {
      image,
      nvm: this.nvm,
      sramBytes: 65536,
      ...(supply ? { supply } : {}),
      observe: (access: string) => {
        if (access === 'write') this.writes++;
      },
    };
    let memory = new Uint8Array();
    const imports = bindImports(options, () => memory) as unknown as WebAssembly.Imports;
    const instance = new WebAssembly.Instance(builtModule('device'), imports);
    this.device = instance.exports as unknown as DeviceExports;
    memory = new Uint8Array(this.device.memory.buffer);
    this.memory = memory;
  }

  boot(): number {
    return this.device.boot(0, image.imageBytes, 0, this.nvm.present.length, ARENA + image.arenaBytes);
  }

  feed(input: Int8Array): number {
    this.memory.set(new Uint8Array(input.buffer, input.byteOffset, input.length), ARENA);
    return this.device.feed(ARENA, input.length);
  }

  field(offset: number): number {
    const address = (this.device.cursor.value as number) + offset;
    return new DataView(this.memory.buffer).getUint32(address, true);
  }

  answer(): string {
    return answerOf({ nvm: this.nvm } as Device, image).join();
  }

  /** Takes `ticket` from IDLE to DONE. */
  finish(ticket: number): void {
    assert.is(this.feed(inputOf(ticket)), INPUTS);
    assert.is(this.device.submit(ticket, JobKind.INFER), Status.RUN);
    this.runOut();
  }

  runOut(): void {
    for (let runs = 0; this.device.status() === Status.RUN; runs++) {
      assert.ok(runs < 100 && this.device.run(0) >= 0);
    }
    assert.is(this.device.status(), Status.DONE);
  }
}

function booted(options: { sequence?: number; supply?: Supply } = {}): Rig {
  const rig = new Rig(options);
  assert.is(rig.boot(), Status.IDLE);
  return rig;
}

/** Calls that must return `code` and write nothing. */
function expectRefusals(rig: Rig, code: number, calls: (() => number)[]): void {
  const before = rig.nvm.present.slice();
  calls.forEach((call, i) => {
    const { writes } = rig;
    assert.is(call(), code, `call ${i}`);
    assert.is(rig.writes, writes, `call ${i} wrote to NVM`);
  });
  assert.equal(rig.nvm.present, before);
}

test('the image makes a job of several tiles, and the module reads its version', () => {
  const { device } = new Rig();
  assert.is(device.version(), VERSION);
  assert.ok(image.ops.length === 2 && image.ops.every((op) => op.get(OP_TILES) > 1));
});

test('before boot, and after one that failed, every call says E_NOT_BOOTED', () => {
  const rig = new Rig();
  const { device } = rig;
  const calls = [
    () => device.status(),
    () => device.run(0),
    () => device.feed(ARENA, 1),
    () => device.feed(ARENA, 0),
    () => device.submit(1, 0),
    () => device.submit(0, 0),
    () => device.label(1, 0),
    () => device.ack(1),
    () => device.cancel(1),
  ];
  expectRefusals(rig, ErrorCode.E_NOT_BOOTED, calls);
  assert.is(rig.boot(), Status.IDLE);
  assert.is(device.status(), Status.IDLE);
  // A boot that fails takes an earlier one's success away.
  assert.is(device.boot(0, image.imageBytes, 0, image.nvmBytes - 1, 65536), ErrorCode.E_NVM_SIZE);
  expectRefusals(rig, ErrorCode.E_NOT_BOOTED, calls);
  assert.is(device.version(), VERSION);
});

test('tickets: the present one is idempotent in every state, others are refused', () => {
  const rig = booted();
  const { device } = rig;
  const [ticket, other] = [0xfffffff0, 5];
  expectRefusals(rig, ErrorCode.E_TICKET, [
    () => device.submit(0, 0),
    () => device.ack(0),
    () => device.cancel(0),
    () => device.label(0, 1),
    () => device.ack(ticket),
    () => device.cancel(ticket),
    () => device.label(ticket, 1),
  ]);
  assert.is(rig.feed(inputOf(1)), INPUTS);
  assert.is(device.submit(ticket, 0), Status.RUN);
  const foreign = [() => device.ack(other), () => device.cancel(other), () => device.label(other, 1)];
  const busy = [
    () => device.submit(other, 0),
    () => device.submit(other, 77),
    () => device.feed(ARENA, 1),
    () => device.feed(ARENA, 0),
  ];
  for (const state of [Status.RUN, Status.DONE]) {
    for (const reboot of [false, true]) {
      if (reboot) assert.is(rig.boot(), state);
      assert.is(device.status(), state);
      expectRefusals(rig, state, [() => device.submit(ticket, 0), () => device.submit(ticket, 99)]);
      expectRefusals(rig, ErrorCode.E_BUSY, busy);
      expectRefusals(rig, ErrorCode.E_TICKET, [...foreign, () => device.submit(0, 0)]);
      // This image has no learning job, so nothing to do with a label.
      expectRefusals(rig, ErrorCode.E_KIND, [() => device.label(ticket, 3)]);
    }
    if (state === Status.RUN) {
      expectRefusals(rig, ErrorCode.E_STATE, [() => device.ack(ticket)]);
      rig.runOut();
      assert.is(rig.answer(), expectedAnswer(1));
    }
  }
  // Done: the answer stays, whatever the app tries.
  expectRefusals(rig, Status.DONE, [
    () => device.run(0),
    () => device.run(1),
    () => device.submit(ticket, 0),
  ]);
  assert.is(device.ack(ticket), Status.IDLE);
  assert.is(rig.answer(), expectedAnswer(1), 'ack moves no byte of the answer');
  const again = [
    () => device.ack(ticket),
    () => device.cancel(ticket),
    () => device.submit(ticket, 0),
    () => device.run(0),
    () => device.status(),
  ];
  expectRefusals(rig, Status.IDLE, again);
  assert.is(rig.boot(), Status.IDLE);
  expectRefusals(rig, Status.IDLE, again);
  assert.is(rig.field(C_TICKET), ticket);
});

test('input: all of it, since this boot, and no more', () => {
  const rig = booted();
  const { device } = rig;
  expectRefusals(rig, ErrorCode.E_INPUT, [
    () => device.submit(1, 0),
    () => device.feed(ARENA, INPUTS + 1),
    () => device.feed(ARENA, -1),
    () => device.feed(ARENA, 0x7fffffff),
    () => device.feed(ARENA, -0x80000000),
  ]);
  const input = inputOf(1);
  assert.is(rig.feed(input.subarray(0, 5)), 5);
  expectRefusals(rig, ErrorCode.E_INPUT, [() => device.submit(1, 0), () => device.feed(ARENA, 4)]);
  assert.is(rig.feed(input.subarray(5)), INPUTS);
  expectRefusals(rig, ErrorCode.E_INPUT, [() => device.feed(ARENA, 1)]);
  expectRefusals(rig, ErrorCode.E_KIND, [
    () => device.submit(1, JobKind.LEARN),
    () => device.submit(1, 2),
    () => device.submit(1, -1),
  ]);
  // A reboot forgets what was fed: those bytes may never have become durable.
  assert.is(rig.boot(), Status.IDLE);
  expectRefusals(rig, ErrorCode.E_INPUT, [() => device.submit(1, 0)]);
  assert.is(rig.feed(inputOf(2)), INPUTS);
  assert.is(device.feed(ARENA, 0), 0, 'start over');
  expectRefusals(rig, ErrorCode.E_INPUT, [() => device.submit(1, 0)]);
  for (const part of [input.subarray(0, 3), input.subarray(3, 4), input.subarray(4)]) rig.feed(part);
  assert.is(device.submit(1, 0), Status.RUN);
  rig.runOut();
  assert.is(rig.answer(), expectedAnswer(1));
  // The next job needs an input of its own.
  assert.is(device.ack(1), Status.IDLE);
  expectRefusals(rig, ErrorCode.E_INPUT, [() => device.submit(2, 0)]);
});

test('cancel: gives up a job under way or done, at every tile, and the next one is right', () => {
  const tiles = image.ops.reduce((sum, op) => sum + op.get(OP_TILES), 0);
  for (let done = 0; done <= tiles; done++) {
    for (const reboot of [false, true]) {
      const rig = booted();
      const { device } = rig;
      rig.feed(inputOf(1));
      device.submit(1, 0);
      for (let i = 0; i < done; i++) assert.ok(device.run(1) >= 0);
      assert.is(device.status(), done < tiles ? Status.RUN : Status.DONE);
      if (reboot) rig.boot();
      assert.is(device.cancel(1), Status.IDLE);
      expectRefusals(rig, Status.IDLE, [
        () => device.cancel(1),
        () => device.ack(1),
        () => device.submit(1, 0),
      ]);
      if (reboot) assert.is(rig.boot(), Status.IDLE);
      rig.finish(2);
      assert.is(rig.answer(), expectedAnswer(2), `cancelled after ${done} tiles`);
    }
  }
});

test('sequence numbers wrap around: jobs, reboots and cuts go on', () => {
  const starts = [0, 0x7ffffff9, 0x7fffffff, 0x80000000, 0xfffffff9, 0xfffffffe, 0xffffffff];
  for (const sequence of starts) {
    const rig = booted({ sequence });
    for (let ticket = 1; ticket <= 3; ticket++) {
      rig.feed(inputOf(ticket));
      assert.is(rig.device.submit(ticket, 0), Status.RUN);
      while (rig.device.status() === Status.RUN) {
        rig.device.run(1);
        const state = rig.field(C_STATE);
        rig.nvm.cut();
        assert.is(rig.boot(), state, `sequence ${sequence}`);
      }
      assert.is(rig.answer(), expectedAnswer(ticket), `sequence ${sequence}`);
      assert.is(rig.device.ack(ticket), Status.IDLE);
    }
  }
});

/** The longest a script of the tests' app may be. */
const LAST_TICKET = 3;

/** What the app's deliveries and the device's commits said on one path. */
interface Trace {
  /** Tickets in the order in which the device took them on. */
  accepted: number[];
  delivered: Set<number>;
}

/**
 * An app that has only its script: "complete tickets 1, 2, 3". It looks at the device's ticket, for that is all it
 * can know of its former lives. Yields between any two calls.
 */
function* app(rig: Rig, trace: Trace): Generator<string> {
  const { device } = rig;
  for (let ticket = Math.max(1, rig.field(C_TICKET)); ticket <= LAST_TICKET; ticket++) {
    if (rig.field(C_TICKET) !== ticket) {
      assert.is(device.feed(ARENA, 0), 0);
      yield `${ticket} starts over`;
      const input = inputOf(ticket);
      for (const part of [input.subarray(0, 5), input.subarray(5)]) {
        assert.ok(rig.feed(part) > 0);
        yield `${ticket} fed to ${part.byteOffset}`;
      }
      assert.is(device.submit(ticket, JobKind.INFER), Status.RUN);
      trace.accepted.push(ticket);
      yield `${ticket} submitted`;
    }
    while (device.status() === Status.RUN) {
      assert.ok(device.run(0) >= 0);
      yield `${ticket} ran`;
    }
    if (device.status() === Status.DONE) {
      assert.is(rig.answer(), expectedAnswer(ticket));
      trace.delivered.add(ticket);
      yield `${ticket} delivered`;
    }
    assert.is(device.ack(ticket), Status.IDLE);
    yield `${ticket} acknowledged`;
  }
}

test('app and device die between any two calls: each ticket is processed once, delivered at least once', () => {
  type Event = 'step' | 'app dies' | 'power fails' | 'power fails, unsynced writes lost';
  const events: Event[] = ['step', 'app dies', 'power fails', 'power fails, unsynced writes lost'];
  const replay = (path: Event[]): { key: string; finished: boolean } => {
    const rig = booted();
    const trace: Trace = { accepted: [], delivered: new Set() };
    let script = app(rig, trace);
    let [at, finished] = ['start', false];
    for (const event of path) {
      if (event === 'step') {
        const { value, done } = script.next();
        finished = done === true;
        at = finished ? 'end' : (value as string);
        continue;
      }
      if (event !== 'app dies') {
        const lost = event !== 'power fails';
        rig.nvm.cut({ order: (n) => [...Array(n).keys()], keeps: () => !lost });
        const code = rig.boot();
        assert.ok(code >= 0, `boot returned ${ErrorCode[code]}`);
      }
      script = app(rig, trace);
      at = 'start';
    }
    const once = trace.accepted.every((ticket, i) => ticket === i + 1);
    assert.ok(once, `tickets ${trace.accepted} taken on after ${path.join(', ')}`);
    if (finished) {
      assert.is(trace.accepted.length, LAST_TICKET);
      assert.is(trace.delivered.size, LAST_TICKET, `delivered ${[...trace.delivered]}`);
    }
    const seen = [...trace.accepted, '|', ...trace.delivered].join();
    // Diagnostics count boots, which no path of the script depends on before the bound.
    const nvm = [rig.nvm.cells, rig.nvm.present].map((bytes) => {
      const copy = bytes.slice(image.diagnostics.offset);
      copy.fill(0, 0, image.diagnostics.bytes);
      return (
        Buffer.from(copy).toString('latin1') +
        rig.nvm.cells.subarray(image.slots.offset, image.diagnostics.offset)
      );
    });
    const sram = Buffer.from(rig.memory.subarray(0, ARENA)).toString('latin1');
    return { key: [at, seen, ...nvm, sram].join('#'), finished };
  };
  const visited = new Set<string>();
  let frontier: Event[][] = [[]];
  let [ends, deaths] = [0, 0];
  while (frontier.length > 0) {
    const next: Event[][] = [];
    for (const path of frontier) {
      const { key, finished } = replay(path);
      if (visited.has(key)) continue;
      visited.add(key);
      if (path.at(-1) !== 'step') deaths++;
      if (finished) ends++;
      else for (const event of events) next.push([...path, event]);
    }
    frontier = next;
  }
  assert.ok(
    visited.size > 60 && deaths > 30 && ends >= 1,
    `${visited.size} states, ${deaths} deaths, ${ends} ends`,
  );
});

test('a charge that never holds the tile is reported after the bound of boots, and is no dead end', () => {
  const tiles = image.ops.reduce((sum, op) => sum + op.get(OP_TILES), 0);
  /** Boots on `units` of power each until one reports; returns how many did not. */
  const bootsUntilReport = (rig: Rig, power: CountdownPower): number => {
    for (let boots = 0; boots < 1000; boots++) {
      power.left = Infinity;
      const code = rig.boot();
      if (code === ErrorCode.E_NO_PROGRESS) return boots;
      assert.is(code, Status.RUN);
      power.left = 1;
      assert.throws(
        () => rig.device.run(0),
        (error: unknown) => error instanceof PowerCut,
      );
      rig.nvm.cut();
    }
    return assert.unreachable('no report in 1,000 boots') as never;
  };
  assert.ok(image.maxBoots > 1);
  for (let stuck = 0; stuck < tiles; stuck++) {
    for (const way of ['cancel', 'run on'] as const) {
      const power = new CountdownPower();
      const rig = booted({ supply: power });
      const { device } = rig;
      rig.feed(inputOf(1));
      device.submit(1, 0);
      for (let i = 0; i < stuck; i++) device.run(1);
      assert.is(bootsUntilReport(rig, power), image.maxBoots);
      assert.is(device.status(), Status.RUN);
      assert.is(rig.boot(), ErrorCode.E_NO_PROGRESS, 'and again, until something changes');
      power.left = Infinity;
      if (way === 'cancel') {
        assert.is(device.cancel(1), Status.IDLE);
        assert.is(rig.boot(), Status.IDLE);
        rig.finish(2);
        assert.is(rig.answer(), expectedAnswer(2));
        continue;
      }
      assert.ok(device.run(1) >= 0);
      if (stuck + 1 < tiles) {
        assert.is(bootsUntilReport(rig, power), image.maxBoots, 'progress starts the count over');
        power.left = Infinity;
      }
      rig.runOut();
      assert.is(rig.answer(), expectedAnswer(1));
      assert.is(device.ack(1), Status.IDLE);
    }
  }
});

test('the boot counter forgives rot: torn or random diagnostics count as none', () => {
  const rig = booted();
  rig.feed(inputOf(1));
  rig.device.submit(1, 0);
  const random = new Random(5);
  const { offset, bytes } = image.diagnostics;
  for (let i = 0; i < 300; i++) {
    rig.nvm.write(offset, new Uint8Array(int8s(random, bytes).buffer));
    rig.nvm.sync();
    assert.is(rig.boot(), Status.RUN);
    const boots = new DataView(rig.nvm.cells.buffer).getUint32(offset + D_BOOTS, true);
    assert.is(boots, 1);
  }
  rig.runOut();
  assert.is(rig.answer(), expectedAnswer(1));
});

test('a power cut inside any call, then the same app again: the simulated device agrees', () => {
  const power = new CountdownPower();
  const device = makeDevice(image as Image, 'scalar', { supply: power });
  assert.is(device.boot(), Status.IDLE);
  assert.is(device.version(), VERSION);
  assert.is(device.ack(1), ErrorCode.E_TICKET);
  power.left = 0;
  assert.throws(
    () => device.feed(inputOf(1)),
    (error: unknown) => error instanceof PowerCut,
  );
  device.cut();
  power.left = Infinity;
  assert.is(device.boot(), Status.IDLE);
  assert.is(device.submit(1), ErrorCode.E_INPUT);
});

test.run();
