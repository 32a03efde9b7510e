// `wipeEvicted`: once a job is done no byte of NVM has a sample any more that gave way in the ring, whatever was cut on the way.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Status } from '../assembly/error.js';
import {
  C_BANKS,
  C_OP,
  C_SAMPLE,
  C_STEP,
  EntryKind,
  OpKind,
  S_LABELLED,
  STATIC_BYTES_LEARNING,
} from '../assembly/layout.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { ringEntries } from '../host/model/learning-header.js';
import type { LearnOptions } from '../host/learning/spec.js';
import { CountdownPower } from '../host/simulator/countdown-power.js';
import { Device, PowerCut } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { verify } from '../host/verify/verify.js';
import { int8s } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { builtModule } from './util/devices.js';
import { learnable } from './util/learnable.js';

/** Bytes of the kept samples: enough that nothing else is like them by chance. */
const INPUTS = 24;
const CLASSES = 4;

const data = Array.from({ length: 20 }, (_, i) => ({
  input: int8s(new Random(i), INPUTS),
  label: i % CLASSES,
}));

/** What learns, and the bytes of an entry that have the sample. */
const LEARNERS: Record<string, { layers: string[]; learn: LearnOptions; sample: number }> = {
  'all layers': { layers: ['dense:8', `dense:${CLASSES}`], learn: { layers: 'all', ring: 8 }, sample: 24 },
  'the last layer': {
    layers: ['dense:30', `dense:${CLASSES}`],
    learn: { layers: 'last', ring: 6, guardEvery: 0, holdOut: 0, replay: 2 },
    sample: 30,
  },
  'without late labels': {
    layers: ['dense:8', `dense:${CLASSES}`],
    learn: { layers: 'all', ring: 8, late: false },
    sample: 24,
  },
  'a head by sums': {
    layers: ['dense:40', `dense:${CLASSES}`],
    learn: { layers: 'sums', data, rank: 16, ring: 6, forget: true },
    sample: 16,
  },
  'a head by sums without late labels': {
    layers: ['dense:40', `dense:${CLASSES}`],
    learn: { layers: 'sums', data, rank: 16, ring: 6, late: false },
    sample: 16,
  },
};

function imageOf(name: string, wipeEvicted: boolean): Image {
  const { layers, learn } = LEARNERS[name]!;
  const network = learnable(new Random(4), [INPUTS], layers);
  // A wipe of several tiles, among others.
  return readImage(compileUnproved(network, { learn: { ...learn, wipeEvicted }, arenaBytes: 640 }));
}

/** A device and its app: jobs of every kind, through cuts if there are to be any. */
class Bench {
  readonly power = new CountdownPower();
  readonly device: Device;
  #up = false;
  /** What entries that counted had of samples, by ticket. */
  readonly samples = new Map<number, Buffer>();

