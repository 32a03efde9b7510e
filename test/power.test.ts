// The power model keeps its books: energy that comes in is used, leaked or stored, and power fails only at turn-off.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Values } from '../host/model/values.js';
import { shippedDigits, shippedImage } from '../host/demo/demo.js';
import { BrownoutError } from '../host/error.js';
import { profileStorage } from '../host/power/converter.js';
import { type Harvester, type PowerSegment, RfHarvester, SegmentHarvester } from '../host/power/harvester.js';
import { MeteredSupply } from '../host/power/harvested-supply.js';
import type { RunStatistics } from '../host/power/statistics.js';
import { paceOf } from '../host/power/pace.js';
import { openTrace } from '../host/power/source.js';
import { chargeUj, type DeviceProfile } from '../host/profiles/profile.js';
import { deviceProfile } from '../host/profiles/index.js';
import { completeJob } from '../host/simulator/app.js';
import { Device, type DeviceOptions, steadyPower, type Supply } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { MAX_BUDGET_CYCLES, readMeter, setBudget } from '../host/toolchain/meter.js';
import { meteredModule } from '../host/toolchain/modules.js';

const image = shippedImage();
const { inputs } = shippedDigits(image);
const profile = deviceProfile('cortex-m4-generic');
const module = meteredModule('device', profile.instructionCycles.value);
const RF = { onUw: 1500, offUw: 0, meanOnMs: 60, meanOffMs: 40 };

function device(supply: Supply, observe?: DeviceOptions['observe']): Device {
  const nvm = new SimulatedNvm(image.nvmBytes, { tearUnit: profile.nvmTearBytes.value });
  provision(nvm, image);
  const sramBytes = profile.sramBytes.value;
  return new Device(module, { image, nvm, sramBytes, supply, ...(observe ? { observe } : {}) });
}

