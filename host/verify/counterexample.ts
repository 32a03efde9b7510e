// From an obligation that fails to a schedule of the fewest cuts that gives a wrong answer.
import { CURSOR_BYTES } from '../../assembly/layout.js';
import { Random } from '../math/random.js';
import { isWhole } from '../model/cursor.js';
import { CutsPlayer, type CutsOutcome, type SteadyRun } from './replay-cuts.js';
import { type Cut, type Schedule, scheduleId } from './schedule.js';
import type { Setup, Subject } from './subject.js';
import type { Obligation, Violation } from './violation.js';

/** An obligation that fails, and a schedule of power failures that shows it. */
export interface Counterexample {
  obligation: Obligation;
  found: string;
  /** Cursor, op and tile concerned; null where it is about none. */
  cursor: number | null;
  op: number | null;
  opName: string | null;
  tile: number | null;
  /** NVM bytes concerned, [start, end). */
  bytes: readonly [number, number] | null;
  /** For `brownout replay model.brn --cuts`; null if none of the schedules tried goes wrong. */
  id: string | null;
  cuts: number;
  /** What the schedule leads to. */
  verdict: string;
  detail: string;
  schedulesTried: number;
}

/** Bytes written in all the schedules tried: bounds the search by work, not by time. */
const MOST_UNITS = 12e6;
/** Schedules tried, each of which boots at least once: of one violation if bytes are many, and of all together. */
const [FEWEST_TRIES, MOST_TRIES] = [300, 1_000];
const UNSYNCED: readonly Cut['unsynced'][] = ['written', 'dropped', 1, 2, 3, 4, 5];
/** Seeds looked at for one that keeps a cursor and loses what was written before it, and the tear unit at which one soon does. */
const [SEEDS, WIDE] = [24, 8];
/** Numbers of the first cursor with which one of the first commits is at the wrap-around. */
const WRAPS = [0xffffffff, 0xfffffffe, 0xfffffffd];
/** Calls that commit, and units, that are looked at near the violation. */
const [NEAR_COMMITS, NEAR_UNITS] = [6, 200];

/** Plays schedules of the two jobs. */
export const playerOf = ({ image, metered, sramBytes, jobs }: Setup): CutsPlayer =>
  new CutsPlayer(image, metered.module, sramBytes, jobs);

class Search {
  readonly #random = new Random(1);
  readonly #steady = new Map<string, SteadyRun | undefined>();
  /** Devices that one was seen to go on from as it should. */
  readonly #seen = new Set<string>();
  tried = 0;

  constructor(
    readonly setup: Setup,
    readonly player: CutsPlayer,
    /** Tile that the violation is about, if it is about one. */
    readonly near: number | undefined,
    readonly memory: Pick<Schedule, 'line' | 'unstable'>,
  ) {}

  /** The first schedule found that goes wrong, of as few cuts as there are. */
  find(most: number): { schedule: Schedule; outcome: CutsOutcome } | undefined {
    const units = this.steady({ tear: 1, sequence: 0 })?.units ?? 1000;
    const tries = Math.min(most, Math.max(FEWEST_TRIES, Math.floor(MOST_UNITS / units)));
    for (const schedule of this.#schedules(tries)) {
      const outcome = this.goesWrong(schedule);
      if (outcome) return this.#shrink(schedule, outcome);
    }
    return undefined;
  }

