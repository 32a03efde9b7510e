// A schedule of power failures, and the short id it is known by.
import { BrownoutError } from '../error.js';

export interface Cut {
  /** Units since power came up: a unit is a byte written or a barrier passed. */
  after: number;
  /** What becomes of writes not behind a barrier: all reach NVM as far as they got, none does, or as a seed says. */
  unsynced: 'written' | 'dropped' | number;
}

export interface Schedule {
  cuts: readonly Cut[];
  /**
   * Tiles after which the cursor is committed, counted from the start of a job, besides mandatory commits; `every`: after
   * each; undefined: as the image's policy says.
   */
  commits?: readonly number[] | 'every';
  /** Bytes that are written together or not at all. */
  tear: number;
  /** Bytes that a cut amid a write spoils together; default 1. */
  line?: number;
  /** What a cut has torn reads differently after every boot until it is written again; default false. */
  unstable?: boolean;
  /** Number of the first cursor. */
  sequence: number;
  /** Which of the ways through the job, as `verify` counts them; default the first. */
  way?: number;
}

/** `118,2~7@c3.12@t4@s4294967294`: cuts after 118 units, and 2 units into the next boot with unsynced writes as seed 7 says. */
export function scheduleId(schedule: Schedule): string {
  const { cuts, commits, tear, line = 1, unstable = false, sequence, way = 0 } = schedule;
  const cut = ({ after, unsynced }: Cut): string =>
    `${after}${unsynced === 'written' ? '' : unsynced === 'dropped' ? '-' : `~${unsynced}`}`;
  return [
    cuts.map(cut).join(',') || 'none',
    ...(commits === undefined ? [] : [`c${commits === 'every' ? '*' : commits.join('.')}`]),
    ...(tear === 1 ? [] : [`t${tear}`]),
    ...(line === 1 ? [] : [`l${line}`]),
    ...(unstable ? ['u'] : []),
    ...(sequence === 0 ? [] : [`s${sequence}`]),
    ...(way === 0 ? [] : [`w${way}`]),
  ].join('@');
}

function invalid(id: string): never {
  throw new BrownoutError({
    code: 'E_CUTS_ID',
    found: `cuts "${id}"`,
    expected: 'an id such as 118,2~7 or 40-@c3.12@t4@s4294967294',
    hint: 'Copy it from what `brownout verify` printed; docs/VERIFY.md explains it.',
  });
}

function parseCut(text: string, id: string): Cut {
  const [, after, rest] = /^(\d{1,9})(-|~\d{1,9})?$/.exec(text) ?? invalid(id);
  const unsynced = rest === undefined ? 'written' : rest === '-' ? 'dropped' : Number(rest.slice(1));
  return { after: Number(after), unsynced };
}

/** Reads an id. Throws `E_CUTS_ID`. */
export function parseSchedule(id: string): Schedule {
  const [cuts = '', ...options] = id.split('@');
  const schedule: Schedule = {
    cuts: cuts === 'none' ? [] : cuts.split(',').map((text) => parseCut(text, id)),
    tear: 1,
    sequence: 0,
  };
  for (const option of options) {
    const value = option.slice(1);
    if (option === 'c*') schedule.commits = 'every';
    else if (/^c(\d{1,9}(\.\d{1,9})*)?$/.test(option))
      schedule.commits = value ? value.split('.').map(Number) : [];
    else if (/^t[1248]$/.test(option)) schedule.tear = Number(value);
    else if (option === 'u') schedule.unstable = true;
    else if (/^l(4|8|16)$/.test(option)) schedule.line = Number(value);
    else if (/^w\d{1,2}$/.test(option)) schedule.way = Number(value);
    else if (/^s\d{1,10}$/.test(option) && Number(value) <= 0xffffffff) schedule.sequence = Number(value);
    else invalid(id);
  }
  return schedule;
}
