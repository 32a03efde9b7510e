import type { LearningStatus } from '../learning/learned.js';
import { count, facts } from './text.js';

/** How learning goes, as the device's state says. */
export function learningText(learning: LearningStatus): string {
  const { labelled, updates, skipped, recentlyRight, lossFast, lossSlow, drift, drifts, rollbacks, banks } =
    learning;
  return facts([
    ['labelled samples', count(labelled), `${count(updates)} updates; ${count(skipped)} were right and sure`],
    ['recently right', `${recentlyRight} of ${Math.min(32, labelled)}`, 'before they were learnt'],
    ['loss', `${lossFast.toFixed(2)} bits`, `of late; ${lossSlow.toFixed(2)} over a longer time`],
    ['drift', drift ? 'yes' : 'no', `began ${drifts} times`],
    ['rollbacks', count(rollbacks), 'the guard found the newer weights worse, and went back'],
    ['weight banks', `${banks.current}`, `current; good ${banks.good}; 0 is the factory’s`],
  ]);
}
