// The device module: what an application calls (docs/DESIGN.md §4).
import { VERSION } from './layout';
import { ARENA, CURSOR } from './sram';

export { run } from './engine';
export { ack, boot, cancel, feed, label, status, submit } from './job';

/** The image format this build reads. */
export function version(): i32 {
  return VERSION;
}

/** SRAM map: the arena; free for staging input while no job runs. */
export const arena: usize = ARENA;
/** SRAM map: the cursor as it stands; an app reads its ticket there after a boot. */
export const cursor: usize = CURSOR;
