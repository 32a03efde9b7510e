// The obligations on tiles (docs/VERIFY.md): whatever bytes outside LiveIn(c) and in SRAM are, booting at c and running
// its tile writes what it writes on steady power, and commits the next cursor.
import { Status } from '../../assembly/error.js';
import { OP_TILES, OpKind } from '../../assembly/layout.js';
import { footprint } from '../plan/footprint.js';
import type { Footprint, Interval } from '../plan/interval.js';
import { chargeUj } from '../profiles/profile.js';
import { MeteredSupply } from '../power/harvested-supply.js';
import { paceOf } from '../power/pace.js';
import { cursorBytes, idleFields } from '../model/cursor.js';
import { weightBanks } from '../model/learning-header.js';
import type { Image } from '../model/image.js';
import { type Build, isOwn } from './builds.js';
import { checkBootWrites, splitCommit } from './commit-form.js';
import { assign, merge, size, within } from './interval.js';
import { asIntervals, mutable, mutableViews, placeOf } from './job.js';
import { type Accesses, LiveIn } from './live-in.js';
import { NextJob } from './next-job.js';
import { Fault, Probe, type Write } from './probe.js';
import { bringUp, GoldenNvm, placeCursor, type Scene, type Subject, type Tally } from './subject.js';
import { refute } from './violation.js';

/** What booting at each cursor and finishing its tile reads and costs: the energy of core and memories, commit included. */
export interface Measured {
  reads: Interval[];
  views: number[];
  energyUj: number;
}

/** Runs `action`; a fault refutes `tile` at `cursor`. */
function guarded<T>(cursor: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof Fault) refute('tile', error.message, cursor);
    throw error;
  }
}

function sameWrites(found: readonly Write[], golden: readonly Write[]): string | undefined {
  for (let i = 0; i < Math.max(found.length, golden.length); i++) {
    const [a, b] = [found[i], golden[i]];
    if (!a) return `write ${i} of ${golden.length} is missing`;
    if (!b) return `${a.bytes.length} bytes more written at ${a.address}`;
    if (a.address !== b.address || a.bytes.length !== b.bytes.length)
      return `${a.bytes.length} bytes written at ${a.address} instead of ${b.bytes.length} at ${b.address}`;
    const at =
      Buffer.compare(a.bytes, b.bytes) === 0 ? -1 : a.bytes.findIndex((byte, k) => byte !== b.bytes[k]);
    if (at >= 0) return `byte ${a.address + at} is ${a.bytes[at]} instead of ${b.bytes[at]}`;
  }
  return undefined;
}

/** Boots at cursor `index`, runs its tile and holds everything to the golden job. */
function bootAndRun(
  probe: Probe,
  { image, job }: Subject,
  index: number,
  start: { slot: number; sequence: number },
  garbage: (arena: Uint8Array) => void,
): number[] {
  const code = probe.boot(garbage);
  if (code !== Status.RUN) refute('tile', `boot returns ${code} instead of RUN`, index);
  const views = mutableViews(image, probe.trace.views);
  const wrong = checkBootWrites(probe.trace, image, cursorBytes(job.cursors[index]!, start.sequence));
  if (wrong) refute('tile', wrong, index);
  runTile(probe, { image, job }, index, start);
  return views.concat(mutableViews(image, probe.trace.views));
}

/** Runs the tile of cursor `index` and holds what it writes and commits to the golden job. */
function runTile(
  probe: Probe,
  { image, job }: Pick<Subject, 'image' | 'job'>,
  index: number,
  { slot, sequence }: { slot: number; sequence: number },
): void {
  const code = probe.call(() => probe.device.run(1));
  readsNoTornRecord(probe.trace.views, image, index);
  const parts = splitCommit(probe.trace, image);
  if (typeof parts === 'string') refute('commit', parts, index);
  const step = job.steps[index]!;
  const wrong = sameWrites(parts.data, step.writes);
  if (wrong) refute('tile', wrong, index, step.written[0]);
  const next = job.cursors[index + 1]!;
  if (code !== next.state) refute('tile', `run returns ${code} instead of ${next.state}`, index);
  if (!parts.commit) refute('commit', 'run(1) returns without a commit', index);
  if (parts.commit.slot === slot) refute('commit', 'the slot that recovery would choose is written', index);
  if (Buffer.compare(parts.commit.bytes, cursorBytes(next, sequence + 1)) !== 0)
    refute('commit', 'the cursor written is not the next one', index);
}

