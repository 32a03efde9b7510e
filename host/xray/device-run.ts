// Every tensor that a device computes for an input: the module that ships, stopped behind each tile.
import { ErrorCode, Status } from '../../assembly/error.js';
import { C_OP } from '../../assembly/layout.js';
import { BrownoutError, ExitCode } from '../error.js';
import type { Image } from '../model/image.js';
import type { Values } from '../model/values.js';
import { targetOf } from '../power/target.js';
import { Device } from '../simulator/device.js';
import { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';
import { LOG_INPUT, type LogRecord } from './device-log.js';
import { type DeviceRun, layersOf, valuesAt } from './layers.js';

function checked(code: number): number {
  if (code >= 0) return code;
  const found = ErrorCode[code] ?? `${code}`;
  const hint = 'docs/FORMAT.md, "Errors", says what each code means.';
  throw new BrownoutError(
    { code: found, found: `${found} from the device`, expected: 'success', hint },
    ExitCode.DEVICE,
  );
}

/** Runs `inputs` on the device module, tile by tile, and reads every layer's output as soon as it is whole. */
export function runDevice(
  image: Image,
  inputs: readonly Values[],
  onSample?: (done: number, total: number) => void,
): { run: DeviceRun; log: LogRecord[] } {
  const places = layersOf(image);
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const sramBytes = targetOf(image, {}).profile.sramBytes.value;
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), { image, nvm, sramBytes });
  checked(device.boot());
  const run: DeviceRun = { inputs: [...inputs], layers: places.map((place) => ({ ...place, values: [] })) };
  const log: LogRecord[] = [];
  const piece = (address: number, bytes: number): Uint8Array => nvm.present.slice(address, address + bytes);
  inputs.forEach((input, index) => {
    const ticket = index + 1;
    checked(device.feed(input));
    checked(device.submit(ticket));
    const { offset, bytes } = image.input;
    log.push({ ticket, op: LOG_INPUT, address: offset, bytes: piece(offset, bytes) });
    let next = 0;
    while (next < places.length) {
      checked(device.run(1));
      const done = device.status() === Status.RUN ? device.cursorField(C_OP) : image.ops.length;
      for (; next < places.length && places[next]!.op < done; next++) {
        const place = places[next]!;
        const content = piece(place.address, place.bytes);
        run.layers[next]!.values.push(valuesAt(content, place));
        log.push({ ticket, op: place.op, address: place.address, bytes: content });
      }
    }
    checked(device.ack(ticket));
    onSample?.(ticket, inputs.length);
  });
  return { run, log };
}
