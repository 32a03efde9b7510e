// Ports of boards on the core of rp2040js: RP2040 with its own peripherals, nRF52840 and STM32L4 with models of their registers;
// behind all an SPI FRAM or EEPROM. From reset to an answer that is printed, NVM equal to the simulator's, through cuts at any
// instruction and in any byte of the bus, and the supply asked as often, and at the voltage, that was asked for.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { hardwareCalled } from '../host/firmware/hardware.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { hasPrograms, temporaryFolder } from './util/native.js';
import { goldenJob, live, type Machine } from './util/register-machine.js';
import { type Around, Monitor, nrf52840, rp2040, STM32L4_PINS, stm32l4 } from './util/spi-boards.js';
import { Eeprom, Fram, SpiCut, type SpiMemory } from './util/spi-memories.js';

const cross = { make: 'make', 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const armTest = hasPrograms('ports of boards on models of their registers', cross) ? test : test.skip;
const image = readImage(compileUnproved(layered(new Random(2))));
const CUTS = 64;
/** Of the bytes that a job sends, one in so many is cut. BROWNOUT_PORTS=all: each. */
const EVERY = process.env['BROWNOUT_PORTS'] === 'all' ? 1 : 128;

/** What a user sets in a folder. */
type Settings = Readonly<Record<string, number>>;

interface Board {
  make(elf: Uint8Array, around: Around): Machine;
  /** Pins that only a user can say. */
  pins: Settings;
  /** Another threshold than its own. */
  threshold: number;
}

const boards: Record<string, Board> = {
  rp2040: { make: rp2040, pins: {}, threshold: 3000 },
  nrf52840dk: { make: nrf52840, pins: {}, threshold: 12 },
  'stm32l4-disco': {
    make: stm32l4,
    pins: Object.fromEntries(
      Object.entries(STM32L4_PINS).map(([name, pin]) => [`BROWNOUT_SPI_PIN_${name}`, pin]),
    ),
    threshold: 5,
  },
};

/** Sets what stands in brownout_settings.h, as a user does. */
function fillIn(folder: string, settings: Settings): void {
  const path = join(folder, 'brownout_settings.h');
  let text = readFileSync(path, 'utf8');
  for (const [name, value] of Object.entries(settings)) {
    assert.ok(text.includes(`#define ${name} `), name);
    text = text.replace(new RegExp(`(#define ${name}) .*`), `$1 ${value}u`);
  }
  writeFileSync(path, text);
}

/** The program of a board, as make builds it from its folder. The core here is a Cortex-M0+: the ports are the same C. */
async function programOf(board: string, nvm: string, settings: Settings): Promise<Uint8Array> {
  const folder = join(temporaryFolder('ports'), 'app');
  const options = { board, nvm, target: 'cortex-m0plus', verify: false };
  writeFirmwareFolder(folder, (await exportFirmware(image, options)).files);
  fillIn(folder, settings);
  execFileSync('make', ['-s', '-B', '-C', folder, 'firmware.elf'], { stdio: 'pipe' });
  return new Uint8Array(readFileSync(join(folder, 'firmware.elf')));
}

/** A life up to its end, or to a cut: in a byte of the bus, as the memory is told, or behind so many instructions. */
function life(machine: Machine, most?: number): boolean {
  try {
    return live(machine, most).ended;
  } catch (error) {
    if (error instanceof SpiCut) return false;
    throw error;
  }
}

/** Bytes on the bus behind the last of the acknowledgement that counts: of FRAM, and of an EEPROM's status. */
const ACKNOWLEDGED = 16;

/** The lives of a memory that is cut again and again; how often. */
function chain(
  start: (memory: SpiMemory) => Machine,
  memory: SpiMemory,
  whole: { steps: number; instructions: number },
): number {
  const random = new Random(3);
  for (let cuts = 0; cuts < CUTS; cuts++) {
    const inByte = random.integer(2) === 1;
    memory.cutBehind(inByte ? random.integer(whole.steps / 24) : Number.POSITIVE_INFINITY);
    const most = inByte ? undefined : 1 + random.integer(whole.instructions / 24);
    if (life(start(memory), most)) return cuts;
  }
  return CUTS;
}

const nvmOf = (memory: SpiMemory): Uint8Array =>
  comparableNvm(memory.cells.slice(0, image.nvmBytes), image, true);

for (const [name, { make, pins, threshold }] of Object.entries(boards))
  for (const [nvm, Part] of Object.entries({ 'spi-fram': Fram, eeprom: Eeprom }))
    armTest(
      `${name} with ${nvm}: an answer in print, NVM of the simulator, through ${CUTS} cuts`,
      async () => {
        // One memory with the board's own threshold, the other with one that a user has set.
        const own = Number.parseInt(hardwareCalled(name).threshold!.value!, 10);
        const isOwn = nvm === 'spi-fram';
        const settings = { ...pins, ...(isOwn ? {} : { BROWNOUT_POWER_THRESHOLD: threshold }) };
        const elf = await programOf(name, nvm, settings);
        const start = (memory: SpiMemory, monitor = new Monitor()): Machine =>
          make(elf, { memory, monitor, threshold: isOwn ? own : threshold });
        const [wantedMonitor, monitor] = [new Monitor(), new Monitor()];
        const wanted = goldenJob(image, wantedMonitor.low);

        const memory = new Part(new Random(4));
        memory.powerUp();
        const machine = start(memory, monitor);
        const { ended, instructions } = live(machine);
        assert.ok(ended, `${instructions} instructions: ${machine.text()}`);
        assert.is(machine.text(), `ticket 1 answer ${wanted.answer}\n`);
        assert.is(monitor.asked, wantedMonitor.asked, 'the supply is asked wherever the engine asks it');
        assert.ok(monitor.asked >= 5, 'it was low at least once');
        assert.is(firstDifference(nvmOf(memory), wanted.nvm), -1);

        // A job that is cut once, in a byte of its own, from provisioning on.
        let single = 0;
        for (let step = 0; step < memory.steps; step += EVERY, single++) {
          const cut = new Part(new Random(step));
          cut.cutBehind(step);
          const first = start(cut);
          assert.not.ok(life(first), `cut in byte ${step}`);
          cut.cutBehind(Number.POSITIVE_INFINITY);
          const then = start(cut);
          assert.ok(life(then), `cut in byte ${step}`);
          if (then.text() !== machine.text()) {
            // Acknowledged, if only just (an EEPROM is still asked whether it is done): what was printed before the cut is not
            // printed again, the next job's is.
            assert.is(first.text(), machine.text(), `cut in byte ${step} of ${memory.steps}`);
            assert.ok(step >= memory.steps - ACKNOWLEDGED, `cut in byte ${step} of ${memory.steps}`);
            assert.is(then.text(), `ticket 2 answer ${wanted.answer}\n`, `cut in byte ${step}`);
            continue;
          }
          assert.is(then.text(), machine.text(), `cut in byte ${step}`);
          assert.is(firstDifference(nvmOf(cut), wanted.nvm), -1, `cut in byte ${step}`);
        }

        const torn = new Part(new Random(5));
        const cuts = chain(start, torn, { steps: memory.steps, instructions });
        torn.cutBehind(Number.POSITIVE_INFINITY);
        const last = start(torn);
        assert.ok(cuts > 8 && life(last), `${cuts} cuts`);
        const [, tickets] = /ticket (\d+)/.exec(last.text())!;
        if (tickets === '1') assert.is(firstDifference(nvmOf(torn), wanted.nvm), -1);
        assert.match(last.text(), new RegExp(`answer ${wanted.answer}\n$`));
        console.log(
          `${name}, ${nvm}: ${instructions} instructions, ${memory.steps} bytes, ${single} of these cut, ${cuts} cuts`,
        );
      },
    );

armTest(
  'rp2040 under a system that runs it by its PLL: the bus is slow enough for the memory, the clocks stay',
  async () => {
    const elf = await programOf('rp2040', 'spi-fram', {});
    const [SYS, PERI, PRESCALE] = [0x4000_803c, 0x4000_8048, 0x4003_c010];
    const wanted = goldenJob(image, new Monitor().low);
    for (const [byPll, prescale] of [
      [0, 2],
      [1, 8],
    ] as const) {
      const memory = new Fram(new Random(8));
      const { mcu, text } = rp2040(elf, { memory, monitor: new Monitor(), threshold: 2400 });
      if (byPll) {
        mcu.writeUint32(SYS, byPll);
        mcu.writeUint32(PERI, 1 << 11);
      }
      assert.ok(live({ mcu, text }).ended);
      assert.is(text(), `ticket 1 answer ${wanted.answer}\n`);
      assert.equal([mcu.readUint32(PRESCALE), mcu.readUint32(SYS) & 1], [prescale, byPll]);
    }
  },
);

armTest(
  'a threshold that the monitor does not have is refused by the compiler, with those that it has',
  async () => {
    for (const [name, wrong] of Object.entries({ rp2040: 9901, nrf52840dk: 3, 'stm32l4-disco': 7 })) {
      const folder = join(temporaryFolder('ports'), 'app');
      writeFirmwareFolder(
        folder,
        (await exportFirmware(image, { board: name, nvm: 'eeprom', verify: false })).files,
      );
      fillIn(folder, { BROWNOUT_POWER_THRESHOLD: wrong });
      const built = (): unknown =>
        execFileSync('make', ['-s', '-B', '-C', folder, 'firmware.elf'], { stdio: 'pipe' });
      assert.throws(built, /BROWNOUT_POWER_THRESHOLD is/, name);
    }
  },
);

test.run();
