// Ops that many networks share, as candidates of a search do, lowered once.
import { createHash } from 'node:crypto';
import type { ComputingOp } from '../model/quantized-network.js';
import { OpRecord } from '../model/record.js';
import { lower } from './index.js';
import type { Lower, LoweredOp } from './shared/lowering.js';

/** A plan writes addresses and flags into its records: each has its own. */
const copied = (ops: readonly LoweredOp[]): LoweredOp[] =>
  ops.map((own) => ({ ...own, record: new OpRecord(own.record.bytes.slice()) }));

/** Everything that an op's records and constants depend on, but how their costs are counted. */
function keyOf(...[op, inputs, output, limits]: Parameters<Lower>): string {
  const { arenaBytes, tileCycles, oneRecord, unit, line } = limits;
  const hash = createHash('sha256');
  const text = JSON.stringify(
    [{ ...op, inputs: [], output: 0 } satisfies ComputingOp],
    (_, value: unknown) => {
      if (!ArrayBuffer.isView(value)) return value;
      hash.update(value as Uint8Array);
      return `${value.constructor.name} of ${value.byteLength}`;
    },
  );
  hash.update(text);
  hash.update(JSON.stringify([inputs, output, arenaBytes, tileCycles, oneRecord, unit, line]));
  return hash.digest('base64');
}

/** `lower` that keeps what it has found: for limits whose `cost` is the same wherever the rest of them is. */
export function rememberedLower(): Lower {
  const known = new Map<string, readonly LoweredOp[]>();
  return (...given) => {
    const key = keyOf(...given);
    let found = known.get(key);
    if (!found) {
      found = copied(lower(...given));
      known.set(key, found);
    }
    return copied(found);
  };
}
