// The memory rule (docs/DESIGN.md §2), checked on the finished plan: tile j may run only if what it writes is disjoint
// from LiveIn(c) of every cursor c a recovery could return to.
//
// Between two mandatory commits every tile boundary may hold such a cursor. Take a byte that tile j writes. It is in
// LiveIn(c) for some recoverable c ≤ j exactly if some tile i, c ≤ i ≤ j, reads it before anything in [c, i) writes it;
// c = i is itself recoverable, so that is: if any tile since the last mandatory commit, j included, reads it. (A read
// after j is no danger: j writes first, and a cursor behind j no longer runs j.) So the rule is: in such a segment no
// byte is written once it has been read.
import { OP_FLAG_COMMIT, OP_TILES } from '../../assembly/layout.js';
import { BrownoutError, ExitCode } from '../error.js';
import { footprint } from './footprint.js';
import type { Interval } from './interval.js';
import type { OpRecord } from '../model/record.js';
import type { Place } from './learning/footprint.js';

export interface MemoryRuleInput {
  /** The job's ops, in order. */
  ops: readonly OpRecord[];
  /** The way a job takes through them, where it is not that order: ops by index, and where each stands. */
  path?: readonly { op: number; place: Place }[];
  /** Bytes of the image's NVM region. */
  nvmBytes: number;
  /** Where tiles may read and write: all NVM behind the immutable part, cursors and diagnostics. */
  mutable: Interval;
  /** What an unfinished job must leave alone to the end (a retained input). */
  retained: readonly Interval[];
  /** Name of an op, for messages. */
  nameOf: (op: number) => string;
}

function violation(found: string): never {
  throw new BrownoutError(
    {
      code: 'E_MEMORY_RULE',
      found,
      expected: 'no tile to write what a recoverable cursor still needs',
      hint: 'This plan would give wrong answers after a power failure: report the model that led to it.',
    },
    ExitCode.WRONG,
  );
}

/** Throws `E_MEMORY_RULE` naming op, tile and byte if the plan breaks the rule. */
export function checkMemoryRule({ ops, path, nvmBytes, mutable, retained, nameOf }: MemoryRuleInput): void {
  /** Segment (1, 2, …) that last read a byte. */
  const readIn = new Uint32Array(nvmBytes);
  let segment = 1;
  const inside = ([start, end]: Interval): boolean =>
    start >= mutable[0] && end <= mutable[1] && start <= end;
  const steps = path ?? ops.map((_, op) => ({ op, place: undefined }));
  steps.forEach(({ op: index, place }) => {
    const op = ops[index]!;
    for (let tile = 0; tile < op.get(OP_TILES); tile++) {
      const { reads, writes } = footprint(op, tile, place);
      const where = `op ${index} (${nameOf(index)}), tile ${tile}`;
      for (const read of reads) {
        if (!inside(read))
          violation(`${where} reading bytes ${read[0]}–${read[1]}, outside the job's memory`);
        readIn.fill(segment, read[0], read[1]);
      }
      for (const write of writes) {
        if (!inside(write))
          violation(`${where} writing bytes ${write[0]}–${write[1]}, outside the job's memory`);
        for (const keep of retained) {
          if (write[0] < keep[1] && keep[0] < write[1])
            violation(`${where} writing the job's input, or what outlives it, at ${write[0]}`);
        }
        const clash = readIn.subarray(write[0], write[1]).indexOf(segment);
        if (clash >= 0)
          violation(`${where} writing byte ${write[0] + clash}, read since the last mandatory commit`);
      }
    }
    if (op.has(OP_FLAG_COMMIT)) segment++;
  });
}
