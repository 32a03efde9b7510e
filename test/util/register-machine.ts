// A chip by its registers, on the core of rp2040js: the ports of boards run there, as it is a Cortex-M0+ that any C is compiled for.
import * as assert from 'uvu/assert';
import { RP2040 } from 'rp2040js';
import { loadSegments } from '../../host/firmware/binaries.js';
import { crc32 } from '../../host/model/crc32.js';
import type { Image } from '../../host/model/image.js';
import { completeJob } from '../../host/simulator/app.js';
import { Device, steadyPower } from '../../host/simulator/device.js';
import { comparableNvm } from '../../host/simulator/equality.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { moduleBytes, moduleFor } from '../../host/toolchain/modules.js';

export interface Machine {
  mcu: RP2040;
  text: () => string;
}

const silent = {
  debug() {},
  info() {},
  warn() {},
  error: (_: string, what: string) => assert.unreachable(what),
};

/** Flash that holds a program: what it is linked to, erased elsewhere. */
export function flashWith(elf: Uint8Array, origin: number): Uint8Array {
  const flash = new Uint8Array(1 << 20).fill(0xff);
  for (const { address, bytes } of loadSegments(elf)) flash.set(bytes, address - origin);
  return flash;
}

/** Registers that tell a byte from a word. */
interface ByteRegisters {
  read(address: number): number | undefined;
  write(address: number, value: number): boolean;
}

/**
 * A chip with `flash` at `origin`; `write` and `read` are what it has besides SRAM: true, or a number, if theirs. `look`: what is told
 * of reads of flash, by the byte. `bytes`: registers that are accessed by the byte; the core makes words of others.
 */
export function chip(
  flash: Uint8Array,
  origin: number,
  read: (address: number, mcu: RP2040) => number | undefined,
  write: (address: number, value: number, mcu: RP2040) => boolean,
  look: (offset: number, mcu: RP2040) => void = () => {},
  bytes: ByteRegisters = { read: () => undefined, write: () => false },
): RP2040 {
  const mcu = new RP2040();
  mcu.logger = silent;
  const view = new DataView(flash.buffer, flash.byteOffset, flash.length);
  const [plain32, plain16, plain8] = [mcu.readUint32, mcu.readUint16, mcu.readUint8].map((f) => f.bind(mcu));
  const inFlash = (address: number): boolean => {
    if (address < origin || address >= origin + flash.length) return false;
    look(address - origin, mcu);
    return true;
  };
  // The core adds without wrapping.
  mcu.readUint32 = (sum) => {
    const at = sum >>> 0;
    return inFlash(at) ? view.getUint32(at - origin, true) : (read(at, mcu) ?? plain32!(at));
  };
  mcu.readUint16 = (sum) => {
    const at = sum >>> 0;
    return inFlash(at) ? view.getUint16(at - origin, true) : plain16!(at);
  };
  mcu.readUint8 = (sum) => {
    const at = sum >>> 0;
    return inFlash(at) ? view.getUint8(at - origin) : (bytes.read(at) ?? plain8!(at));
  };
  const writePlain8 = mcu.writeUint8.bind(mcu);
  mcu.writeUint8 = (sum, value) => {
    if (!bytes.write(sum >>> 0, value & 0xff)) writePlain8(sum, value);
  };
  const plain = mcu.writeUint32.bind(mcu);
  mcu.writeUint32 = (sum, value) => {
    const at = sum >>> 0;
    if (!write(at, value >>> 0, mcu)) plain(at, value);
  };
  mcu.sram.fill(0xa5);
  return mcu;
}

/** Starts at the vectors at `at`, as the core does at reset. */
export function reset(mcu: RP2040, at: number): void {
  mcu.core.VTOR = at;
  mcu.core.SP = mcu.readUint32(at);
  mcu.core.PC = mcu.readUint32(at + 4) & ~1;
}

/** Runs to the end, or for so many instructions. */
export function live({ mcu }: Machine, most = 4e6): { ended: boolean; instructions: number } {
  let instructions = 0;
  for (; !mcu.core.waiting && instructions < most; instructions++) mcu.step();
  return { ended: mcu.core.waiting, instructions };
}

/** What the simulator leaves of the first job of an image, on zeros, where the supply's monitor answers so. */
export function goldenJob(
  image: Image,
  low: () => boolean = () => false,
): { nvm: Uint8Array; answer: string } {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), {
    ...{ image, nvm, sramBytes: 65536, supply: { ...steadyPower, low } },
  });
  const input = new Int8Array(image.input.bytes);
  const { answer } = completeJob(device, image, { ticket: 1, input });
  return { nvm: comparableNvm(nvm.cells, image, true), answer: [...answer].join(' ') };
}

/** Bytes of a record's sector. */
const SECTOR_BYTES = 128;

/** NVM as the log in `flash` from `from` on holds it: of each sector the newest whole record (firmware/brownout_nvm_flash.c). */
export function nvmOfLog(flash: Uint8Array, from: number, nvmBytes: number, pageBytes: number): Uint8Array {
  const nvm = new Uint8Array(Math.ceil(nvmBytes / SECTOR_BYTES) * SECTOR_BYTES);
  const newest = new Map<number, number>();
  const view = Buffer.from(flash.buffer, flash.byteOffset, flash.length);
  for (let page = from; page < flash.length; page += pageBytes) {
    for (let at = page + 32; at + SECTOR_BYTES + 16 <= page + pageBytes; at += SECTOR_BYTES + 16) {
      const [sequence, sector] = [view.readUInt32LE(at), view.readUInt16LE(at + 4)];
      const isWhole =
        view.readUInt32LE(at + 8 + SECTOR_BYTES) === crc32(flash.subarray(at, at + 8 + SECTOR_BYTES));
      if (!isWhole || sequence < (newest.get(sector) ?? 0)) continue;
      newest.set(sector, sequence);
      nvm.set(flash.subarray(at + 8, at + 8 + SECTOR_BYTES), sector * SECTOR_BYTES);
    }
  }
  return nvm.subarray(0, nvmBytes);
}
