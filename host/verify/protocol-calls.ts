// The model of the job protocol: each call that an app can make, the code it must return and the state it leads to.
import { ErrorCode, Status } from '../../assembly/error.js';
import { EntryKind, JobKind, OpKind } from '../../assembly/layout.js';
import { groupsOf, type Image } from '../model/image.js';
import { ringEntries } from '../model/learning-header.js';
import type { CursorFields } from '../model/cursor.js';
import type { GoldenJob } from './job.js';
import type { Probe } from './probe.js';
import type { Subject } from './subject.js';
import { KEPT_TICKET } from './scenario.js';

/** Where the app and the module stand: what is committed, and what is only in SRAM. */
export interface State {
  fields: CursorFields;
  sequence: number;
  /** The job whose input and results NVM holds; undefined while no job's bytes matter. */
  owner: GoldenJob | undefined;
  /** Tiles done. */
  position: number;
  received: number;
}

/** A call of the app, and what it must do. */
export interface Call {
  name: string;
  make: (probe: Probe) => number;
  /** The code it returns and the state it leads to. */
  expect: (state: State, nvm: Uint8Array) => { code: number; next: State };
}

/** What feeding depends on. */
interface Feeding {
  image: Image;
  /** SRAM that an app may stage input in. */
  arenaBytes: number;
}

const refuse = (state: State, code: ErrorCode): { code: number; next: State } => ({ code, next: state });

function settle(
  state: State,
  status: Status,
  changes: Partial<State>,
  fields: Partial<CursorFields> = {},
): State {
  return {
    ...state,
    sequence: (state.sequence + 1) >>> 0,
    received: 0,
    ...changes,
    fields: { ...state.fields, ...fields, state: status },
  };
}

function feedCall(
  { image, arenaBytes: room }: Feeding,
  job: GoldenJob,
  from: number,
  to: number,
  name: string,
): Call {
  return {
    name,
    make: (probe) => {
      if (to === from) return probe.call(() => probe.device.feed(probe.arena, 0));
      return probe.feed(job.input.subarray(from, to));
    },
    expect(state) {
      if (state.fields.state !== Status.IDLE) return refuse(state, ErrorCode.E_BUSY);
      if (to === from) return { code: 0, next: { ...state, received: 0, owner: undefined } };
      // What has been fed is this job's only if every piece came in its place.
      const fits = from === state.received && (from === 0 || state.owner === job);
      const owner = fits ? job : undefined;
      let received = state.received;
      for (let at = from; at < to; at += room) {
        const piece = Math.min(room, to - at);
        if (received + piece > image.input.bytes)
          return {
            code: ErrorCode.E_INPUT,
            next: received === state.received ? state : { ...state, received, owner },
          };
        received += piece;
      }
      return { code: received, next: { ...state, received, owner } };
    },
  };
}

/** Whether `owner`'s job is the one that starts in `state`: on what device it starts decides what it does. */
function isJobOf(owner: GoldenJob | undefined, state: State, kind: number, label: number): boolean {
  if (!owner || owner.kind !== kind || (kind === JobKind.LEARN && owner.label !== label)) return false;
  const start = owner.start?.fields;
  const names = ['step', 'banks', 'sample'] as const;
  return names.every((name) => state.fields[name] === (start?.[name] ?? 0));
}

/** Samples as a job on the input fed begins with them: only the spare entry stays. */
const freshSample = (sample: number): number => sample & 0xff0000;

function submitCall(image: Image, ticket: number, word: number): Call {
  const [kind, label] = groupsOf(image) ? [word & 0xff, word >>> 8] : [word, 0];
  return {
    name: `submit(${ticket}, ${word})`,
    make: (probe) => probe.call(() => probe.device.submit(ticket, word)),
    expect(state) {
      const { fields } = state;
      if (ticket === 0) return refuse(state, ErrorCode.E_TICKET);
      if (fields.ticket === ticket) return { code: fields.state, next: state };
      if (fields.state !== Status.IDLE) return refuse(state, ErrorCode.E_BUSY);
      const job = image.jobs[kind];
      if (!job || job.count === 0) return refuse(state, ErrorCode.E_KIND);
      if (state.received !== image.input.bytes) return refuse(state, ErrorCode.E_INPUT);
      if (kind === JobKind.LEARN && label >= image.learning!.classes) return refuse(state, ErrorCode.E_LABEL);
      const owner = isJobOf(state.owner, state, kind, label) ? state.owner : undefined;
      const sample = freshSample(state.fields.sample);
      const changes = { ticket, kind, op: job.first, tile: 0, sample, turn: 0 };
      return { code: Status.RUN, next: settle(state, Status.RUN, { position: 0, owner }, changes) };
    },
  };
}

