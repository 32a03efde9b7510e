/** Exit codes of the command line. */
export enum ExitCode {
  OK = 0,
  /** The result is wrong: a mismatch or a violation. */
  WRONG = 1,
  /** Bad input or usage. */
  INPUT = 2,
  /** The device reported an error. */
  DEVICE = 3,
  /** A tool is missing. */
  TOOL = 4,
}

/** What every failure says: what was found, what was expected, what to do next. */
export interface Failure {
  code: string;
  found: string;
  expected: string;
  hint: string;
}

/** An error a user can act on. `code` is stable; the three sentences are for people. */
export class BrownoutError extends Error implements Failure {
  readonly code: string;
  readonly found: string;
  readonly expected: string;
  readonly hint: string;
  readonly exitCode: ExitCode;

  constructor(failure: Failure, exitCode: ExitCode = ExitCode.INPUT) {
    super(`${failure.code}: found ${failure.found}; expected ${failure.expected}. ${failure.hint}`);
    this.name = 'BrownoutError';
    this.code = failure.code;
    this.found = failure.found;
    this.expected = failure.expected;
    this.hint = failure.hint;
    this.exitCode = exitCode;
  }
}
