// What the verifier says when an obligation fails.

/** Which statement of docs/VERIFY.md does not hold. */
export type Obligation =
  | 'job'
  | 'reads'
  | 'live-in'
  | 'base case'
  | 'memory rule'
  | 'tile'
  | 'data'
  | 'volatile state'
  | 'next job'
  | 'commit'
  | 'recovery'
  | 'policy'
  | 'progress'
  | 'protocol'
  | 'provisioning'
  | 'enumeration';

export interface Violation {
  obligation: Obligation;
  /** What was found, a sentence. */
  found: string;
  /** Index of the cursor, counted in tiles from the start of the job; absent where it is about no tile. */
  cursor?: number;
  /** NVM bytes concerned, [start, end). */
  bytes?: readonly [number, number];
}

/** Thrown where an obligation fails. */
export class Refuted extends Error {
  override readonly name = 'Refuted';
  constructor(readonly violation: Violation) {
    super(`${violation.obligation}: ${violation.found}`);
  }
}

/** Throws `Refuted`. */
export function refute(
  obligation: Obligation,
  found: string,
  cursor?: number,
  bytes?: readonly [number, number],
): never {
  throw new Refuted({
    obligation,
    found,
    ...(cursor === undefined ? {} : { cursor }),
    ...(bytes ? { bytes } : {}),
  });
}
