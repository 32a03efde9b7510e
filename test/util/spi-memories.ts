// Memories behind SPI as their data sheets have them, with what a cut in any byte leaves of it. They outlive the machine.
import * as assert from 'uvu/assert';
import type { Random } from '../../host/math/random.js';

/** Power failed while a byte was sent, or while a page was written. */
export class SpiCut extends Error {}

/** What tells one part from another; those of MB85RS and M95256 by default. */
export interface PartRules {
  read: number;
  write: number;
  writeEnable: number;
  writeDisable: number;
  readStatus: number;
  addressBytes: number;
  /** Bits of its status. */
  busyBit: number;
  enabledBit: number;
  pageBytes: number;
  /** Absent: it does not sleep. Without `wake` chip select wakes it. */
  sleep?: number;
  wake?: number;
}

const USUAL: PartRules = {
  ...{ read: 0x03, write: 0x02, writeEnable: 0x06, writeDisable: 0x04, readStatus: 0x05 },
  ...{ addressBytes: 2, busyBit: 1, enabledBit: 2, pageBytes: 64 },
};

/** A memory behind SPI. */
export abstract class SpiMemory {
  readonly cells = new Uint8Array(1 << 16);
  /** Bytes that were sent, and pages written: where a cut may fall. */
  steps = 0;
  protected isEnabled = false;
  #sleeps = false;
  #left = Number.POSITIVE_INFINITY;
  #sent: number[] | undefined;

  constructor(
    protected readonly random: Random,
    protected readonly rules: PartRules = USUAL,
  ) {}

  /** The next life is cut in the step behind so many. */
  cutBehind(steps: number): void {
    this.#left = steps;
    this.powerUp();
  }

  powerUp(): void {
    this.#sent = undefined;
    this.isEnabled = false;
    // As the cut left it, for all that anybody knows.
    this.#sleeps = this.rules.sleep !== undefined && this.random.integer(2) === 1;
  }

  /** What a step does, whole or, where it is cut, in part. */
  protected step(whole: () => void, torn: () => void = () => {}): void {
    this.steps++;
    if (this.#left-- > 0) {
      whole();
      return;
    }
    torn();
    throw new SpiCut();
  }

  select(isOn: boolean): void {
    const ended = isOn ? undefined : this.#sent;
    this.#sent = isOn ? [] : undefined;
    const { write, writeEnable, writeDisable, addressBytes, sleep, wake } = this.rules;
    if (isOn && wake === undefined) this.#sleeps = false;
    if (!ended) return;
    const [opcode] = ended;
    // A command counts if chip select ends it behind one byte.
    const isCommand = ended.length === 1;
    if (this.#sleeps) {
      this.#sleeps = !(isCommand && opcode === wake);
      return;
    }
    if (opcode === write) {
      this.end(this.#addressOf(ended), ended.slice(1 + addressBytes));
      this.isEnabled = false;
    }
    if (isCommand && opcode === writeEnable) this.isEnabled = true;
    if (isCommand && opcode === writeDisable) this.isEnabled = false;
    if (isCommand && opcode === sleep) this.#sleeps = true;
  }

  transfer(byte: number): number {
    const sent = this.#sent;
    if (!sent) return assert.unreachable('a byte without chip select') as never;
    const { read, write, writeEnable, writeDisable, readStatus, addressBytes, sleep, wake } = this.rules;
    sent.push(byte);
    const opcode = sent[0]!;
    const rest = sent.length - 1 - addressBytes;
    const known = [read, write, writeEnable, writeDisable, readStatus, sleep, wake];
    assert.ok(known.includes(opcode), `opcode ${opcode} is none of the part's`);
    if (this.#sleeps) {
      assert.ok(opcode !== read && opcode !== write, 'used while it sleeps');
      this.step(() => {});
      return 0xff;
    }
    if (opcode === write && rest > 0) {
      assert.ok(this.isEnabled, 'a write that is not enabled');
      this.take(this.#addressOf(sent), rest - 1, byte);
      return 0xff;
    }
    this.step(() => {});
    if (opcode === readStatus && sent.length > 1) return this.status();
    return opcode === read && rest > 0 ? this.read(this.#addressOf(sent) + rest - 1) : 0xff;
  }

  #addressOf(sent: readonly number[]): number {
    return sent.slice(1, 1 + this.rules.addressBytes).reduce((sum, byte) => sum * 256 + byte, 0);
  }

  /** Byte `index` of a write to `address`. */
  protected abstract take(address: number, index: number, byte: number): void;
  /** The end of one. */
  protected abstract end(address: number, bytes: readonly number[]): void;
  protected abstract status(): number;
  protected abstract read(at: number): number;
}

/** FRAM (MB85RS data sheets): a byte is written as it comes; of one that is cut, anything may be there. */
export class Fram extends SpiMemory {
  protected take(address: number, index: number, byte: number): void {
    this.step(
      () => {
        this.cells[address + index] = byte;
      },
      () => {
        this.cells[address + index] = [byte, this.cells[address + index]!, this.random.integer(256)][
          this.random.integer(3)
        ]!;
      },
    );
  }

  protected end(): void {}
  protected status = (): number => (this.isEnabled ? this.rules.enabledBit : 0);
  protected read = (at: number): number => this.cells[at]!;
}

/** EEPROM (M95256 data sheet): a page is latched, and written when its transaction ends; until then the part is busy. */
export class Eeprom extends SpiMemory {
  /** Looks at the status until what was latched is written. */
  #busy = 0;

  override powerUp(): void {
    super.powerUp();
    this.#busy = 0;
  }

  protected take(_address: number, index: number): void {
    assert.ok(this.#busy === 0 && index < this.rules.pageBytes, 'a write that it does not take');
    this.step(() => {});
  }

  /** Of a page that is cut each byte that was to be written may be anything. */
  protected end(address: number, bytes: readonly number[]): void {
    if (bytes.length === 0) return;
    const { pageBytes } = this.rules;
    const page = address & -pageBytes;
    const write = (of: (byte: number) => number): void => {
      bytes.forEach((byte, i) => {
        this.cells[page | ((address + i) & (pageBytes - 1))] = of(byte);
      });
    };
    this.step(
      () => write((byte) => byte),
      () => write((byte) => (this.random.integer(2) ? byte : this.random.integer(256))),
    );
    this.#busy = 3;
  }

  protected status(): number {
    const { busyBit, enabledBit } = this.rules;
    return (this.isEnabled ? enabledBit : 0) | (this.#busy > 0 && this.#busy-- ? busyBit : 0);
  }

  protected read(at: number): number {
    assert.is(this.#busy, 0, 'read while it writes');
    return this.cells[at]!;
  }
}
