// Boards with a memory behind SPI, from reset on: their buses, monitors and text by the registers that their manuals give.
import * as assert from 'uvu/assert';
import { chip, flashWith, type Machine, reset } from './register-machine.js';
import type { SpiMemory } from './spi-memories.js';
import { Registers, uarte, usart2 } from './uarts.js';

/** The supply's monitor: low at every fifth question. */
export class Monitor {
  asked = 0;
  readonly low = (): boolean => ++this.asked % 5 === 0;
}

/** What a board stands on. */
export interface Around {
  memory: SpiMemory;
  monitor: Monitor;
  /** When the monitor is to warn, as the board's settings have it. */
  threshold: number;
}

/** Whether an address is of peripherals. */
const isRegister = (address: number): boolean => address >>> 28 === 4 || address >>> 28 === 5;

export function rp2040(elf: Uint8Array, { memory, monitor, threshold }: Around): Machine {
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
  // VSYS, of which a third is measured: 20 mV above the threshold, or below it.
  mcu.adc.onADCRead = (channel) => {
    assert.is(channel, 3);
    const volts = threshold / 1000 + (monitor.low() ? -0.02 : 0.02);
    mcu.adc.completeADCRead(Math.round((volts / 3 / 3.3) * 4096), false);
  };
  mcu.uart[0]!.onByte = (byte) => {
    text += String.fromCharCode(byte);
  };
  reset(mcu, 0x1000_0100);
  return { mcu, text: () => text };
}

const [POF_WARNING, POFCON] = [0x4000_0108, 0x4000_0510];

