// The UF2 of an RP2040 on rp2040js, an emulator of the chip: from the boot ROM's steps, done here, to an answer in flash.
// The flash chip behind the SSI is a model of ours, and cannot be fetched from while it takes commands.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BasePeripheral, RP2040 } from 'rp2040js';
import { Random } from '../host/math/random.js';
import { BOOT2_BYTES, boot2, boot2Checksum } from '../host/firmware/boot2.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { flashLogSize } from '../host/firmware/flash-log.js';
import { readImage } from '../host/model/image.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes, moduleFor } from '../host/toolchain/modules.js';
import { run } from '../host/run/run.js';
import { hasPrograms } from './util/native.js';
import { nvmOfLog } from './util/register-machine.js';

const cross = { 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const armTest = hasPrograms('firmware of an RP2040', cross) ? test : test.skip;
const image = readImage(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url)));

const FLASH = 0x1000_0000;
const FLASH_BYTES = 2 << 20;
/** Where the boot ROM puts the second stage (RP2040 data sheet, 2.8.1.3). */
const BOOT2_AT = 0x2004_1f00;

/** Flash as the blocks of a UF2 file leave it. */
function flashFrom(file: Uint8Array): Uint8Array {
  const flash = new Uint8Array(FLASH_BYTES).fill(0xff);
  const view = Buffer.from(file);
  for (let at = 0; at < file.length; at += 512) {
    assert.is(view.readUInt32LE(at), 0x0a32_4655);
    assert.is(view.readUInt32LE(at + 28), 0xe48b_ff56);
    const [address, bytes] = [view.readUInt32LE(at + 12), view.readUInt32LE(at + 16)];
    flash.set(file.subarray(at + 32, at + 32 + bytes), address - FLASH);
  }
  return flash;
}

const SR_IDLE = 0b1110; // transmit FIFO empty and not full, received
const SSI = { CTRLR0: 0x00, SSIENR: 0x08, SER: 0x10, BAUDR: 0x14, SR: 0x28, DR0: 0x60, SPI_CTRLR0: 0xf4 };

/** The SSI, and behind it a flash chip: programs ones to zeros within a page of 256 bytes, erases 4 KB. */
class FlashChip extends BasePeripheral {
  readonly registers = new Map<number, number>();
  readonly #cells: Uint8Array;
  /** Bytes of the command under way. */
  #command: number[] = [];
  #isEnabled = false;
  #busy = 0;
  #answer = 0;
  programs = 0;
  erasures = 0;

  constructor(mcu: RP2040, cells: Uint8Array) {
    super(mcu, 'SSI');
    this.#cells = cells;
  }

  /** Whether reads of its addresses become reads of the chip: as boot2 sets it up. */
  isMapped = false;

  override readUint32(offset: number): number {
    if (offset === SSI.SR) return SR_IDLE;
    return offset === SSI.DR0 ? this.#answer : (this.registers.get(offset) ?? 0);
  }

  override writeUint32(offset: number, value: number): void {
    if (offset !== SSI.DR0) {
      const isOn = this.registers.get(SSI.SSIENR) === 1;
      assert.ok(
        offset === SSI.SSIENR || !isOn || offset === SSI.SER,
        `register ${offset} set while the SSI is on`,
      );
      this.registers.set(offset, value);
      const is = (name: keyof typeof SSI, wanted: number): boolean =>
        this.registers.get(SSI[name]) === wanted;
      this.isMapped =
        is('SSIENR', 1) && is('SER', 1) && is('CTRLR0', 0x001f_0300) && is('SPI_CTRLR0', 0x0300_0218);
      return;
    }
    assert.ok(this.registers.get(SSI.CTRLR0) === 0x0007_0000, 'bytes are sent in frames of 8 bits');
    this.#command.push(value & 0xff);
    this.#answer = this.#command.length > 1 && this.#command[0] === 0x05 && this.#busy > 0 ? 1 : 0;
  }

  /** Chip select: a command ends when it goes up. */
  select(isOn: boolean): void {
    const [opcode, ...bytes] = this.#command;
    this.#command = [];
    if (isOn || opcode === undefined) return;
    if (opcode === 0x05) this.#busy = Math.max(0, this.#busy - 1);
    else if (opcode === 0x06) this.#isEnabled = true;
    else this.#change(opcode, (bytes[0]! << 16) | (bytes[1]! << 8) | bytes[2]!, bytes.slice(3));
  }

  #change(opcode: number, address: number, bytes: number[]): void {
    assert.ok(this.#isEnabled && this.#busy === 0, 'writes are to be enabled, and the chip at rest');
    this.#isEnabled = false;
    this.#busy = 3;
    if (opcode === 0x20) {
      this.erasures++;
      this.#cells.fill(0xff, address & ~0xfff, (address & ~0xfff) + 0x1000);
      return;
    }
    assert.is(opcode, 0x02);
    this.programs++;
    bytes.forEach((byte, i) => {
      const at = (address & ~0xff) | ((address + i) & 0xff);
      this.#cells[at]! &= byte;
    });
  }
}

/** IO_QSPI: what drives chip select. */
class Pins extends BasePeripheral {
  constructor(
    mcu: RP2040,
    private readonly chip: FlashChip,
  ) {
    super(mcu, 'IO_QSPI');
  }

