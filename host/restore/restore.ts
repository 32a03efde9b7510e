// A dump of NVM brought back to the factory's weights, or to a stream's first state, by the module itself.
import { ErrorCode, Status } from '../../assembly/error.js';
import { BrownoutError, checkBytes, checkFields, ExitCode } from '../error.js';
import type { DeviceImage } from '../model/image.js';
import { checkState } from '../model/state-record.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { moduleBytes } from '../toolchain/modules.js';
import { type LearningStatus, learningStatus, learningOf } from '../learning/learned.js';

const SRAM_BYTES = 65536;

/** `dump`: the state of `image`, all of it. Throws `E_KIND`, as `checkState`, and what the device says. */
export function restore(
  dump: Uint8Array,
  image: DeviceImage,
): { nvm: Uint8Array; learning?: LearningStatus } {
  checkBytes(dump, 'a dump of NVM');
  checkFields(image, 'an image, as `readImage` gives it', 'ops');
  if (!image.stream) learningOf(image);
  checkState(dump, image);
  const nvm = new SimulatedNvm(dump.length);
  nvm.load(dump);
  const module = new WebAssembly.Module(moduleBytes('device.learn'));
  const device = new Device(module, { image, nvm, sramBytes: SRAM_BYTES });
  const state = device.boot();
  const code = state === Status.IDLE ? device.restore() : state;
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
