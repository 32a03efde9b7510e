// One instance of a device module under the verifier's eyes: NVM and SRAM hold what the verifier puts there, and every
// call leaves a trace of what it reads and writes.
import { instantiateSync } from '@assemblyscript/loader';
import { Status } from '../../assembly/error.js';
import { CONSTANT, CURSOR_BYTES, C_OP, C_STATE } from '../../assembly/layout.js';
import type { DeviceImage } from '../model/image.js';
import type { Interval } from '../plan/interval.js';
import { acceleratorAccesses } from '../simulator/accelerator-accesses.js';
import { acceleratorImports } from '../simulator/accelerator.js';
import type { DeviceExports, Supply } from '../simulator/device.js';
import type { Shadowed } from '../toolchain/shadow.js';
import type { Build, Mapping } from './builds.js';
import { WatchedNvm } from './watched-nvm.js';

export interface Write {
  address: number;
  bytes: Uint8Array;
}

/** What one call did to NVM. */
export interface Trace {
  /** Address and length of each view of NVM, flat. */
  views: number[];
  /** Writes and barriers in order. */
  steps: (Write | 'sync')[];
}

/** The module did what no module may do: it trapped, left NVM, or used SRAM that nobody had written. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

export interface ProbeOptions {
  image: Pick<DeviceImage, 'device' | 'nvmBytes'>;
  /** SRAM that the image declares, the module's static data included. */
  sramBytes: number;
  /** Where the image and its state begin in their memories; default 0. Addresses in traces count from it. */
  base?: number;
  /** Hears of what a view put into SRAM. */
  onView?: (address: number, length: number, scratch: number) => void;
  /** Hears of a watched module's loads of image and NVM, by address in memory, before they take place. */
  onLoad?: (address: number, length: number) => void;
  /** Hears of what a view of constants put into SRAM, and where in the image it lies. */
  onConstant?: (scratch: number, length: number, address: number) => void;
  /** Hears of what an accelerator put into SRAM. */
  onAccelerated?: (address: number, length: number) => void;
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
  /** What no module may write. */
  readonly #image: Uint8Array;
  readonly #statics: Uint8Array;
  readonly #base: number;
  readonly #cursor: number;
  readonly #shadow: Omit<Shadowed, 'wasm'> | undefined;
  readonly #supply: Supply | undefined;
  readonly #options: ProbeOptions;
  readonly #mapping: Mapping | undefined;
  readonly #watched: WatchedNvm | undefined;
  /** Room to work in; empty, if the module has none. */
  readonly #room: Uint8Array;
  /** What it holds when a call begins. */
  #spoil: (bytes: Uint8Array) => void = () => undefined;
  /** What views in place have shown to the call under way: address in memory and length. */
  #lent: [number, number][] = [];

  constructor({ module, mapping, room, shadow }: Build, options: ProbeOptions) {
    const { image } = options;
    this.#image = image.device;
    this.#base = baseOf(mapping, room, options.base ?? 0);
    this.#shadow = shadow;
    this.#supply = options.supply;
    this.#options = options;
    this.#mapping = mapping && placed(mapping, this.#base);
    if (mapping?.own) this.#watched = new WatchedNvm(mapping, image.device.length, image.nvmBytes);
    let memory = new Uint8Array();
    this.device = instantiateSync(
      module,
      this.#imports(() => memory),
    ).exports as unknown as DeviceExports;
    memory = new Uint8Array(this.device.memory.buffer);
    this.memory = memory;
    this.nvm = this.#map(image.nvmBytes);
    this.#room = memory.subarray(...(room ?? [0, 0]));
    this.arena = this.device.arena.value as number;
    this.#cursor = this.device.cursor.value as number;
    this.sramBytes = options.sramBytes;
    this.#statics = memory.slice(0, this.arena);
    // What the image does not declare nobody may use, and of what is mapped what a view shows alone. Watchers see the rest.
    const end = this.#watched ? mapping!.imageAt : shadow?.shadowAt;
    if (shadow) memory.fill(1, shadow.shadowAt + this.sramBytes, shadow.shadowAt + end!);
  }

  /** NVM: apart, or in the module's memory with the image. */
  #map(nvmBytes: number): Uint8Array {
    const mapping = this.#mapping;
    if (!mapping) return new Uint8Array(nvmBytes);
    this.memory.set(this.#image, mapping.imageAt);
    return this.memory.subarray(mapping.stateAt, mapping.stateAt + nvmBytes);
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

  /** The op that the job under way is at. */
  readonly #op = (): number | undefined => {
    const cell = new DataView(this.memory.buffer, this.#cursor, CURSOR_BYTES);
    return cell.getUint32(C_STATE, true) === Status.RUN ? cell.getUint32(C_OP, true) : undefined;
  };

  /** Puts bytes into NVM from outside. */
  place(address: number, bytes: Uint8Array): void {
    this.nvm.set(bytes, address);
    this.wrote.push([address, address + bytes.length]);
  }

  /**
   * Power comes up: the arena holds what `garbage` puts there, start-up code has done its work, the module boots. Room to work in
   * holds it, too, whenever a call begins.
   */
  boot(garbage: (sram: Uint8Array) => void): number {
    garbage(this.arenaBytes);
    this.#spoil = garbage;
    this.memory.set(this.#statics);
    if (this.#shadow) this.arenaShadow.fill(1);
    this.#supply?.boot(this.device.meter, this.#op);
    return this.bootAgain();
  }

  /** The app calls `boot` with power on: SRAM holds what it held. */
  bootAgain(): number {
    const base = this.#base;
    const { length } = this.#image;
    const mapping = this.#mapping;
    // In one memory with the image the state begins behind it.
    const state = mapping?.own ? base + mapping.stateAt - mapping.imageAt : base;
    return this.call(() => this.device.boot(base, length, state, this.nvm.length, this.sramBytes));
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
    this.#spoil(this.#room);
    this.#forget(this.#room.byteOffset, this.#room.length);
    // As where a first view begins the work of a tile.
    if (this.#watched) this.#supply?.view(0);
    try {
      return action();
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (error instanceof WebAssembly.RuntimeError) throw new Fault(this.#describeTrap(error));
      throw error;
    } finally {
      this.#endCall();
    }
  }

  /** Views end with the call, and a watched module's reads are known. */
  #endCall(): void {
    for (const [address, length] of this.#lent) this.#forget(address, length);
    this.#lent = [];
    if (!this.#watched) return;
    this.#pay();
    this.trace.views.push(...this.#watched.take());
  }

  /** What a watched module has done costs at its next import: between them a metered one keeps its count to itself. */
  #pay(): void {
    const account = this.#watched?.account();
    if (!account || !this.#supply) return;
    const { nvmBytes, imageBytes, written } = account;
    if (imageBytes > 0) this.#supply.viewImage(imageBytes);
    if (nvmBytes > 0) this.#supply.view(nvmBytes);
    for (const length of written) this.#supply.write(length);
  }

  #describeTrap(error: WebAssembly.RuntimeError): string {
    if (this.#shadow) {
      const cell = new DataView(this.memory.buffer);
      const at = cell.getUint32(this.#shadow.faultAt, true);
      cell.setUint32(this.#shadow.faultAt, 0, true);
      const mapping = this.#mapping;
      if (this.#inRoom(at - 1, 1))
        return `using byte ${at - 1} of the room to work in, which the tile has not written`;
      if (mapping && at > mapping.imageAt)
        return at > mapping.stateAt
          ? `using NVM byte ${at - 1 - mapping.stateAt}, which no view shows`
          : `using byte ${at - 1 - mapping.imageAt} of the image, which no view shows`;
      if (at > this.sramBytes)
        return `using SRAM byte ${at - 1}, where the image declares ${this.sramBytes} (arena + ${this.sramBytes - this.arena})`;
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

  #forget(address: number, length: number): void {
    if (this.#shadow)
      this.memory.fill(1, this.#shadow.shadowAt + address, this.#shadow.shadowAt + address + length);
  }

  /** Address and length of an access to NVM, from the image's region on. */
  #inNvm(what: string, absolute: number, length: number): number {
    const address = (absolute >>> 0) - this.#base;
    if (address >= 0 && length >= 0 && address + length <= this.nvm.length) return address;
    if (address >= CONSTANT) throw new Fault(`${what} ${length} bytes of the image at ${address - CONSTANT}`);
    throw new Fault(`${what} ${length} bytes of NVM at ${address}, where there are ${this.nvm.length}`);
  }

  /** SRAM that is used from outside on the module's behalf must be declared, and known if it is read; so must what views show. */
  #inSram(address: number, length: number, reading: string): void {
    const isMapped = this.#mapping !== undefined && address >= this.#mapping.imageAt;
    if (
      !this.#inRoom(address, length) &&
      (address >>> 0) + length > (isMapped && reading ? this.#mapping!.end : this.sramBytes)
    )
      throw new Fault(
        `using ${length} bytes of SRAM at ${address}, where the image declares ${this.sramBytes}`,
      );
    if (!this.#shadow || !reading) return;
    const at = this.#shadow.shadowAt + address;
    const unknown = this.memory.subarray(at, at + length).findIndex((mark) => mark !== 0);
    if (unknown >= 0) throw new Fault(`${reading} the unwritten SRAM byte ${address + unknown}`);
  }

  /** The accelerator's bodies by their contract: they use what it says, and no more. */
  #accelerator(): Record<string, (...values: number[]) => void> {
    const bodies = acceleratorImports(() => this.memory);
    const guarded = (name: keyof typeof bodies) => {
      return (...values: number[]): void => {
        const { reads, writes, clobbers } = acceleratorAccesses[name](values);
        for (const [address, length] of reads) this.#inSram(address, length, 'accelerating');
        for (const [address, length] of [...writes, ...clobbers]) this.#inSram(address, length, '');
        bodies[name](...values);
        for (const [address, length] of clobbers) this.#forget(address, length);
        for (const [address, length] of writes) {
          this.#know(address, length);
          this.#options.onAccelerated?.(address, length);
        }
      };
    };
    const names = Object.keys(acceleratorAccesses) as (keyof typeof acceleratorAccesses)[];
    return Object.fromEntries(names.map((name) => [name, guarded(name)]));
  }

  /** What a view returns: the bytes in SRAM, or where they lie. */
  #show(bytes: Uint8Array, mappedAt: number | undefined, scratch: number): number {
    if (mappedAt === undefined) {
      this.memory.set(bytes, scratch);
      this.#know(scratch, bytes.length);
      return scratch;
    }
    this.#know(mappedAt, bytes.length);
    if (this.#shadow) this.#lent.push([mappedAt, bytes.length]);
    return mappedAt;
  }

  #imports(memory: () => Uint8Array): WebAssembly.Imports {
    const mapping = this.#mapping;
    return {
      image: {
        view: (address: number, length: number, scratch: number): number => {
          address = (address >>> 0) - this.#base;
          if (address < 0 || length < 0 || address + length > this.#image.length)
            throw new Fault(`reading ${length} bytes at ${address} of an image of ${this.#image.length}`);
          this.#inSram(scratch, length, '');
          this.#supply?.viewImage(length);
          const bytes = this.#image.subarray(address, address + length);
          const shown = this.#show(bytes, mapping && mapping.imageAt + address, scratch);
          this.#options.onConstant?.(shown, length, address);
          return shown;
        },
      },
      nvm: {
        view: (address: number, length: number, scratch: number): number => {
          address = this.#inNvm('reading', address, length);
          this.#inSram(scratch, length, '');
          this.#supply?.view(length);
          this.trace.views.push(address, length);
          const bytes = this.nvm.subarray(address, address + length);
          const shown = this.#show(bytes, mapping && mapping.stateAt + address, scratch);
          this.#options.onView?.(address, length, shown);
          return shown;
        },
        write: (address: number, source: number, length: number): void => {
          address = this.#inNvm('writing', address, length);
          this.#inSram(source, length, 'writing to NVM');
          this.#supply?.write(length);
          const bytes = memory().slice(source, source + length);
          this.trace.steps.push({ address, bytes });
          this.place(address, bytes);
          // A view from before shows in place what it does not show as a copy.
          if (mapping) this.#forget(mapping.stateAt + address, length);
        },
        sync: (): void => {
          this.#pay();
          this.#supply?.sync();
          this.trace.steps.push('sync');
        },
      },
      power: { low: () => (this.low() ? 1 : 0) },
      // Of builds with an accelerator; others import none.
      accel: this.#accelerator(),
      // Of watched builds.
      watch: {
        read: (address: number, length: number) => this.#heardRead(address >>> 0, length),
        wrote: (address: number, length: number) => this.#heardWrite(address >>> 0, length),
      },
    };
  }

  #inRoom(address: number, length: number): boolean {
    const from = address - this.#room.byteOffset;
    return from >= 0 && from + length <= this.#room.length;
  }

  #heardRead(address: number, length: number): void {
    const { imageAt, end } = this.#mapping!;
    if (this.#inRoom(address, length)) return;
    if (address + length <= imageAt || address >= end) return;
    this.#options.onLoad?.(address, length);
    if (this.#watched && !this.#watched.read(address - imageAt, length))
      throw new Fault(`reading ${length} bytes at ${address} of its memory, neither of the image nor of NVM`);
  }

  #heardWrite(address: number, length: number): void {
    const { stateAt, end } = this.#mapping!;
    if (address + length <= this.sramBytes || address >= end || this.#inRoom(address, length)) return;
    const from = address - stateAt;
    if (from < 0 || from + length > this.nvm.length)
      throw new Fault(
        `writing ${length} bytes at ${address} of its memory, neither SRAM of the image nor NVM`,
      );
    this.#watched!.wrote(length);
    this.trace.steps.push({ address: from, bytes: this.nvm.slice(from, from + length) });
    this.wrote.push([from, from + length]);
  }
}

/** `base` of an image, or as far behind the room to work in where that is fixed. */
const baseOf = (mapping: Mapping | undefined, room: Interval | undefined, base: number): number =>
  mapping?.own && room && base > 0 ? room[1] - mapping.imageAt + base : base;

/** A mapping as one module has it whose image begins at `base`; the reach of its watchers stays. */
const placed = (mapping: Mapping, base: number): Mapping =>
  mapping.own ? { ...mapping, imageAt: mapping.imageAt + base, stateAt: mapping.stateAt + base } : mapping;
