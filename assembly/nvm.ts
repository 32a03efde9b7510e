// Non-volatile memory, as the host binds it (docs/DESIGN.md §4). Addresses count from the image's region.
import { BASE } from './sram';

export declare function view(address: usize, length: i32, scratch: usize): usize;
export declare function write(address: usize, source: usize, length: i32): void;
export declare function sync(): void;

/** A read-only pointer to `length` bytes: in place, or copied to `scratch`. Valid until the tile ends. */
export function look(address: usize, length: i32, scratch: usize): usize {
  return view(load<usize>(BASE) + address, length, scratch);
}

/** Copies `length` bytes to `destination`, where they stay. */
export function fetch(address: usize, length: i32, destination: usize): void {
  const source = look(address, length, destination);
  if (source != destination) memory.copy(destination, source, length);
}

/** Writes `length` bytes; durable after the next `sync`, torn by a cut before. */
export function put(address: usize, source: usize, length: i32): void {
  write(load<usize>(BASE) + address, source, length);
}
