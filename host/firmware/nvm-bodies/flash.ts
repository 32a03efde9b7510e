import { hex } from '../../model/image-error.js';
import { FlashLog, flashLogSize } from '../flash-log.js';
import type { WriteTrace } from '../write-trace.js';
import { beside, type NvmBody, type Placement, type Placing, type Setting } from './nvm-body.js';

/** The log's own frames lie under the module's. */
const STACK_BYTES = 1536;
/** Erasures that a page lasts: nRF52840 product specification. */
const ENDURANCE = 1e4;
/** Erasures a page after which the log's share of them is taken. */
const ERASURES = 16;
const MOST_ROUNDS = 4096;

/** The log is at flash's end. */
function place({ map, nvmBytes, page }: Placing): Placement {
  if (!page) return beside();
  const { bytes: flashBytes, capacityBytes } = flashLogSize(nvmBytes, { pageBytes: page.bytes });
  const address = map.flash.origin + map.flash.bytes - flashBytes;
  const settings: Setting[] = [
    { name: 'BROWNOUT_FLASH_ADDRESS', value: `${hex(address)}u`, what: 'first page of the log' },
    { name: 'BROWNOUT_FLASH_PAGE_BYTES', value: `${page.bytes}u`, what: 'what is erased at once' },
  ];
  return { settings, flashBytes, capacityBytes };
}

/** Erasures of the page that had most, in an inference: the log goes around until they are many. */
function erasures({ initial, inferences }: WriteTrace): number {
  const log = new FlashLog(initial.length);
  log.write(0, initial);
  log.sync();
  const most = (): number => Math.max(...log.pages.map((page) => page.erasures));
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

/** The part's own flash, as a log. */
export const flash: NvmBody = {
  files: ['brownout_nvm_flash.c', 'brownout_nvm_flash.h'],
  editable: [],
  port: 'flash',
  keepsOld: true,
  runs: 'part',
  stackBytes: STACK_BYTES,
  place,
  memories: [
    { name: 'flash', title: 'flash, as a log', unit: 'page', wear: erasures, lasts: () => ENDURANCE },
  ],
};
