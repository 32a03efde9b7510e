// A dump of NVM brought back to the factory's weights, all or those of one class, or to a stream's first state, by the module
// itself.
import { ErrorCode, Status } from '../../assembly/error.js';
import { BrownoutError, checkBytes, checkFields, ExitCode } from '../error.js';
import { MOST_CLASSES, OpKind } from '../../assembly/layout.js';
import type { DeviceImage } from '../model/image.js';
import { whole } from '../options/kinds.js';
import { checkOptions, type Table } from '../options/table.js';
import { checkState } from '../model/state-record.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { moduleBytes } from '../toolchain/modules.js';
import { type LearningStatus, learningStatus, learningOf } from '../learning/learned.js';

const SRAM_BYTES = 65536;

/** What `restore` brings back: without options all that was learnt. */
export interface RestoreOptions {
  /** Of a head by sums compiled with `forget`: this class alone becomes what it was. */
  class?: number;
}

export const restoreOptions = {
  class: { kind: whole(0, MOST_CLASSES - 1), help: 'forget what was learnt of this class alone' },
} as const satisfies Table<RestoreOptions>;

/** Throws `E_KIND` where the image cannot forget, `E_LABEL` for a class that it has not. */
function checkClass(image: DeviceImage, y: number): void {
  if (!image.ops.some(({ kind }) => kind === OpKind.FORGET))
    throw new BrownoutError({
      code: 'E_KIND',
      found: `class ${y} of an image that cannot forget one`,
      expected: 'a head by sums that can',
      hint: 'Compile with `--learn sums --forget`, or restore everything: leave the class out.',
    });
  const { classes } = learningOf(image);
  if (y >= classes)
    throw new BrownoutError({
      code: 'E_LABEL',
      found: `class ${y}`,
      expected: `a whole number from 0 to ${classes - 1}`,
      hint: 'Classes count from 0.',
    });
}

/** No app's: the ticket of the job that forgets. */
const TICKET = 0xffffffff;

/** The job that forgets class `y`, from its call to its end. Returns the last code. */
function forget(device: Device, y: number): number {
  let code = device.forget(TICKET, y);
  while (code === Status.RUN || code === Status.LOW) code = device.run();
  return code === Status.DONE ? device.ack(TICKET) : code;
}

/**
 * `dump`: the state of `image`, all of it. Throws `E_KIND`, `E_LABEL`, as `checkState`, and what the device says.
 */
export function restore(
  dump: Uint8Array,
  image: DeviceImage,
  options: RestoreOptions = {},
): { nvm: Uint8Array; learning?: LearningStatus } {
  checkBytes(dump, 'a dump of NVM');
  checkFields(image, 'an image, as `readImage` gives it', 'ops');
  const { class: y } = checkOptions(restoreOptions, options);
  if (!image.stream) learningOf(image);
  if (y !== undefined) checkClass(image, y);
  checkState(dump, image);
  const nvm = new SimulatedNvm(dump.length);
  nvm.load(dump);
  const module = new WebAssembly.Module(moduleBytes('device.learn'));
  const device = new Device(module, { image, nvm, sramBytes: SRAM_BYTES });
  const state = device.boot();
  const code = state !== Status.IDLE ? state : y === undefined ? device.restore() : forget(device, y);
  if (code !== Status.IDLE) {
    const found = code < 0 ? (ErrorCode[code] ?? `${code}`) : `a job in state ${Status[code]}`;
    const hint = 'Let the device finish its job, or cancel it, first.';
    throw new BrownoutError(
      { code: 'E_BUSY', found, expected: 'a device between two jobs', hint },
      ExitCode.DEVICE,
    );
  }
  const learning = image.learning && { learning: learningStatus(nvm.cells, image) };
  return { nvm: nvm.cells.slice(), ...learning };
}
