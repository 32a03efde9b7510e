// The simulated device: the module that ships, NVM that outlives it, SRAM that does not.
import { instantiateSync } from '@assemblyscript/loader';
import { ErrorCode, Status } from '../../assembly/error.js';
import { ALIGNMENT, C_OP, C_STATE, C_TICKET, JobKind } from '../../assembly/layout.js';
import { WORK_BYTES } from '../../assembly/work-layout.js';
import { BrownoutError } from '../error.js';
import type { DeviceImage } from '../model/image.js';
import { littleEndian, type Values } from '../model/values.js';
import { acceleratorImports } from './accelerator.js';
import type { SimulatedNvm, CutOutcome } from './nvm.js';

/** Thrown out of an import when the power fails there. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut';

  constructor() {
    // Where it was thrown is nobody's question, and costs more than to boot.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super();
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** What feeds the device. Any method may throw `PowerCut`. */
export interface Supply {
  /** Power is up. `meter`: the metered module's counter, if it has one; `op`: of the plan, that a job is at. */
  boot(meter: WebAssembly.Global | undefined, op?: () => number | undefined): void;
  view(bytes: number): void;
  /** Constants are read: bytes of the image. */
  viewImage(bytes: number): void;
  /** How many of the bytes are written before the power fails; `bytes` if it does not. */
  write(bytes: number): number;
  sync(): void;
  /** The voltage monitor. */
  low(): boolean;
  /** The metered module has spent the budget it was granted: the power fails here. */
  spent?(): void;
}

/** Power that never fails. */
export const steadyPower: Supply = {
  boot() {},
  view() {},
  viewImage() {},
  write: (bytes) => bytes,
  sync() {},
  low: () => false,
};

/** What `assembly/index.ts` exports. */
export interface DeviceExports {
  memory: WebAssembly.Memory;
  boot(image: number, imageBytes: number, base: number, nvmBytes: number, sramBytes: number): number;
  feed(source: number, length: number): number;
  submit(ticket: number, kind: number): number;
  run(budget: number): number;
  label(ticket: number, y: number): number;
  ack(ticket: number): number;
  cancel(ticket: number): number;
  /** Of modules that learn. */
  restore?(): number;
  forget?(ticket: number, y: number): number;
  status(): number;
  version(): number;
  arena: WebAssembly.Global;
  cursor: WebAssembly.Global;
  /** Of modules that have room to work in. */
  room?: WebAssembly.Global;
  /** Of modules that have room for widened weights: makes them, once the image has booted. */
  widen?(image: number): number;
  meter?: WebAssembly.Global;
}

export interface DeviceOptions {
  /** What lies in the memory of constants: an image, or several one behind the other. */
  image: Pick<DeviceImage, 'device'>;
  nvm: SimulatedNvm;
  /** SRAM of the part, the module's static data included; a module has no more than its memory. */
  sramBytes: number;
  supply?: Supply;
  /** Where `nvm.present` begins in the module's memory, the image behind it, if both are mapped in place; else views copy. */
  mappedAt?: number;
  /** Of an instrumented module: where its own memory ends and its instrument's begins. Default: all of it is its own. */
  ownBytes?: number;
  /** Sees every NVM access, for verification. */
  observe?: (access: Access, address: number, length: number) => void;
}

/** What a module does to its memories: `view`, `write` and `sync` NVM, `constant` reads the image. */
export type Access = 'view' | 'write' | 'sync' | 'constant';

/** Where the image begins in the memory of a module that finds NVM at `mappedAt`. */
const mappedImageAt = (mappedAt: number, nvm: SimulatedNvm): number =>
  mappedAt + Math.ceil(nvm.present.length / ALIGNMENT) * ALIGNMENT;

/** An access that leaves the memories, as no image does that `compile` has made. */
const astray = (error: Error): BrownoutError =>
  new BrownoutError({
    code: 'E_IMAGE_RECORD',
    found: `an op that goes astray: ${error.message}`,
    expected: 'ops that stay inside the image, NVM and SRAM',
    hint: 'The image is damaged, with checksums made to fit: compile the model again.',
  });