  constructor(
    readonly image: Image,
    readonly sampleBytes: number,
  ) {
    const nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: 4 });
    provision(nvm, image);
    const sramBytes = STATIC_BYTES_LEARNING + image.arenaBytes;
    this.device = new Device(builtModule('device.learn'), { image, nvm, sramBytes, supply: this.power });
  }

  get nvm(): Buffer {
    const { buffer, byteOffset, length } = this.device.nvm.cells;
    return Buffer.from(buffer, byteOffset, length);
  }

  get forgets(): boolean {
    return this.image.ops.some(({ kind }) => kind === OpKind.FORGET);
  }

  get late(): boolean {
    const { first, count } = this.image.jobs[0]!;
    return this.image.ops.slice(first, first + count).some(({ isLearning }) => isLearning);
  }

  boot(): void {
    this.#up = false;
  }

  /** Job number `ticket`, of a kind that goes by it, to its end. */
  job(ticket: number, onCut = (): void => {}): void {
    const random = new Random(ticket);
    const input = int8s(random, INPUTS);
    const label = random.integer(CLASSES);
    const asks =
      this.late && ticket % 4 > 1
        ? [() => this.device.submit(ticket), () => this.device.label(ticket, label)]
        : [
            () =>
              this.late && ticket % 4 === 0 ? this.device.submit(ticket) : this.device.learn(ticket, label),
          ];
    for (const [i, ask] of asks.entries())
      this.#finish(ticket, onCut, () => {
        if (i > 0) return ask();
        if (this.device.ticket === ticket) return this.device.status();
        this.device.feed(input);
        return ask();
      });
    // What waits of a class goes with it.
    if (ticket % 9 === 0 && this.forgets)
      this.#finish(ticket + 1000, onCut, () => this.device.forget(ticket + 1000, label));
    this.#note();
  }

  #finish(ticket: number, onCut: () => void, ask: () => number): void {
    for (;;) {
      try {
        if (!this.#up) assert.ok(this.device.boot() >= 0);
        this.#up = true;
        assert.ok(ask() >= 0);
        while (this.device.status() === Status.RUN) assert.ok(this.device.run() >= 0);
        assert.is(this.device.ack(ticket), Status.IDLE);
        return;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        const random = new Random(ticket + this.power.used);
        this.device.cut({
          order: (count) => random.shuffle(Array.from({ length: count }, (_, i) => i)),
          keeps: () => random.integer(2) === 1,
        });
        this.#up = false;
        onCut();
      }
    }
  }

  get entries(): ReturnType<typeof ringEntries> {
    const banks = this.device.cursorField(C_BANKS);
    return ringEntries(this.image.learning!, { banks }, this.nvm);
  }

  #entryOf(index: number): Buffer {
    const { ring, entryBytes } = this.image.learning!;
    return this.nvm.subarray(ring + index * entryBytes, ring + (index + 1) * entryBytes);
  }

  #note(): void {
    for (const { index, kind, ticket } of this.entries)
      if (kind !== EntryKind.FREE)
        this.samples.set(ticket, Buffer.from(this.#entryOf(index).subarray(0, this.sampleBytes)));
  }

  /** Tickets of samples that gave way and can still be read in NVM. */
  left(last: number): number[] {
    const counting = new Set(this.entries.filter(({ kind }) => kind !== EntryKind.FREE).map((e) => e.ticket));
    return [...this.samples]
      .filter(([ticket, bytes]) => !counting.has(ticket) && ticket !== last && this.nvm.includes(bytes))
      .map(([ticket]) => ticket);
  }

  /** That free entries that held a sample are zeros, but for what a job under way keeps there. */
  isBlank(): boolean {
    const used = this.entries.filter(({ kind }) => kind === EntryKind.FREE).map(({ index }) => index);
    return used.every((index) => this.#entryOf(index).every((byte) => byte === 0));
  }

  /** That a learn job by gradients left nothing it computed of samples: between verdicts and weight banks, and in lanes. */
  hasLeftNothing(): boolean {
    const { verdicts, laneCount, validations, banks, lanes } = this.image.learning!;
    const scratch = verdicts + 8 * (laneCount + 2 * validations + 2);
    const parts = [this.nvm.subarray(scratch, banks), this.nvm.subarray(lanes)];
    return parts.every((bytes) => bytes.length > 0 && bytes.every((byte) => byte === 0));
  }

  get hasSpareApart(): boolean {
    const spare = (this.device.cursorField(C_SAMPLE) >>> 16) & 0xff;
    return this.entries[spare]!.kind === EntryKind.FREE;
  }
}

const JOBS = 40;
/** Places to cut in each kind of job. */
const CUTS = Number(process.env['BROWNOUT_CUTS'] ?? 24);

for (const [name, { sample }] of Object.entries(LEARNERS)) {
  test(`${name}: nothing of what gave way is left in NVM`, () => {
    const found: number[][] = [false, true].map((wipes) => {
      const bench = new Bench(imageOf(name, wipes), sample);
      let most = 0;
      for (let ticket = 1; ticket <= JOBS; ticket++) {
        bench.job(ticket);
        const left = bench.left(ticket).length;
        most = Math.max(most, left);
        assert.ok(bench.hasSpareApart);
        if (wipes) {
          assert.is(left, 0, `after job ${ticket}`);
          assert.ok(bench.isBlank(), `a free entry after job ${ticket}`);
          const learnt = !bench.late || ticket % 4 > 0;
          if (learnt && LEARNERS[name]!.learn.layers !== 'sums')
            assert.ok(bench.hasLeftNothing(), `scratch after job ${ticket}`);
        }
      }
      const gone = bench.samples.size;
      return [most, gone];
    });
    const [[most], [, gone]] = found as [number[], number[]];
    assert.ok(most! > 0, 'without the option something is left');
    assert.ok(gone! > LEARNERS[name]!.learn.ring!);
  });

  test(`${name}: the same through cuts`, () => {
    const image = imageOf(name, true);
    assert.ok(image.ops.some(({ kind }) => kind === OpKind.WIPE));
    const bench = new Bench(image, sample);
    let ticket = 1;
    while (ticket <= 20) bench.job(ticket++);
    // Each kind of job in turn, cut once at units all over it.
    for (let kind = 0; kind < 4; kind++, ticket++) {
      const before = Buffer.from(bench.nvm);
      bench.boot();
      bench.power.used = 0;
      bench.job(ticket);
      const units = bench.power.used;
      const after = Buffer.from(bench.nvm);
      const random = new Random(kind);
      for (let i = 0; i < CUTS; i++) {
        const cut = 1 + Math.floor(((i + random.uniform(0, 1)) * (units - 1)) / CUTS);
        bench.device.nvm.load(before);
        bench.boot();
        bench.power.left = cut;
        bench.job(ticket, () => {
          bench.power.left = Infinity;
        });
        assert.equal(bench.left(ticket), [], `cut ${cut} of ${units}`);
        assert.ok(bench.isBlank(), `cut ${cut} of ${units}`);
      }
      bench.device.nvm.load(after);
      bench.boot();
    }
  });
}

test('images that wipe are proved', () => {
  for (const name of ['the last layer', 'a head by sums'])
    for (const job of ['infer', 'learn'] as const)
      assert.is(verify(imageOf(name, true), { job, search: false }).violations, 0, `${name}, ${job}`);
});

test('a job cancelled while it wipes has learnt, once; the next one wipes what it left', () => {
  for (const name of Object.keys(LEARNERS)) {
    const image = imageOf(name, true);
    const wipes = image.ops.findLastIndex(({ kind }) => kind !== OpKind.WIPE) + 1;
    const bench = new Bench(image, LEARNERS[name]!.sample);
    for (let ticket = 1; ticket <= 20; ticket++) bench.job(ticket);
    const { device } = bench;
    const steps = (): number => device.cursorField(C_STEP);
    const labelled = (): number => stateWord(bench, S_LABELLED);
    const before = labelled();
    device.feed(int8s(new Random(99), INPUTS));
    assert.is(device.learn(99, 1), Status.RUN);
    while (device.cursorField(C_OP) < wipes && device.status() === Status.RUN) device.run(1);
    assert.is(device.status(), Status.RUN, 'the job wipes');
    const learnt = [steps(), labelled()];
    assert.is(learnt[1], before + 1);
    assert.is(device.cancel(99), Status.IDLE);
    assert.equal([steps(), labelled()], learnt);
    // Its sample has its label: it is not learnt again.
    assert.ok(device.label(99, 1) <= 0);
    assert.equal([steps(), labelled()], learnt);
    bench.job(101);
    bench.job(102);
    assert.equal(bench.left(102), [], name);
    assert.ok(bench.isBlank(), name);
  }
});

/** A word of the state in force. */
function stateWord({ device, image, nvm }: Bench, offset: number): number {
  const { states, stateBytes } = image.learning!;
  const bank = (device.cursorField(C_BANKS) >>> 8) & 15;
  return bank === 0 ? 0 : nvm.readUInt32LE(states + (bank - 1) * stateBytes + offset);
}

test.run();
