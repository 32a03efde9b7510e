// A finished plan: op records, constants, and where every region of the image and of its state in NVM lies.
import type { OpRecord } from './record.js';
import type { Region, TensorTable } from './tensor-table.js';

export interface Plan {
  /** `op`: which op of the network a record is of; undefined: it belongs to learning. */
  ops: { name: string; op: number | undefined; record: OpRecord; constantBytes: number }[];
  /** Constants as they stand in the image, from `constants.offset` on. */
  constantBytes: Uint8Array;
  plan: Region;
  constants: Region;
  slots: Region;
  slotStride: number;
  diagnostics: Region;
  input: Region;
  output: Region;
  /** What they consist of, and where in the image the table that says so lies. */
  tensors: TensorTable & { offset: number };
  nvmBytes: number;
  /** Words of NVM that a cut has torn may read differently every time. */
  unstable: boolean;
  /** Number of the release; 0: none. Not the planner's affair. */
  release?: number;
  arenaBytes: number;
  tileCount: number;
  /** First op and op count of each kind of job. */
  jobs: { first: number; count: number }[];
  /** Where in the image the learning header lies; 0: the image does not learn. */
  learning: number;
}