/** A late label. Whose input the ring still holds is read from NVM. */
function labelCall(image: Image, ticket: number, y: number): Call {
  return {
    name: `label(${ticket}, ${y})`,
    make: (probe) => probe.call(() => probe.device.label(ticket, y)),
    expect(state, nvm) {
      const { fields } = state;
      const { learning } = image;
      const own = ticket !== 0 && fields.ticket === ticket;
      if (!learning) return refuse(state, own ? ErrorCode.E_KIND : ErrorCode.E_TICKET);
      if (own && fields.kind === JobKind.LEARN) return { code: fields.state, next: state };
      if (fields.state !== Status.IDLE) return refuse(state, ErrorCode.E_BUSY);
      const entries = ringEntries(learning, fields, nvm).filter((entry) => entry.ticket === ticket);
      const waiting = entries.find((entry) => entry.kind === EntryKind.UNLABELLED);
      if (ticket === 0 || entries.length === 0) return refuse(state, ErrorCode.E_TICKET);
      if (!waiting) return { code: Status.IDLE, next: state };
      if (y < 0 || y >= learning.classes) return refuse(state, ErrorCode.E_LABEL);
      const sample = freshSample(fields.sample) | ((waiting.index + 1) * 0x101);
      const changes = {
        ticket,
        kind: JobKind.LEARN,
        op: image.jobs[JobKind.LEARN]!.first + 1 + learning.late + learning.below,
        tile: 0,
        sample,
        turn: 0,
      };
      return {
        code: Status.RUN,
        next: settle(state, Status.RUN, { position: 0, owner: undefined }, changes),
      };
    },
  };
}

/** A class back to the factory's. */
function forgetCall(image: Image, ticket: number, y: number): Call {
  return {
    name: `forget(${ticket}, ${y})`,
    make: (probe) => probe.call(() => probe.device.forget!(ticket, y)),
    expect(state) {
      const { fields } = state;
      const learning = image.learning!;
      const op = image.ops.findIndex(({ kind }) => kind === OpKind.FORGET);
      if (op < 0) return refuse(state, ErrorCode.E_KIND);
      if (ticket !== 0 && fields.ticket === ticket && fields.kind === JobKind.LEARN)
        return { code: fields.state, next: state };
      if (fields.state !== Status.IDLE) return refuse(state, ErrorCode.E_BUSY);
      if (ticket === 0) return refuse(state, ErrorCode.E_TICKET);
      if (y < 0 || y >= learning.classes) return refuse(state, ErrorCode.E_LABEL);
      const changes = { kind: JobKind.LEARN, sample: freshSample(fields.sample), turn: 0 };
      const next = { ticket, op, tile: 0, ...changes };
      return {
        code: Status.RUN,
        next: settle(state, Status.RUN, { position: 0, owner: undefined }, next),
      };
    },
  };
}

/** Back to the factory's weights, or to a stream's first state: `changed` has those bits of the banks. */
const restoreCall = (changed: number): Call => ({
  name: 'restore()',
  make: (probe) => probe.call(() => probe.device.restore!()),
  expect(state) {
    const { fields } = state;
    if (fields.state !== Status.IDLE) return refuse(state, ErrorCode.E_BUSY);
    if ((fields.banks & changed) === 0) return { code: Status.IDLE, next: state };
    const next = settle(
      state,
      Status.IDLE,
      { owner: undefined, position: 0 },
      { banks: fields.banks & ~changed },
    );
    return { code: Status.IDLE, next };
  },
});

function ownedCall(
  name: string,
  make: (probe: Probe) => number,
  ticket: number,
  act: (state: State) => { code: number; next: State },
): Call {
  return {
    name: `${name}(${ticket})`,
    make: (probe) => probe.call(() => make(probe)),
    expect: (state) =>
      ticket === 0 || state.fields.ticket !== ticket ? refuse(state, ErrorCode.E_TICKET) : act(state),
  };
}

