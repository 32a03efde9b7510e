// The obligations on the job protocol: every call, in every state an app can bring the module to, does what a model of
// a dozen lines says, writes only where no recovery needs the bytes, and a boot comes back to the same state.
import { ErrorCode, Status } from '../../assembly/error.js';
import { C_CRC, C_SEQUENCE, EntryKind, JobKind } from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import type { Interval } from '../plan/interval.js';
import { persistent, ringEntries } from '../model/learning-header.js';
import { cursorBytes, type CursorFields, cursorFields, idleFields, slotAddress } from '../model/cursor.js';
import { splitCommit } from './commit-form.js';
import { deviceAt, type GoldenJob } from './job.js';
import { type Pages, PagedNvm } from './paged-nvm.js';
import { Fault, Probe } from './probe.js';
import { GoldenNvm, type Subject } from './subject.js';
import { KEPT_TICKET } from './scenario.js';
import { refute } from './violation.js';

/** Where the app and the module stand: what is committed, and what is only in SRAM. */
interface State {
  fields: CursorFields;
  sequence: number;
  /** The job whose input and results NVM holds; undefined while no job's bytes matter. */
  owner: GoldenJob | undefined;
  /** Tiles done. */
  position: number;
  received: number;
}

/** A call of the app, and what it must do. */
interface Call {
  name: string;
  make: (probe: Probe) => number;
  /** The code it returns and the state it leads to. */
  expect: (state: State, nvm: Uint8Array) => { code: number; next: State };
}

/** A concrete way to a state: what NVM and memory hold. */
interface Node {
  state: State;
  nvm: Pages;
  memory: Uint8Array;
  /** The calls that led here. */
  path: string[];
}

export interface Exploration {
  states: number;
  transitions: number;
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
  const [kind, label] = image.learning ? [word & 0xff, word >>> 8] : [word, 0];
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
        op: image.jobs[JobKind.LEARN]!.first + 1,
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

/** Back to the factory's weights. */
const restoreCall: Call = {
  name: 'restore()',
  make: (probe) => probe.call(() => probe.device.restore!()),
  expect(state) {
    const { fields } = state;
    if (fields.state !== Status.IDLE) return refuse(state, ErrorCode.E_BUSY);
    if ((fields.banks & 0xff) === 0) return { code: Status.IDLE, next: state };
    const next = settle(
      state,
      Status.IDLE,
      { owner: undefined, position: 0 },
      { banks: fields.banks & ~0xff },
    );
    return { code: Status.IDLE, next };
  },
};

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

const end = (state: State): { code: number; next: State } => ({
  code: Status.IDLE,
  next: settle(state, Status.IDLE, { owner: undefined, position: 0 }),
});

/** Every call an app can make, right or wrong. */
function callsOf({ image, job, other }: Subject, arenaBytes: number): Call[] {
  const feeding = { image, arenaBytes };
  const half = image.input.bytes >> 1;
  const calls = [job, other].flatMap((fed, which) => [
    feedCall(feeding, fed, 0, image.input.bytes, `feed(input ${which})`),
    feedCall(feeding, fed, 0, half, `feed(first half of input ${which})`),
    feedCall(feeding, fed, half, image.input.bytes, `feed(second half of input ${which})`),
  ]);
  calls.push(feedCall(feeding, job, 0, 0, 'feed(nothing)'));
  for (const ticket of [0, job.ticket, other.ticket]) {
    calls.push(submitCall(image, ticket, JobKind.INFER), labelCall(image, ticket, 0));
    calls.push(
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
          return state.fields.state === Status.IDLE ? { code: Status.IDLE, next: state } : end(state);
        },
      ),
    );
  }
  calls.push(submitCall(image, job.ticket, JobKind.LEARN), submitCall(image, job.ticket, 7));
  if (image.learning) {
    for (const { ticket, label = 0 } of [job, other])
      calls.push(submitCall(image, ticket, JobKind.LEARN | (label << 8)));
    calls.push(submitCall(image, job.ticket, JobKind.LEARN | (image.learning.classes << 8)), restoreCall);
    for (let entry = 0; entry < image.learning.entries; entry++)
      calls.push(labelCall(image, KEPT_TICKET + entry, 0));
    calls.push(labelCall(image, KEPT_TICKET + image.learning.entries - 1, image.learning.classes));
  }
  calls.push({
    name: 'status()',
    make: (probe) => probe.call(() => probe.device.status()),
    expect: (state) => ({ code: state.fields.state, next: state }),
  });
  return calls;
}