const near = (found: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(
    Math.abs(found - expected) <= tolerance,
    `${what}: ${found}, expected ${expected} ± ${tolerance}`,
  );

/** The same power for ever, in pieces of `durationUs`. */
class ConstantHarvester implements Harvester {
  constructor(
    readonly powerUw: number,
    readonly durationUs = 700,
  ) {}

  next(): PowerSegment {
    return { durationUs: this.durationUs, powerUw: this.powerUw };
  }
}

/** Notes what the harvester gave until now, as far as the supply has looked. */
class NotedHarvester implements Harvester {
  readonly segments: PowerSegment[] = [];

  constructor(readonly inner: Harvester) {}

  get loops(): number {
    return this.inner.loops ?? 0;
  }

  strongest(): Iterable<PowerSegment> {
    return this.inner.strongest?.() ?? [{ durationUs: 1, powerUw: Infinity }];
  }

  next(): PowerSegment {
    const segment = this.inner.next();
    this.segments.push({ ...segment });
    return segment;
  }

  /** Energy harvested in the first `timeUs` of the trace, in µJ. */
  energyUj(timeUs: number): number {
    let [left, energyUj] = [timeUs, 0];
    for (const { durationUs, powerUw } of this.segments) {
      const stepUs = Math.min(left, durationUs);
      energyUj += (powerUw * stepUs) / 1e6;
      left -= stepUs;
    }
    return energyUj;
  }
}

test('an RF trace is what its seed says, and as long on and off as asked', () => {
  const trace = (seed: number): PowerSegment[] => {
    const harvester = new RfHarvester({ seed, ...RF, offUw: 3 });
    return Array.from({ length: 20_000 }, () => harvester.next());
  };
  const segments = trace(1);
  assert.equal(trace(1).slice(0, 500), segments.slice(0, 500));
  assert.not.equal(trace(2).slice(0, 500), segments.slice(0, 500));
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [on, off] = [0, 1].map((parity) => segments.filter((_, i) => i % 2 === parity)) as [
    PowerSegment[],
    PowerSegment[],
  ];
  near(mean(on.map((s) => s.durationUs)), RF.meanOnMs * 1000, RF.meanOnMs * 40, 'mean on');
  near(mean(off.map((s) => s.durationUs)), RF.meanOffMs * 1000, RF.meanOffMs * 40, 'mean off');
  near(mean(on.map((s) => s.powerUw)), RF.onUw, RF.onUw * 0.02, 'mean power');
  assert.ok(on.every((s) => s.powerUw >= RF.onUw * 0.5 && s.powerUw <= RF.onUw * 1.5));
  assert.ok(off.every((s) => s.powerUw === 3));
  assert.ok(segments.every((s) => s.durationUs >= 1000 && s.durationUs % 1000 === 0));
});

/** Three answers; every NVM access counted on its own. */
function steadyRun(samples: readonly Int8Array[]): {
  statistics: RunStatistics;
  accesses: Record<string, number>;
} {
  const supply = new MeteredSupply(profile);
  const accesses: Record<string, number> = {
    view: 0,
    write: 0,
    sync: 0,
    viewBytes: 0,
    writeBytes: 0,
    constant: 0,
    constantBytes: 0,
    imageReads: 0,
    words: 0,
  };
  let words = { view: 0, write: 0 };
  const add = (name: string, value: number): void => {
    accesses[name] = accesses[name]! + value;
  };
  const unit = device(supply, (access, _, length) => {
    add(access, 1);
    if (access === 'sync') return;
    add(`${access}Bytes`, length);
    if (access === 'constant') {
      add('imageReads', Math.ceil(length / profile.imageReadBytes.value));
      return;
    }
    words = { ...words, [access]: words[access] + Math.ceil(length / 4) };
  });
  samples.forEach((input, i) => {
    completeJob(unit, image, { ticket: i + 1, input }, {}, i > 0);
  });
  supply.finish();
  const { nvmReadNjPerWord: read, nvmWriteNjPerWord: write } = profile;
  const imageNj = accesses['imageReads']! * profile.imageReadNj.value;
  const nvmUj = (words.view * read.value + words.write * write.value + imageNj) / 1000;
  return { statistics: supply.statistics, accesses: { ...accesses, nvmUj } };
}

test('on steady power the statistics add up', () => {
  const { statistics, accesses } = steadyRun(inputs.slice(0, 3));
  const { cycles, energyUj, imageBytesRead, nvmBytesRead, nvmBytesWritten, onUs, offUs, boots, cuts } =
    statistics;
  assert.equal([boots, cuts, offUs], [1, 0, 0]);
  assert.is(imageBytesRead, accesses['constantBytes']);
  assert.is(nvmBytesRead, accesses['viewBytes']);
  assert.is(nvmBytesWritten, accesses['writeBytes']);
  near(energyUj.nvm, accesses['nvmUj']!, 1e-9 * energyUj.nvm, 'NVM energy');
  near(energyUj.compute, (cycles * profile.activeNjPerCycle.value) / 1000, 1e-6, 'compute energy');
  assert.is(energyUj.boot, profile.bootUj.value);
  near(onUs, (cycles / profile.clockHz.value) * 1e6 + profile.bootUs.value, 1e-3, 'time on');
});

test('on steady power the count is that of the meter alone, and the same each time', () => {
  let meter: { value: bigint } | undefined;
  const plain: Supply = {
    ...steadyPower,
    boot(global) {
      meter = global as { value: bigint };
      setBudget(meter, MAX_BUDGET_CYCLES);
    },
  };
  completeJob(device(plain), image, { ticket: 1, input: inputs[0]! });
  const { cyclesLeft, instructions } = readMeter(meter!);
  const { statistics, accesses } = steadyRun(inputs.slice(0, 1));
  assert.is(statistics.instructions, instructions);
  const { nvmSetupCycles, nvmReadCyclesPerWord, nvmWriteCyclesPerWord, monitorCycles } = profile;
  const known = accesses['view']! + accesses['write']! + accesses['sync']!;
  const constants =
    accesses['constant']! * profile.imageSetupCycles.value +
    accesses['imageReads']! * profile.imageReadCycles.value;
  const host =
    statistics.cycles - (MAX_BUDGET_CYCLES - cyclesLeft) - known * nvmSetupCycles.value - constants;
  const least = (accesses['viewBytes']! * nvmReadCyclesPerWord.value) / 4;
  const most =
    least + (accesses['writeBytes']! * nvmWriteCyclesPerWord.value) / 4 + 4000 * monitorCycles.value;
  assert.ok(host >= least && host <= most, `${host} cycles at the imports, expected ${least} to ${most}`);
  assert.equal(steadyRun(inputs.slice(0, 1)).statistics, statistics);
});

interface Balance {
  /** Harvested − used − leaked, at each cut, in µJ: what is stored above turn-off. */
  atCutUj: number[];
  endUj: number;
  statistics: RunStatistics;
  answers: Values[];
}

/** Answers on harvested power, with the books open at every cut. */
function harvestedRun(
  harvester: Harvester,
  samples: readonly Int8Array[],
  part: DeviceProfile = profile,
): Balance {
  const noted = new NotedHarvester(harvester);
  const supply = new MeteredSupply(part, noted).paced(paceOf(image, part));
  const { statistics } = supply;
  const balance = (): number => {
    const { onUs, offUs, energyUj } = statistics;
    const used = energyUj.compute + energyUj.nvm + energyUj.boot;
    return noted.energyUj(onUs + offUs) - (part.leakageUw.value * (onUs + offUs)) / 1e6 - used;
  };
  const unit = device(supply);
  const atCutUj: number[] = [];
  const onCut = (): undefined => {
    atCutUj.push(balance());
  };
  const answers = samples.map((input, i) => {
    return completeJob(unit, image, { ticket: i + 1, input }, { onCut }, i > 0).answer;
  });
  supply.finish();
  return { atCutUj, endUj: balance(), statistics, answers };
}

/** The most one NVM access or one stretch of instructions may take beyond what the capacitor still held. */
const OVERSHOOT_UJ = 3;
/** What a cut in the middle of a write may leave unused: a word, and less than a cycle. */
const LEFT_UJ = 0.02;

function checkBooks({ atCutUj, endUj, statistics }: Balance): void {
  assert.is(atCutUj.length, statistics.cuts);
  assert.ok(statistics.cuts > 10, `${statistics.cuts} cuts`);
  let before = 0;
  atCutUj.forEach((balanceUj, cut) => {
    // What a cut leaves unused is taken off, so the sum of all of that is what the balance may be above zero.
    assert.ok(balanceUj <= LEFT_UJ * (cut + 1), `cut ${cut} at ${balanceUj} µJ above turn-off`);
    assert.ok(balanceUj >= before - OVERSHOOT_UJ, `cut ${cut} at ${balanceUj} µJ: below turn-off`);
    before = Math.max(0, balanceUj);
  });
  assert.ok(
    endUj >= -OVERSHOOT_UJ && endUj <= chargeUj(profile) + LEFT_UJ * statistics.cuts,
    `${endUj} µJ left`,
  );
}

test('on constant power energy is used, leaked or stored, and a cut comes at turn-off only', () => {
  const samples = inputs.slice(0, 8);
  const expected = samples.map((input, i) => {
    return completeJob(device(new MeteredSupply(profile)), image, { ticket: i + 1, input }).answer;
  });
  for (const powerUw of [300, 900, 1900]) {
    const run = harvestedRun(new ConstantHarvester(powerUw), samples);
    checkBooks(run);
    assert.equal(run.answers, expected, `${powerUw} µW`);
    const { statistics } = run;
    // From turn-off to turn-on against leakage, once a boot: the first begins at turn-off too.
    const fullUs = (chargeUj(profile) * 1e6) / (powerUw - profile.leakageUw.value);
    near(statistics.offUs / statistics.boots, fullUs, fullUs * 0.03, 'time to charge');
    assert.is(statistics.boots, statistics.cuts + 1);
    near(statistics.energyUj.boot, statistics.boots * profile.bootUj.value, 1e-6, 'boot energy');
  }
});

test('on an RF trace the books balance too', () => {
  // Weak enough that booting takes more than comes in: what a full capacitor cannot take is lost.
  for (const seed of [1, 2, 3]) {
    checkBooks(harvestedRun(new RfHarvester({ seed, ...RF, onUw: 1200 }), inputs.slice(0, 8)));
  }
});

test('the length of the pieces a trace comes in does not matter', () => {
  const runs = [50, 700, 1e6, Infinity].map((us) => {
    return harvestedRun(new ConstantHarvester(900, us), inputs.slice(0, 4)).statistics;
  });
  for (const { cuts, onUs, offUs, instructions } of runs) {
    near(cuts, runs[0]!.cuts, 1, 'cuts');
    near(instructions, runs[0]!.instructions, runs[0]!.instructions * 0.01, 'instructions');
    near(onUs, runs[0]!.onUs, runs[0]!.onUs * 0.02, 'time on');
    near(offUs, runs[0]!.offUs, runs[0]!.offUs * 0.1, 'time off');
  }
});

test('a charge of many loops of a short trace takes as long as on its mean power, and is not played to its end', () => {
  const storage = { ...profileStorage(profile), capacitorUf: 50_000 };
  let pieces = 0;
  class Counted extends SegmentHarvester {
    override next(): PowerSegment {
      pieces++;
      return super.next();
    }
  }
  const charge = (harvester: Harvester): RunStatistics => {
    const supply = new MeteredSupply(profile, harvester, storage);
    supply.boot(undefined);
    return supply.statistics;
  };
  const short = charge(
    new Counted([
      { durationUs: 500, powerUw: 100 },
      { durationUs: 500, powerUw: 0 },
    ]),
  );
  const mean = charge(new SegmentHarvester([{ durationUs: 86_400e6, powerUw: 50 }]));
  near(short.offUs / mean.offUs, 1, 0.001, 'time');
  for (const book of ['harvested', 'leaked', 'conversion'] as const)
    near(short.ledgerUj[book], mean.ledgerUj[book], 0.001 * mean.ledgerUj.harvested, book);
  assert.ok(short.offUs > 1e9 && pieces < 2000, `${pieces} pieces in ${short.offUs} µs`);
  const { harvested, leaked, conversion, spilled, storedAtStart, stored } = short.ledgerUj;
  const used = short.energyUj.boot;
  near(
    harvested + storedAtStart,
    used + leaked + conversion + spilled + stored,
    1e-6 * harvested,
    'the books',
  );
});

test('with more power than the device takes there is no cut', () => {
  const { statistics, answers } = harvestedRun(new ConstantHarvester(1e6), inputs.slice(0, 2));
  assert.is(statistics.cuts, 0);
  assert.is(statistics.boots, 1);
  assert.is(answers.length, 2);
});

test('a trace that never fills the capacitor is an error with a name', () => {
  const leakageUw = profile.leakageUw.value;
  let pieces = 0;
  const fading: Harvester = {
    next: () => ({ durationUs: 1e6, powerUw: pieces++ === 0 ? 200 : 0 }),
  };
  const dark: Record<string, Harvester> = {
    'no power': new ConstantHarvester(0, 1e6),
    'no power, in one piece': new ConstantHarvester(0, Infinity),
    'no more than leakage': new ConstantHarvester(leakageUw, 1e6),
    'less than leakage': new ConstantHarvester(leakageUw / 2, 1e6),
    'one charge and no more': fading,
    'RF without a field': new RfHarvester({ seed: 1, ...RF, onUw: 0 }),
  };
  for (const [name, harvester] of Object.entries(dark)) {
    assert.throws(
      () => harvestedRun(harvester, inputs.slice(0, 8)),
      (error: unknown) => error instanceof BrownoutError && error.code === 'E_TRACE_DARK',
      name,
    );
  }
});

test('a trace that can never work is refused before it is played, and a loop that gains nothing after it was played once', () => {
  const leakageUw = profile.leakageUw.value;
  let played = 0;
  const counted = (inner: Harvester): Harvester => ({
    next() {
      played++;
      return inner.next();
    },
    get loops() {
      return inner.loops ?? 0;
    },
    ...(inner.strongest ? { strongest: () => inner.strongest!() } : {}),
  });
  const refused = (harvester: Harvester): { found: string; played: number } => {
    played = 0;
    try {
      harvestedRun(counted(harvester), inputs.slice(0, 1));
    } catch (error) {
      assert.ok(error instanceof BrownoutError && error.code === 'E_TRACE_DARK', String(error));
      return { found: error.found, played };
    }
    throw new Error('not refused');
  };
  // A day in milliseconds, never as strong as leakage.
  const weak = Array.from({ length: 86_400 }, (_, i) => ({
    durationUs: 1000,
    powerUw: (leakageUw * (i % 7)) / 7,
  }));
  const first = refused(new SegmentHarvester(weak));
  assert.match(first.found, /at most 3?[\d.]+ µW into the capacitor at 2\.34 V, where [\d.]+ µW leak/);
  assert.is(first.played, 0);
  assert.is(refused(new RfHarvester({ seed: 1, ...RF, onUw: leakageUw / 2 })).played, 0);
  assert.is(refused(openTrace('solar:peak_uw=0.5', 1)).played, 0);
  // Stronger than leakage now and then, weaker as a whole: known after a loop or two.
  const pulses = Array.from({ length: 1000 }, (_, i) => ({
    durationUs: 1e5,
    powerUw: i === 0 ? leakageUw * 20 : 0,
  }));
  const second = refused(new SegmentHarvester(pulses));
  assert.match(second.found, 'a whole loop');
  assert.ok(second.played <= 3001, `${second.played}`);
  // A loop that gains little by little gets there.
  const slow = new SegmentHarvester([
    { durationUs: 2e5, powerUw: leakageUw * 4 },
    { durationUs: 3e5, powerUw: 0 },
  ]);
  assert.ok(harvestedRun(slow, inputs.slice(0, 1)));
});

test.run();
