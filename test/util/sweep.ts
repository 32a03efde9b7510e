// Random shapes of a kernel, in several builds, against the naive oracle: an ordinary run tries few, `npm run sweeps` as many as
// it is told. Made for many: the oracle answers once a shape, and an instance of a module serves every image that comes.

import { basename } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../../assembly/error.js';
import { STATIC_BYTES, STATIC_BYTES_CHECKED, STATIC_BYTES_LEARNING } from '../../assembly/layout.js';
import { assemble } from '../../host/compile/compile.js';
import { type CompileOptions, compileOptions } from '../../host/compile/options.js';
import { BrownoutError } from '../../host/error.js';
import { Random } from '../../host/math/random.js';
import { type Image, readImage } from '../../host/model/image.js';
import type { QuantizedNetwork } from '../../host/model/quantized-network.js';
import { littleEndian, type Values, valuesFrom } from '../../host/model/values.js';
import { checkOptions } from '../../host/options/table.js';
import { acceleratorImports } from '../../host/simulator/accelerator.js';
import type { DeviceExports } from '../../host/simulator/device.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { mapInPlace } from '../../host/toolchain/in-place.js';
import { moduleBytes, moduleFor, type ModuleName } from '../../host/toolchain/modules.js';
import { valuesFor } from '../../samples/networks.js';
import { type Digests, digestOf, isDone, noteDone, readRecord } from '../sweeps/record.js';
import { type Build, hasBuild } from './devices.js';
import { runOracle } from './oracle.js';

/** Shapes to try instead of the few of an ordinary run. */
const MANY = Number(process.env['BROWNOUT_SHAPES'] ?? 0);

/** Which sweeps run, by a part of what `npm run sweeps -- --list` prints, one a line; nothing: all. */
const CHOSEN = (process.env['BROWNOUT_SWEEPS'] ?? '').split('\n').filter((part) => part !== '');

/** Only name them. */
const LIST = process.env['BROWNOUT_SWEEPS_LIST'] !== undefined;

/** Where sweeps that are done are written down, and which of them are left out; none for an ordinary run. */
const RECORD = process.env['BROWNOUT_SWEEPS_RECORD'];

/** When no other sweep begins, in ms since 1970. */
const UNTIL = Number(process.env['BROWNOUT_SWEEPS_UNTIL'] ?? Number.POSITIVE_INFINITY);

/** The test file that runs, as `npm test` names it. */
const FILE = basename(process.argv[1] ?? '', '.test.js');

/** Bytes that a mapped build has behind its memory, for NVM and image. */
const MAPPED_BYTES = 1 << 20;

/** What SRAM holds when power comes up; where it begins moves from boot to boot. */
const GARBAGE = ((random) => Uint8Array.from({ length: 1 << 17 }, () => random.integer(256)))(new Random(99));

/** Byte that NVM holds where nothing was written. */
const UNWRITTEN = 0xa5;

/** An instance of a module that runs one image after the other, on power that does not fail. What lies in its memory stays. */
class ReusedDevice {
  readonly #exports: DeviceExports;
  readonly #memory: Uint8Array;
  readonly #statics: Uint8Array;
  readonly #mappedAt: number | undefined;
  #image: Uint8Array = new Uint8Array();
  #nvm: Uint8Array = new Uint8Array();
  #boots = 0;

