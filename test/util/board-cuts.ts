// One job through a chain of cuts, on an emulated board and in the simulator, NVM compared after every one.
import { join } from 'node:path';
import { buildForBoard, inTemporaryFolder } from '../../host/firmware/build-elf.js';
import { controlBlock } from '../../host/firmware/count-on-board.js';
import { NvmFile, runOnBoard } from '../../host/firmware/qemu.js';
import { firmwareModule, sramBytes } from '../../host/firmware/sources.js';
import { boardCalled, CONTROL_OFFSET } from '../../host/firmware/targets.js';
import type { Image } from '../../host/model/image.js';
import { littleEndian } from '../../host/model/values.js';
import { completeJob } from '../../host/simulator/app.js';
import { Device } from '../../host/simulator/device.js';
import { firstDifference } from '../../host/simulator/equality.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { moduleBytes } from '../../host/toolchain/modules.js';
import { CountdownPower } from '../../host/simulator/countdown-power.js';

/** What the board's program exits with at a cut. */
const CUT_EXIT = 75;

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
function simulate(image: Image, lives: readonly number[], sram: number): Uint8Array[] {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const supply = new SnapshotPower(nvm);
  const module = new WebAssembly.Module(moduleBytes('device'));
  const device = new Device(module, { nvm, sramBytes: sram, supply });
  let life = 0;
  supply.left = lives[0] ?? Infinity;
  const onCut = (): undefined => {
    supply.left = lives[++life] ?? Infinity;
  };
  completeJob(device, image, { ticket: 1, input: image.sample! }, { onCut });
  return [...supply.snapshots, nvm.cells.slice()];
}

/** Bytes written and barriers passed by a job that nothing cuts. */
export function jobUnits(image: Image): number {
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const supply = new CountdownPower();
  const module = new WebAssembly.Module(moduleBytes('device'));
  const device = new Device(module, { nvm, sramBytes: 65536, supply });
  completeJob(device, image, { ticket: 1, input: image.sample! });
  return supply.used;
}

/**
 * Runs the chain on a board and in the simulator. Returns the boots compared, the last NVM as one more; throws where
 * they differ.
 */
export async function compareCuts(
  image: Image,
  boardName: string,
  lives: readonly number[],
): Promise<number> {
  const board = boardCalled(boardName);
  const module = await firmwareModule(image);
  const expected = simulate(image, lives, sramBytes(image, module));
  return inTemporaryFolder(async (folder) => {
    const program = { sources: ['boards/hal-cut.c', 'boards/replay.c'], defines: [] };
    const elf = buildForBoard(folder, image, module, board, program);
    const nvm = new NvmFile(join(folder, 'nvm.bin'), board);
    nvm.write(0, expected[0]!);
    for (let life = 0; life < expected.length - 1; life++) {
      const cut = lives[life];
      const fields = { garbage: life, ...(cut === undefined ? {} : { cutUnits: cut }) };
      nvm.write(CONTROL_OFFSET, controlBlock(fields, [littleEndian(image.sample!)]));
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
