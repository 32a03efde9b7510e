// What the analysis of widths starts from: constants of the image and of the part, and what a module is promised.
import {
  C_OP,
  C_TILE,
  CONSTANT,
  H_PLAN,
  HEADER_BYTES,
  OP_BYTES,
  OP_TILES,
  STATIC_BYTES,
} from '../../../assembly/layout.js';
import type { Image } from '../../model/image.js';
import { ANY, constant, type Interval, unsigned } from './interval.js';

export interface Facts {
  /** Of the part: where there are 16, addresses matter by so many. */
  addressBits: 16 | 32;
  /** Where the arena begins, with the record of the op at hand. */
  arena: number;
  /** Where boot copies the image's header to, whose checksum it compares before it goes by anything there. */
  header: number;
  /** Bytes of the part's SRAM that the module has: nothing is stored behind them (`npm test -- native`). */
  sramBytes: number;
  /** Records of the plan; none where ops change the cursor themselves. */
  records: Uint8Array[];
  /** What exported functions are called with, where that never changes. */
  parameters: Map<string, number[]>;
  /** Words of SRAM that boot has left, and nobody changes. */
  words(): Map<number, Interval>;
  /** The cursor's words at an op. */
  cursor(op: number): [address: number, range: Interval][];
  /** Which parameters of an import point to what it writes. */
  written(name: string): readonly number[];
  /** Which parameters of a function are addresses of bytes that it reads or writes. */
  addresses(name: string): readonly number[];
  /** What an import returns. */
  imported(name: string): Interval;
  /** The function that brings a record to the arena, and writes nothing else. */
  fetchRecord: string;
}

/** Bodies of accel.* write to these of their parameters (assembly/accel/imports.ts); a view may be a copy at its third. */
const WRITTEN: Record<string, readonly number[]> = {
  ...{ view: [2], write: [], sync: [], low: [] },
  ...{
    gemm_s8: [11, 13],
    signs_s8: [12, 14],
    nibbles_s8: [11, 13],
    xnor_s8: [14, 16],
    windows_s8: [15],
    depthwise_s8: [16],
    add_s8: [15],
  },
  ...{ winograd_input_s8: [4], winograd_weights_s8: [3], winograd_s8: [11, 14] },
  ...{ ntt_forward_s8: [2, 3], ntt_sums: [4], ntt_inverse_s8: [0, 8], circulant_s8: [12, 13] },
};

/** Where a module keeps what: addresses of its static data (assembly/sram.ts). */
export interface Places {
  arena: number;
  cursor: number;
}

/** A module's state begins at the cursor less these, and its header is behind the cursor. */
const STATE_BEFORE_CURSOR = 32;
const CURSOR_TO_HEADER = 48;
const BASE = 4;
const IMAGE = 24;

/**
 * Of the module of `image` on a part of 16-bit addresses. `farthest`: how far behind the module's memory the last byte of the
 * part is, where views lie in place.
 */
export function factsOf(image: Image, places: Places, sramBytes: number, farthest: number): Facts {
  const device = image.device;
  const view = new DataView(device.buffer, device.byteOffset, device.byteLength);
  const isPlain = places.arena === STATIC_BYTES && image.ops.every((op) => !op.isLearning);
  const plan = view.getUint32(H_PLAN, true);
  const bytes = view.getUint32(H_PLAN + 4, true);
  const records = Array.from({ length: isPlain ? bytes / OP_BYTES : 0 }, (_, i) =>
    device.subarray(plan + i * OP_BYTES, plan + (i + 1) * OP_BYTES),
  );
  const state = places.cursor - STATE_BEFORE_CURSOR;
  const header = places.cursor + CURSOR_TO_HEADER;
  return {
    ...{ addressBits: 16, arena: places.arena, header, sramBytes, records },
    parameters: new Map([['boot', [0, device.length, 0, image.nvmBytes, sramBytes]]]),
    words() {
      const words = new Map<number, Interval>();
      if (!isPlain) return words;
      words.set(state + BASE, constant(0));
      words.set(state + IMAGE, constant(-CONSTANT));
      for (let at = 0; at < HEADER_BYTES; at += 4) words.set(header + at, constant(view.getUint32(at, true)));
      return words;
    },
    cursor(op) {
      const record = records[op]!;
      const tiles = new DataView(record.buffer, record.byteOffset).getUint32(OP_TILES, true);
      return [
        [places.cursor + C_OP, constant(op)],
        [places.cursor + C_TILE, unsigned(0, tiles - 1)],
      ];
    },
    addresses: (name) => (/\/(copyBytes|fillBytes)$/.test(name) ? [0] : []),
    written: (name) => WRITTEN[name]!,
    imported: (name) => (name === 'view' ? unsigned(0, farthest) : name === 'low' ? unsigned(0, 1) : ANY),
    fetchRecord: 'assembly/plan/fetchRecord',
  };
}