const end = (state: State, fields: Partial<CursorFields> = {}): { code: number; next: State } => ({
  code: Status.IDLE,
  next: settle(state, Status.IDLE, { owner: undefined, position: 0 }, fields),
});

/** The calls that name a ticket and lead to no job of the two. */
function ticketCalls(image: Image, ticket: number): Call[] {
  return [
    labelCall(image, ticket, 0),
    ownedCall(
      'ack',
      ({ device }) => device.ack(ticket),
      ticket,
      (state) => {
        if (state.fields.state === Status.IDLE) return { code: Status.IDLE, next: state };
        return state.fields.state === Status.DONE ? end(state) : refuse(state, ErrorCode.E_STATE);
      },
    ),
    ownedCall(
      'cancel',
      ({ device }) => device.cancel(ticket),
      ticket,
      (state) => {
        if (state.fields.state === Status.IDLE) return { code: Status.IDLE, next: state };
        // A job given up is none that has learnt.
        return end(state, image.learning && state.fields.state === Status.RUN ? { kind: JobKind.INFER } : {});
      },
    ),
  ];
}

/** The same, and `submit`, with tickets that differ in one bit from that of a job, or of an entry of the ring. */
export function nearlyCalls({ image, job }: Subject): Call[] {
  const flipped = Array.from({ length: 32 }, (_, bit) => (job.ticket ^ (1 << bit)) >>> 0);
  const kept = image.learning ? Array.from({ length: 32 }, (_, bit) => (KEPT_TICKET ^ (1 << bit)) >>> 0) : [];
  return [
    ...flipped.flatMap((ticket) => [submitCall(image, ticket, JobKind.INFER), ...ticketCalls(image, ticket)]),
    ...kept.map((ticket) => labelCall(image, ticket, 0)),
  ];
}

/** Every call an app can make, right or wrong. */
export function callsOf({ image, job, other }: Subject, arenaBytes: number): Call[] {
  const feeding = { image, arenaBytes };
  const half = image.input.bytes >> 1;
  const calls = [job, other].flatMap((fed, which) => [
    feedCall(feeding, fed, 0, image.input.bytes, `feed(input ${which})`),
    feedCall(feeding, fed, 0, half, `feed(first half of input ${which})`),
    feedCall(feeding, fed, half, image.input.bytes, `feed(second half of input ${which})`),
  ]);
  calls.push(feedCall(feeding, job, 0, 0, 'feed(nothing)'));
  for (const ticket of [0, job.ticket, other.ticket]) {
    calls.push(submitCall(image, ticket, JobKind.INFER), ...ticketCalls(image, ticket));
  }
  calls.push(submitCall(image, job.ticket, JobKind.LEARN), submitCall(image, job.ticket, 7));
  if (image.learning) {
    for (const { ticket, label = 0 } of [job, other])
      calls.push(submitCall(image, ticket, JobKind.LEARN | (label << 8)));
    calls.push(
      submitCall(image, job.ticket, JobKind.LEARN | (image.learning.classes << 8)),
      restoreCall(0xff),
    );
    for (let entry = 0; entry < image.learning.entries; entry++)
      calls.push(labelCall(image, KEPT_TICKET + entry, 0));
    calls.push(labelCall(image, KEPT_TICKET + image.learning.entries - 1, image.learning.classes));
    for (const ticket of [0, job.ticket, other.ticket]) calls.push(forgetCall(image, ticket, 0));
    calls.push(forgetCall(image, job.ticket, image.learning.classes));
  }
  if (image.stream) calls.push(restoreCall(0xf00));
  calls.push({
    name: 'status()',
    make: (probe) => probe.call(() => probe.device.status()),
    expect: (state) => ({ code: state.fields.state, next: state }),
  });
  return calls;
}

/** `run(1)`: one tile and its commit, or nothing where no job runs. */
export function runCall(): Call {
  return {
    name: 'run(1)',
    make: (probe) => probe.call(() => probe.device.run(1)),
    expect(state) {
      if (state.fields.state !== Status.RUN) return { code: state.fields.state, next: state };
      const position = state.position + 1;
      const fields = state.owner!.cursors[position]!;
      const { op, tile, step, banks, sample, turn } = fields;
      const next = settle(state, fields.state, { position }, { op, tile, step, banks, sample, turn });
      return { code: fields.state, next };
    },
  };
}