/**
 * A cut may have left slots and the count of boots torn, so that they read as an error (ECC): boots alone read them, and go on
 * with any bytes. No byte that tiles read can be torn: by the memory rule no cut falls into it, its lines included.
 */
function readsNoTornRecord(views: readonly number[], { slots, diagnostics }: Image, index: number): void {
  for (let i = 0; i < views.length; i += 2)
    for (const { offset, bytes } of [slots, diagnostics])
      if (views[i]! < offset + bytes && views[i]! + views[i + 1]! > offset)
        refute(
          'reads',
          `a tile reads ${views[i + 1]} bytes at ${views[i]}, which a cut can have torn`,
          index,
        );
}

/** What the device has used so far. */
const usedUj = ({ statistics }: MeteredSupply): number =>
  statistics.energyUj.compute + statistics.energyUj.nvm;

/** What each cursor reads and costs, on golden NVM and the metered module: endless loops end here. */
export function measure(subject: Subject): Measured[] {
  const { image, job, profile } = subject;
  const supply = new MeteredSupply(profile).paced(paceOf(image, profile));
  const probe = new Probe(subject.metered, {
    image,
    sramBytes: subject.sramBytes,
    supply,
  });
  const golden = new GoldenNvm(job);
  const put = (from: number, to: number): void => probe.nvm.set(golden.bytes.subarray(from, to), from);
  let changed: readonly Interval[] = [[0, image.nvmBytes]];
  return job.steps.map((step, index) => {
    bringUp(probe, changed, put);
    const start = { slot: index & 1, sequence: index };
    placeCursor(probe, subject, index, { ...start, predecessor: true });
    const before = usedUj(supply);
    const views = guarded(index, () => bootAndRun(probe, subject, index, start, (arena) => arena.fill(0)));
    supply.finish();
    golden.advance();
    changed = step.written;
    subject.tick();
    // A tile that goes on where it left off reads no more than one after a boot.
    const reads = asIntervals(views);
    const unread = asIntervals(step.views).find(([a, b]) => size(within(reads, a, b)) < b - a);
    if (unread) refute('reads', `NVM ${unread.join('–')} is read, but not after a boot`, index, unread);
    return { reads, views, energyUj: usedUj(supply) - before };
  });
}

/** Cursors that one charge of the device does not get past. Returns the largest share of a charge, too. */
export function progress(
  { profile }: Subject,
  measured: readonly Measured[],
): { stuck: number[]; share: number; dearest: number } {
  const charge = chargeUj(profile) - profile.bootUj.value;
  const stuck = measured.flatMap(({ energyUj }, index) => (energyUj > charge ? [index] : []));
  const most = Math.max(...measured.map(({ energyUj }) => energyUj));
  const dearest = measured.findIndex(({ energyUj }) => energyUj === most);
  return { stuck, share: (profile.bootUj.value + most) / chargeUj(profile), dearest };
}

/** What the plan says that step `index` may read and write. */
function plannedFootprint({ image, job }: Subject, index: number): Footprint {
  const place = placeOf(image, job.cursors[index]!);
  const parts = job.steps[index]!.tiles.map(({ op, tile }) => footprint(image.ops[op]!, tile, place));
  return { reads: parts.flatMap(({ reads }) => reads), writes: parts.flatMap(({ writes }) => writes) };
}

/** What each step may read by the plan; what it writes, as the run shows it. */
const planned = (subject: Subject): Accesses[] =>
  subject.job.steps.map(({ written }, i) => ({ reads: plannedFootprint(subject, i).reads, writes: written }));

/**
 * LiveIn by the plan and by what the run reads must agree at every cursor. Learning spares itself reads where errors are
 * 0, and what `turn` writes depends on the ring: there the run must stay within the plan.
 */
