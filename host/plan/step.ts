// The planner's working units: a record to be, and the buffers it touches.
import type { LoweredOp } from '../ops/shared/lowering.js';

export interface Buffer {
  bytes: number;
  /** Op that writes it; −1: the input. */
  born: number;
  /** Last op that reads it. */
  dies: number;
  /** In NVM; of learning with the group in bits 24–27. */
  address: number;
}

/** A record of the plan, and the buffers it touches. */
export interface Step {
  name: string;
  lowered: LoweredOp;
  reads: { field: number; buffer: Buffer; offset: number }[];
  writes: Buffer;
  /** Another step whose constants this one shares. */
  twin?: Step;
  /** Another step whose weights this one reads. */
  sharesWeightsOf?: Step;
  /** Whether a commit is mandatory behind it, wherever buffers lie. */
  commits?: boolean;
}
