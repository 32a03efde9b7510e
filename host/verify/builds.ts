// The builds of one module that the passes run, and where each of them finds NVM and the image: as copies in its SRAM, in place
// behind it, or by itself in its own memory.
import { WORK_BYTES } from '../../assembly/work-layout.js';
import type { DeviceImage } from '../model/image.js';
import { BrownoutError } from '../error.js';
import type { Interval } from '../plan/interval.js';
import type { InstructionCosts } from '../toolchain/meter.js';
import { meter } from '../toolchain/meter.js';
import { inPlaceAddress, mapInPlace } from '../toolchain/in-place.js';
import { MAPPED_AT, mappedStateAt, PAGE_BYTES } from '../toolchain/parts.js';
import { type Shadowed, shadowReads, type Stores } from '../toolchain/shadow.js';
import { memoryBytes, type Watched, watchMapped, widenMemory } from '../toolchain/watch-mapped.js';

/** Where NVM lies in a module's memory. */
export interface Mapping {
  /** The image begins here, its state there; nothing is mapped from `end` on. */
  imageAt: number;
  stateAt: number;
  end: number;
  /** The module finds both by itself, and is a watched one; else views say where. */
  own: boolean;
}

/** A module as a probe runs it; without `mapping`, views are copies in SRAM. */
export interface Build {
  module: WebAssembly.Module;
  mapping?: Mapping | undefined;
  /** Where room to work in lies, if it has any: no tile reads there what it has not written. */
  room?: Interval | undefined;
  /** Of a shadowed one (`shadowReads`). */
  shadow?: Omit<Shadowed, 'wasm'>;
}

/** Builds of one module. */
export interface Builds {
  /** As it ships: with views that are copies, or with NVM in its own memory. */
  module: Build;
  /** One that counts, and ends endless loops. */
  metered: Build;
  /** As it ships, with views in place; the same as `module` where NVM is in its own memory. */
  inPlace: Build;
  /** One whose loads of image and NVM are watched, from where they lie. */
  loads: () => Build;
  /** One for each way to find NVM, that traps at the use of an unknown byte. */
  shadowed: () => Build[];
  /** Bytes to follow data through: without watchers, which would branch on addresses. */
  plain: { wasm: Uint8Array<ArrayBuffer>; mapping: Mapping | undefined };
  sramBytes: number;
}

/** `make`, but for what it has made. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** Pages behind a mapped module, so that its NVM need not begin at one address: no proof depends on where. */
const SPARE_PAGES = 17;

const compiled = (wasm: Uint8Array<ArrayBuffer>): WebAssembly.Module => new WebAssembly.Module(wasm);

/** Whether the module that ships has NVM in its own memory. */
export const isOwn = ({ module }: Pick<Builds, 'module'>): boolean => module.mapping?.own === true;

/** The same by what it imports. */
const isMapped = (module: WebAssembly.Module): boolean =>
  WebAssembly.Module.imports(module).every(({ name }) => name !== 'view');

/** First byte of SRAM behind a module's static data, and the room to work in that it may have. */
function addressesOf(module: WebAssembly.Module): { arena: number; room: Interval | undefined } {
  const nothing = new Proxy({}, { get: () => () => 0 });
  const imports = Object.fromEntries(
    WebAssembly.Module.imports(module).map(({ module: from }) => [from, nothing]),
  );
  const { arena, room } = new WebAssembly.Instance(module, imports).exports;
  const addressOf = (address: unknown): number => (address as WebAssembly.Global).value as number;
  return { arena: addressOf(arena), room: room && [addressOf(room), addressOf(room) + WORK_BYTES] };
}

/** A module that another image was built for. */
const unfit = (found: string, expected: string): BrownoutError =>
  new BrownoutError({
    code: 'E_MODULE',
    found,
    expected,
    hint: 'Build it for this image: `brownout build model.brn`, with `--nvm mapped` where NVM is to be in its memory.',
  });

