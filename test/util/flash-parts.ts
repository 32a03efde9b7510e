// Flash of parts by the registers that their manuals give, with what a cut leaves of a step. Nothing that a manual forbids passes.
import * as assert from 'uvu/assert';
import type { RP2040 } from 'rp2040js';
import type { Random } from '../../host/math/random.js';

/** Power failed in a step of flash: a program, or an erasure. */
export class FlashCut extends Error {}

/** Flash under its controller; it outlives the machine. */
export abstract class FlashPart {
  programs = 0;
  erasures = 0;
  /** Which of all steps, counted from 0, were erasures. */
  readonly erasuresAt: number[] = [];
  #left = Number.POSITIVE_INFINITY;

  constructor(
    /** All of it, the program included. */
    readonly cells: Uint8Array,
    /** What no log may touch. */
    protected readonly programBytes: number,
    protected readonly random: Random,
  ) {}

  /** The next life is cut in the step behind so many. */
  cutBehind(steps: number): void {
    this.#left = steps;
    this.powerUp();
  }

  protected step(kind: 'programs' | 'erasures', at: number, whole: () => void, torn: () => void): void {
    assert.ok(at >= this.programBytes, `${kind} in the program, at ${at}`);
    if (kind === 'erasures') this.erasuresAt.push(this.programs + this.erasures);
    this[kind]++;
    if (this.#left-- > 0) {
      whole();
      return;
    }
    torn();
    throw new FlashCut();
  }

  /** Registers as reset leaves them. */
  protected abstract powerUp(): void;
  /** A register's value, of those that are its own. */
  abstract read(address: number): number | undefined;
  /** Whether that was its own: a register, or a cell. */
  abstract write(address: number, value: number): boolean;
  /** A cell is read. */
  look(_offset: number, _mcu: RP2040): void {}
}

const NVMC = { READY: 0x4001_e400, CONFIG: 0x4001_e504, ERASE_PAGE: 0x4001_e508 };
const NRF_PAGE = 4096;
/** Writes of a word between two erasures (nRF52840 product specification, NVMC, n_WRITE). */
const NRF_WRITES = 2;

/** NVMC of an nRF52840: words, pages of 4 KB. */
export class NrfFlash extends FlashPart {
  #config = 0;
  #busy = 0;
  readonly #writes = new Map<number, number>();