export function compareLiveIn(subject: Subject, measured: readonly Measured[]): void {
  const { image, job } = subject;
  // A module that finds NVM by itself loads what it uses, within what it would view.
  const exact = !image.learning && !isOwn(subject);
  const found = new LiveIn(accesses(job.steps, measured), job, image.nvmBytes);
  const plan = new LiveIn(planned(subject), job, image.nvmBytes);
  let changed: readonly Interval[] = [[0, image.nvmBytes]];
  job.steps.forEach((step, index) => {
    for (const interval of changed) {
      const differs = firstUnlike(found.map, plan.map, interval, exact);
      if (differs < 0) continue;
      const which = found.map[differs] ? 'the run' : 'the plan';
      refute('live-in', `byte ${differs} is needed by ${which} alone`, index, [differs, differs + 1]);
    }
    compareWrites(subject, step, index);
    found.advance();
    plan.advance();
    changed = [...found.changed, ...plan.changed];
  });
}

/** The first byte that the run needs and the plan does not, or, if they must be the same, the other way round. */
function firstUnlike(found: Uint8Array, plan: Uint8Array, [from, to]: Interval, exact: boolean): number {
  for (let at = from; at < to; at++) if (exact ? found[at] !== plan[at] : found[at]! > plan[at]!) return at;
  return -1;
}

/**
 * The base case: what the first cursor needs is there when a job begins, because `submit` put it there (the input and a
 * label) or because it outlives jobs. Other bytes would be what NVM happened to hold.
 */
export function baseCase(subject: Subject, measured: readonly Measured[]): void {
  const { image, job } = subject;
  const { map } = new LiveIn(accesses(job.steps, measured), job, image.nvmBytes);
  const { input, learning } = image;
  assign(map, job.kept, 0);
  map.fill(0, input.offset, input.offset + input.bytes);
  if (learning) {
    map.fill(0, learning.label, learning.label + 4);
    for (const [from, to] of paddingOf(image)) map.fill(0, from, to);
  }
  const at = map.indexOf(1);
  if (at >= 0) refute('base case', `byte ${at} is needed, and nobody has written it`, 0, [at, at + 1]);
}

const paddings = new WeakMap<Image, Interval[]>();

/** What pads banks and entries of the ring out to whole lines: no op of the image ever reads it. */
function paddingOf(image: Image): Interval[] {
  const known = paddings.get(image);
  if (known) return known;
  const header = image.learning!;
  const { banks, bankBytes, ring, entries, entryBytes, late } = header;
  const place = { header, cursor: { ...idleFields(image.imageId), banks: late > 0 ? 0x101 : 0x111 } };
  const bank = new Uint8Array(bankBytes).fill(1);
  // The cursor has entry 0 spare, which is also the job's sample.
  const entry = new Uint8Array(entryBytes).fill(1);
  for (const op of image.ops)
    for (let tile = 0; tile < op.get(OP_TILES); tile++) {
      const { reads } = footprint(op, tile, place);
      for (const [from, to] of within(reads, banks, banks + bankBytes))
        bank.fill(0, from - banks, to - banks);
      for (const [from, to] of within(reads, ring, ring + entryBytes)) entry.fill(0, from - ring, to - ring);
    }
  const times = (count: number, at: number, bytes: number, map: Uint8Array): Interval[] => {
    const padding = assign(map, [[0, bytes]], 0);
    return Array.from({ length: count }, (_, i) => at + i * bytes).flatMap((start) =>
      padding.map(([from, to]): Interval => [start + from, start + to]),
    );
  };
  const found = [
    ...times(weightBanks(header), banks, bankBytes, bank),
    ...times(entries, ring, entryBytes, entry),
  ];
  paddings.set(image, found);
  return found;
}

function compareWrites(subject: Subject, step: Subject['job']['steps'][number], index: number): void {
  const plan = merge(plannedFootprint(subject, index).writes);
  const optional = subject.image.ops[step.op]!.kind === OpKind.TURN;
  const inside = step.written.every(([start, end]) => size(within(plan, start, end)) === end - start);
  if (inside && (optional || size(plan) === size(step.written))) return;
  const [found, expected] = [JSON.stringify(step.written), JSON.stringify(plan)];
  refute('live-in', `writes ${found} where the plan says ${expected}`, index);
}

