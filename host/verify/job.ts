// A job as the module does it on power that does not fail: what every tile writes, and the cursor at every tile.
import { Status } from '../../assembly/error.js';
import { HEADER_BYTES, type JobKind, OP_TILES } from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import type { Interval } from '../plan/footprint.js';
import { type CursorFields, cursorFields, slotAddress } from '../model/cursor.js';
import { dataWrites } from './commit-form.js';
import { firstCursor } from '../simulator/provision.js';
import { merge } from './interval.js';
import { Probe, type ProbeOptions, type Write } from './probe.js';
import { refute } from './violation.js';

/** A tile, and the cursor before it. */
export interface Step {
  op: number;
  tile: number;
  writes: Write[];
  written: Interval[];
  /** Views within mutable NVM, in order, as address and length. */
  views: number[];
}

/** What an app asks for. */
export interface JobRequest {
  /** Never 0; another for each job. */
  ticket: number;
  kind: JobKind;
  input: Uint8Array;
}

/** A job that has been run to its end. */
export interface GoldenJob extends JobRequest {
  steps: Step[];
  /** Cursor before tile i, without number and checksum; the last one is DONE. */
  cursors: CursorFields[];
  answer: Uint8Array;
}

/** NVM as provisioning leaves it. */
export function provisioned(image: Image, sequence: number): Uint8Array {
  const nvm = new Uint8Array(image.nvmBytes);
  nvm.set(image.device);
  nvm.set(firstCursor(image.imageId, sequence), slotAddress(image, 0));
  return nvm;
}

/** Where tiles may read and write. */
export const mutable = (image: Image): Interval => [image.input.offset, image.nvmBytes];

/** Views within mutable NVM; one outside anything the image owns is refuted. */
export function mutableViews(image: Image, views: readonly number[]): number[] {
  const [from, to] = mutable(image);
  const kept: number[] = [];
  for (let i = 0; i < views.length; i += 2) {
    const [address, length] = [views[i]!, views[i + 1]!];
    if (address >= from && address + length <= to) kept.push(address, length);
    else if (address + length > image.imageBytes && !isOwn(image, address, length))
      refute('reads', `reading ${length} bytes at ${address}, which belong to no region`);
  }
  return kept;
}

function isOwn(image: Image, address: number, length: number): boolean {
  return [{ offset: 0, bytes: HEADER_BYTES }, image.slots, image.diagnostics].some(
    ({ offset, bytes }) => address >= offset && address + length <= offset + bytes,
  );
}

/** Flat views as intervals. */
export const asIntervals = (views: readonly number[]): Interval[] =>
  merge(
    Array.from({ length: views.length / 2 }, (_, i): Interval => {
      return [views[2 * i]!, views[2 * i]! + views[2 * i + 1]!];
    }),
  );

const writtenIntervals = (writes: readonly Write[]): Interval[] =>
  merge(writes.map(({ address, bytes }): Interval => [address, address + bytes.length]));

const zeros = (arena: Uint8Array): void => {
  arena.fill(0);
};

/** Runs a whole job, committing after every tile. Throws `Refuted` where the module fails even so, `Fault`. */
export function goldenJob(
  image: Image,
  module: WebAssembly.Module,
  options: Omit<ProbeOptions, 'nvmBytes'>,
  job: JobRequest,
): GoldenJob {
  const probe = new Probe(module, { ...options, nvmBytes: image.nvmBytes });
  probe.nvm.set(provisioned(image, 0));
  const expect = (code: number, wanted: number, doing: string): void => {
    if (code !== wanted) refute('job', `${doing} returns ${code} instead of ${wanted} on steady power`);
  };
  expect(probe.boot(zeros), Status.IDLE, 'boot');
  expect(probe.feed(job.input), job.input.length, 'feed');
  expect(
    probe.call(() => probe.device.submit(job.ticket, job.kind)),
    Status.RUN,
    'submit',
  );
  const total = image.jobs[job.kind]!;
  const tiles = image.ops.slice(total.first, total.first + total.count).flatMap((op, index) => {
    return Array.from({ length: op.get(OP_TILES) }, (_, tile) => ({ op: total.first + index, tile }));
  });
  const steps: Step[] = [];
  const cursors = [cursorFields(probe.cursor)];
  for (const { op, tile } of tiles) {
    const before = cursors[cursors.length - 1]!;
    if (before.op !== op || before.tile !== tile || before.state !== Status.RUN)
      refute(
        'job',
        `the cursor says op ${before.op}, tile ${before.tile}, where op ${op}, tile ${tile} is next`,
      );
    const code = probe.call(() => probe.device.run(1));
    if (code < 0) refute('job', `run returns ${code} at op ${op}, tile ${tile}`);
    const writes = dataWrites(probe.trace, image);
    steps.push({
      op,
      tile,
      writes,
      written: writtenIntervals(writes),
      views: mutableViews(image, probe.trace.views),
    });
    cursors.push(cursorFields(probe.cursor));
  }
  if (cursors[cursors.length - 1]!.state !== Status.DONE)
    refute('job', 'the job does not end with its last tile');
  const { offset, bytes } = image.output;
  return { ...job, steps, cursors, answer: probe.nvm.slice(offset, offset + bytes) };
}