  protected powerUp(): void {
    [this.#config, this.#busy] = [0, 0];
  }

  read(address: number): number | undefined {
    if (address !== NVMC.READY) return undefined;
    return this.#busy-- > 0 ? 0 : 1;
  }

  write(address: number, value: number): boolean {
    if (address === NVMC.CONFIG) {
      assert.ok(this.#busy <= 0, 'NVMC is busy');
      this.#config = value;
    } else if (address === NVMC.ERASE_PAGE) this.#erase(value);
    else if (address < this.cells.length) this.#program(address, value);
    else return false;
    return true;
  }

  #program(at: number, value: number): void {
    assert.ok(
      this.#config === 1 && this.#busy <= 0 && at % 4 === 0,
      `a write to ${at} that NVMC does not take`,
    );
    const writes = (this.#writes.get(at) ?? 0) + 1;
    assert.ok(writes <= NRF_WRITES, `${writes} writes of the word at ${at}`);
    this.#writes.set(at, writes);
    const view = new DataView(this.cells.buffer, this.cells.byteOffset);
    const old = view.getUint32(at, true);
    const some = this.random.integer(2 ** 16) * 2 ** 16 + this.random.integer(2 ** 16);
    this.step(
      'programs',
      at,
      () => view.setUint32(at, old & value, true),
      () => view.setUint32(at, old & (value | some), true),
    );
    this.#busy = 2;
  }

  #erase(at: number): void {
    assert.ok(this.#config === 2 && this.#busy <= 0 && at % NRF_PAGE === 0, `no erasure at ${at}`);
    for (let word = at; word < at + NRF_PAGE; word += 4) this.#writes.delete(word);
    this.step(
      'erasures',
      at,
      () => this.cells.fill(0xff, at, at + NRF_PAGE),
      () => {
        for (let i = at; i < at + NRF_PAGE; i++)
          if (this.random.integer(3)) this.cells[i]! |= this.random.integer(256);
      },
    );
    this.#busy = 5;
  }
}

const FLASH = { KEYR: 0x4002_2008, SR: 0x4002_2010, CR: 0x4002_2014, ECCR: 0x4002_2018 };
const [KEY1, KEY2] = [0x4567_0123, 0xcdef_89ab];
const [LOCK, BUSY, PROGERR, ECCD] = [0x8000_0000, 1 << 16, 1 << 3, 0x8000_0000];
const [PG, PER, START] = [1, 2, 1 << 16];
const STM_PAGE = 2048;
const STM_ORIGIN = 0x0800_0000;
/** Pages of a bank. */
const BANK = 256;

/** Flash of an STM32L476 (RM0351, 3): double words with an ECC, pages of 2 KB in two banks. */
export class Stm32Flash extends FlashPart {
  #keys = 0;
  #control = LOCK;
  #status = 0;
  #busy = 0;
  #ecc = 0;
  #half: number | undefined;
  /** Double words whose ECC does not hold. */
  readonly #torn = new Set<number>();
  eccErrors = 0;

  protected powerUp(): void {
    [this.#keys, this.#control, this.#status, this.#busy, this.#ecc] = [0, LOCK, 0, 0, 0];
    this.#half = undefined;
  }

  read(address: number): number | undefined {
    if (address === FLASH.SR) return (this.#busy-- > 0 ? BUSY : 0) | this.#status;
    if (address === FLASH.CR) return this.#control;
    return address === FLASH.ECCR ? this.#ecc : undefined;
  }

  write(address: number, value: number): boolean {
    if (address === FLASH.KEYR) {
      assert.is(value, this.#keys === 0 ? KEY1 : KEY2, 'a wrong key locks the register until reset');
      this.#keys++;
      if (this.#keys === 2) [this.#control, this.#keys] = [0, 0];
    } else if (address === FLASH.SR) this.#status &= ~value;
    else if (address === FLASH.ECCR) this.#ecc = value & ECCD ? 0 : this.#ecc;
    else if (address === FLASH.CR) this.#command(value);
    else if (address >= STM_ORIGIN && address < STM_ORIGIN + this.cells.length)
      this.#program(address - STM_ORIGIN, value);
    else return false;
    return true;
  }

  #command(value: number): void {
    assert.ok(!(this.#control & LOCK) || this.#control === value, 'the control register is locked');
    assert.ok(this.#busy <= 0 && this.#half === undefined, 'flash is busy');
    this.#control = value >>> 0;
    if (!(value & START)) return;
    assert.is(value & PG, 0);
    assert.ok(value & PER, 'erasures are of pages');
    this.#erase((((value >> 3) & 0xff) + (value & (1 << 11) ? BANK : 0)) * STM_PAGE);
    this.#control &= ~START;
  }

  #program(at: number, value: number): void {
    assert.ok(this.#control === PG && this.#busy <= 0, `a write to ${at} that flash does not take`);
    if (this.#half === undefined) {
      assert.is(at % 8, 0, 'the first word of a double word');
      this.#half = value;
      return;
    }
    assert.is(at % 8, 4, 'the second word of it');
    const [low, start] = [this.#half, at - 4];
    this.#half = undefined;
    const isErased =
      !this.#torn.has(start) && this.cells.subarray(start, start + 8).every((byte) => byte === 0xff);
    if (!isErased && (low | value) !== 0) {
      this.#status |= PROGERR;
      assert.unreachable(`the double word at ${start} is programmed twice`);
    }
    const set = (): void => {
      const view = new DataView(this.cells.buffer, this.cells.byteOffset);
      view.setUint32(start, low, true);
      view.setUint32(start + 4, value, true);
      this.#torn.delete(start);
    };
    const outcomes = [() => {}, () => this.#torn.add(start), () => this.#torn.add(start), set];
    this.step('programs', start, set, () => outcomes[this.random.integer(4)]!());
    this.#busy = 3;
  }

  #erase(at: number): void {
    const erased = (from: number, to: number): void => {
      this.cells.fill(0xff, from, to);
      for (let word = from; word < to; word += 8) this.#torn.delete(word);
    };
    const partly = (): void => {
      for (let word = at; word < at + STM_PAGE; word += 8) {
        const outcome = this.random.integer(3);
        if (outcome === 0) erased(word, word + 8);
        else if (outcome === 1) this.#torn.add(word);
      }
    };
    this.step('erasures', at, () => erased(at, at + STM_PAGE), partly);
    this.#busy = 5;
  }

  /** A torn double word reads as anything, each time, and the core gets an NMI (RM0351, 3.3.2). */
  override look(offset: number, mcu: RP2040): void {
    const start = offset & ~7;
    if (!this.#torn.has(start)) return;
    for (let i = 0; i < 8; i++) this.cells[start + i] = this.random.integer(256);
    this.eccErrors++;
    this.#ecc = (ECCD | (start & 0x7ffff)) >>> 0;
    mcu.core.pendingNMI = true;
    mcu.core.interruptsUpdated = true;
  }
}