  override writeUint32(offset: number, value: number): void {
    assert.is(offset, 0x0c);
    if (value !== 0) this.chip.select(value === 0x200);
  }
}

/** One life of the chip: from the boot ROM's steps until it sleeps for good, or power fails after `most` instructions. */
function live(
  flash: Uint8Array,
  most = Infinity,
): { ended: boolean; chip: FlashChip; instructions: number; lowest: number } {
  const mcu = new RP2040();
  mcu.logger = { debug() {}, info() {}, warn() {}, error: (_, message) => assert.unreachable(message) };
  mcu.flash.set(flash);
  const chip = new FlashChip(mcu, mcu.flash);
  mcu.peripherals[0x18000] = chip;
  mcu.peripherals[0x40018] = new Pins(mcu, chip);
  for (const read of ['readUint32', 'readUint16', 'readUint8'] as const) {
    const plain = mcu[read].bind(mcu);
    mcu[read] = (address: number): number => {
      if (address >>> 26 === FLASH >>> 26 && !chip.isMapped) {
        throw new Error(`flash is read at ${address.toString(16)} while it takes commands`);
      }
      return plain(address);
    };
  }
  mcu.sram.fill(0xa5);
  const first = flash.subarray(0, BOOT2_BYTES);
  const checksum = Buffer.from(first).readUInt32LE(BOOT2_BYTES - 4);
  assert.is(checksum, boot2Checksum(first.subarray(0, -4)), 'the boot ROM would not run this');
  mcu.sram.set(first, BOOT2_AT - 0x2000_0000);
  mcu.core.PC = BOOT2_AT;
  mcu.core.SP = BOOT2_AT;
  let instructions = 0;
  let lowest = BOOT2_AT;
  while (!mcu.core.waiting && instructions < most) {
    mcu.step();
    instructions++;
    if (mcu.core.PC >>> 28 === 1 && mcu.core.SP < lowest) lowest = mcu.core.SP;
  }
  flash.set(mcu.flash.subarray(0, flash.length));
  return { ended: mcu.core.waiting, chip, instructions, lowest };
}

test('boot2: 252 bytes and the checksum that the boot ROM computes', () => {
  const bytes = boot2();
  assert.is(bytes.length, BOOT2_BYTES);
  // Check value of CRC-32/MPEG-2, which this is (reveng's catalogue).
  assert.is(boot2Checksum(Buffer.from('123456789')), 0x0376_e6e7);
});

/** The section `.stack`. */
function stackOf(elf: Uint8Array): { stackTop: number; stackBytes: number } {
  const view = Buffer.from(elf);
  const at = view.readUInt32LE(32);
  const sections = Array.from({ length: view.readUInt16LE(48) }, (_, i) => at + 40 * i);
  const names = view.readUInt32LE(sections[view.readUInt16LE(50)]! + 16);
  const stack = sections.find((section) => {
    const start = names + view.readUInt32LE(section);
    return view.toString('latin1', start, start + 7) === '.stack\0';
  })!;
  const stackBytes = view.readUInt32LE(stack + 20);
  return { stackTop: view.readUInt32LE(stack + 12) + stackBytes, stackBytes };
}

/** NVM of the simulator after the first inference. */
function goldenNvm(): Uint8Array {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  const device = new Device(module, { image, nvm, sramBytes: 65536 });
  const { answer } = completeJob(device, image, { ticket: 1, input: image.sample! });
  assert.equal([...answer], run(image).outputs[0]!);
  return comparableNvm(nvm.cells, image, true);
}

armTest(
  'the UF2 of an RP2040 boots and infers, its NVM a log in the chip it runs from; cuts change nothing',
  async () => {
    const { files } = await exportFirmware(image, { board: 'rp2040', nvm: 'flash' });
    const fresh = flashFrom(files.get('firmware.uf2')!);
    const from = FLASH_BYTES - flashLogSize(image.nvmBytes, { pageBytes: 4096 }).bytes;
    const golden = goldenNvm();

    const flash = fresh.slice();
    const { ended, chip, instructions, lowest } = live(flash);
    assert.ok(ended && chip.programs > 100 && chip.erasures > 0, `${instructions} instructions`);
    assert.is(
      firstDifference(comparableNvm(nvmOfLog(flash, from, image.nvmBytes, 4096), image, true), golden),
      -1,
    );
    assert.is(
      firstDifference(flash.subarray(0, from), fresh.subarray(0, from)),
      -1,
      'the program must stay as it was',
    );

    const { stackTop, stackBytes } = stackOf(files.get('firmware.elf')!);
    const stack = stackTop - lowest;
    assert.ok(stack <= stackBytes, `${stack} bytes of stack of ${stackBytes}`);

    const random = new Random(9);
    const again = fresh.slice();
    let cuts = 0;
    while (!live(again, 1 + random.integer(instructions / 3)).ended) cuts++;
    assert.ok(cuts > 4, `${cuts} cuts`);
    assert.is(
      firstDifference(comparableNvm(nvmOfLog(again, from, image.nvmBytes, 4096), image, true), golden),
      -1,
    );
    console.log(
      `${instructions} instructions, ${chip.programs} programs, ${chip.erasures} erasures, ${stack} bytes of stack; ${cuts} cuts`,
    );
  },
);

test.run();