/** Binds a module's imports to simulated NVM; what `Device` and the bench's host loop share. */
export function bindImports(options: DeviceOptions, memory: () => Uint8Array): WebAssembly.Imports {
  const { nvm, observe, mappedAt } = options;
  const { device: image } = options.image;
  const supply = options.supply ?? steadyPower;
  const check = (address: number, length: number): void => {
    if (length < 0 || address + length > nvm.present.length) {
      throw new RangeError(`NVM access to ${length} bytes at ${address}: there are ${nvm.present.length}`);
    }
  };
  return {
    image: {
      view(address: number, length: number, scratch: number): number {
        address >>>= 0;
        if (length < 0 || address + length > image.length)
          throw new RangeError(`reading ${length} bytes at ${address} of an image of ${image.length}`);
        observe?.('constant', address, length);
        supply.viewImage(length);
        if (mappedAt !== undefined) return mappedImageAt(mappedAt, nvm) + address;
        memory().set(image.subarray(address, address + length), scratch);
        return scratch;
      },
    },
    nvm: {
      view(address: number, length: number, scratch: number): number {
        address >>>= 0;
        check(address, length);
        observe?.('view', address, length);
        supply.view(length);
        if (mappedAt !== undefined) return mappedAt + address;
        memory().set(nvm.present.subarray(address, address + length), scratch);
        return scratch;
      },
      write(address: number, source: number, length: number): void {
        address >>>= 0;
        check(address, length);
        observe?.('write', address, length);
        const written = supply.write(length);
        nvm.write(address, memory().subarray(source, source + written));
        if (written < length) throw new PowerCut();
      },
      sync(): void {
        observe?.('sync', 0, 0);
        supply.sync();
        nvm.sync();
      },
    },
    power: { low: () => (supply.low() ? 1 : 0) },
    // Of builds with an accelerator; others import none.
    accel: acceleratorImports(memory),
  };
}

/** One device. Calls return the module's status or error code; a power failure anywhere throws `PowerCut`. */
export class Device {
  readonly nvm: SimulatedNvm;
  readonly sramBytes: number;
  readonly #image: Uint8Array;
  readonly #exports: DeviceExports;
  readonly #supply: Supply;
  readonly #memory: Uint8Array;
  /** Where room to work in begins, of builds that have it. */
  readonly #room: number | undefined;
  /** What start-up code puts below the arena on a real part: tables, and zeros. */
  readonly #statics: Uint8Array;
  #garbage = 0x9e3779b9;

