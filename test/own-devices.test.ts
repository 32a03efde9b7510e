// Devices and converters of one's own: as objects in the API, as files on the command line, checked field by field.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { main } from '../host/cli.js';
import { compare } from '../host/compare/compare.js';
import { compile } from '../host/compile/compile.js';
import { shippedImage } from '../host/demo/demo.js';
import type { BrownoutError } from '../host/error.js';
import { storageFor } from '../host/power/converter.js';
import type { OwnConverter } from '../host/power/own-converter.js';
import { DEVICES, deviceKind, deviceProfile } from '../host/profiles/index.js';
import type { DeviceProfile } from '../host/profiles/profile.js';
import { replay } from '../host/replay/replay.js';
import { Random } from '../host/math/random.js';
import { denseNetwork } from '../samples/networks.js';

const image = shippedImage();
const folder = mkdtempSync(join(tmpdir(), 'brownout-own-'));
test.after(() => rmSync(folder, { recursive: true }));

const trace = 'square:on_uw=1800';
const converter: OwnConverter = {
  ...{ name: 'mine', source: 'measured, bench 2', capacitorUf: 120, turnOnV: 3.1, turnOffV: 2.2, fullV: 3.3 },
  inputEfficiency: { powerUw: [100, 1000], efficiency: [0.4, 0.8] },
  outputEfficiency: 0.9,
};

async function command(...args: string[]): Promise<{ code: number; out: string }> {
  const { log, error } = console;
  let out = '';
  console.log = console.error = (line: string) => {
    out += `${line}\n`;
  };
  try {
    return { code: await main(args), out };
  } finally {
    Object.assign(console, { log, error });
  }
}

test('every known profile passes its own check, unchanged, and gives what its name gives', () => {
  for (const name of DEVICES) assert.equal(deviceKind.check(deviceProfile(name)), deviceProfile(name), name);
  const named = replay(image, { trace, device: 'nrf52840' });
  assert.equal(replay(image, { trace, device: structuredClone(deviceProfile('nrf52840')) }), named);
});

test('a profile that extends another changes what it says, and that alone', () => {
  const sourced = (value: number) => ({ value, provenance: 'measured', source: 'bench' }) as const;
  const own = {
    ...{ extends: 'cortex-m4-generic', name: 'slow', description: 'at half the clock' },
    clockHz: sourced(deviceProfile('cortex-m4-generic').clockHz.value / 2),
  } as unknown as DeviceProfile;
  const [usual, slow] = [replay(image, { trace: 'rf' }), replay(image, { trace: 'rf', device: own })];
  assert.is(slow.device, 'slow');
  assert.ok(slow.identical);
  assert.is(slow.energyUj.useful.toFixed(6), usual.energyUj.useful.toFixed(6));
  // Under RF a slow device harvests more as it runs; with power to spare the clock counts, and little besides.
  const spared = { trace: 'constant:power_uw=100000' };
  const [fast, half] = [replay(image, spared), replay(image, { ...spared, device: own })];
  assert.ok(Math.abs(half.latencyMs.min / fast.latencyMs.min - 2) < 0.1);
  assert.is(slow.estimates.length, usual.estimates.filter(({ name }) => name !== 'clockHz').length);
  // Thresholds of one's own.
  const thresholds = { turnOnV: sourced(3), warningV: sourced(2.5), turnOffV: sourced(2) };
  const other = replay(image, { trace, device: { ...own, ...thresholds } });
  assert.equal(other.thresholdsV, { turnOn: 3, warning: 2.5, turnOff: 2 });
  assert.ok(compile(denseNetwork(new Random(1)), { device: own, verify: false }).length > 100);
});

test('a wrong field is named, with what it should be', () => {
  const profile = deviceProfile('stm32u5');
  const figure = (value: unknown, more: object = {}) => ({
    value,
    provenance: 'measured',
    source: 'x',
    ...more,
  });
  for (const [wrong, found] of [
    [{ ...profile, clockHz: 5 }, /clockHz 5/],
    [{ ...profile, clockHz: figure('5') }, /clockHz\.value "5"/],
    [{ ...profile, clockHz: figure(-1) }, /clockHz\.value -1/],
    [{ ...profile, clockHz: figure(8e6, { provenance: 'guessed' }) }, /clockHz\.provenance "guessed"/],
    [{ ...profile, clockHz: figure(8e6, { source: '' }) }, /clockHz\.source ""/],
    [{ ...profile, clockHz: undefined }, /clockHz/],
    [{ ...profile, clockHtz: figure(8e6) }, /"clockHtz"/],
    [{ ...profile, body: figure('lea') }, /body\.value "lea"/],
    [{ ...profile, instructionCycles: figure({ load: 1 }) }, /instructionCycles\.value without "local"/],
    [{ ...profile, turnOffV: figure(9) }, /turnOffV 9, warningV/],
    [{ ...profile, unwarnedCuts: figure(1.5) }, /unwarnedCuts/],
    [{ ...profile, accelerator: { name: 'x' } }, /accelerator without/],
    [{ extends: 'z80' }, /device "z80"/],
    [{ name: 'x' }, /device without "description"/],
    [[], /./],
  ] as [unknown, RegExp][]) {
    assert.throws(
      () => replay(image, { device: wrong as DeviceProfile }),
      (error: BrownoutError) =>
        error.code === 'E_DEVICE' && found.test(error.found) && error.hint.length > 10,
      `${found}`,
    );
  }
  for (const [wrong, found] of [
    [{ ...converter, turnOffV: 4 }, /turnOffV 4, turnOnV 3.1/],
    [{ ...converter, source: undefined }, /source/],
    [{ ...converter, inputEfficiency: 1.2 }, /inputEfficiency 1.2/],
    [{ ...converter, inputEfficiency: { powerUw: [1, 1], efficiency: [0, 1] } }, /inputEfficiency\.powerUw/],
    [{ ...converter, inputEfficiency: { powerUw: [1], efficiency: [0, 1] } }, /1 powers, 2 efficiencies/],
    [{ ...converter, fullV: 2 }, /fullV 2/],
    [{ ...converter, colour: 'red' }, /"colour"/],
  ] as [unknown, RegExp][]) {
    assert.throws(
      () => replay(image, { converter: wrong as OwnConverter }),
      (error: BrownoutError) => error.code === 'E_CONVERTER' && found.test(error.found),
      `${found}`,
    );
  }
});