/** SPI0, GPIO, UARTE0 and POWER of an nRF52840, as its product specification has them. */
export function nrf52840(elf: Uint8Array, { memory, monitor, threshold }: Around): Machine {
  const registers = new Registers();
  const get = (at: number): number => registers.get(at);
  const mcu = chip(
    flashWith(elf, 0),
    0,
    (at) => {
      // The comparator, once it is on: a warning stays until it is taken back.
      if (at === POF_WARNING && get(POFCON) !== 0) {
        assert.is(get(at), 0, 'a warning that is not taken back');
        if (monitor.low()) registers.set(at, 1);
      }
      return isRegister(at) ? get(at) : undefined;
    },
    (at, value, self) => {
      if (!isRegister(at)) return false;
      registers.set(at, value);
      if (at === POFCON) assert.is(value, 1 | (threshold << 1));
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
  return { mcu, text: () => registers.text };
}

const [GPIO, MODE, SET_RESET, FUNCTION] = [0x4800_0000, 0x00, 0x18, 0x20];
const [AHB2, APB1, APB2] = [0x4002_104c, 0x4002_1058, 0x4002_1060];
const [PWR_CR2, PWR_SR2, PVDO, USB_SUPPLY] = [0x4000_7004, 0x4000_7014, 1 << 11, 1 << 10];
const [SPI_CR1, SPI_CR2, SPI_SR, SPI_DR] = [0x4001_3000, 0x4001_3004, 0x4001_3008, 0x4001_300c];
const [SPI_SENDS, SPI_BYTES] = [0x344, 0x1700];

/** SPI1 with its pins on port E, as the test fills them in: 16 · 4 + 13, 15, 14, 12. */
export const STM32L4_PINS = { SCK: 77, MOSI: 79, MISO: 78, CS: 76 };

/** Clocks of an STM32L4 (RM0351, 6.4): the register and the bit without which a block takes no access. */
const clockOf = (at: number): [register: number, bit: number] | undefined => {
  if (at >= GPIO && at < GPIO + 0x2000) return [AHB2, (at - GPIO) >>> 10];
  if (at >= SPI_CR1 && at < SPI_CR1 + 0x400) return [APB2, 12];
  return at >= 0x4000_7000 && at < 0x4000_7400 ? [APB1, 28] : undefined;
};

/** SPI1, GPIO, USART2, RCC and PWR of an STM32L476 (RM0351, 5, 6, 8, 40, 42). */
export function stm32l4(elf: Uint8Array, { memory, monitor, threshold }: Around): Machine {
  const portE = GPIO + 0x400 * 4;
  // Pins are analog after reset (8.4.1); somebody has given USB its supply.
  const pins = Array.from({ length: 8 }, (_, i) => [GPIO + 0x400 * i + MODE, 0xffff_ffff] as const);
  const registers = new Registers([...pins, [PWR_CR2, USB_SUPPLY]]);
  const get = (at: number): number => registers.get(at);
  const hasClock = (at: number): void => {
    const clock = clockOf(at);
    if (clock) assert.is((get(clock[0]) >>> clock[1]) & 1, 1, `no clock at 0x${at.toString(16)}`);
  };
  const modeOf = (pin: number): number => (get(portE + MODE) >>> (2 * (pin & 15))) & 3;
  const functionOf = (pin: number): number =>
    (get(portE + FUNCTION + 4 * ((pin & 15) >> 3)) >>> (4 * (pin & 7))) & 15;
  const chipSelect = STM32L4_PINS.CS & 15;
  let isHigh = false;
  const received: number[] = [];
  let [looks, isSeen] = [0, false];
  const read = (at: number): number | undefined => {
    if (!isRegister(at)) return undefined;
    hasClock(at);
    assert.is.not(at, SPI_DR, 'a word of SPI is two bytes');
    if (at === PWR_SR2) {
      assert.is(get(PWR_CR2), USB_SUPPLY | 1 | (threshold << 1), 'the detector is on at its threshold');
      return monitor.low() ? PVDO : 0;
    }
    // Sending takes a while: room at every second look, what came at every third.
    if (at === SPI_SR) {
      looks++;
      isSeen = received.length > 0 && looks % 3 !== 0;
      return (looks % 2 ? 2 : 0) | (isSeen ? 1 : 0);
    }
    return get(at);
  };
  const setPins = (value: number): void => {
    const was = isHigh;
    if (value & (1 << chipSelect)) isHigh = true;
    else if (value & (1 << (chipSelect + 16))) isHigh = false;
    if (was !== isHigh && modeOf(STM32L4_PINS.CS) === 1) memory.select(!isHigh);
  };
  const mcu = chip(
    flashWith(elf, 0x0800_0000),
    0x0800_0000,
    read,
    (at, value) => {
      if (!isRegister(at)) return false;
      hasClock(at);
      assert.is.not(at, SPI_DR, 'a word of SPI sends two bytes');
      registers.set(at, value);
      if (at === portE + SET_RESET) setPins(value);
      if (at === portE + MODE && modeOf(STM32L4_PINS.CS) === 1)
        assert.ok(isHigh, 'a pulse of chip select as it becomes an output');
      if (at === SPI_CR2) assert.is(get(SPI_CR1) & 0x40, 0, 'SPI is on while its format changes');
      usart2(registers, at, value);
      return true;
    },
    undefined,
    {
      read: (at) => {
        if (at !== SPI_DR) return undefined;
        assert.ok(isSeen, 'read before it came');
        isSeen = false;
        return received.shift();
      },
      write: (at, value) => {
        if (at !== SPI_DR) return false;
        assert.equal([get(SPI_CR1), get(SPI_CR2)], [SPI_SENDS, SPI_BYTES]);
        const { SCK, MOSI, MISO, CS } = STM32L4_PINS;
        assert.equal([modeOf(CS), ...[SCK, MOSI, MISO].map(modeOf)], [1, 2, 2, 2]);
        assert.equal([SCK, MOSI, MISO].map(functionOf), [5, 5, 5]);
        received.push(memory.transfer(value));
        assert.ok(received.length <= 4, 'more has come than there is room for');
        return true;
      },
    },
  );
  reset(mcu, 0x0800_0000);
  return { mcu, text: () => registers.text };
}
