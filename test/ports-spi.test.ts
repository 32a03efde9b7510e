// Ports of boards on the core of rp2040js: RP2040 with its own peripherals, nRF52840 with models of its registers; behind both an
// SPI FRAM. From reset to an answer that is printed, NVM equal to the simulator's, through cuts at any instruction.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RP2040 } from 'rp2040js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { loadSegments } from '../host/firmware/binaries.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes, moduleFor } from '../host/toolchain/modules.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { hasPrograms } from './util/native.js';

const cross = { 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const armTest = hasPrograms('ports of boards on models of their registers', cross) ? test : test.skip;
const image = readImage(compileUnproved(layered(new Random(2))));

/** FRAM behind SPI (MB85RS data sheets): writes only behind a write enable, which the end of each one takes back. */
class Fram {
  readonly cells = new Uint8Array(1 << 16);
  #sent: number[] | undefined;
  #isEnabled = false;

  select(isOn: boolean): void {
    if (!isOn && this.#sent?.[0] === 0x06) this.#isEnabled = true;
    else if (!isOn && (this.#sent?.[0] === 0x04 || this.#sent?.[0] === 0x02)) this.#isEnabled = false;
    this.#sent = isOn ? [] : undefined;
  }

  transfer(byte: number): number {
    if (!this.#sent) return assert.unreachable('a byte without chip select') as never;
    this.#sent.push(byte);
    const [opcode, high = 0, low = 0, ...rest] = this.#sent;
    const at = ((high << 8) | low) + rest.length;
    if (opcode === 0x05) return this.#isEnabled ? 2 : 0;
    if (opcode === 0x02 && rest.length > 0 && this.#isEnabled) this.cells[at - 1] = byte;
    return opcode === 0x03 && rest.length > 0 ? this.cells[at - 1]! : 0xff;
  }
}

interface Machine {
  mcu: RP2040;
  text: () => string;
}

const silent = {
  debug() {},
  info() {},
  warn() {},
  error: (_: string, what: string) => assert.unreachable(what),
};

/** A chip with a program at `origin`; `write` and `read` are what it has besides SRAM: true, or a number, if theirs. */
function chip(
  elf: Uint8Array,
  origin: number,
  read: (address: number, mcu: RP2040) => number | undefined,
  write: (address: number, value: number, mcu: RP2040) => boolean,
): RP2040 {
  const mcu = new RP2040();
  mcu.logger = silent;
  const flash = new Uint8Array(1 << 20);
  for (const { address, bytes } of loadSegments(elf)) flash.set(bytes, address - origin);
  const view = new DataView(flash.buffer);
  const [plain32, plain16, plain8] = [mcu.readUint32, mcu.readUint16, mcu.readUint8].map((f) => f.bind(mcu));
  const inFlash = (address: number): boolean => address >= origin && address < origin + flash.length;
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
    return inFlash(at) ? view.getUint8(at - origin) : plain8!(at);
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
function reset(mcu: RP2040, at: number): void {
  mcu.core.VTOR = at;
  mcu.core.SP = mcu.readUint32(at);
  mcu.core.PC = mcu.readUint32(at + 4) & ~1;
}

function rp2040(elf: Uint8Array, fram: Fram): Machine {
  const CS = 1 << 17;
  let text = '';
  const mcu = chip(
    elf,
    0x1000_0000,
    () => undefined,
    (at, value) => {
      if ((at === 0xd000_0014 || at === 0xd000_0018) && value & CS) fram.select(at === 0xd000_0018);
      return false;
    },
  );
  mcu.spi[0]!.onTransmit = (value) => mcu.spi[0]!.completeTransmit(fram.transfer(value & 0xff));
  mcu.uart[0]!.onByte = (byte) => {
    text += String.fromCharCode(byte);
  };
  reset(mcu, 0x1000_0100);
  return { mcu, text: () => text };
}

/** SPI0, GPIO, UARTE0 and POWER of an nRF52840, as its product specification has them. */
function nrf52840(elf: Uint8Array, fram: Fram): Machine {
  const registers = new Map<number, number>();
  let text = '';
  const get = (at: number): number => registers.get(at) ?? 0;
  const mcu = chip(
    elf,
    0,
    (at) => (at >>> 28 === 4 || at >>> 28 === 5 ? get(at) : undefined),
    (at, value, self) => {
      if (at >>> 28 !== 4 && at >>> 28 !== 5) return false;
      registers.set(at, value);
      // Chip select: P1.12, an output.
      if ((at === 0x5000_0808 || at === 0x5000_080c) && value & (1 << 12)) fram.select(at === 0x5000_080c);
      if (at === 0x4000_351c) {
        assert.equal(
          [get(0x4000_3500), get(0x4000_3508), get(0x4000_350c), get(0x4000_3510)],
          [1, 47, 45, 46],
        );
        registers.set(0x4000_3518, fram.transfer(value));
        registers.set(0x4000_3108, 1);
      }
      if (at === 0x4000_2008) {
        assert.equal([get(0x4000_2500), get(0x4000_250c), get(0x4000_2524)], [8, 6, 0x01d6_0000]);
        const from = get(0x4000_2544) - 0x2000_0000;
        assert.ok(from >= 0 && from < self.sram.length, 'DMA reads SRAM alone');
        text += Buffer.from(self.sram.subarray(from, from + get(0x4000_2548))).toString('latin1');
        registers.set(0x4000_2120, 1);
      }
      if (at === 0x4000_200c) registers.set(0x4000_2158, 1);
      return true;
    },
  );
  reset(mcu, 0);
  return { mcu, text: () => text };
}

/** Runs to the end, or for so many instructions. */
function live({ mcu }: Machine, most = 4e6): { ended: boolean; instructions: number } {
  let instructions = 0;
  for (; !mcu.core.waiting && instructions < most; instructions++) mcu.step();
  return { ended: mcu.core.waiting, instructions };
}

function golden(): { nvm: Uint8Array; answer: string } {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), {
    ...{ image, nvm, sramBytes: 65536 },
  });
  const input = new Int8Array(image.input.bytes);
  const { answer } = completeJob(device, image, { ticket: 1, input });
  return { nvm: comparableNvm(nvm.cells, image, true), answer: [...answer].join(' ') };
}

for (const [board, make] of Object.entries({ rp2040, nrf52840dk: nrf52840 })) {
  armTest(`${board} with SPI FRAM: an answer in print, NVM of the simulator, through 64 cuts`, async () => {
    // The core here is a Cortex-M0+: the ports are the same C.
    const options = { board, nvm: 'spi-fram', target: 'cortex-m0plus', verify: false };
    const elf = (await exportFirmware(image, options)).files.get('firmware.elf')!;
    const wanted = golden();
    const fram = new Fram();
    const machine = make(elf, fram);
    const { ended, instructions } = live(machine);
    assert.ok(ended, `${instructions} instructions: ${machine.text()}`);
    assert.is(machine.text(), `ticket 1 answer ${wanted.answer}\n`);
    const left = (of: Fram): Uint8Array => comparableNvm(of.cells.slice(0, image.nvmBytes), image, true);
    assert.is(firstDifference(left(fram), wanted.nvm), -1);

    const random = new Random(3);
    const torn = new Fram();
    let cuts = 0;
    for (; cuts < 64; cuts++) if (live(make(elf, torn), 1 + random.integer(instructions / 24)).ended) break;
    const last = make(elf, torn);
    assert.ok(cuts > 8 && live(last).ended, `${cuts} cuts`);
    const [, tickets] = /ticket (\d+)/.exec(last.text())!;
    if (tickets === '1') assert.is(firstDifference(left(torn), wanted.nvm), -1);
    assert.match(last.text(), new RegExp(`answer ${wanted.answer}\n$`));
    console.log(`${board}: ${instructions} instructions, ${cuts} cuts`);
  });
}

test.run();
