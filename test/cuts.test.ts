// A power cut at any point, any number of times, changes no result.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shippedImage } from '../host/demo.js';
import { Random } from '../host/data/random.js';
import { type Image, withPolicy } from '../host/model/image.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { randomOutcome } from '../host/simulator/outcome.js';
import { CountdownPower } from './util/cuts.js';
import { builtModule } from './util/devices.js';

/** Bytes of SRAM below the arena. */
const STATIC_BYTES = 288;
const SCHEDULES = 10_000;

const POLICIES: Record<string, { every: number; low: boolean } | undefined> = {
  'every 1': { every: 1, low: false },
  'every 8': { every: 8, low: false },
  low: { every: 0, low: true },
  auto: undefined,
  never: { every: 0, low: false },
};

/** One image under one policy: what a job must leave behind, and a device to try cuts on. */
class Bench {
  readonly input: Int8Array;
  readonly power = new CountdownPower();
  readonly fresh: Uint8Array;
  readonly golden: Uint8Array;
  readonly units: number;
  readonly renumber: boolean;
  readonly device: Device;

  constructor(
    readonly image: Image,
    tearUnit = 1,
    sequence = 0,
  ) {
    this.input = image.sample!;
    // With a voltage monitor the number of commits depends on the power.
    this.renumber = image.policy.low;
    const nvm = new SimulatedNvm(image.nvmBytes, { tearUnit });
    provision(nvm, image, { sequence });
    this.fresh = nvm.cells.slice();
    this.device = new Device(builtModule('device'), {
      nvm,
      sramBytes: STATIC_BYTES + image.arenaBytes,
      supply: this.power,
    });
    completeJob(this.device, image, { ticket: 7, input: this.input });
    this.units = this.power.used;
    this.golden = comparableNvm(nvm.cells, image, this.renumber);
  }

  /** One job from a fresh NVM, power failing after `left` units each time; returns where NVM differs, −1 if nowhere. */
  run(lefts: Iterable<number>, onCut?: () => ReturnType<typeof randomOutcome>): number {
    const budgets = lefts[Symbol.iterator]();
    const next = (): number => (budgets.next().value as number | undefined) ?? Infinity;
    this.device.nvm.load(this.fresh);
    this.power.left = next();
    completeJob(
      this.device,
      this.image,
      { ticket: 7, input: this.input },
      {
        onCut: () => {
          this.power.left = next();
          return onCut?.();
        },
      },
    );
    return firstDifference(comparableNvm(this.device.nvm.cells, this.image, this.renumber), this.golden);
  }
}

function underPolicy(name: string): Image {
  const image = shippedImage();
  const policy = POLICIES[name];
  return policy ? withPolicy(image, policy, name) : image;
}

for (const name of Object.keys(POLICIES)) {
  const stride = name === 'low' || name === 'never' ? 16 : 1;
  test(`${name}: a cut after every ${stride === 1 ? '' : '16th '}byte of a whole inference changes nothing`, () => {
    const bench = new Bench(underPolicy(name));
    const random = new Random(1);
    bench.power.lowAnswer = () => random.integer(8) === 0;
    for (let left = 0; left <= bench.units; left += stride) {
      const at = bench.run([left]);
      if (at >= 0) assert.unreachable(`${name}: cut after ${left} units changes byte ${at}`);
    }
  });
}

test(`${SCHEDULES} schedules of many cuts that drop, tear and reorder unsynced writes change nothing`, () => {
  const names = Object.keys(POLICIES);
  const benches = names.flatMap((name) => [
    new Bench(underPolicy(name), 1),
    new Bench(underPolicy(name), 2, 0x7ffffff0),
    new Bench(underPolicy(name), 4, 0xfffffff0),
    new Bench(underPolicy(name), 8),
  ]);
  let cuts = 0;
  for (let seed = 0; seed < SCHEDULES; seed++) {
    const random = new Random(seed);
    const bench = benches[seed % benches.length]!;
    bench.power.lowAnswer = () => random.integer(8) === 0;
    const count = 1 + random.integer(6);
    const lefts = Array.from({ length: count }, () => random.integer(random.integer(2) ? bench.units : 200));
    const at = bench.run(lefts, () => {
      cuts++;
      return randomOutcome(random);
    });
    const policy = names[Math.floor((seed % benches.length) / 4)];
    if (at >= 0) assert.unreachable(`schedule ${seed} (${policy}, cuts ${lefts}) changes byte ${at}`);
  }
  assert.ok(cuts > 2 * SCHEDULES, `only ${cuts} cuts`);
});

test.run();
