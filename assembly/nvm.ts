// Non-volatile memory, as the host binds it (docs/DESIGN.md §4). Addresses count from the image's region.
import { LEARNING } from './kernels/mask';
import { GROUP_MASK, GROUP_SHIFT } from './layout';
import { BASE, GROUPS, STATE } from './sram';

declare function view(address: usize, length: i32, scratch: usize): usize;
declare function write(address: usize, source: usize, length: i32): void;
// @ts-ignore: decorator
@external("nvm", "sync")
declare function synchronize(): void;

/** Where NVM begins in the module's own memory, in builds that find it there (`--use NVM_AT=…`): they import none of these. */
const MAPPED: usize = isDefined(NVM_AT) ? NVM_AT : 0;

/** Where an address of the image lies in NVM: behind the base of its group, if it names one. */
// @ts-ignore: decorator
@inline
function place(address: usize): usize {
  const base = load<usize>(BASE);
  const group = LEARNING ? address >>> GROUP_SHIFT : 0;
  return group ? base + load<usize>(GROUPS + (group << 2)) + (address & GROUP_MASK) : base + address;
}

/** A read-only pointer to `length` bytes: in place, or copied to `scratch`. Valid until the tile ends. */
export function look(address: usize, length: i32, scratch: usize): usize {
  assert(length > 0 && scratch >= STATE);
  if (MAPPED) return MAPPED + place(address);
  const pointer = view(place(address), length, scratch);
  assert(((pointer ^ address) & 3) == 0 || pointer == scratch);
  return pointer;
}

/** Copies `length` bytes to `destination`, where they stay; returns it. */
export function fetch(address: usize, length: i32, destination: usize): usize {
  const source = look(address, length, destination);
  if (source != destination) memory.copy(destination, source, length);
  return destination;
}

/** Writes `length` bytes; durable after the next `sync`, torn by a cut before. */
export function put(address: usize, source: usize, length: i32): void {
  assert(length > 0 && address > 0);
  if (MAPPED) memory.copy(MAPPED + place(address), source, length);
  else write(place(address), source, length);
}

/** Returns when all that was written is durable. */
// @ts-ignore: decorator
@inline
export function sync(): void {
  if (!MAPPED) synchronize();
}
