// What inferences write to NVM on steady power, for forecasts of how long it lasts.
import { Random } from '../math/random.js';
import type { Image } from '../model/image.js';
import { valuesFrom } from '../model/values.js';
import { completeJob } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { type NvmAction, TracedNvm } from '../simulator/traced-nvm.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';

/** Inferences on different inputs. */
const INFERENCES = 4;

export interface WriteTrace {
  /** NVM before the first of them. */
  initial: Uint8Array;
  /** Writes and barriers of an inference each. */
  inferences: NvmAction[][];
}

/** Runs inferences on `image`. */
export function traceWrites(image: Image, sramBytes: number): WriteTrace {
  const nvm = new TracedNvm(image);
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), { image, nvm, sramBytes });
  const random = new Random(1);
  const inferences = Array.from({ length: INFERENCES }, (_, index) => {
    const start = nvm.actions.length;
    const bytes = Uint8Array.from({ length: image.input.bytes }, () => random.integer(256));
    const input = valuesFrom(bytes, image.metadata.input.dtype);
    completeJob(device, image, { ticket: index + 1, input }, {}, index > 0);
    return nvm.actions.slice(start);
  });
  return { initial: nvm.initial, inferences };
}

/** Writes of the hottest byte in an inference. `pageBytes`: pieces of a page that hold what is written already are left out. */
export function hottestByteWrites({ initial, inferences }: WriteTrace, pageBytes?: number): number {
  const cells = initial.slice();
  const writes = new Uint32Array(cells.length);
  for (const { what, address, bytes } of inferences.flat()) {
    if (what !== 'write') continue;
    for (let at = 0; at < bytes.length;) {
      const start = address + at;
      const room = pageBytes === undefined ? bytes.length : pageBytes - (start % pageBytes);
      const piece = bytes.subarray(at, at + room);
      at += piece.length;
      const isHeld = Buffer.compare(cells.subarray(start, start + piece.length), piece) === 0;
      if (pageBytes !== undefined && isHeld) continue;
      cells.set(piece, start);
      for (let cell = start; cell < start + piece.length; cell++) writes[cell]!++;
    }
  }
  return writes.reduce((most, count) => Math.max(most, count), 0) / inferences.length;
}
