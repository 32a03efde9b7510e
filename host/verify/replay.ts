// `replay --cuts`: a schedule that `verify` found, played and told.
import { type Image, readImage } from '../model/image.js';
import { playerOf } from './counterexample.js';
import { parseSchedule } from './schedule.js';
import { checkOptions } from '../options/table.js';
import { type ReplayCutsOptions, replayCutsOptions } from './options.js';
import { setUp } from './verify.js';

/** What `brownout replay --cuts --json` prints. */
export interface ReplayCutsResult {
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
  const schedule = parseSchedule(id);
  const model = image instanceof Uint8Array ? readImage(image) : image;
  const { verdict, detail, story } = playerOf(setUp(model, settings, schedule.way)).play(schedule);
  return { id, cuts: schedule.cuts.length, identical: verdict === 'identical', verdict, detail, story };
}