/** `run(1)`: one tile and its commit, or nothing where no job runs. */
function runCall(): Call {
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

/** Two states are the same if all static data is, but for the cursor's number and checksum, and the job. */
function keyOf({ owner, position, sequence }: State, job: GoldenJob, probe: Probe): string {
  const statics = probe.memory.slice(0, probe.arena);
  const cursor = probe.device.cursor.value as number;
  statics.fill(0, cursor + C_SEQUENCE, cursor + C_SEQUENCE + 4);
  statics.fill(0, cursor + C_CRC, cursor + C_CRC + 4);
  const whose = owner === undefined ? 'none' : owner === job ? 'first' : 'other';
  return `${whose} ${position} ${sequence & 1} ${Buffer.from(statics).toString('latin1')}`;
}

/** Explores all states to closure. Positions within a job stand for each other but for the first and the last tile. */
export function exploreProtocol(subject: Subject): Exploration {
  return new Explorer(subject).explore();
}

class Explorer {
  readonly #probe: Probe;
  readonly #nvm: PagedNvm;
  /** NVM full of garbage of each kind, but for the image. */
  readonly #garbage: Pages[];
  readonly #calls: Call[];
  readonly #seen = new Map<string, true>();
  readonly #queue: Node[] = [];
  #transitions = 0;

  constructor(readonly subject: Subject) {
    const { image, sramBytes } = subject;
    this.#probe = new Probe(subject.module, { nvmBytes: image.nvmBytes, sramBytes });
    this.#nvm = new PagedNvm(this.#probe);
    this.#garbage = subject.garbage.patterns.map((pattern) => {
      this.#probe.place(0, pattern);
      this.#probe.place(0, image.device);
      return this.#nvm.take();
    });
    this.#calls = [...callsOf(subject, sramBytes - this.#probe.arena), runCall()];
  }

  explore(): Exploration {
    const { image, job, other } = this.subject;
    const idle = job.start?.fields ?? idleFields(image.imageId);
    this.#probe.place(0, deviceAt(image, 0, job.start));
    this.#boot({ fields: idle, sequence: 0xfffffffe, owner: undefined, position: 0, received: 0 }, []);
    for (const owner of [job, other]) {
      const position = owner.steps.length - 1;
      const fields = owner.cursors[position]!;
      const golden = new GoldenNvm(owner);
      for (let i = 0; i < position; i++) golden.advance();
      const state = { fields, sequence: 0xffffffff, owner, position, received: 0 };
      this.#probe.place(0, golden.bytes);
      this.#boot(state, ['…']);
    }
    this.#unbooted();
    for (let node = this.#queue.shift(); node; node = this.#queue.shift()) this.#expand(node);
    return { states: this.#seen.size, transitions: this.#transitions };
  }

  /** Before the first boot every call is refused. */
  #unbooted(): void {
    const probe = new Probe(this.subject.module, { nvmBytes: 0, sramBytes: this.subject.sramBytes });
    for (const { name, make } of this.#calls) {
      const code = this.#guard([name], () => make(probe));
      if (code !== ErrorCode.E_NOT_BOOTED) this.#refute([name], `${name} returns ${code} before any boot`);
      this.#transitions++;
    }
  }

  /** A boot after a power failure or the app's death, on what NVM holds: everything not needed is garbage. */
  #boot(state: State, path: string[]): void {
    const { image } = this.subject;
    const probe = this.#probe;
    const committed = {
      ...state,
      received: 0,
      owner: state.fields.state === Status.IDLE ? undefined : state.owner,
    };
    const kind = state.sequence % this.#garbage.length;
    this.#nvm.loadUnder(this.#garbage[kind]!, this.#needed(committed));
    probe.place(slotAddress(image, state.sequence & 1), cursorBytes(state.fields, state.sequence));
    const code = this.#guard([...path, 'boot'], () => probe.boot(this.subject.garbage.arena(kind)));
    this.#transitions++;
    if (code !== state.fields.state)
      this.#refute([...path, 'boot'], `boot returns ${code}, not ${state.fields.state}`);
    this.#arrive(committed, [...path, 'boot']);
  }

  /** Where a state's NVM matters. */
  #needed({ fields, owner, position }: State): Interval[] {
    const { image } = this.subject;
    const { learning } = image;
    const live: Interval[] = learning ? persistent(learning, fields, this.#probe.nvm) : [];
    if (!owner) return live;
    const { offset, bytes } = fields.state === Status.DONE ? image.output : image.input;
    if (learning) live.push([learning.label, learning.label + 4]);
    if (position === 0 || fields.state === Status.DONE) live.push([offset, offset + bytes]);
    else live.push([image.input.offset, image.nvmBytes]);
    return live;
  }

  #expand(node: Node): void {
    const { job } = this.subject;
    const probe = this.#probe;
    for (const call of this.#calls) {
      this.#nvm.load(node.nvm);
      probe.memory.set(node.memory);
      const path = [...node.path, call.name];
      const { code, next } = call.expect(node.state, probe.nvm);
      const found = this.#guard(path, () => call.make(probe));
      this.#transitions++;
      if (found !== code) this.#refute(path, `${call.name} returns ${found} instead of ${code}`);
      this.#checkWrites(node.state, next, path, call.name === 'run(1)');
      // Tiles between the first and the last are the business of the other obligations.
      const inside = next.position > 0 && next.position < job.steps.length - 1;
      const running = next.fields.state === Status.RUN;
      // A job on input that an app fed in the wrong order is its own affair.
      const nobodys = next.fields.state !== Status.IDLE && !next.owner;
      if (next !== node.state && !(running && inside) && !nobodys) this.#arrive(next, path);
    }
    this.#nvm.load(node.nvm);
    this.#boot(node.state, node.path);
  }

  /** A call may write its commit, and data where the state before does not need it. */
  #checkWrites(state: State, next: State, path: string[], runs: boolean): void {
    const { image } = this.subject;
    const parts = splitCommit(this.#probe.trace, image);
    if (typeof parts === 'string') this.#refute(path, parts);
    if (state.sequence === next.sequence && parts.commit) this.#refute(path, 'a commit that is not due');
    if (state.sequence !== next.sequence) {
      if (!parts.commit) this.#refute(path, 'no commit of the new state');
      if (parts.commit.slot === (state.sequence & 1)) this.#refute(path, 'the newest cursor is overwritten');
      if (Buffer.compare(parts.commit.bytes, cursorBytes(next.fields, next.sequence)) !== 0)
        this.#refute(path, 'the cursor committed is not that of the new state');
    }
    const mailbox = [image.input, ...(image.learning ? [{ offset: image.learning.label, bytes: 4 }] : [])];
    const idle = state.fields.state === Status.IDLE;
    for (const { address, bytes: written } of parts.data) {
      const isMailbox = mailbox.some(({ offset, bytes }) => {
        return address >= offset && address + written.length <= offset + bytes;
      });
      if (!runs && !(idle && isMailbox)) this.#refute(path, `${written.length} bytes written at ${address}`);
    }
  }

  /** A state is reached: its cursor and its bytes must be there. */
  #arrive(state: State, path: string[]): void {
    const { image, job } = this.subject;
    const probe = this.#probe;
    const cursor = cursorFields(probe.cursor);
    for (const [name, value] of Object.entries(state.fields)) {
      const found = cursor[name as keyof CursorFields];
      if (found !== value) this.#refute(path, `the cursor's ${name} is ${found} instead of ${value}`);
    }
    const { owner } = state;
    if (
      owner &&
      owner.kind === JobKind.INFER &&
      (state.fields.state !== Status.IDLE || state.received === image.input.bytes)
    ) {
      const done = state.fields.state === Status.DONE;
      const { offset, bytes } = done ? image.output : image.input;
      const expected = done ? owner.answer : owner.input;
      if (Buffer.compare(probe.nvm.subarray(offset, offset + bytes), expected) !== 0)
        this.#refute(path, done ? 'the answer is wrong' : "the input is not the app's");
    }
    const key = keyOf(state, job, probe);
    if (this.#seen.has(key)) return;
    this.#seen.set(key, true);
    this.#queue.push({ state, nvm: this.#nvm.take(), memory: probe.memory.slice(0, probe.sramBytes), path });
  }

  #guard(path: string[], action: () => number): number {
    try {
      return action();
    } catch (error) {
      if (error instanceof Fault) this.#refute(path, error.message);
      throw error;
    }
  }

  #refute(path: string[], found: string): never {
    refute('protocol', `${found}; after ${path.slice(-6).join(', ')}`);
  }
}
