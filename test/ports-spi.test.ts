// Ports of boards on the core of rp2040js: RP2040 with its own peripherals, nRF52840 with models of its registers; behind both an
// SPI FRAM or EEPROM. From reset to an answer that is printed, NVM equal to the simulator's, through cuts at any instruction.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { hasPrograms } from './util/native.js';
import { chip, flashWith, goldenJob, live, type Machine, reset } from './util/register-machine.js';
import { Registers, uarte } from './util/uarts.js';

const cross = { 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const armTest = hasPrograms('ports of boards on models of their registers', cross) ? test : test.skip;
const image = readImage(compileUnproved(layered(new Random(2))));

/** A memory behind SPI; it outlives the machine. */
interface Memory {
  readonly cells: Uint8Array;
  powerUp(): void;
  select(isOn: boolean): void;
  transfer(byte: number): number;
}

const PAGE_BYTES = 64;

/** FRAM behind SPI (MB85RS data sheets): writes only behind a write enable, which the end of each one takes back. */
class Fram implements Memory {
  readonly cells = new Uint8Array(1 << 16);
  #sent: number[] | undefined;
  #isEnabled = false;

  powerUp(): void {
    [this.#sent, this.#isEnabled] = [undefined, false];
  }

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

/** EEPROM behind SPI (M95256 data sheet): a page is latched, and written when its transaction ends; until then the part is busy. */
class Eeprom implements Memory {
  readonly cells = new Uint8Array(1 << 15);
  #sent: number[] | undefined;
  #isEnabled = false;
  /** Looks at the status until what was latched is written. */
  #busy = 0;

  select(isOn: boolean): void {
    const [opcode, high = 0, low = 0, ...bytes] = isOn ? [] : (this.#sent ?? []);
    this.#sent = isOn ? [] : undefined;
    if (opcode === 0x06) this.#isEnabled = true;
    if (opcode === 0x04) this.#isEnabled = false;
    if (opcode !== 0x02 || bytes.length === 0) return;
    assert.ok(
      this.#isEnabled && this.#busy === 0 && bytes.length <= PAGE_BYTES,
      'a write that it does not take',
    );
    const first = (high << 8) | low;
    const page = first & -PAGE_BYTES;
    bytes.forEach((byte, i) => {
      this.cells[page | ((first + i) & (PAGE_BYTES - 1))] = byte;
    });
    [this.#isEnabled, this.#busy] = [false, 3];
  }

  powerUp(): void {
    [this.#sent, this.#isEnabled, this.#busy] = [undefined, false, 0];
  }

  transfer(byte: number): number {
    if (!this.#sent) return assert.unreachable('a byte without chip select') as never;
    this.#sent.push(byte);
    const [opcode, high = 0, low = 0, ...rest] = this.#sent;
    if (opcode === 0x05 && this.#sent.length > 1)
      return (this.#isEnabled ? 2 : 0) | (this.#busy > 0 && this.#busy-- ? 1 : 0);
    if (opcode !== 0x03 || rest.length === 0) return 0xff;
    assert.is(this.#busy, 0, 'read while it writes');
    return this.cells[((high << 8) | low) + rest.length - 1]!;
  }
}

function rp2040(elf: Uint8Array, memory: Memory): Machine {
  const CS = 1 << 17;
  let text = '';
  const mcu = chip(
    flashWith(elf, 0x1000_0000),
    0x1000_0000,
    () => undefined,
    (at, value) => {
      if ((at === 0xd000_0014 || at === 0xd000_0018) && value & CS) memory.select(at === 0xd000_0018);
      return false;
    },
  );
  mcu.spi[0]!.onTransmit = (value) => mcu.spi[0]!.completeTransmit(memory.transfer(value & 0xff));
  // VSYS: 3 V, and now and then 2.2 V, of which a third is measured.
  let asked = 0;
  mcu.adc.onADCRead = (channel) => {
    assert.is(channel, 3);
    const volts = ++asked % 5 ? 3 : 2.2;
    mcu.adc.completeADCRead(Math.round((volts / 3 / 3.3) * 4096), false);
  };
  mcu.uart[0]!.onByte = (byte) => {
    text += String.fromCharCode(byte);
  };
  reset(mcu, 0x1000_0100);
  return { mcu, text: () => text, asked: () => asked };
}

const [POF_WARNING, POFCON] = [0x4000_0108, 0x4000_0510];

/** SPI0, GPIO, UARTE0 and POWER of an nRF52840, as its product specification has them. */
function nrf52840(elf: Uint8Array, memory: Memory): Machine {
  const registers = new Registers();
  const get = (at: number): number => registers.get(at);
  let asked = 0;
  const mcu = chip(
    flashWith(elf, 0),
    0,
    (at) => {
      // The comparator, on at 2.1 V: a warning now and then, until it is taken back.
      if (at === POF_WARNING && get(POFCON) !== 0 && ++asked % 5 === 0) registers.set(at, 1);
      return at >>> 28 === 4 || at >>> 28 === 5 ? get(at) : undefined;
    },
    (at, value, self) => {
      if (at >>> 28 !== 4 && at >>> 28 !== 5) return false;
      registers.set(at, value);
      if (at === POFCON) assert.is(value, 1 | (8 << 1));
      // Chip select: P1.12, an output.
      if ((at === 0x5000_0808 || at === 0x5000_080c) && value & (1 << 12)) memory.select(at === 0x5000_080c);
      if (at === 0x4000_351c) {
        assert.equal(
          [get(0x4000_3500), get(0x4000_3508), get(0x4000_350c), get(0x4000_3510)],
          [1, 47, 45, 46],
        );
        registers.set(0x4000_3518, memory.transfer(value));
        registers.set(0x4000_3108, 1);
      }
      uarte(registers, at, self);
      return true;
    },
  );
  reset(mcu, 0);
  return { mcu, text: () => registers.text, asked: () => asked };
}

const boards = { rp2040, nrf52840dk: nrf52840 };
const memories = { 'spi-fram': Fram, eeprom: Eeprom };
const pairs = Object.entries(boards).flatMap(([board, make]) =>
  Object.entries(memories).map(([nvm, Part]) => ({ board, make, nvm, Part })),
);

for (const { board, make, nvm, Part } of pairs) {
  armTest(`${board} with ${nvm}: an answer in print, NVM of the simulator, through 64 cuts`, async () => {
    // The core here is a Cortex-M0+: the ports are the same C.
    const options = { board, nvm, target: 'cortex-m0plus', verify: false };
    const elf = (await exportFirmware(image, options)).files.get('firmware.elf')!;
    const wanted = goldenJob(image);
    const memory = new Part();
    const machine = make(elf, memory);
    const { ended, instructions } = live(machine);
    assert.ok(ended, `${instructions} instructions: ${machine.text()}`);
    assert.is(machine.text(), `ticket 1 answer ${wanted.answer}\n`);
    assert.ok(machine.asked!() >= 5, 'the supply was low at least once');
    const left = (of: Memory): Uint8Array => comparableNvm(of.cells.slice(0, image.nvmBytes), image, true);
    assert.is(firstDifference(left(memory), wanted.nvm), -1);

    const random = new Random(3);
    const torn = new Part();
    let cuts = 0;
    for (; cuts < 64; cuts++) {
      if (live(make(elf, torn), 1 + random.integer(instructions / 24)).ended) break;
      torn.powerUp();
    }
    const last = make(elf, torn);
    assert.ok(cuts > 8 && live(last).ended, `${cuts} cuts`);
    const [, tickets] = /ticket (\d+)/.exec(last.text())!;
    if (tickets === '1') assert.is(firstDifference(left(torn), wanted.nvm), -1);
    assert.match(last.text(), new RegExp(`answer ${wanted.answer}\n$`));
    console.log(`${board}, ${nvm}: ${instructions} instructions, ${cuts} cuts`);
  });
}

test.run();
