// Run with a verifier that has a small change: prints the name of a test whose image or build is no longer refuted as it must be.
import {
  IN_PLACE_REFUTATIONS,
  MAPPED_REFUTATIONS,
  REFUTATIONS,
  type Refutation,
  unrefuted,
} from '../util/refutations.js';

/** What is asked first finds most. */
const text = process.env['CHECKS'] ?? '';
const all: readonly Refutation[] = [...REFUTATIONS, ...IN_PLACE_REFUTATIONS, ...MAPPED_REFUTATIONS];
for (const refutation of [
  ...all.filter(({ name }) => text !== '' && name.includes(text)),
  ...all.filter(({ name }) => text === '' || !name.includes(text)),
]) {
  if ((await unrefuted(refutation)) === undefined) continue;
  console.log(refutation.name);
  break;
}
