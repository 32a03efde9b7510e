// The obligations on the job protocol: every call, in every state an app can bring the module to, does what a model of
// a dozen lines says, writes only where no recovery needs the bytes, and a boot comes back to the same state.
import { ErrorCode, Status } from '../../assembly/error.js';
import { C_CRC, C_SEQUENCE, JobKind } from '../../assembly/layout.js';
import { cursorBytes, type CursorFields, cursorFields, idleFields, slotAddress } from '../model/cursor.js';
import { stateRecord } from '../model/state-record.js';
import type { Interval } from '../plan/interval.js';
import { splitCommit } from './commit-form.js';
import { deviceAt, type GoldenJob, keptBy } from './job.js';
import { type Pages, PagedNvm } from './paged-nvm.js';
import { Fault, Probe } from './probe.js';
import { type Call, callsOf, nearlyCalls, runCall, type State } from './protocol-calls.js';
import { GoldenNvm, type Subject } from './subject.js';
import { refute } from './violation.js';

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

/** Where image and state lie here: not at 0. */
const BASE = 0x1240;

/** Two states are the same if all static data is, but for the cursor's number and checksum, and the job. */
function keyOf({ owner, position, sequence }: State, job: GoldenJob, probe: Probe): string {
  const statics = probe.memory.slice(0, probe.arena);
  const cursor = probe.device.cursor.value as number;
  statics.fill(0, cursor + C_SEQUENCE, cursor + C_SEQUENCE + 4);
  statics.fill(0, cursor + C_CRC, cursor + C_CRC + 4);
  const whose = owner === undefined ? 'none' : owner === job ? 'first' : 'other';
  return `${whose} ${position} ${sequence & 1} ${Buffer.from(statics).toString('latin1')}`;
}

/**
 * Explores all states to closure. Of the positions within a job the first, the last and two in the middle are explored:
 * what a job leaves behind that ends at any other is next-job.ts's affair.
 */
export function exploreProtocol(subject: Subject): Exploration {
  return new Explorer(subject).explore();
}

class Explorer {
  readonly #probe: Probe;
  readonly #nvm: PagedNvm;
  /** NVM full of garbage of each kind, but for the record it begins with. */
  readonly #garbage: Pages[];
  readonly #calls: Call[];
  readonly #seen = new Map<string, true>();
  readonly #queue: Node[] = [];
  /** A tile within the job; the op after it is entered, too. */
  readonly #middle: number;
  /** Calls with tickets that differ in one bit. */
  readonly #nearly: Call[];
  readonly #askedNearly = new Set<string>();
  #transitions = 0;

  constructor(readonly subject: Subject) {
    const { image, sramBytes } = subject;
    this.#probe = new Probe(subject.module, { image, sramBytes, base: BASE });
    this.#middle = (subject.job.cursors.length - 1) >> 1;
    this.#nvm = new PagedNvm(this.#probe);
    this.#garbage = subject.garbage.patterns.map((pattern) => {
      this.#probe.place(0, pattern);
      this.#probe.place(0, stateRecord(image.imageId));
      return this.#nvm.take();
    });
    this.#calls = [...callsOf(subject, sramBytes - this.#probe.arena), runCall()];
    this.#nearly = nearlyCalls(subject);
  }

  explore(): Exploration {
    const { image, job, other } = this.subject;
    const idle = job.start?.fields ?? idleFields(image.imageId);
    this.#probe.place(0, deviceAt(image, 0, job.start));
    this.#boot({ fields: idle, sequence: 0xfffffffe, owner: undefined, position: 0, received: 0 }, []);
    const golden = new GoldenNvm(job);
    for (let i = 0; i < this.#middle; i++) golden.advance();
    for (const { owner, position, bytes } of [
      { owner: job, position: this.#middle, bytes: golden.bytes },
      { owner: job, position: job.cursors.length - 2, bytes: job.beforeLast },
      { owner: other, position: other.cursors.length - 2, bytes: other.beforeLast },
    ]) {
      const fields = owner.cursors[position]!;
      this.#probe.place(0, bytes);
      this.#boot({ fields, sequence: 0xffffffff, owner, position, received: 0 }, ['…']);
    }
    this.#unbooted();
    for (let node = this.#queue.shift(); node; node = this.#queue.shift()) this.#expand(node);
    return { states: this.#seen.size, transitions: this.#transitions };
  }

  /** Before the first boot every call is refused. */
  #unbooted(): void {
    const { image, module, sramBytes } = this.subject;
    const probe = new Probe(module, { image, sramBytes });
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

  /** A boot with power on, after which static data is as after a power failure: nothing is left of what was before. */
  #bootAgain({ state, nvm, memory, path }: Node): void {
    const probe = this.#probe;
    const anew = probe.memory.slice(0, probe.arena);
    this.#nvm.load(nvm);
    probe.memory.set(memory);
    const again = [...path, 'boot again'];
    const code = this.#guard(again, () => probe.bootAgain());
    this.#transitions++;
    if (code !== state.fields.state) this.#refute(again, `boot returns ${code}, not ${state.fields.state}`);
    const at = anew.findIndex((byte, i) => byte !== probe.memory[i]);
    if (at >= 0)
      this.#refute(again, `SRAM byte ${at} is ${probe.memory[at]}, after a power failure ${anew[at]}`);
  }

  /** Tickets are compared in full: asked once for each state and ticket of the device. */
  #askNearly({ state, nvm, memory, path }: Node): void {
    const { ticket, state: status } = state.fields;
    const key = `${status} ${ticket} ${state.received}`;
    if (this.#askedNearly.has(key)) return;
    this.#askedNearly.add(key);
    const probe = this.#probe;
    for (const call of this.#nearly) {
      this.#nvm.load(nvm);
      probe.memory.set(memory);
      const asked = [...path, call.name];
      const { code, next } = call.expect(state, probe.nvm);
      const found = this.#guard(asked, () => call.make(probe));
      this.#transitions++;
      if (found !== code) this.#refute(asked, `${call.name} returns ${found} instead of ${code}`);
      this.#checkWrites(state, next, asked, false);
    }
  }

  /** Where a state's NVM matters. */
  #needed({ fields, owner, position }: State): Interval[] {
    const { image } = this.subject;
    const { learning } = image;
    const live = keptBy(image, fields, this.#probe.nvm);
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
      // Other tiles than these are the business of the other obligations.
      const watched = [0, this.#middle, this.#middle + 1, job.steps.length - 1];
      const inside = next.position < job.steps.length && !watched.includes(next.position);
      const running = next.fields.state === Status.RUN;
      // A job on input that an app fed in the wrong order is its own affair.
      const nobodys = next.fields.state !== Status.IDLE && !next.owner;
      if (next !== node.state && !(running && inside) && !nobodys) this.#arrive(next, path);
    }
    this.#askNearly(node);
    this.#nvm.load(node.nvm);
    this.#boot(node.state, node.path);
    this.#bootAgain(node);
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