  constructor(module: WebAssembly.Module, options: DeviceOptions) {
    this.nvm = options.nvm;
    this.#supply = options.supply ?? steadyPower;
    let memory = new Uint8Array();
    const imports = bindImports(options, () => memory);
    const { exports } = instantiateSync(module, imports);
    this.#exports = exports as unknown as DeviceExports;
    memory = new Uint8Array(this.#exports.memory.buffer, 0, options.ownBytes);
    this.#memory = memory;
    this.#statics = memory.slice(0, this.arena);
    const { nvm, mappedAt } = options;
    this.#room = this.#exports.room?.value as number | undefined;
    this.sramBytes = Math.min(options.sramBytes, mappedAt ?? this.#room ?? memory.length);
    this.#image = options.image.device;
    if (mappedAt === undefined) return;
    nvm.mapTo(memory.subarray(mappedAt, mappedAt + nvm.present.length));
    memory.set(this.#image, mappedImageAt(mappedAt, nvm));
  }

  get arena(): number {
    return this.#exports.arena.value as number;
  }

  /** The module's memory, for tests that look inside. */
  get memory(): Uint8Array {
    return this.#memory;
  }

  /** A field of the cursor as it stands in SRAM (C_… of assembly/layout.ts). */
  cursorField(offset: number): number {
    return new DataView(this.#memory.buffer).getUint32((this.#exports.cursor.value as number) + offset, true);
  }

  /** The op that the job under way is at. */
  readonly #op = (): number | undefined =>
    this.cursorField(C_STATE) === Status.RUN ? this.cursorField(C_OP) : undefined;

  /** Ticket of the present or last job, as an app reads it after a boot. */
  get ticket(): number {
    return this.cursorField(C_TICKET);
  }

  /**
   * Power comes up: SRAM holds garbage, start-up code runs, the module boots on the image at `imageAt`, whose state is
   * at `base` of NVM.
   */
  boot(base = 0, imageAt = 0): number {
    this.#scramble();
    this.#supply.boot(this.#exports.meter, this.#op);
    const [imageBytes, nvmBytes] = [this.#image.length - imageAt, this.nvm.present.length - base];
    return this.#guard(() => this.#exports.boot(imageAt, imageBytes, base, nvmBytes, this.sramBytes));
  }

  /** Power goes down: what was not behind a barrier is at the mercy of `outcome`. */
  cut(outcome?: CutOutcome): void {
    this.nvm.cut(outcome);
  }

  /** Feeds a whole input through SRAM, in pieces that fit it; none starts over. Returns the last code. */
  feed(input: Values): number {
    const bytes = littleEndian(input);
    const room = this.sramBytes - this.arena;
    let code = 0;
    if (bytes.length === 0) return this.#guard(() => this.#exports.feed(this.arena, 0));
    for (let at = 0; at < bytes.length && code >= 0; at += room) {
      const piece = bytes.subarray(at, at + room);
      this.#memory.set(piece, this.arena);
      code = this.#guard(() => this.#exports.feed(this.arena, piece.length));
    }
    return code;
  }

  /** Starts a learn job on the input fed, of class `y`. */
  learn(ticket: number, y: number): number {
    return this.submit(ticket, JobKind.LEARN | (y << 8));
  }

  submit(ticket: number, kind = 0): number {
    return this.#guard(() => this.#exports.submit(ticket, kind));
  }

  run(budget = 0): number {
    return this.#guard(() => this.#exports.run(budget));
  }

  label(ticket: number, y: number): number {
    return this.#guard(() => this.#exports.label(ticket, y));
  }

  ack(ticket: number): number {
    return this.#guard(() => this.#exports.ack(ticket));
  }

  cancel(ticket: number): number {
    return this.#guard(() => this.#exports.cancel(ticket));
  }

  /** Back to the factory's weights. */
  restore(): number {
    const { restore } = this.#exports;
    return restore ? this.#guard(() => restore()) : ErrorCode.E_KIND;
  }

  /** Class `y` as it was at the factory; a job of its own. */
  forget(ticket: number, y: number): number {
    const { forget } = this.#exports;
    return forget ? this.#guard(() => forget(ticket, y)) : ErrorCode.E_KIND;
  }

  status(): number {
    return this.#guard(() => this.#exports.status());
  }

  version(): number {
    return this.#exports.version();
  }

  /** The metered module traps when its budget is spent: that is a power cut like one inside an import. */
  #guard(call: () => number): number {
    try {
      return call();
    } catch (error) {
      const { meter } = this.#exports;
      const spent = meter !== undefined && (meter.value as bigint) >= 0n;
      if (error instanceof RangeError || (error instanceof WebAssembly.RuntimeError && !spent))
        throw astray(error);
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#supply.spent?.();
      throw new PowerCut();
    }
  }

  #scramble(): void {
    let x = this.#garbage;
    for (let at = this.arena; at < this.sramBytes; at++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      this.#memory[at] = x;
    }
    this.#garbage = x;
    if (this.#room !== undefined) this.#memory.fill(x, this.#room, this.#room + WORK_BYTES);
    this.#memory.set(this.#statics);
  }
}