const accesses = (steps: Subject['job']['steps'], measured: readonly Measured[]): Accesses[] =>
  measured.map(({ reads }, i) => ({ reads, writes: steps[i]!.written }));

/**
 * The memory rule, by what the run reads, writes and commits: tile j writes nothing that LiveIn of a recoverable cursor
 * holds. `mandatory`: the cursors after which a commit is mandatory, as seen in a run without optional ones.
 */
export function memoryRule(
  subject: Subject,
  measured: readonly Measured[],
  mandatory: ReadonlySet<number>,
): void {
  obeysRule(subject, accesses(subject.job.steps, measured), mandatory);
  // What holds of all that the plan lets tiles read holds of inputs that make them read more.
  if (subject.image.learning || isOwn(subject)) obeysRule(subject, planned(subject), mandatory);
}

function obeysRule(
  { image, job, line }: Subject,
  tiles: readonly Accesses[],
  mandatory: ReadonlySet<number>,
): void {
  const live = new LiveIn(tiles, job, image.nvmBytes);
  const [lowest, highest] = mutable(image);
  const input: Interval = [image.input.offset, image.input.offset + image.input.bytes];
  /** 1 where LiveIn of a recoverable cursor holds the byte. */
  const needed = live.map.slice();
  /** What changed in LiveIn since the last mandatory commit. */
  let since: Interval[] = [];
  job.steps.forEach(({ written }, index) => {
    if (mandatory.has(index)) {
      for (const [start, end] of since) needed.set(live.map.subarray(start, end), start);
      since = [];
    }
    for (const [start, end] of written) {
      if (start < lowest || end > highest)
        refute('memory rule', `bytes ${start}–${end} written, outside the job's memory`, index, [start, end]);
      if (start < input[1] && end > input[0])
        refute('memory rule', `the job's input written at ${start}`, index, [start, end]);
      const [lost] = within(index < job.settled ? job.kept : job.keptAfter, start, end);
      if (lost)
        refute('memory rule', `byte ${lost[0]} written, which outlives a job that is cancelled`, index, lost);
      // A cut spoils whole lines.
      const from = Math.floor(start / line) * line;
      const clash = needed.subarray(from, Math.ceil(end / line) * line).indexOf(1);
      if (clash >= 0) {
        const at = from + clash;
        const what = at >= start && at < end ? 'written' : `spoilt with its line of ${line}`;
        refute('memory rule', `byte ${at} ${what}, which a recoverable cursor needs`, index, [at, at + 1]);
      }
    }
    assign(needed, live.advance(), 1);
    since.push(...live.changed);
  });
}

/** Where the image's region begins in NVM, for each kind of garbage. */
const BASES = [0, 0x40, 0x1230, 0xffff0];

/** Every cursor, with everything a cut leaves open filled with garbage of every kind, on the module as it ships. */
export function tilesFromGarbage(subject: Subject, measured: readonly Measured[], tally: Tally): void {
  const { image, job, garbage } = subject;
  const golden = new GoldenNvm(job);
  // One for each kind of garbage, which stays in it from cursor to cursor.
  // Every other one views in place what the rest copies.
  const probes = garbage.patterns.map((_, kind) => {
    const build = kind % 2 === 0 ? subject.module : subject.inPlace;
    return new Probe(build, { image, sramBytes: subject.sramBytes, base: BASES[kind]! });
  });
  const live = new LiveIn(accesses(job.steps, measured), job, image.nvmBytes);
  const scene: Scene = { image, golden: golden.bytes, live: live.map };
  let changed: readonly Interval[] = [[0, image.nvmBytes]];
  job.steps.forEach((step, index) => {
    for (const [kind, probe] of probes.entries()) {
      bringUp(probe, changed, (from, to) => garbage.patch(probe.nvm, kind, scene, from, to));
      // Half of the runs commit over the wrap-around of the sequence number.
      const start = { slot: (index ^ kind) & 1, sequence: kind < 2 ? index : 0xffffffff };
      placeCursor(probe, subject, index, { ...start, predecessor: kind === garbage.count - 1 });
      const views = guarded(index, () => bootAndRun(probe, subject, index, start, garbage.arena(kind)));
      if (!sameNumbers(views, measured[index]!.views))
        refute('reads', 'NVM is read elsewhere when what the tile does not need is garbage', index);
      tally.garbageFills++;
      tally.bytesChecked += size(step.written);
    }
    golden.advance();
    live.advance();
    changed = [...live.changed, ...step.written];
    subject.tick();
  });
}