  constructor(module: WebAssembly.Module, mappedAt?: number) {
    this.#mappedAt = mappedAt;
    let memory = new Uint8Array();
    const place = (from: Uint8Array, mapped: number | undefined, at: number, bytes: number, to: number) => {
      at >>>= 0;
      if (bytes < 0 || at + bytes > from.length) throw new RangeError(`${bytes} bytes at ${at}`);
      if (mapped !== undefined) return mapped + at;
      memory.set(from.subarray(at, at + bytes), to);
      return to;
    };
    const instance = new WebAssembly.Instance(module, {
      image: {
        view: (at: number, bytes: number, to: number) => place(this.#image, this.#imageAt, at, bytes, to),
      },
      nvm: {
        view: (at: number, bytes: number, to: number) => place(this.#nvm, mappedAt, at, bytes, to),
        write: (at: number, from: number, bytes: number) => {
          at >>>= 0;
          if (bytes < 0 || at + bytes > this.#nvm.length) throw new RangeError(`${bytes} bytes at ${at}`);
          this.#nvm.set(memory.subarray(from, from + bytes), at);
        },
        sync: () => {},
      },
      power: { low: () => 0 },
      accel: acceleratorImports(() => memory),
    });
    this.#exports = instance.exports as unknown as DeviceExports;
    memory = new Uint8Array(this.#exports.memory.buffer);
    this.#memory = memory;
    this.#statics = memory.slice(0, this.#arena);
  }

  get #arena(): number {
    return this.#exports.arena.value as number;
  }

  get #imageAt(): number | undefined {
    return this.#mappedAt === undefined ? undefined : this.#mappedAt + MAPPED_BYTES / 2;
  }

  /** The answer to `input`; NVM is as `provisioned` to begin with, and has no byte more. */
  infer(image: Image, provisioned: Uint8Array, input: Values, sramBytes: number): Values {
    this.#image = image.device;
    this.#nvm = provisioned.slice();
    if (this.#mappedAt !== undefined) {
      this.#nvm = this.#memory.subarray(this.#mappedAt, this.#mappedAt + provisioned.length);
      this.#nvm.set(provisioned);
      this.#memory.set(image.device, this.#imageAt);
    }
    this.#boots = (this.#boots + 4093) % (1 << 16);
    this.#memory.set(GARBAGE.subarray(this.#boots, this.#boots + sramBytes - this.#arena), this.#arena);
    this.#memory.set(this.#statics);
    const device = this.#exports;
    expect(device.boot(0, image.device.length, 0, provisioned.length, sramBytes), Status.IDLE);
    const bytes = littleEndian(input);
    for (let at = 0; at < bytes.length; at += sramBytes - this.#arena) {
      const piece = bytes.subarray(at, at + sramBytes - this.#arena);
      this.#memory.set(piece, this.#arena);
      expect(device.feed(this.#arena, piece.length), at + piece.length);
    }
    expect(device.submit(1, 0), Status.RUN);
    let state: number = Status.RUN;
    while (state === Status.RUN) state = device.run(0);
    expect(state, Status.DONE);
    const { offset, bytes: length } = image.output;
    return valuesFrom(this.#nvm.subarray(offset, offset + length), image.metadata.output.dtype);
  }
}

function expect(found: number, expected: number): void {
  if (found !== expected) throw new Error(`the device returned ${found} instead of ${expected}`);
}

/** A device for images that run in `statics` bytes and their arena. */
export interface Body {
  name: string;
  /** Of every module that its devices are made of. */
  modules(): Digests;
  /** The name there of the one that runs an image. */
  module(image: Image): string;
  has(image: Image): boolean;
  device(image: Image): ReusedDevice;
  /** Below the arena. */
  statics(image: Image): number;
}

const learns = (image: Image): boolean => moduleFor(image) === 'device.learn';

/** The module that a build runs where the scalar one is `scalar`. */
function moduleOf(build: Build, scalar: 'device' | 'device.learn'): ModuleName {
  const names = {
    scalar,
    fast: 'device.fast',
    accelerated: 'device.accelerated',
    simd: 'device.simd',
    checked: `${scalar}.checked`,
    'in-place': scalar,
  } as const;
  return names[build];
}

const bytes = new Map<ModuleName, Uint8Array<ArrayBuffer>>();

/** The bytes of a module as they were at first: a build meanwhile changes nothing. */
function bytesOnce(name: ModuleName): Uint8Array<ArrayBuffer> {
  const known = bytes.get(name) ?? moduleBytes(name);
  bytes.set(name, known);
  return known;
}

/** A build that ships. */
function shipped(build: Build): Body {
  const devices = new Map<string, ReusedDevice>();
  const make = (name: ModuleName): ReusedDevice => {
    if (build !== 'in-place') return new ReusedDevice(new WebAssembly.Module(bytesOnce(name)));
    const mapped = mapInPlace(bytesOnce(name), { nvmBytes: MAPPED_BYTES });
    return new ReusedDevice(new WebAssembly.Module(mapped), 65536);
  };
  const module = (image: Image): ModuleName => moduleOf(build, moduleFor(image));
  return {
    name: build,
    modules() {
      const names = (['device', 'device.learn'] as const).map((scalar) => moduleOf(build, scalar));
      return Object.fromEntries(names.map((name) => [name, digestOf(bytesOnce(name))]));
    },
    module,
    has: (image) => hasBuild(image, build),
    device(image) {
      const which = module(image);
      const device = devices.get(which) ?? make(which);
      devices.set(which, device);
      return device;
    },
    statics(image) {
      if (build === 'checked') return STATIC_BYTES_CHECKED;
      return learns(image) && (build === 'scalar' || build === 'in-place')
        ? STATIC_BYTES_LEARNING
        : STATIC_BYTES;
    },
  };
}

export const SHIPPED: readonly Body[] = (
  ['scalar', 'fast', 'accelerated', 'simd', 'checked', 'in-place'] as const
).map(shipped);

/** What firmware with an accelerator runs where memories are mapped: rows lie in place. */
export function acceleratedInPlace(): Body {
  const mapped = mapInPlace(bytesOnce('device.accelerated'), { nvmBytes: MAPPED_BYTES });
  const device = new ReusedDevice(new WebAssembly.Module(mapped), 65536);
  return {
    name: 'accelerated, in place',
    modules: () => ({ 'device.accelerated': digestOf(bytesOnce('device.accelerated')) }),
    module: () => 'device.accelerated',
    has: () => true,
    device: () => device,
    statics: () => STATIC_BYTES,
  };
}

/** A module of its own. */
export function bodyOf(name: string, wasm: Uint8Array<ArrayBuffer>): Body {
  const device = new ReusedDevice(new WebAssembly.Module(wasm));
  const digests = { [name]: digestOf(wasm) };
  return {
    name,
    modules: () => digests,
    module: () => name,
    has: () => true,
    device: () => device,
    statics: () => STATIC_BYTES,
  };
}

export interface Sweep {
  name: string;
  /** Shapes of an ordinary run. */
  few: number;
  make: (random: Random) => QuantizedNetwork;
  /** Of SRAM. */
  arenaBytes: (random: Random, seed: number) => number;
  bodies: readonly Body[];
  capacitorUf?: number;
  /** What it is compiled for. */
  device?: string;
}

/** The image in so much SRAM, or, where no tile is small enough for that, in twice as much. */
function imageIn(network: QuantizedNetwork, options: CompileOptions, arenaBytes: number): Image {
  try {
    const given: CompileOptions = { ...options, arenaBytes };
    return readImage(assemble(network, checkOptions(compileOptions, given)).image);
  } catch (error) {
    if (!(error instanceof BrownoutError) || error.code !== 'E_PLAN' || arenaBytes > 20_000) throw error;
    return imageIn(network, options, arenaBytes * 2);
  }
}

/** One shape in all bodies; names of the modules that ran it. Throws where one differs from the oracle. */
export function trial({ make, arenaBytes, bodies, capacitorUf, device }: Sweep, seed: number): string[] {
  const random = new Random(seed);
  const network = make(random);
  const image = imageIn(
    network,
    { ...(capacitorUf ? { capacitorUf } : {}), ...(device ? { device } : {}) },
    arenaBytes(random, seed),
  );
  const input = valuesFor(random, network.tensors[network.input]!);
  const expected = runOracle(network, input)[network.output]!;
  const nvm = new SimulatedNvm(image.nvmBytes);
  nvm.load(new Uint8Array(image.nvmBytes).fill(UNWRITTEN));
  provision(nvm, image);
  const able = bodies.filter((body) => body.has(image));
  for (const body of able) {
    const sramBytes = body.statics(image) + image.arenaBytes;
    const found = body.device(image).infer(image, nvm.cells, input, sramBytes);
    if (Buffer.compare(bytesOf(found), bytesOf(expected)) !== 0) assert.equal(found, expected, body.name);
  }
  return able.map((body) => body.module(image));
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Values): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** A test beside sweeps: a long run of those leaves it out. */
export const testBeside = MANY || LIST ? test.skip : test;

/** The test of a kernel. */
export function sweep(one: Sweep): void {
  const full = `${FILE}: ${one.name}`;
  if (CHOSEN.length > 0 && !CHOSEN.some((part) => full.includes(part))) return;
  if (LIST) {
    console.log(full);
    return;
  }
  const count = MANY || one.few;
  test(`${one.name}: ${count} random shapes equal the oracle`, () => {
    const today: Digests = RECORD ? Object.assign({}, ...one.bodies.map((body) => body.modules())) : {};
    if (RECORD && isDone(readRecord(RECORD), full, count, today)) return console.log(`${full}: done before`);
    if (Date.now() > UNTIL) return console.log(`${full}: not begun, as the time is up`);
    const ran = new Set<string>();
    for (let seed = 1; seed <= count; seed++) {
      try {
        for (const module of trial(one, seed)) ran.add(module);
      } catch (error) {
        if (error instanceof Error) error.message = `${one.name}, seed ${seed}: ${error.message}`;
        throw error;
      }
    }
    if (MANY) console.log(`${full}: ${count} shapes in ${one.bodies.map(({ name }) => name).join(', ')}`);
    if (!RECORD) return;
    const modules = Object.fromEntries([...ran].sort().map((name) => [name, today[name]!]));
    noteDone(RECORD, full, { shapes: count, modules });
  });
}
