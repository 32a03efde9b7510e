import pc from 'picocolors';
import type { ReplayCutsResult } from '../verify/replay.js';

/** What a schedule of power failures led to, event by event. */
export function replayCutsText({ story, identical, verdict, detail, cuts }: ReplayCutsResult): string {
  const end = `${verdict}: ${detail}`;
  return [
    ...story.slice(0, -1),
    '',
    `${cuts} power failure${cuts === 1 ? '' : 's'}; ${identical ? pc.green(end) : pc.red(end)}`,
  ].join('\n');
}
