// One instance of a device module under the verifier's eyes: NVM and SRAM hold what the verifier puts there, and every
// call leaves a trace of what it reads and writes.
import { instantiateSync } from '@assemblyscript/loader';
import { CURSOR_BYTES } from '../../assembly/layout.js';
import type { Interval } from '../plan/interval.js';
import type { DeviceExports, Supply } from '../simulator/device.js';
import type { Shadowed } from '../toolchain/shadow.js';

export interface Write {
  address: number;
  bytes: Uint8Array;
}

/** What one call did to NVM. */
export interface Trace {
  /** Address and length of each view, flat. */
  views: number[];
  /** Writes and barriers in order. */
  steps: (Write | 'sync')[];
}

/** The module did what no module may do: it trapped, left NVM, or used SRAM that nobody had written. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

export interface ProbeOptions {
  nvmBytes: number;
  /** SRAM of the part, the module's static data included. */
  sramBytes: number;
  /** The module is a shadowed one (`shadowReads`). */
  shadow?: Omit<Shadowed, 'wasm'>;
  /** Hears of every access, to count what it costs. */
  supply?: Supply;
}

export class Probe {
  /** What the module reads: its writes land here at once. */
  readonly nvm: Uint8Array;
  readonly memory: Uint8Array;
  /** First byte of SRAM behind the static data. */
  readonly arena: number;
  readonly sramBytes: number;
  /** Of the last call. */
  trace: Trace = { views: [], steps: [] };
  /** NVM that the module wrote or `place` did, since whoever patches NVM last emptied the list. */
  readonly wrote: Interval[] = [];
  /** What the voltage monitor answers. */
  low: () => boolean = () => false;
  readonly device: DeviceExports;
  readonly #statics: Uint8Array;
  readonly #cursor: number;
  readonly #shadow: Omit<Shadowed, 'wasm'> | undefined;
  readonly #supply: Supply | undefined;

  constructor(module: WebAssembly.Module, options: ProbeOptions) {
    this.nvm = new Uint8Array(options.nvmBytes);
    this.#shadow = options.shadow;
    this.#supply = options.supply;
    let memory = new Uint8Array();
    this.device = instantiateSync(
      module,
      this.#imports(() => memory),
    ).exports as unknown as DeviceExports;
    memory = new Uint8Array(this.device.memory.buffer);
    this.memory = memory;
    this.arena = this.device.arena.value as number;
    this.#cursor = this.device.cursor.value as number;
    this.sramBytes = options.sramBytes;
    this.#statics = memory.slice(0, this.arena);
  }

  /** SRAM behind the static data. */
  get arenaBytes(): Uint8Array {
    return this.memory.subarray(this.arena, this.sramBytes);
  }

  /** Shadow of `arenaBytes`: 0 where the value is known. */
  get arenaShadow(): Uint8Array {
    const { shadowAt } = this.#shadow!;
    return this.memory.subarray(shadowAt + this.arena, shadowAt + this.sramBytes);
  }

  /** The cursor as it stands in SRAM; a copy. */
  get cursor(): Uint8Array {
    return this.memory.slice(this.#cursor, this.#cursor + CURSOR_BYTES);
  }

  /** Puts bytes into NVM from outside. */
  place(address: number, bytes: Uint8Array): void {
    this.nvm.set(bytes, address);
    this.wrote.push([address, address + bytes.length]);
  }

  /** Power comes up: the arena holds what `garbage` puts there, start-up code has done its work, the module boots. */
  boot(garbage: (arena: Uint8Array) => void, base = 0): number {
    garbage(this.arenaBytes);
    this.memory.set(this.#statics);
    if (this.#shadow) this.arenaShadow.fill(1);
    this.#supply?.boot(this.device.meter);
    return this.call(() => this.device.boot(base, this.nvm.length - base, this.sramBytes));
  }

  /** Feeds `bytes` in pieces that fit SRAM, as an app does. Returns the last code. */
  feed(bytes: Uint8Array): number {
    const room = this.sramBytes - this.arena;
    const trace: Trace = { views: [], steps: [] };
    let code = 0;
    for (let at = 0; at < bytes.length && code >= 0; at += room) {
      const piece = bytes.subarray(at, at + room);
      this.memory.set(piece, this.arena);
      this.#know(this.arena, piece.length);
      code = this.call(() => this.device.feed(this.arena, piece.length));
      trace.views.push(...this.trace.views);
      trace.steps.push(...this.trace.steps);
    }
    this.trace = trace;
    return code;
  }

  /** Makes a call and leaves its trace in `trace`. Throws `Fault`. */
  call(action: () => number): number {
    this.trace = { views: [], steps: [] };
    try {
      return action();
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (error instanceof WebAssembly.RuntimeError) throw new Fault(this.#describeTrap(error));
      throw error;
    }
  }

  #describeTrap(error: WebAssembly.RuntimeError): string {
    if (this.#shadow) {
      const cell = new DataView(this.memory.buffer);
      const at = cell.getUint32(this.#shadow.faultAt, true);
      cell.setUint32(this.#shadow.faultAt, 0, true);
      if (at > 0) return `using the unwritten SRAM byte ${at - 1} (arena + ${at - 1 - this.arena})`;
    }
    const { meter } = this.device;
    if (meter !== undefined && (meter.value as bigint) >= 0n) return 'running without end';
    return `a trap: ${error.message}`;
  }

  #know(address: number, length: number): void {
    if (this.#shadow)
      this.memory.fill(0, this.#shadow.shadowAt + address, this.#shadow.shadowAt + address + length);
  }

  #check(what: string, address: number, length: number): void {
    if (length >= 0 && address + length <= this.nvm.length) return;
    throw new Fault(`${what} ${length} bytes of NVM at ${address}, where there are ${this.nvm.length}`);
  }

  #imports(memory: () => Uint8Array): WebAssembly.Imports {
    return {
      nvm: {
        view: (address: number, length: number, scratch: number): number => {
          address >>>= 0;
          this.#check('reading', address, length);
          this.#supply?.view(length);
          this.trace.views.push(address, length);
          memory().set(this.nvm.subarray(address, address + length), scratch);
          this.#know(scratch, length);
          return scratch;
        },
        write: (address: number, source: number, length: number): void => {
          address >>>= 0;
          this.#check('writing', address, length);
          this.#supply?.write(length);
          const bytes = memory().slice(source, source + length);
          if (this.#shadow) {
            const at = this.#shadow.shadowAt + source;
            const unknown = memory()
              .subarray(at, at + length)
              .findIndex((mark) => mark !== 0);
            if (unknown >= 0) throw new Fault(`writing the unwritten SRAM byte ${source + unknown} to NVM`);
          }
          this.trace.steps.push({ address, bytes });
          this.place(address, bytes);
        },
        sync: (): void => {
          this.#supply?.sync();
          this.trace.steps.push('sync');
        },
      },
      power: { low: () => (this.low() ? 1 : 0) },
    };
  }
}