  /** Half of the tries are single cuts around the violation, the others are drawn. */
  *#schedules(tries: number): Generator<Schedule> {
    yield this.#draw(0, 0);
    for (const schedule of this.#aimed()) {
      if (this.tried >= tries / 2) break;
      yield schedule;
    }
    const left = tries - this.tried;
    for (const cuts of [1, 2, 3]) {
      for (let i = 0; i < Math.ceil(left / 3); i++) yield this.#draw(cuts, i);
    }
  }

  /**
   * Single cuts: about the commits nearest to the violation, also such that the cursor is whole and what was written before
   * it is not, and where their numbers wrap around; then at every unit near it; then about all commits, and in every byte of
   * their cursors.
   */
  *#aimed(): Generator<Schedule> {
    const likes = this.#modes().map((commits) => ({
      tear: WIDE,
      ...this.memory,
      sequence: 0,
      ...(commits === undefined ? {} : { commits }),
    }));
    const runs = likes.flatMap((like) => {
      const steady = this.steady(like);
      return steady ? [{ like, steady, at: this.#at(steady) }] : [];
    });
    for (const { like, steady, at } of runs) {
      const commits = nearest(steady.commitUnits, at).slice(0, NEAR_COMMITS);
      for (const from of commits) yield* this.#about(from, like, steady);
    }
    for (const sequence of WRAPS) {
      const like = { tear: WIDE, ...this.memory, sequence };
      const steady = this.steady(like);
      if (!steady) continue;
      for (const from of nearest(steady.commitUnits, this.#at(steady)).slice(0, NEAR_COMMITS))
        for (const after of [from + CURSOR_BYTES, from + CURSOR_BYTES + 1]) yield single(like, after);
    }
    for (const { like, steady, at } of runs)
      for (let away = 0; away < NEAR_UNITS; away++)
        for (const after of away === 0 ? [at] : [at - away, at + away])
          if (after >= 0 && after < steady.units) yield single(like, after);
    for (const { like, steady, at } of runs)
      for (const from of nearest(steady.commitUnits, at).slice(NEAR_COMMITS))
        yield* this.#about(from, like, steady);
    for (const { like, steady, at } of runs)
      for (const from of nearest(steady.commitUnits, at))
        for (let byte = 1; byte < CURSOR_BYTES; byte++) yield single(like, from + byte);
  }

  /** Cuts before and behind a cursor that is written from unit `from` on. */
  *#about(from: number, like: Omit<Schedule, 'cuts'>, steady: SteadyRun): Generator<Schedule> {
    const end = from + CURSOR_BYTES;
    for (const after of [end, end + 1, from])
      for (const unsynced of ['written', 'dropped'] as const) yield single(like, after, unsynced);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const schedule = single(like, end, seed);
      const cells = this.player.afterCut(schedule, steady);
      if (cells && this.#slots(cells).every(isWhole)) yield schedule;
    }
  }

  #slots(cells: Uint8Array): Uint8Array[] {
    const { slots, slotStride } = this.setup.image;
    return [0, 1].map((slot) => cells.subarray(slots.offset + slot * slotStride).subarray(0, CURSOR_BYTES));
  }

  /** When to commit: as the image says, after each tile, as seldom as can be, and about the violation. */
  #modes(near = this.near ?? 0): Schedule['commits'][] {
    return [undefined, 'every', [], [near], [Math.max(near - 1, 0)]];
  }

  /** Units before what the violation is about. */
  #at({ tileUnits, submitUnits }: SteadyRun): number {
    return (this.near === undefined ? undefined : tileUnits[this.near]) ?? submitUnits;
  }

  /** What NVM tears at changes nothing on steady power. */
  steady(like: Omit<Schedule, 'cuts'>): SteadyRun | undefined {
    const { commits, tear, sequence } = like;
    const key = JSON.stringify([commits, sequence]);
    if (!this.#steady.has(key)) {
      let run: SteadyRun | undefined;
      try {
        run = this.player.steady({ tear, sequence, ...(commits === undefined ? {} : { commits }) });
      } catch {
        // Wrong even on steady power: no cut is needed, and none is tried.
      }
      this.#steady.set(key, run);
    }
    return this.#steady.get(key);
  }

  goesWrong(schedule: Schedule): CutsOutcome | undefined {
    const steady = this.steady(schedule);
    if (!steady) return undefined;
    const outcome = this.player.play(schedule, steady, this.#seen);
    if (!outcome) return undefined;
    this.tried++;
    return outcome.verdict === 'identical' ? undefined : this.#confirmed(schedule);
  }

  /** As `replay --cuts` plays it: on a device of its own. */
  #confirmed(schedule: Schedule): CutsOutcome | undefined {
    this.tried++;
    const outcome = playerOf(this.setup).play(schedule);
    return outcome.verdict === 'identical' ? undefined : outcome;
  }

  /** A schedule around the tile that the violation is about, and around calls that commit. */
  #draw(cuts: number, attempt: number): Schedule {
    const random = this.#random;
    const near = this.near ?? random.integer(4);
    const modes = this.#modes(near);
    const commits = modes[attempt % modes.length];
    const wraps = [0, 0xffffffff, 0xfffffffe, (0xfffffffe - near) >>> 0, (0xffffffff - near) >>> 0];
    const like = {
      tear: [1, 2, 4, 8][random.integer(4)]!,
      ...this.memory,
      sequence: random.integer(3) ? 0 : wraps[random.integer(wraps.length)]!,
      ...(commits === undefined ? {} : { commits }),
    };
    const steady = this.steady(like);
    return {
      ...like,
      cuts: Array.from({ length: cuts }, (_, index): Cut => {
        const after = index === 0 ? this.#first(steady, near) : this.#later(steady);
        return { after, unsynced: UNSYNCED[random.integer(UNSYNCED.length)]! };
      }),
    };
  }

  /** Units before the first cut. */
  #first(steady: SteadyRun | undefined, near: number): number {
    const random = this.#random;
    if (!steady) return random.integer(1000);
    const { tileUnits, commitUnits, submitUnits, ackUnits, units } = steady;
    if (commitUnits.length > 0 && random.integer(3) === 0)
      return commitUnits[random.integer(commitUnits.length)]! + random.integer(CURSOR_BYTES + 3);
    const from = tileUnits[Math.min(Math.max(near - 1, 0), tileUnits.length - 1)] ?? 0;
    const to = (tileUnits[near + 2] ?? ackUnits) + 60;
    const kind = random.integer(8);
    if (this.near !== undefined && kind < 5) return from + random.integer(Math.max(to - from, 1));
    if (kind < 6)
      return submitUnits + random.integer(Math.max((tileUnits[0] ?? submitUnits) - submitUnits, 1));
    if (kind < 7) return Math.max(0, ackUnits - 60) + random.integer(140);
    return random.integer(Math.max(units, 1));
  }

  /** Units before a cut after the first: soon, as a rule. */
  #later(steady: SteadyRun | undefined): number {
    const most = this.#random.integer(3) ? 120 : (steady?.units ?? 1000);
    return this.#random.integer(Math.max(most, 1));
  }

  /** Takes away what is not needed, and moves cuts forward. */
  #shrink(found: Schedule, wrong: CutsOutcome): { schedule: Schedule; outcome: CutsOutcome } {
    let [schedule, outcome] = [found, wrong];
    for (let smaller = true; smaller;) {
      smaller = false;
      for (const candidate of simpler(schedule)) {
        const result = this.#confirmed(candidate);
        if (!result) continue;
        [schedule, outcome, smaller] = [candidate, result, true];
        break;
      }
    }
    return { schedule, outcome };
  }
}

