// Non-volatile memory, as the host binds it (docs/DESIGN.md §4). Addresses count from the image's region.
import { TRAINING } from './kernels/mask';
import { GROUP_MASK, GROUP_SHIFT } from './layout';
import { BASE, GROUPS, STATE } from './sram';

export declare function view(address: usize, length: i32, scratch: usize): usize;
export declare function write(address: usize, source: usize, length: i32): void;
export declare function sync(): void;

/** Where an address of the image lies in NVM: behind the base of its group, if it names one. */
// @ts-ignore: decorator
@inline
function place(address: usize): usize {
  const base = load<usize>(BASE);
  const group = TRAINING ? address >>> GROUP_SHIFT : 0;
  return group ? base + load<usize>(GROUPS + (group << 2)) + (address & GROUP_MASK) : base + address;
}

/** A read-only pointer to `length` bytes: in place, or copied to `scratch`. Valid until the tile ends. */
export function look(address: usize, length: i32, scratch: usize): usize {
  assert(length > 0 && scratch >= STATE);
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
  write(place(address), source, length);
}
