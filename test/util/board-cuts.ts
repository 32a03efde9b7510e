// One job through a chain of cuts, on an emulated board and in the simulator, NVM compared after every one.
import { join } from 'node:path';
import { buildForBoard, inTemporaryFolder } from '../../host/firmware/build-elf.js';
import { controlBlock } from '../../host/firmware/count-on-board.js';
import { NvmFile, runOnBoard } from '../../host/firmware/qemu.js';
import { sramBytes } from '../../host/firmware/model-c.js';
import { firmwareModule } from '../../host/firmware/sources.js';
import { boardCalled, CONTROL_OFFSET } from '../../host/firmware/targets.js';
import type { Image } from '../../host/model/image.js';
import { littleEndian, type Values, valuesFrom } from '../../host/model/values.js';
import { completeJob, type Job } from '../../host/simulator/app.js';
import { Device } from '../../host/simulator/device.js';
import { firstDifference } from '../../host/simulator/equality.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { moduleBytes, moduleFor } from '../../host/toolchain/modules.js';
import { CountdownPower } from '../../host/simulator/countdown-power.js';

/** What the board's program exits with at a cut. */
const CUT_EXIT = 75;

/** The first job of a device: an inference, or a learning step; or one that forgets a class, after some steps. */
export interface BoardJob {
  image: Image;
  learns?: boolean;
  forgets?: boolean;
}

/** Samples that were learnt before a class is forgotten. */
const LEARNT = 6;

const inputOf = (image: Image): Values => {
  return image.sample ?? valuesFrom(new Uint8Array(image.input.bytes).fill(7), image.metadata.input.dtype);
};

/** As firmware/boards/replay.c has it. */
function jobOf({ image, learns = false, forgets = false }: BoardJob): Job {
  const ticket = forgets ? LEARNT + 1 : 1;
  const label = (Math.imul(ticket, 0x9e37_79b1) >>> 16) % (image.learning?.classes ?? 1);
  const kind = forgets ? { label, forgets: true as const } : learns ? { label } : {};
  return { ticket, input: inputOf(image), ...kind };
}

/** NVM as the job finds it. */
function nvmBefore({ image, forgets }: BoardJob): SimulatedNvm {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  if (!forgets) return nvm;
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  const device = new Device(module, { image, nvm, sramBytes: 65536 });
  for (let ticket = 1; ticket <= LEARNT; ticket++)
    completeJob(device, image, { ticket, input: inputOf(image), label: ticket % image.learning!.classes });
  return nvm;
}

class SnapshotPower extends CountdownPower {
  /** NVM as every boot found it. */
  readonly snapshots: Uint8Array[] = [];

  constructor(private readonly nvm: SimulatedNvm) {
    super();
  }

  override boot(): void {
    this.snapshots.push(this.nvm.cells.slice());
  }
}

/** NVM as each boot of the chain finds it, and at the end. `lives`: units of each life but the last. */
function simulate(job: BoardJob, lives: readonly number[], sram: number): Uint8Array[] {
  const { image } = job;
  const nvm = nvmBefore(job);
  const supply = new SnapshotPower(nvm);
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  const device = new Device(module, { image, nvm, sramBytes: sram, supply });
  let life = 0;
  supply.left = lives[0] ?? Infinity;
  const onCut = (): undefined => {
    supply.left = lives[++life] ?? Infinity;
  };
  completeJob(device, image, jobOf(job), { onCut });
  return [...supply.snapshots, nvm.cells.slice()];
}

/** Bytes written and barriers passed by a job that nothing cuts. */
export function jobUnits(job: BoardJob): number {
  const { image } = job;
  const nvm = nvmBefore(job);
  const supply = new CountdownPower();
  const module = new WebAssembly.Module(moduleBytes(moduleFor(image)));
  const device = new Device(module, { image, nvm, sramBytes: 65536, supply });
  completeJob(device, image, jobOf(job));
  return supply.used;
}

/**
 * Runs the chain on a board and in the simulator. Returns the boots compared, the last NVM as one more; throws where
 * they differ.
 */
export async function compareCuts(
  job: BoardJob,
  boardName: string,
  lives: readonly number[],
): Promise<number> {
  const { image, learns = false, forgets = false } = job;
  const { ticket } = jobOf(job);
  const board = boardCalled(boardName);
  const module = await firmwareModule(image);
  const expected = simulate(job, lives, sramBytes(image, module));
  return inTemporaryFolder(async (folder) => {
    const program = { sources: ['boards/hal_cut.c', 'boards/replay.c'], defines: [] };
    const elf = buildForBoard(folder, image, module, board, program);
    const nvm = new NvmFile(join(folder, 'nvm.bin'), board);
    nvm.write(0, expected[0]!);
    for (let life = 0; life < expected.length - 1; life++) {
      const cut = lives[life];
      const fields = {
        garbage: life,
        lastTicket: ticket,
        learnEvery: learns ? 1 : 0,
        forgetEvery: forgets ? ticket : 0,
        ...(cut === undefined ? {} : { cutUnits: cut }),
      };
      nvm.write(CONTROL_OFFSET, controlBlock(fields, [littleEndian(inputOf(image))]));
      const { exitCode, lines } = await runOnBoard(board, elf, nvm.path);
      const what = `${board.name}, life ${life} of ${cut} units`;
      const wanted = life < expected.length - 2 ? CUT_EXIT : 0;
      if (exitCode !== wanted) throw new Error(`${what}: exit code ${exitCode}\n${lines.join('\n')}`);
      const at = firstDifference(nvm.read(0, image.nvmBytes), expected[life + 1]!);
      if (at >= 0) throw new Error(`${what}: NVM differs at ${at}`);
    }
    return expected.length - 1;
  });
}
