// What a board to buy has room for, and what a person fills in before firmware runs on it.
import { hardwareCalled, type HardwareBoard } from '../firmware/hardware.js';
import { type Need, nvmOf, type Support, supportOf } from '../firmware/support.js';
import { targetCalled } from '../firmware/targets.js';
import type { NvmKind } from '../firmware/nvm-bodies/index.js';

/** One kind of NVM on the board, the one that `export` takes by default first. */
export interface BoardNvmCheck {
  nvm: NvmKind;
  /** Where firmware with it ran to the right answer; undefined: a person fills in `needs` first. */
  runsOn: string | undefined;
  needs: readonly Need[];
}

/** A board, as `check --board` says it. */
export interface BoardCheck {
  board: string;
  core: string;
  flashBytes: number;
  sramBytes: number;
  nvm: readonly BoardNvmCheck[];
}

/** What is known of a kind of NVM on a board; nothing of one that it cannot have. */
function checkOf(nvm: NvmKind, support: Support): BoardNvmCheck[] {
  switch (support.kind) {
    case 'runs':
      return [{ nvm, runsOn: support.on, needs: [] }];
    case 'needs':
      return [{ nvm, runsOn: undefined, needs: support.needs }];
    case 'refused':
      return [];
  }
}

/** The board called `name`. Throws `E_BOARD`. */
export function boardChecked(name: string): { board: HardwareBoard; check: BoardCheck } {
  const board = hardwareCalled(name);
  const target = targetCalled(board.core);
  const pair = { board, target, layout: 'make' } as const;
  const nvm = nvmOf(board, target).flatMap((kind) => checkOf(kind, supportOf({ ...pair, nvm: kind })));
  const { flash, sram } = board.map;
  return {
    board,
    check: { board: name, core: board.core, flashBytes: flash.bytes, sramBytes: sram.bytes, nvm },
  };
}
