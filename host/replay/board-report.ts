import { count, facts } from '../report/text.js';
import type { BoardReplayResult } from './replay-on-board.js';

/** What became of the jobs of a board that was killed again and again. */
export function boardReplayText(result: BoardReplayResult): string {
  const { board, kills, tornSlots, inferences, repeats, identical, violations } = result;
  return [
    `${board}, emulated by QEMU`,
    facts([
      ['kills (SIGKILL, started again)', count(kills)],
      ['cursor slots left torn', count(tornSlots)],
      ['jobs delivered', count(inferences)],
      ['delivered twice', count(repeats), 'the same answer under the same ticket'],
      ['answers and last NVM', identical ? 'identical' : 'NOT IDENTICAL', 'against the simulator'],
    ]),
    ...violations,
  ].join('\n');
}
