// `replay --cuts`: a schedule that `verify` found, played and told.
import { BrownoutError, checkText } from '../error.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import { type Origin, originOf } from '../origin.js';
import { isOwn } from './builds.js';
import { playerOf } from './counterexample.js';
import { parseSchedule } from './schedule.js';
import { checkOptions } from '../options/table.js';
import { type ReplayCutsOptions, replayCutsOptions } from './options.js';
import { setUp } from './verify.js';

/** What `brownout replay --cuts --json` prints. */
export interface ReplayCutsResult {
  origin: Origin;
  id: string;
  cuts: number;
  /** Answers and final NVM are those of steady power. */
  identical: boolean;
  verdict: string;
  detail: string;
  story: string[];
}

/** Plays two jobs through the power failures that `id` names. Throws `E_CUTS_ID`. */
export function replayCuts(
  image: Uint8Array | Image,
  id: string,
  options: ReplayCutsOptions = {},
): ReplayCutsResult {
  const settings = checkOptions(replayCutsOptions, options);
  const model = imageOf(image);
  const schedule = parseSchedule(checkText(id, 'a schedule of power failures, as `verify` gives it'));
  const setup = setUp(model, settings, schedule.way);
  if (isOwn(setup))
    throw new BrownoutError({
      code: 'E_MODULE',
      found: 'a module with NVM in its own memory',
      expected: 'one that imports `nvm.write`, where a cut can fall within a write',
      hint: 'Leave `module` out: the module that ships does the same. `verify` proves yours.',
    });
  const { verdict, detail, story } = playerOf(setup).play(schedule);
  const origin = originOf({ image: model.file, module: setup.wasm });
  const cuts = schedule.cuts.length;
  return { origin, id, cuts, identical: verdict === 'identical', verdict, detail, story };
}