/** The builds of `wasm` for `image`, `costs` the metered one's. Throws `E_MODULE` where NVM does not fit the module's memory. */
export function buildsOf(wasm: Uint8Array<ArrayBuffer>, image: DeviceImage, costs: InstructionCosts): Builds {
  const module = compiled(wasm);
  // Exactly the SRAM that the image asks for.
  const { arena, room } = addressesOf(module);
  const sramBytes = arena + image.arenaBytes;
  const own = isMapped(module);
  const lowest = own ? MAPPED_AT + mappedStateAt(image) + image.nvmBytes : sramBytes;
  const bytes = memoryBytes(wasm);
  if (room && (room[0] < lowest || room[1] > bytes))
    throw unfit(
      `a module with room to work in from ${room[0]} to ${room[1]}`,
      `one with it between ${lowest}, where ${own ? 'NVM' : 'SRAM'} ends, and ${bytes}, where its memory does`,
    );
  return own
    ? mappedBuilds(wasm, image, costs, sramBytes, room)
    : importedBuilds(wasm, image, costs, sramBytes, room);
}

function importedBuilds(
  wasm: Uint8Array<ArrayBuffer>,
  image: DeviceImage,
  costs: InstructionCosts,
  sramBytes: number,
  room: Interval | undefined,
): Builds {
  const imageAt = inPlaceAddress(wasm);
  const stateAt = imageAt + mappedStateAt(image);
  const mapping: Mapping = { imageAt, stateAt, end: stateAt + image.nvmBytes, own: false };
  const nvmBytes = mapping.end - imageAt;
  return {
    module: { module: compiled(wasm), room },
    metered: { module: compiled(meter(wasm, costs)), room },
    inPlace: { module: compiled(mapInPlace(wasm, { nvmBytes })), mapping, room },
    loads: once(() => {
      const watched: Watched = { readsFrom: imageAt, writesFrom: mapping.end, to: mapping.end };
      return { module: compiled(watchMapped(mapInPlace(wasm, { nvmBytes }), watched)), mapping, room };
    }),
    shadowed: () => [
      shadowedBuild(wasm, { fence: sramBytes, room }),
      shadowedBuild(mapInPlace(wasm, { nvmBytes, trapStores: false }), { fence: sramBytes, room }, mapping),
    ],
    plain: { wasm, mapping: undefined },
    sramBytes,
  };
}

function shadowedBuild(wasm: Uint8Array, stores: Stores, mapping?: Mapping): Build {
  const { wasm: copy, ...shadow } = shadowReads(wasm, stores);
  return { module: compiled(copy), mapping, room: stores.room, shadow };
}

function mappedBuilds(
  wasm: Uint8Array<ArrayBuffer>,
  image: DeviceImage,
  costs: InstructionCosts,
  sramBytes: number,
  room: Interval | undefined,
): Builds {
  const stateAt = MAPPED_AT + mappedStateAt(image);
  const bytes = memoryBytes(wasm);
  if (bytes < stateAt + image.nvmBytes)
    throw unfit(`a module with ${bytes} bytes of memory`, `${stateAt + image.nvmBytes}: SRAM, image and NVM`);
  if (sramBytes > MAPPED_AT)
    throw unfit(`an image with ${image.arenaBytes} bytes of arena`, `one that fits the ${MAPPED_AT} of SRAM`);
  // Where NVM is moved, it lies behind the room: as much again.
  const wide = widenMemory(wasm, SPARE_PAGES + (room ? (room[1] - MAPPED_AT) / PAGE_BYTES : 0));
  const end = memoryBytes(wide);
  const mapping: Mapping = { imageAt: MAPPED_AT, stateAt, end, own: true };
  const watched: Watched = { readsFrom: MAPPED_AT, writesFrom: sramBytes, to: end };
  const build: Build = { module: compiled(watchMapped(wide, watched)), mapping, room };
  return {
    module: build,
    metered: { module: compiled(watchMapped(meter(wide, costs), watched)), mapping, room },
    inPlace: build,
    loads: () => build,
    shadowed: () => {
      const { wasm: copy, ...shadow } = shadowReads(wide);
      return [{ module: compiled(watchMapped(copy, watched)), mapping, room, shadow }];
    },
    plain: { wasm: wide, mapping },
    sramBytes,
  };
}
