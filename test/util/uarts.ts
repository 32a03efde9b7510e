// What boards print by, as their manuals have the registers: they see every register that is written.
import * as assert from 'uvu/assert';
import type { RP2040 } from 'rp2040js';

/** Registers of a part that only keep what is written. */
export class Registers {
  text = '';
  readonly #values: Map<number, number>;

  /** `afterReset`: those that reset does not leave at 0. */
  constructor(afterReset: Iterable<readonly [address: number, value: number]> = []) {
    this.#values = new Map(afterReset);
  }

  get(address: number): number {
    return this.#values.get(address) ?? 0;
  }

  set(address: number, value: number): void {
    this.#values.set(address, value);
  }
}

/** UARTE0 of an nRF52840 (product specification, UARTE): DMA from SRAM, 115,200 baud on P0.06. */
export function uarte(registers: Registers, address: number, { sram }: RP2040): void {
  if (address === 0x4000_200c) registers.set(0x4000_2158, 1);
  if (address !== 0x4000_2008) return;
  assert.equal(
    [0x4000_2500, 0x4000_250c, 0x4000_2524].map((at) => registers.get(at)),
    [8, 6, 0x01d6_0000],
  );
  const from = registers.get(0x4000_2544) - 0x2000_0000;
  assert.ok(from >= 0 && from < sram.length, 'DMA reads SRAM alone');
  registers.text += Buffer.from(sram.subarray(from, from + registers.get(0x4000_2548))).toString('latin1');
  registers.set(0x4000_2120, 1);
}

/** USART2 of an STM32L4 (RM0351, 40.8) on PD5: clocks and pin set up before, 115,200 baud of 4 MHz. */
export function usart2(registers: Registers, address: number, value: number): void {
  registers.set(0x4000_441c, 0xc0);
  if (address !== 0x4000_4428) return;
  assert.is((registers.get(0x4002_104c) >> 3) & 1, 1, 'GPIOD has a clock');
  assert.is((registers.get(0x4002_1058) >> 17) & 1, 1, 'USART2 has a clock');
  assert.is((registers.get(0x4800_0c00) >> 10) & 3, 2, 'PD5 is of a peripheral');
  assert.is((registers.get(0x4800_0c20) >> 20) & 15, 7, 'of USART2');
  assert.equal([registers.get(0x4000_4400), registers.get(0x4000_440c)], [9, 35]);
  registers.text += String.fromCharCode(value);
}