test('a converter of one’s own: its thresholds, its losses, straight lines between its efficiencies', () => {
  const profile = deviceProfile('cortex-m4-generic');
  const { inputEfficiency, drawFactor, turnOnV } = storageFor(profile, { converter });
  for (const [powerUw, share] of [
    [1, 0.4],
    [100, 0.4],
    [550, 0.6],
    [1000, 0.8],
    [5000, 0.8],
  ] as const)
    assert.ok(Math.abs(inputEfficiency(powerUw, 1, 2) - share) < 1e-12, `${powerUw}`);
  assert.ok(Math.abs(drawFactor - 1 / 0.9) < 1e-12 && turnOnV === 3.1);
  const result = replay(image, { trace, converter });
  assert.ok(result.identical && result.converter === 'mine' && result.capacitorUf === 120);
  const { harvested, conversion } = result.energyUj;
  assert.ok(conversion / harvested > 0.2, `${conversion / harvested}`);
});

test('files on the command line give what objects give', async () => {
  const device = {
    extends: 'nrf52840',
    name: 'board',
    description: 'ours',
    capacitorUf: { value: 150, provenance: 'datasheet', source: 'C3' },
  };
  const [deviceFile, converterFile] = [join(folder, 'my.json'), join(folder, 'converter.json')];
  writeFileSync(deviceFile, JSON.stringify(device));
  writeFileSync(converterFile, JSON.stringify(converter));
  const file = new URL('../../checkpoints/digits.brn', import.meta.url).pathname;
  const line = [
    'replay',
    file,
    '--trace',
    trace,
    '--device',
    deviceFile,
    '--converter',
    converterFile,
    '--json',
  ];
  const { code, out } = await command(...line);
  assert.is(code, 0, out);
  const expected = replay(image, { trace, device: device as unknown as DeviceProfile, converter });
  assert.equal(JSON.parse(out), JSON.parse(JSON.stringify(expected)));
  writeFileSync(deviceFile, '{"extends": ');
  const broken = await command('analyze', file, '--device', deviceFile, '--json');
  assert.is(broken.code, 2);
  assert.match(broken.out, /E_DEVICE.*my\.json/);
  const none = await command('analyze', file, '--device', join(folder, 'none.json'), '--json');
  assert.match(none.out, 'E_FILE');
});

test('compare takes a converter, a policy of ours and an input', () => {
  const options = { devices: ['cortex-m4-generic'], capacitorsUf: [100], traces: ['rf'] };
  const usual = compare([image], options);
  const lossy = compare([image], { ...options, converter });
  assert.is(lossy.converter, 'mine');
  const time = ({ rows }: typeof usual): number => rows[0]!.cells.ours!.timeMs;
  // The same thresholds: how much the first charge holds counts as well.
  const all = { powerUw: [100, 1000], efficiency: [1, 1] };
  const lossless = { ...converter, name: 'lossless', inputEfficiency: all, outputEfficiency: 1 };
  assert.ok(time(lossy) > time(compare([image], { ...options, converter: lossless })));
  const energy = (policy: string, trace: string): number =>
    compare([image], { ...options, traces: [trace], policy }).rows[0]!.cells.ours!.energyUj;
  assert.is(energy('auto', 'rf'), usual.rows[0]!.cells.ours!.energyUj);
  const strong = 'constant:power_uw=1000000';
  const [often, seldom, never] = ['every 1', 'every 16', 'never'].map((policy) => energy(policy, strong));
  assert.ok(often! > seldom! && seldom! > never!, `${often} ${seldom} ${never}`);
  assert.is(compare([image], { ...options, policy: 'never' }).rows[0]!.cells.ours, null);
  const sample = {
    dtype: 'int8' as const,
    shape: [1, 28, 28, 1],
    data: new Int8Array(784).fill(-128),
  };
  assert.is(compare([image], { ...options, input: sample }).rows.length, 1);
  assert.is(usual.origin.imagesSha256.length, 1);
  assert.match(usual.origin.tracesSha256[0]!, /^[0-9a-f]{64}$/);
});

test.run();
