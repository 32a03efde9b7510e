// How long NVM of each kind lasts under the bodies of firmware/: what wears there, and after how many inferences.
import { Random } from '../math/random.js';
import type { Image } from '../model/image.js';
import { valuesFrom } from '../model/values.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { completeJob } from '../simulator/app.js';
import { Device } from '../simulator/device.js';
import { type NvmAction, TracedNvm } from '../simulator/traced-nvm.js';
import { ENDURANCE } from '../simulator/wear.js';
import { moduleBytes, moduleFor } from '../toolchain/modules.js';
import { FlashLog } from './flash-log.js';

/** The forecast for a kind of NVM: wear is simulated, on steady power; what a cell lasts is the data sheet's. */
export interface Endurance {
  nvm: 'mapped' | 'fram' | 'mram' | 'spi-fram' | 'eeprom' | 'flash';
  /** What wears. */
  unit: 'byte' | 'page';
  /** Writes of the hottest byte, or erasures of the page that had most, in one inference. */
  wearPerInference: number;
  /** Writes or erasures that it lasts. */
  lasts: number;
  /** Inferences until it is worn. */
  lifetimeInferences: number;
}

/** Inferences on different inputs, played over and over. */
const INFERENCES = 4;
/** Erasures a page after which the log's share of them is taken. */
const ERASURES = 16;
const MOST_ROUNDS = 4096;
/** The latch of EEPROM, as in firmware/brownout_nvm_eeprom.c. */
const EEPROM_PAGE_BYTES = 64;

interface Trace {
  initial: Uint8Array;
  /** Of an inference each. */
  inferences: NvmAction[][];
}

function traceInferences(image: Image, sramBytes: number): Trace {
  const nvm = new TracedNvm(image);
  const device = new Device(new WebAssembly.Module(moduleBytes(moduleFor(image))), { nvm, sramBytes });
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
function hottest({ initial, inferences }: Trace, pageBytes?: number): number {
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

/** Erasures of the page that had most, in an inference: the log goes around until they are many. */
function flashErasures({ initial, inferences }: Trace): number {
  const log = new FlashLog(initial.length);
  log.write(0, initial);
  log.sync();
  const most = (): number => Math.max(...log.pages.map(({ erasures }) => erasures));
  let rounds = 0;
  while (most() < ERASURES && rounds < MOST_ROUNDS) {
    for (const { what, address, bytes } of inferences.flat()) {
      if (what === 'write') log.write(address, bytes);
      else log.sync();
    }
    rounds++;
  }
  return most() / (rounds * inferences.length);
}

/** The forecast for each kind of NVM. */
export function forecastEndurance(image: Image, profile: DeviceProfile): Endurance[] {
  const trace = traceInferences(image, profile.sramBytes.value);
  const bytes = hottest(trace);
  const row = (nvm: Endurance['nvm'], wear: number, lasts: number): Endurance => ({
    nvm,
    unit: nvm === 'flash' ? 'page' : 'byte',
    wearPerInference: wear,
    lasts,
    lifetimeInferences: Math.floor(lasts / wear),
  });
  return [
    row('mapped', bytes, profile.nvmEndurance.value),
    row('fram', bytes, ENDURANCE.fram),
    row('mram', bytes, ENDURANCE.mram),
    row('spi-fram', bytes, ENDURANCE.fram),
    row('eeprom', hottest(trace, EEPROM_PAGE_BYTES), ENDURANCE.eeprom),
    row('flash', flashErasures(trace), ENDURANCE.flash),
  ];
}
