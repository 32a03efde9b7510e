// An image says what it was compiled for: everything that looks at it does so on that, or says where it does not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { analyze } from '../host/analyze/analyze.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { CompiledFor } from '../host/model/metadata.js';
import { storageFor } from '../host/power/converter.js';
import { type CheckedTarget, targetOf } from '../host/power/target.js';
import { deviceProfile } from '../host/profiles/index.js';
import type { DeviceProfile } from '../host/profiles/profile.js';
import { replay } from '../host/replay/replay.js';
import { size } from '../host/size/size.js';
import { verify } from '../host/verify/verify.js';
import { denseNetwork } from '../samples/networks.js';
import { inProcess } from './util/cli.js';
import { compileUnproved as compile } from './util/compile.js';

const network = denseNetwork(new Random(1));
const trace = 'constant:power_uw=900';

const made = (options: CheckedTarget): Image => readImage(compile(network, options));
const saying = (image: Image, compiledFor: unknown): Image => {
  return { ...image, metadata: { ...image.metadata, compiledFor: compiledFor as CompiledFor } };
};

test('verbs take device, capacitor and converter from the image, and say so', async () => {
  const image = made({ device: 'msp430fr5994', capacitorUf: 47, converter: 'bq25570' });
  assert.equal(image.metadata.compiledFor, { device: 'msp430fr5994', capacitorUf: 47, converter: 'bq25570' });
  const said = ['On what it was compiled for: msp430fr5994 with 47 µF behind bq25570.'];
  const asked = { device: 'msp430fr5994', capacitorUf: 47, converter: 'bq25570', trace };
  const replayed = replay(image, { trace });
  assert.equal(replayed, replay(image, asked));
  assert.equal(
    [replayed.device, replayed.capacitorUf, replayed.converter, replayed.notes],
    ['msp430fr5994', 47, 'bq25570', said],
  );
  const analysis = analyze(image);
  assert.equal([analysis.device, analysis.capacitorUf, analysis.notes], ['msp430fr5994', 47, said]);
  const proof = verify(image);
  assert.equal([proof.device, proof.capacitorUf, proof.notes], ['msp430fr5994', 47, said]);
  const sized = size(image, { capacitorsUf: [47], trace });
  assert.equal([sized.device, sized.notes], ['msp430fr5994', said]);
  assert.equal(sized.rows[0]!.latencyMs, replayed.latencyMs);
  const { device, notes } = await exportFirmware(image, { target: 'wasm', verify: false });
  assert.equal([device, notes], ['msp430fr5994', said]);
});

test('a charge behind a converter is what the compiler plans for, and names a capacitor by', () => {
  const { turnOnV, turnOffV } = deviceProfile('msp430fr5994');
  const volts = { turnOnV: turnOnV.value, turnOffV: turnOffV.value };
  const converter = { name: 'poor', source: 'a test', capacitorUf: 22, ...volts, outputEfficiency: 0.4 };
  const options = { device: 'msp430fr5994', capacitorUf: 22 };
  assert.ok(replay(made(options), { trace }).identical);
  let hint = '';
  try {
    made({ ...options, converter });
  } catch (error) {
    assert.ok(error instanceof BrownoutError && error.code === 'E_CHARGE', `${error}`);
    hint = error.hint;
  }
  const capacitorUf = Number(/of ([\d.]+)uF/.exec(hint)![1]);
  const image = made({ ...options, capacitorUf, converter });
  const result = replay(image, { converter, trace });
  assert.ok(result.identical && result.cuts + result.sleepMs > 0);
  assert.equal([result.capacitorUf, result.notes[0]!.includes('behind poor')], [capacitorUf, true]);
  assert.match(targetOf(image, {}).notes[0]!, /no converter "poor"/);
});

test('what is asked for goes before, and is warned of where tiles were cut for more', () => {
  const image = made({ device: 'nrf52840', capacitorUf: 220 });
  const on = (given: CheckedTarget): [string, number, string] => {
    const { profile, storage, notes } = targetOf(image, given);
    return [profile.name, storage.capacitorUf, notes.join(' ')];
  };
  assert.equal(on({}), ['nrf52840', 220, 'On what it was compiled for: nrf52840 with 220 µF.']);
  assert.equal(on({ device: 'nrf52840' })[1], 220);
  assert.equal(on({ capacitorUf: 1000 }), [
    'nrf52840',
    1000,
    'Compiled for nrf52840 with 220 µF, here on nrf52840 with 1 mF.',
  ]);
  assert.match(on({ capacitorUf: 100 })[2], /with 100 µF: a charge gives [\d.]+ µJ of the [\d.]+ that/);
  const other = on({ device: 'stm32u5' });
  assert.is(other[1], deviceProfile('stm32u5').capacitorUf.value, 'another device brings its own capacitor');
  assert.match(other[2], /here on stm32u5 with 100 µF: tiles, methods and commits are those of another/);
  const behind = on({ converter: 'diode' });
  assert.is(behind[1], storageFor(deviceProfile('nrf52840'), { converter: 'diode' }).capacitorUf);
  assert.match(behind[2], /behind diode: a charge gives/);
});

test('images of before, and what this version cannot follow, are looked at as ever, with a word', () => {
  const image = made({});
  const usual = targetOf(image, { device: 'cortex-m4-generic' });
  const { compiledFor: _, ...metadata } = image.metadata;
  const noted = (one: Image, given: CheckedTarget = {}): string => {
    const target = targetOf(one, given);
    assert.equal([target.profile, target.storage], [usual.profile, usual.storage]);
    return target.notes.join('');
  };
  assert.match(noted({ ...image, metadata }), /does not say what it was compiled for: taken as cortex-m4/);
  assert.is(noted({ ...image, metadata }, { device: 'cortex-m4-generic' }), '');
  for (const device of ['z80', '__proto__', 'constructor', 'NRF52840', 'nrf52840 '])
    assert.match(
      noted(saying(image, { device, capacitorUf: 100 })),
      /this version has no device ".*": taken as cortex-m4-generic unless --device is given/,
    );
  const behind = { device: 'stm32u5', capacitorUf: 1, converter: 'none' };
  assert.match(noted(saying(image, behind)), /no converter "none".*unless --converter is given/);
});

test('a device of one’s own is not taken for the one whose name it has', () => {
  const clockHz = { ...deviceProfile('stm32u5').clockHz, value: 1e6 };
  const own: DeviceProfile = { ...deviceProfile('stm32u5'), clockHz };
  const image = made({ device: own, capacitorUf: 47 });
  assert.equal(image.metadata.compiledFor, { device: 'stm32u5', capacitorUf: 47, ownDevice: true });
  assert.match(targetOf(image, {}).notes[0]!, /this version has no device "stm32u5"/);
  const again = targetOf(image, { device: own });
  assert.equal([again.profile, again.storage.capacitorUf], [own, 47]);
  // The profile that a name stands for, as an object, is no other.
  assert.equal(made({ device: deviceProfile('stm32u5') }).metadata.compiledFor, {
    device: 'stm32u5',
    capacitorUf: 100,
  });
});

test('the command line says it in a line', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'brownout-')), 'm.brn');
  writeFileSync(path, made({ device: 'apollo4' }).file);
  const line = 'On what it was compiled for: apollo4 with 100 µF.';
  for (const verb of [['analyze'], ['verify'], ['replay', '--trace', trace]]) {
    const [name, ...options] = verb;
    const { code, out, err } = await inProcess(name!, path, ...options);
    assert.is(code, 0, err);
    assert.ok(out.split('\n').includes(line), `${name}: ${out}`);
  }
});

test.run();
