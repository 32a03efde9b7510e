// A small change of one source file, and who must notice it.

/** A test by name, and what of it has the change: see `Judge`. */
export interface TestJudge {
  test: string;
  sources?: true;
  accelerated?: true;
}

/** `proof`: `verify` refutes. `plan`: what such a planner makes is refuted, or does not come about. `answers`: what comes out differs from the oracle's. `arithmetic`: a function differs from its definition. `lanes`: answers of a module for speed in lanes differ from the oracle's. `refutation`: `verify` refutes it, as a test of its name says. `checks`: a verifier with the change no longer refutes all that tests say it must. `model`: a model of the memory, cut after every step, finds it. A test file's name: that test fails; with `sources` it builds the module itself, of the changed sources; with `accelerated` it has the module of sums imported with the change. */
export type Judge =
  | 'proof'
  | 'answers'
  | 'learning'
  | 'plan'
  | 'arithmetic'
  | 'lanes'
  | 'model'
  | 'refutation'
  | 'checks'
  | TestJudge;

export interface Change {
  file: string;
  name: string;
  from: string;
  to: string;
  judge: Judge;
  /** Why nobody can notice. */
  argued: string | undefined;
  /** A test that notices where the judge does not. */
  test: string | undefined;
}

/**
 * Changes of one file: name, what stands there, what takes its place; and why it may survive, or `test:` and the name of a
 * test that notices where the judge does not.
 */
export const of = (
  file: string,
  judge: Judge,
  changes: readonly (readonly [name: string, from: string, to: string, otherwise?: string])[],
): Change[] =>
  changes.map(([name, from, to, otherwise]) => {
    const test = /^test:(.*)$/.exec(otherwise ?? '')?.[1];
    return { file, name, from, to, judge, test, argued: test ? undefined : otherwise || undefined };
  });
