// What a watched module tells of its accesses (toolchain/watch-mapped.ts): held to what it may touch, and put together as the
// reads of a call.
import type { Mapping } from './builds.js';

/** Reads are told apart at multiples of this, where regions of NVM begin. */
const GRANULE = 16;

/** Bytes read for the first time in a call, of each memory, and lengths of writes. */
export interface Account {
  nvmBytes: number;
  imageBytes: number;
  written: number[];
}

const nothing = (): Account => ({ nvmBytes: 0, imageBytes: 0, written: [] });

/** Bytes that a call has read, each counted once. */
export class WatchedNvm {
  /** 1 for what the call under way has read, from the image's first byte on. */
  readonly #marks: Uint8Array;
  #read: number[] = [];
  #account = nothing();
  /** Where image and state end, counted from the image's first byte, and where the state begins. */
  readonly #image: number;
  readonly #state: number;
  readonly #end: number;

  constructor({ imageAt, stateAt }: Mapping, imageBytes: number, nvmBytes: number) {
    this.#image = imageBytes;
    this.#state = stateAt - imageAt;
    this.#end = this.#state + nvmBytes;
    this.#marks = new Uint8Array(this.#end);
  }

  /** `at` counts from the image's first byte. Returns whether these bytes may be read. */
  read(at: number, length: number): boolean {
    const isImage = at >= 0 && at + length <= this.#image;
    if (!isImage && (at < this.#state || at + length > this.#end)) return false;
    for (let byte = at; byte < at + length; byte++) {
      if (this.#marks[byte] !== 0) continue;
      this.#marks[byte] = 1;
      this.#read.push(byte);
      if (isImage) this.#account.imageBytes++;
      else this.#account.nvmBytes++;
    }
    return true;
  }

  wrote(length: number): void {
    this.#account.written.push(length);
  }

  /** What came since the last account. */
  account(): Account {
    const account = this.#account;
    this.#account = nothing();
    return account;
  }

  /** What the call has read of NVM: addresses and lengths, flat and in order. The next call has read nothing. */
  take(): number[] {
    const views: number[] = [];
    for (const byte of this.#read.sort((a, b) => a - b)) {
      this.#marks[byte] = 0;
      const address = byte - this.#state;
      if (address < 0) continue;
      const last = views.length - 1;
      if (last > 0 && views[last - 1]! + views[last]! === address && address % GRANULE !== 0) views[last]!++;
      else views.push(address, 1);
    }
    this.#read = [];
    return views;
  }
}
