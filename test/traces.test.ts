// Traces, converters and storage: what is read is what was written, and no energy is lost from the books.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shippedDigits, shippedImage } from '../host/demo/demo.js';
import { BrownoutError } from '../host/error.js';
import { CONVERTERS, storageFor } from '../host/power/converter.js';
import type { Harvester } from '../host/power/harvester.js';
import { MeteredSupply } from '../host/power/harvested-supply.js';
import type { RunStatistics } from '../host/power/statistics.js';
import { isGenerator, openTrace } from '../host/power/source.js';
import { parseTrace, resample, stitch, type Trace } from '../host/power/trace.js';
import type { Sourced } from '../host/profiles/profile.js';
import { DEVICES, deviceProfile } from '../host/profiles/index.js';
import { completeJob } from '../host/simulator/app.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { meteredModule } from '../host/toolchain/modules.js';
import { failure } from './util/failure.js';

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof BrownoutError) return error.code;
    throw error;
  }
  return 'none';
};
const near = (found: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found}, expected ${expected}`);

const traceEnergyUj = ({ segments }: Trace): number =>
  segments.reduce((sum, { durationUs, powerUw }) => sum + (durationUs * powerUw) / 1e6, 0);

test('units are read from the header', () => {
  const [a, b, c] = [
    parseTrace('time_us,power_uw\n0,100\n500,200\n1000,0\n'),
    parseTrace('# noted by hand\r\npower_mw , time_ms\r\n0.1,0\r\n0.2,0.5\r\n0,1\r\n'),
    parseTrace('time_s,power_uw\n0,100\n0.0005,200\n0.001,0\n'),
  ] as const;
  for (const trace of [a, b, c]) {
    trace.segments.forEach(({ durationUs, powerUw }, i) => {
      near(durationUs, 500, 1e-9, 'duration');
      near(powerUw, [100, 200, 0][i]!, 1e-9, 'power');
    });
  }
  const load = parseTrace('time_ms,voltage_v\n0,3\n1,1.5\n', { loadOhm: 30_000 });
  assert.equal(load.segments, [
    { durationUs: 1000, powerUw: 300, sourceV: 3 },
    { durationUs: 1000, powerUw: 75, sourceV: 1.5 },
  ]);
  const both = parseTrace('time_ms,voltage_v,current_ua\n0,2,50\n2,3,10\n');
  assert.equal(both.segments[0], { durationUs: 2000, powerUw: 100, sourceV: 2 });
  const curves = parseTrace('1\n0,2\n0.2,10,8,0\n0.4,20,20,1\n', { currentUnit: 'ma' });
  assert.equal(
    curves.segments.map(({ powerUw, sourceV }) => [powerUw, sourceV]),
    [
      [8000, 1],
      [20_000, 1],
    ],
  );
});

test('what is wrong with a recording has a name', () => {
  const csv = 'time_ms,power_uw\n';
  for (const [expected, text] of [
    ['E_TRACE_EMPTY', ''],
    ['E_TRACE_EMPTY', '\n# nothing\n'],
    ['E_TRACE_EMPTY', `${csv}0,1\n`],
    ['E_TRACE_UNITS', 'time,power\n0,1\n1,1\n'],
    ['E_TRACE_UNITS', '0,1\n1,1\n'],
    ['E_TRACE_UNITS', 'time_ms,power\n0,1\n1,1\n'],
    ['E_TRACE_UNITS', '1\n0,2\n0.2,10,8,0\n0.4,20,20,1\n'],
    ['E_TRACE_LOAD', 'time_ms,voltage_v\n0,1\n1,1\n'],
    ['E_TRACE_NUMBER', `${csv}0,1\n1,NaN\n`],
    ['E_TRACE_NUMBER', `${csv}0,1\n1\n`],
    ['E_TRACE_NUMBER', `${csv}0,Infinity\n1,1\n`],
    ['E_TRACE_ORDER', `${csv}0,1\n2,1\n1,1\n`],
    ['E_TRACE_ORDER', `${csv}0,1\n0,1\n1,1\n`],
    ['E_TRACE_NEGATIVE', `${csv}0,1\n1,-1\n`],
  ] as const) {
    assert.is(
      code(() => parseTrace(text)),
      expected,
      JSON.stringify(text),
    );
  }
  assert.is(
    code(() => parseTrace('1\n0,2\n0.2,1,1\n0.4,1,1\n', { currentUnit: 'a' })),
    'E_TRACE_CURVE',
  );
  for (const [expected, text] of [
    ['E_TRACE', 'wind'],
    ['E_TRACE_PARAMETER', 'rf:speed=1'],
    ['E_TRACE_PARAMETER', 'rf:mean_on_ms=0'],
    ['E_TRACE_NUMBER', 'rf:on_uw=much'],
    ['E_TRACE_NEGATIVE', 'rf:on_uw=-1'],
  ] as const) {
    assert.is(
      code(() => openTrace(text, 1)),
      expected,
      text,
    );
  }
});

test('tables as people have them: semicolons, tabs, quotes, decimal commas, a byte-order mark', () => {
  const expected = parseTrace('time_ms,power_uw\n0,1.5\n1,2\n2,3\n').segments;
  for (const text of [
    'time_ms;power_uw\n0;1,5\n1;2\n2;3\n',
    'time_ms\tpower_uw\n0\t1.5\n1\t2\n2\t3\n',
    '\ufeff"time_ms","power_uw"\r\n"0","1.5"\r\n1,2\r\n2,3',
    '"note, with a comma",Power_uW,Time_ms\na,1.5,0\nb,2,1\nc,3,2\n',
    'time_us,power_nw\n0,1500\n1000,2000\n2000,3000\n',
  ])
    assert.equal(parseTrace(text).segments, expected, JSON.stringify(text));
});

test('times since 1970 keep their steps, to the nanosecond', () => {
  const steps = (text: string): number[] => parseTrace(text).segments.map(({ durationUs }) => durationUs);
  assert.equal(steps('time_s,power_uw\n1764422145,1\n1764422146,1\n1764422149,1\n'), [1e6, 3e6, 3e6]);
  assert.equal(
    steps('time_ns,power_uw\n1764422145123456789,1\n1764422145123456889,1\n1764422145123457089,1\n').map(
      (step) => Math.round(step * 1e9) / 1e9,
    ),
    [0.1, 0.2, 0.2],
  );
  const [step] = steps('time_s,power_uw\n1764422145.999999875,1\n1764422146.000000125,1\n');
  near(step!, 0.25, 1e-9, 'across a second');
});

test('recordings that no harvester gives are refused at once, by name', () => {
  const csv = 'time_s,power_uw\n';
  for (const [expected, text] of [
    ['E_TRACE_RANGE', `${csv}0,1\n1764422145,1\n1764422146,1\n`],
    ['E_TRACE_RANGE', `${csv}0,1\n1e300,1\n`],
    ['E_TRACE_RANGE', `${csv}0,1\n1,1e300\n`],
    ['E_TRACE_RANGE', `${csv}0,1\n1,100000001\n`],
    ['E_TRACE_RANGE', 'time_s,voltage_v,current_ua\n0,1,1\n1,2000,1\n'],
    ['E_TRACE_NUMBER', `${csv}0,1\n1,1e999\n`],
    ['E_TRACE_NUMBER', `${csv}0,1\n1,0x10\n`],
    ['E_TRACE_NUMBER', `${csv}0,1\nnan,1\n`],
    ['E_TRACE_ORDER', `${csv}0,1\n1e-300,1\n`],
    ['E_TRACE_ORDER', `${csv}0,1\n0.000000001,1\n`],
    ['E_TRACE_UNITS', 'constructor,__proto__\n0,1\n1,1\n'],
    ['E_TRACE_UNITS', 'time_s,constructor\n0,1\n1,1\n'],
    ['E_TRACE_UNITS', 'toString,power_uw\n0,1\n1,1\n'],
    ['E_TRACE_UNITS', 'time_s,time_ms,power_uw\n0,0,1\n1,1,1\n'],
    ['E_CSV', 'time_s;power_uw\n0;1,500\n1;2,250\n'],
    ['E_CSV', '"time_s,power_uw\n0,1\n1,2\n'],
  ] as const) {
    assert.is(
      code(() => parseTrace(text)),
      expected,
      JSON.stringify(text),
    );
  }
  // A column called so is one of no unit.
  const others = parseTrace('time_s,constructor,power_uw\n0,9,1\n1,9,2\n');
  assert.equal(
    others.segments.map(({ powerUw }) => powerUw),
    [1, 2],
  );
  assert.is(
    code(() => parseTrace('time_s,voltage_v\n0,1\n1,1\n', { loadOhm: 1e-300 })),
    'E_TRACE_RANGE',
  );
  for (const text of ['2000\n0,2\n0,1,1\n', '99999999999999999999\n0,2\n0,1\n'])
    assert.match(failure(() => parseTrace(text, { currentUnit: 'a' })).found, /^n = /);
  for (const [expected, text] of [
    ['E_TRACE', 'constructor'],
    ['E_TRACE_PARAMETER', 'rf:constructor=1'],
    ['E_TRACE_PARAMETER', 'rf:__proto__=1'],
    ['E_TRACE_RANGE', 'rf:mean_on_ms=1e300'],
    ['E_TRACE_RANGE', 'constant:power_uw=1e300'],
    ['E_TRACE_RANGE', 'solar:cloud_share=2'],
  ] as const)
    assert.is(
      code(() => openTrace(text, 1)),
      expected,
      text,
    );
});

test('a recording of a year is played without a year of pieces in memory', () => {
  const trace = parseTrace('time_s,power_uw\n0,10\n7500000,20\n15000000,5\n');
  const harvester = openTrace({ ...trace, segments: trace.segments.slice(0, 2) }, 1);
  for (let i = 0; i < 1000; i++) assert.equal(harvester.next(), { durationUs: 1000, powerUw: 10 });
  for (const stepUs of [0, -1, Number.NaN, 1])
    assert.is(
      code(() => resample(trace, stepUs)),
      'E_TRACE_RANGE',
      `${stepUs}`,
    );
  // From the end to the start again.
  const short = openTrace(parseTrace('time_ms,power_uw\n0,10\n1,20\n2,30\n'), 1);
  const powers = Array.from({ length: 7 }, () => short.next().powerUw);
  assert.equal(powers, [10, 20, 30, 10, 20, 30, 10]);
});

test('stitching and resampling keep the energy', () => {
  const harvester = openTrace('solar', 5);
  const segments = Array.from({ length: 500 }, () => harvester.next());
  const trace = { name: 'a', segments };
  for (const stepUs of [100, 777, 1e4, 1e9]) {
    const coarse = resample(trace, stepUs);
    near(traceEnergyUj(coarse) / traceEnergyUj(trace), 1, 1e-12, `energy at ${stepUs} µs`);
    assert.ok(coarse.segments.slice(0, -1).every(({ durationUs }) => Math.abs(durationUs - stepUs) < 1e-6));
  }
  const both = stitch([trace, resample(trace, 1000)]);
  near(traceEnergyUj(both) / traceEnergyUj(trace), 2, 1e-12, 'energy of two');
  assert.is(both.name, 'a+a');
});

test('generators are what their seeds say, and endless', () => {
  const take = (harvester: Harvester, count: number): object[] =>
    Array.from({ length: count }, () => ({ ...harvester.next() }));
  for (const name of ['rf', 'solar', 'kinetic', 'constant', 'square:on_ms=3']) {
    assert.ok(isGenerator(name));
    assert.equal(take(openTrace(name, 3), 400), take(openTrace(name, 3), 400));
    const fixed = name === 'constant' || name.startsWith('square');
    const same =
      JSON.stringify(take(openTrace(name, 3), 400)) === JSON.stringify(take(openTrace(name, 4), 400));
    assert.is(same, fixed, name);
    for (const piece of take(openTrace(name, 3), 5000) as { durationUs: number; powerUw: number }[]) {
      assert.ok(piece.durationUs > 0 && piece.powerUw >= 0 && Number.isFinite(piece.powerUw), name);
    }
  }
  assert.not.ok(isGenerator('rf.csv'));
});

const image = shippedImage();
const { inputs } = shippedDigits(image);

/** Two answers on harvested power behind a converter. */
function harvested(trace: string, options: Parameters<typeof storageFor>[1], sleeps: boolean): RunStatistics {
  const profile = deviceProfile('cortex-m4-generic');
  const supply = new MeteredSupply(profile, openTrace(trace, 2), storageFor(profile, options));
  const nvm = new SimulatedNvm(image.nvmBytes);
  provision(nvm, image);
  const module = meteredModule('device', profile.instructionCycles.value);
  const device = new Device(module, { image, nvm, sramBytes: profile.sramBytes.value, supply });
  for (const ticket of [1, 2]) {
    const job = { ticket, input: inputs[ticket]! };
    completeJob(device, image, job, sleeps ? { onLow: () => supply.sleep() } : {}, ticket > 1);
  }
  supply.finish();
  return supply.statistics;
}

test('the energy ledger balances to 1e-9, whatever stands between harvester and device', () => {
  const seen = { cuts: 0, sleepUs: 0, leaked: 0, conversion: 0, spilled: 0 };
  for (const converter of CONVERTERS) {
    for (const [trace, capacitorUf] of [
      ['rf', 120],
      ['rf:on_uw=4000,mean_off_ms=200', 470],
      ['constant:power_uw=30000', 100],
      ['kinetic', 220],
    ] as const) {
      for (const sleeps of [false, true]) {
        const options = {
          converter,
          esrOhm: 3,
          capacitorLeakageNa: 500,
          ...(capacitorUf ? { capacitorUf } : {}),
        };
        const { ledgerUj, energyUj, cuts, sleepUs } = harvested(trace, options, sleeps);
        const { harvested: came, leaked, conversion, spilled, storedAtStart, stored } = ledgerUj;
        const used = energyUj.compute + energyUj.nvm + energyUj.boot + energyUj.sleep;
        const sum = used + leaked + conversion + spilled + stored - storedAtStart;
        near(sum / came, 1, 1e-9, `${converter} on ${trace}`);
        assert.ok(came > used && conversion > 0 && leaked > 0 && stored >= 0);
        seen.cuts += cuts;
        seen.sleepUs += sleepUs;
        seen.spilled += spilled;
      }
    }
  }
  assert.ok(seen.cuts > 50 && seen.sleepUs > 0 && seen.spilled > 0, JSON.stringify(seen));
});

test('a converter takes what its table says', () => {
  const profile = deviceProfile('cortex-m4-generic');
  const boost = storageFor(profile, { converter: 'bq25504' }).inputEfficiency;
  assert.is(boost(1000, 1, 2.5), 0.84); // Row 7; 1000 µA lie between 2^19 and 2^20 nA: column 7.
  assert.is(boost(1, 1, 2.5), 0.53);
  assert.is(boost(1000, 0.129, 2.5), 0);
  assert.is(boost(1e6, 3, 2.5), 0.9);
  const diode = storageFor(profile, { converter: 'diode' }).inputEfficiency;
  assert.is(diode(100, 2, 1.8), 0);
  assert.is(diode(100, 2.4, 1.8), 0.75);
  near(diode(100, Infinity, 1.8), 1.8 / 2.1, 1e-12, 'matched');
  // 4.8 mW at 2.2 V are 2.2 mA: the last column.
  near(storageFor(profile, { converter: 'bq25570' }).drawFactor, 1 / 0.92, 1e-12, 'buck');
  near(storageFor(profile, { esrOhm: 10 }).drawFactor, 1 + (4.8e-3 * 10) / 2.34 ** 2, 1e-9, 'ESR');
  assert.is(
    code(() => storageFor(profile, { converter: 'magic' })),
    'E_CONVERTER',
  );
  for (const options of [{ capacitorUf: 0 }, { capacitorUf: Number.NaN }, { esrOhm: -1 }]) {
    assert.is(
      code(() => storageFor(profile, options)),
      'E_OPTION',
    );
  }
});

test('every constant of every device says where it is from', () => {
  assert.equal(DEVICES, [
    'cortex-m4-generic',
    'msp430fr5994',
    'msp430fr5994-lea',
    'apollo4',
    'nrf52840',
    'rp2040',
    'stm32l4',
    'stm32u5',
  ]);
  for (const name of DEVICES) {
    const { name: own, description, accelerator, drawFactor, ...constants } = deviceProfile(name);
    assert.is(own, name);
    assert.is(drawFactor, undefined, 'of a converter alone');
    assert.ok(description.length > 20);
    const { name: unit, sramBytes, ...costs } = accelerator ?? { name: '', sramBytes: 0 };
    assert.ok(unit === '' || sramBytes > 0);
    for (const [what, constant] of Object.entries({ ...constants, ...costs } as Record<
      string,
      Sourced<unknown>
    >)) {
      assert.ok(['measured', 'datasheet', 'estimated'].includes(constant.provenance), `${name} ${what}`);
      assert.ok(constant.source.length > 5, `${name} ${what}`);
      for (const value of Object.values(Object(constant.value)).concat(constant.value as number)) {
        // Memory without wait states takes none.
        const isPositive = (n: number): boolean => n > 0 || (n === 0 && what === 'imageReadCycles');
        if (typeof value === 'number')
          assert.ok(isPositive(value) && Number.isFinite(value), `${name} ${what}`);
      }
    }
  }
});

const data = process.env['BROWNOUT_DATA'];
const recordings = data !== undefined && existsSync(join(data, 'traces')) ? join(data, 'traces') : undefined;
if (!recordings) console.log('skipped: recorded traces: set BROWNOUT_DATA to the folder that holds traces/');

(recordings ? test : test.skip)('recorded traces are read', () => {
  const read = (path: string): string => readFileSync(join(recordings!, path), 'utf8');
  for (let i = 1; i <= 7; i++) {
    const trace = parseTrace(read(`mementos_rf/${i}.csv`), { loadOhm: 30_000 });
    const seconds = trace.segments.reduce((sum, { durationUs }) => sum + durationUs, 0) / 1e6;
    assert.ok(seconds > 24 && seconds < 53, `${i}: ${seconds} s`);
    assert.ok(traceEnergyUj(trace) > 0);
    assert.is(
      code(() => parseTrace(read(`mementos_rf/${i}.csv`))),
      'E_TRACE_LOAD',
    );
  }
  for (const name of ['am1417', 'kxob22_04x3l', 'am8804']) {
    const { segments } = parseTrace(read(`ekho_iv_curves/${name}.csv`), { currentUnit: 'ma' });
    assert.ok(segments.length > 20 && segments.some(({ powerUw }) => powerUw > 1), name);
  }
});

test.run();
