// The two memories, as the host binds them (docs/DESIGN.md §4): the image, which is only read, and NVM, which holds its
// state. An address says which of them it is of: those in the image have CONSTANT.
import { LEARNING } from './kernels/mask';
import { CONSTANT, GROUP_MASK, GROUP_SHIFT } from './layout';
import { BASE, GROUPS, IMAGE, STATE } from './sram';

declare function view(address: usize, length: i32, scratch: usize): usize;
declare function write(address: usize, source: usize, length: i32): void;
// @ts-ignore: decorator
@external("nvm", "sync")
declare function synchronize(): void;
// @ts-ignore: decorator
@external("image", "view")
declare function viewImage(address: usize, length: i32, scratch: usize): usize;

/** Where both memories begin in the module's own, in builds that find them there (`--use NVM_AT=…`); they import `sync` alone. */
export const MAPPED: usize = isDefined(NVM_AT) ? NVM_AT : 0;

/** An address with its group resolved, if it names one. A group may lie in either memory: the factory's weights are constants. */
// @ts-ignore: decorator
@inline
function resolve(address: usize): usize {
  const group = LEARNING ? (address & ~CONSTANT) >>> GROUP_SHIFT : 0;
  return group ? load<usize>(GROUPS + (group << 2)) + (address & GROUP_MASK) : address;
}

/** A read-only pointer to `length` bytes: in place, or copied to `scratch`. Valid until the tile ends. */
export function look(address: usize, length: i32, scratch: usize): usize {
  assert(length > 0 && scratch >= STATE);
  const at = resolve(address);
  if (MAPPED) return MAPPED + at + load<usize>((at & CONSTANT) != 0 ? IMAGE : BASE);
  const pointer =
    at & CONSTANT
      ? viewImage(at + load<usize>(IMAGE), length, scratch)
      : view(at + load<usize>(BASE), length, scratch);
  assert(((pointer ^ address) & 3) == 0 || pointer == scratch);
  return pointer;
}

/** Copies `length` bytes to `destination`, where they stay; returns it. */
export function fetch(address: usize, length: i32, destination: usize): usize {
  const source = look(address, length, destination);
  if (source != destination) memory.copy(destination, source, length);
  return destination;
}

/** Writes `length` bytes of the state; durable after the next `sync`, torn by a cut before. */
export function put(address: usize, source: usize, length: i32): void {
  const at = resolve(address);
  assert(length > 0 && at > 0 && !(at & CONSTANT));
  if (MAPPED) memory.copy(MAPPED + at + load<usize>(BASE), source, length);
  else write(at + load<usize>(BASE), source, length);
}

/** Returns when all that was written is durable. A call: no compiler moves a store across it, and a host drains its caches. */
// @ts-ignore: decorator
@inline
export function sync(): void {
  synchronize();
}