const sameNumbers = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

/**
 * Volatile state: after tile c, whatever cursor this boot began at, the SRAM bytes in S(c) hold known values; and from
 * any SRAM with these values tile c + 1 reads no other byte. On a build that traps at the use of an unknown one.
 */
export function volatileState(subject: Subject, measured: readonly Measured[]): void {
  const builds = subject.shadowed();
  for (const build of builds) volatileStateOf(build, subject, measured);
}

function volatileStateOf(build: Build, subject: Subject, measured: readonly Measured[]): void {
  const { image, job, garbage } = subject;
  const options = { image, sramBytes: subject.sramBytes };
  const [cold, warm] = [new Probe(build, options), new Probe(build, options)];
  const golden = new GoldenNvm(job);
  const live = new LiveIn(accesses(job.steps, measured), job, image.nvmBytes);
  const scene: Scene = { image, golden: golden.bytes, live: live.map };
  const next = new NextJob(subject, build.mapping ? subject.inPlace : subject.module);
  let changed: readonly Interval[] = [[0, image.nvmBytes]];
  const start = (index: number): { slot: number; sequence: number } => ({ slot: index & 1, sequence: index });
  job.steps.forEach((step, index) => {
    bringUp(cold, changed, (from, to) => garbage.patch(cold.nvm, 2, scene, from, to));
    placeCursor(cold, subject, index, { ...start(index), predecessor: false });
    guarded(index, () => bootAndRun(cold, subject, index, start(index), garbage.arena(1)));
    if (index === 0) {
      warm.nvm.set(golden.bytes);
      placeCursor(warm, subject, 0, { ...start(0), predecessor: false });
      guarded(index, () => bootAndRun(warm, subject, 0, start(0), garbage.arena(2)));
    } else {
      guarded(index, () => runTile(warm, subject, index, start(index)));
    }
    const statics = Buffer.compare(cold.memory.subarray(0, cold.arena), warm.memory.subarray(0, warm.arena));
    if (statics !== 0)
      refute('volatile state', 'static data differs between going on and booting anew', index);
    forget(warm, cold);
    const { op } = step;
    if (op !== job.steps[index - 1]?.op || op !== job.steps[index + 1]?.op) next.follow(cold, index + 1);
    golden.advance();
    live.advance();
    changed = [...live.changed, ...step.written];
    subject.tick();
  });
}

/** The whole words of an arena, which begins at one. */
const asWords = (bytes: Uint8Array): Uint32Array =>
  new Uint32Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.length / 4));

/** Marks as unknown, and spoils, what is not the same known value in both arenas. */
function forget(warm: Probe, cold: Probe): void {
  const [values, shadow] = [warm.arenaBytes, warm.arenaShadow];
  const [others, otherShadow] = [cold.arenaBytes, cold.arenaShadow];
  const [known, otherKnown, words, otherWords] = [shadow, otherShadow, values, others].map(asWords) as [
    ...[Uint32Array, Uint32Array, Uint32Array, Uint32Array],
  ];
  for (let word = 0; word <= known.length; word++) {
    // Both know it, and it is the same; or it was unknown before, and is spoilt already.
    if ((known[word]! | otherKnown[word]!) === 0 && words[word] === otherWords[word]) continue;
    if (known[word] === 0x01010101) continue;
    for (let at = 4 * word; at < Math.min(4 * word + 4, values.length); at++) {
      if (shadow[at] === 0 && otherShadow[at] === 0 && values[at] === others[at]) continue;
      shadow[at] = 1;
      values[at]! ^= 0xa5;
    }
  }
}
