// Which of a module's values fit 16 bits, for C of a part that computes with so many: proved by analyze.ts, or of no matter
// beyond (demand.ts).
import { ValueType } from '../../toolchain/wasm-bytes.js';
import { parseModule } from '../../toolchain/wasm-binary.js';
import { readInterface } from '../../toolchain/wasm-interface.js';
import { Analysis, type Found, UnknownStore } from './analyze.js';
import { widelyUsed } from './demand.js';
import type { Facts } from './facts.js';
import { type Interval, only } from './interval.js';

/** How a value of 32 bits is kept in 16, and comes back: extended by zeros, or by its sign. */
export type Narrow = 'uint16_t' | 'int16_t';

export interface Widths {
  /** Of a local, parameters first, or at -1 of what a function returns; undefined: all 32 bits. */
  local(of: number, index: number): Narrow | undefined;
  /** Of what the instruction at an offset computes. */
  result(start: number): Narrow | undefined;
  /** Its only value, read as unsigned, where it has one. */
  constant(start: number): number | undefined;
}

function narrowOf(range: Interval | undefined): Narrow | undefined {
  if (!range) return undefined;
  if (range.u1 < 0x10000) return 'uint16_t';
  return range.s0 >= -0x8000 && range.s1 < 0x8000 ? 'int16_t' : undefined;
}

const NOTHING: Found = { locals: new Map(), returns: new Map(), results: new Map() };

/** Widths of a module's values, by what `facts` say of the image; those that do not hang on it, where they prove nothing. */
export function widthsOf(wasm: Uint8Array, facts: Facts): Widths {
  const module = parseModule(wasm);
  const shown = readInterface(module);
  let found = NOTHING;
  try {
    found = new Analysis(module, shown, facts).run();
  } catch (error) {
    if (!(error instanceof UnknownStore)) throw error;
  }
  const types = new Map(module.bodies.map((body) => [body.index, body.type]));
  const proved = (of: number, index: number): Narrow | undefined =>
    narrowOf(index < 0 ? found.returns.get(of) : found.locals.get(of)?.[index]);
  const known = {
    local: (of: number, index: number) => proved(of, index) !== undefined,
    returns: (of: number) => proved(of, -1) !== undefined,
    result: (start: number) => narrowOf(found.results.get(start)) !== undefined,
  };
  const isWide = facts.addressBits === 16 ? widelyUsed(module, shown, known) : () => true;
  return {
    local(of, index) {
      if (index < 0 && types.get(of)!.results[0] !== ValueType.I32) return undefined;
      return proved(of, index) ?? (isWide(of, index) ? undefined : 'uint16_t');
    },
    result: (start) => narrowOf(found.results.get(start)),
    constant(start) {
      const range = found.results.get(start);
      return range && only(range);
    },
  };
}