const single = (
  like: Omit<Schedule, 'cuts'>,
  after: number,
  unsynced: Cut['unsynced'] = 'written',
): Schedule => ({
  ...like,
  cuts: [{ after, unsynced }],
});

/** The nearest to `at` first. */
const nearest = (units: readonly number[], at: number): number[] =>
  units.toSorted((a, b) => Math.abs(a - at) - Math.abs(b - at));

/** Schedules simpler than `schedule`, simplest first. */
function* simpler(schedule: Schedule): Generator<Schedule> {
  const { cuts, commits, tear, sequence } = schedule;
  for (let i = 0; i < cuts.length; i++) yield { ...schedule, cuts: cuts.toSpliced(i, 1) };
  const { commits: _, ...byPolicy } = schedule;
  if (commits !== undefined) yield byPolicy;
  if (sequence !== 0) yield { ...schedule, sequence: 0 };
  if (tear !== 1) yield { ...schedule, tear: 1 };
  for (const [i, cut] of cuts.entries()) {
    const at = (change: Partial<Cut>): Schedule => ({
      ...schedule,
      cuts: cuts.with(i, { ...cut, ...change }),
    });
    if (typeof cut.unsynced === 'number') yield at({ unsynced: 'dropped' });
    if (cut.unsynced !== 'written') yield at({ unsynced: 'written' });
    for (const less of [cut.after >> 1, cut.after - 16, cut.after - 1]) {
      if (less >= 0 && less < cut.after) yield at({ after: less });
    }
  }
}

/** A counterexample without its schedule. */
function describe(subject: Subject | undefined, violation: Violation): Counterexample {
  const { obligation, found, cursor, bytes } = violation;
  const step = cursor === undefined ? undefined : subject?.job.steps[cursor];
  return {
    obligation,
    found,
    cursor: cursor ?? null,
    op: step?.op ?? null,
    opName: step ? (subject!.image.metadata.ops[step.op] ?? null) : null,
    tile: step?.tile ?? null,
    bytes: bytes ?? null,
    id: null,
    cuts: 0,
    verdict: 'none found',
    detail: 'no schedule tried gives a wrong answer; the obligation fails all the same',
    schedulesTried: 0,
  };
}

/** Tiles of the job before the cursor that a violation is about. */
function tileOf({ cursor }: Violation, subject: Subject | undefined): number | undefined {
  if (cursor === undefined || !subject) return cursor;
  return subject.job.steps.slice(0, cursor).reduce((sum, { tiles }) => sum + tiles.length, 0);
}

/** The first violation that a schedule turns into a wrong answer, with that schedule; else, or without `search`, the first. */
export function counterexample(
  setup: Setup,
  subject: Subject | undefined,
  violations: readonly Violation[],
  { search, ...memory }: Pick<Schedule, 'line' | 'unstable'> & { search: boolean },
): Counterexample | null {
  const [first] = violations;
  if (!first) return null;
  if (!search) return describe(subject, first);
  const steady = playerOf(setup).fails();
  if (steady) return { ...describe(subject, first), id: 'none', ...steady, schedulesTried: 1 };
  const player = playerOf(setup);
  let schedulesTried = 0;
  for (const violation of violations) {
    if (schedulesTried >= MOST_TRIES) break;
    const tries = new Search(setup, player, tileOf(violation, subject), memory);
    const result = tries.find(MOST_TRIES - schedulesTried);
    schedulesTried += tries.tried;
    if (!result) continue;
    const { schedule, outcome } = result;
    const { verdict, detail } = outcome;
    const cuts = schedule.cuts.length;
    return {
      ...describe(subject, violation),
      id: scheduleId({ ...schedule, way: setup.way }),
      cuts,
      verdict,
      detail,
      schedulesTried,
    };
  }
  return { ...describe(subject, first), schedulesTried };
}
