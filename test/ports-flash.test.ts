// NVM in a part's own flash, with the ports that `export` writes, on register models of an nRF52840 and an STM32L4: an answer in
// print, NVM of the simulator, through a chain of cuts in programs and erasures, and cut in one step of a job, then the next.
// BROWNOUT_PORTS=all: 640 cuts in the chain, and every step.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import { flashLogSize } from '../host/firmware/flash-log.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { FlashCut, type FlashPart, NrfFlash, Stm32Flash } from './util/flash-parts.js';
import { hasPrograms } from './util/native.js';
import { chip, flashWith, goldenJob, live, type Machine, nvmOfLog, reset } from './util/register-machine.js';
import { Registers, uarte, usart2 } from './util/uarts.js';

const cross = { 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const armTest = hasPrograms('flash of boards on models of their registers', cross) ? test : test.skip;
const image = readImage(compileUnproved(layered(new Random(2))));
const ALL = process.env['BROWNOUT_PORTS'] === 'all';
const CUTS = ALL ? 640 : 64;
/** Of a job's steps of flash, one in so many is cut; erasures always. */
const EVERY = ALL ? 1 : 16;

interface Board {
  origin: number;
  pageBytes: number;
  flash(cells: Uint8Array, programBytes: number): FlashPart;
  print(registers: Registers, address: number, value: number, mcu: Machine['mcu']): void;
}

const boards: Record<string, Board> = {
  nrf52840dk: {
    origin: 0,
    pageBytes: 4096,
    flash: (cells, programBytes) => new NrfFlash(cells, programBytes, new Random(5)),
    print: (registers, address, _value, mcu) => uarte(registers, address, mcu),
  },
  'stm32l4-disco': {
    origin: 0x0800_0000,
    pageBytes: 2048,
    flash: (cells, programBytes) => new Stm32Flash(cells, programBytes, new Random(6)),
    print: (registers, address, value) => usart2(registers, address, value),
  },
};

/** Whether an address is of peripherals. */
const isRegister = (address: number): boolean => address >>> 28 === 4 || address >>> 28 === 5;

/** The board as reset finds it. */
function boot({ origin, print }: Board, part: FlashPart): Machine {
  const registers = new Registers();
  const mcu = chip(
    part.cells,
    origin,
    (at) => part.read(at) ?? (isRegister(at) ? registers.get(at) : undefined),
    (at, value, self) => {
      if (part.write(at, value)) return true;
      if (!isRegister(at)) return false;
      registers.set(at, value);
      print(registers, at, value, self);
      return true;
    },
    (offset, self) => part.look(offset, self),
  );
  reset(mcu, origin);
  return { mcu, text: () => registers.text };
}

/** A life with so many steps of flash; whether it came to its end, and what it printed. */
function life(board: Board, part: FlashPart, steps: number): { ended: boolean; text: string } {
  part.cutBehind(steps);
  const machine = boot(board, part);
  try {
    return { ended: live(machine, 2e7).ended, text: machine.text() };
  } catch (error) {
    if (error instanceof FlashCut) return { ended: false, text: machine.text() };
    throw error;
  }
}

for (const [name, board] of Object.entries(boards)) {
  armTest(
    `${name}, its own flash: an answer in print, NVM of the simulator, through ${CUTS} cuts`,
    async () => {
      // The core here is a Cortex-M0+: the ports are the same C.
      const options = { board: name, nvm: 'flash', target: 'cortex-m0plus', verify: false };
      const elf = (await exportFirmware(image, options)).files.get('firmware.elf')!;
      const log = flashLogSize(image.nvmBytes, { pageBytes: board.pageBytes }).bytes;
      const fresh = (): FlashPart => {
        const cells = flashWith(elf, board.origin);
        return board.flash(cells, cells.length - log);
      };
      const wanted = goldenJob(image);
      const left = ({ cells }: FlashPart): Uint8Array =>
        comparableNvm(nvmOfLog(cells, cells.length - log, image.nvmBytes, board.pageBytes), image, true);

      const part = fresh();
      const erasures = part.erasuresAt;
      const whole = life(board, part, Number.POSITIVE_INFINITY);
      assert.equal(whole, { ended: true, text: `ticket 1 answer ${wanted.answer}\n` });
      assert.is(firstDifference(left(part), wanted.nvm), -1);
      const steps = part.programs + part.erasures;

      // A job that is cut once, in each of its steps, from provisioning on.
      let single = 0;
      for (let step = 0; step < steps; step++) {
        if (step % EVERY && !erasures.includes(step)) continue;
        const cut = fresh();
        assert.not.ok(life(board, cut, step).ended, `cut in step ${step}`);
        const then = life(board, cut, Number.POSITIVE_INFINITY);
        assert.equal(then, whole, `cut in step ${step}`);
        assert.is(firstDifference(left(cut), wanted.nvm), -1, `cut in step ${step}`);
        single++;
      }
      assert.ok(single >= Math.floor(steps / EVERY));

      const random = new Random(3);
      let torn = fresh();
      let [cuts, jobs] = [0, 0];
      for (; cuts < CUTS; cuts++) {
        if (!life(board, torn, random.integer(steps / 8)).ended) continue;
        assert.is(firstDifference(left(torn), wanted.nvm), -1, `job ${jobs}`);
        torn = fresh();
        jobs++;
      }
      const last = life(board, torn, Number.POSITIVE_INFINITY);
      assert.ok(last.ended);
      assert.match(last.text, new RegExp(`answer ${wanted.answer}\n$`));
      if (torn instanceof Stm32Flash) assert.ok(torn.eccErrors > 0, 'no torn double word was read');
      console.log(
        `${name}: ${part.programs} programs, ${part.erasures} erasures, ${single} of these cut, ${cuts} cuts, ${jobs} jobs`,
      );
    },
  );
}

test.run();
