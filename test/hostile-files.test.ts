// Images, dumps and arrays from strangers at the commands: what a checksum does not catch is an error by name, and names in
// files steer neither terminals nor pages nor what export writes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONSTANT, H_NVM_BYTES, OP_SCRATCH0, OP_TILES, STATE_BYTES } from '../assembly/layout.js';
import { BrownoutError } from '../host/error.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { crc32 } from '../host/model/crc32.js';
import { cursorBytes, idleFields } from '../host/model/cursor.js';
import { readDevice, readImage, resealImage } from '../host/model/image.js';
import { stateRecord } from '../host/model/state-record.js';
import { run } from '../host/run/run.js';
import { verify } from '../host/verify/verify.js';
import { draws, turnOn } from './hostile/meter.js';
import { inProcess } from './util/cli.js';
import { codeOf } from './util/failure.js';
import { resealed, setField } from './util/image-bytes.js';

const DIGITS = resolve('checkpoints/digits.brn');
const HAR = resolve('checkpoints/har.brn');
const LEARN = resolve('checkpoints/digits-learn.brn');
const folder = mkdtempSync(join(tmpdir(), 'brownout-hostile-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

/** What a command that works prints. */
async function output(line: readonly string[]): Promise<string> {
  const { code, out, err } = await inProcess(...line);
  assert.is(code, 0, `${line.join(' ')}: ${err}`);
  return out;
}

/** What a command that is refused says. */
async function refusal(line: readonly string[]): Promise<{ code: number; err: string }> {
  const { code, out, err } = await inProcess(...line);
  assert.ok(code > 1, `${line.join(' ')}: ${out}`);
  return { code, err };
}

/** An image with its metadata edited and every checksum made to fit. */
function withMetadata(path: string, edit: (metadata: Record<string, unknown>) => void): Uint8Array {
  const bytes = readFileSync(path);
  const image = readImage(bytes);
  const parts: Uint8Array[] = [bytes.subarray(0, image.imageBytes)];
  for (let at = image.imageBytes; at < bytes.length;) {
    const [tag, length] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    let payload: Uint8Array = bytes.subarray(at + 12, at + 12 + length);
    at += 12 + 4 * Math.ceil(length / 4);
    if (tag === 0x4154454d) {
      const metadata = JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
      edit(metadata);
      payload = Buffer.from(JSON.stringify(metadata));
    }
    const section = Buffer.alloc(12 + 4 * Math.ceil(payload.length / 4));
    section.writeUInt32LE(tag);
    section.writeUInt32LE(payload.length, 4);
    section.writeUInt32LE(crc32(payload), 8);
    section.set(payload, 12);
    parts.push(section);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** What steers a terminal: all controls but the end of a line, and colours, which are ours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for.
const STEERS = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u202e]|\u001b(?!\[\d+m)/;

test('names that steer a terminal, end a line or a tag do neither, in any command', async () => {
  const evil = 'a\u001b[2Jb\u001b]0;t\u0007\nversion=9\r\u009b31m\u202e</script><evil "x';
  const bytes = withMetadata(DIGITS, (metadata) => {
    metadata['name'] = evil;
    metadata['ops'] = (metadata['ops'] as string[]).map((name) => name + evil);
    metadata['classes'] = Array.from({ length: 10 }, (_, i) => `${i}${evil}`);
  });
  const path = file('evil.brn', bytes);
  for (const command of ['inspect', 'analyze', 'run', 'verify']) {
    const text = await output([command, path]);
    assert.not.match(text, STEERS, command);
    assert.not.match(text, /^version=9/m, command);
  }
  const { err } = await refusal(['run', path, '--input', 'no\u001b[2Jfile']);
  assert.not.match(err, STEERS);
  const { files } = await exportFirmware(bytes, { target: 'posix', layout: 'arduino', verify: false });
  const properties = Buffer.from(files.get('library.properties')!).toString();
  assert.not.match(properties, STEERS);
  assert.not.match(properties, /^version=9/m);
  assert.is(properties.split('\n').filter((line) => line.startsWith('version=')).length, 1);
  const page = join(folder, 'page.html');
  await output(['replay', path, '--trace', 'rf', '--report', page]);
  assert.not.match(readFileSync(page, 'utf8'), /<evil|evil "x/);
});

test('an array of no samples is refused wherever samples are taken', async () => {
  const header = "{'descr': '|i1', 'fortran_order': False, 'shape': (0, 28, 28), }".padEnd(117);
  const none = Buffer.from(`\u0093NUMPY\u0001\u0000${String.fromCharCode(118, 0)}${header}\n`, 'latin1');
  const path = file('none.npy', none);
  for (const line of [['run'], ['verify'], ['replay', '--trace', 'rf'], ['size', '--trace', 'rf']]) {
    const { err } = await refusal([line[0]!, DIGITS, ...line.slice(1), '--input', path]);
    assert.match(err, /^E_INPUT_SHAPE/, line[0]);
  }
});

test('dumps: banks, entries and lanes that are not there, and memory that was cut off', async () => {
  const image = readDevice(readFileSync(LEARN));
  const dump = (fields: { banks?: number; sample?: number; turn?: number }): string => {
    const nvm = new Uint8Array(image.nvmBytes);
    nvm.set(stateRecord(image.imageId));
    nvm.set(cursorBytes({ ...idleFields(image.imageId), ...fields }, 1), image.slots.offset);
    return file('dump.bin', nvm);
  };
  const out = join(folder, 'out.brnw');
  const of = ['--image', LEARN];
  const { entries } = image.learning!;
  for (const fields of [{}, { banks: 0x233 }, { sample: (entries - 1) << 16 }, { sample: entries }])
    await output(['export-weights', dump(fields), ...of, '-o', out]);
  for (const fields of [
    { banks: 4 },
    { banks: 0x40 },
    { banks: 0x300 },
    { banks: 0x1000 },
    { sample: entries << 16 },
    { sample: entries + 1 },
    { sample: (entries + 1) << 8 },
    { sample: 1 << 24 },
    { turn: 255 },
  ]) {
    const path = dump(fields);
    for (const command of [['export-weights', '-o', out], ['inspect']])
      assert.match((await refusal([command[0]!, path, ...of, ...command.slice(1)])).err, /^E_CURSOR/);
    assert.is((await refusal(['restore', path, ...of, '-o', join(folder, 'r.bin')])).code, 3);
  }
  const whole = readFileSync(dump({}));
  for (const length of [STATE_BYTES, image.nvmBytes >> 1, image.nvmBytes - 1])
    for (const command of [
      ['export-weights', '-o', out],
      ['inspect'],
      ['restore', '-o', join(folder, 'r.bin')],
    ]) {
      const path = file('cut.bin', whole.subarray(0, length));
      assert.match((await refusal([command[0]!, path, ...of, ...command.slice(1)])).err, /^E_NVM_SIZE/);
    }
});

const COUNT = Number(process.env['BROWNOUT_FUZZ'] ?? 300);

test(`${COUNT} damaged images, with checksums that fit or not: errors by name alone at run`, async () => {
  const random = draws(5);
  const seeds = [DIGITS, HAR, LEARN].map((path) => readFileSync(path));
  const codes = await turnOn('images at run', COUNT, (i) => {
    const bytes = Uint8Array.from(seeds[i % seeds.length]!);
    const image = readImage(bytes);
    const view = new DataView(bytes.buffer);
    for (let edits = 1 + random.integer(3); edits > 0; edits--) {
      const at = random.integer(random.integer(3) ? 128 + image.plan.bytes : bytes.length);
      const value = [0, 1, 0x7fffffff, 0xffffffff, random.uint32(), 65536][random.integer(6)]!;
      if (random.integer(2)) bytes[at] = value;
      else if (at + 4 <= bytes.length) view.setUint32(at & ~3, value, true);
    }
    if (random.integer(4)) {
      const { plan, constants } = image;
      const planCrc = crc32(bytes.subarray(plan.offset, plan.offset + plan.bytes));
      view.setUint32(28, planCrc, true);
      view.setUint32(80, crc32(bytes.subarray(constants.offset, image.imageBytes)), true);
      view.setUint32(12, crc32(bytes.subarray(constants.offset, image.imageBytes), planCrc), true);
      view.setUint32(8, crc32(bytes.subarray(12, 128)), true);
    }
    const input = image.sample
      ? {}
      : {
          input: {
            dtype: 'int8' as const,
            shape: [image.input.bytes],
            data: new Int8Array(image.input.bytes),
          },
        };
    run(bytes, input);
  });
  assert.ok(codes.size > 4, [...codes].join(' '));
});

test('more tiles of learning than there are bytes to write are refused, not waited for', () => {
  const learner = readImage(readFileSync(LEARN));
  const { file: damaged } = resealImage(learner, (ops) => {
    ops.find((op) => op.isLearning)!.set(OP_TILES, 0x7fff_ffff);
  });
  assert.is(
    codeOf(() => run(damaged, {})),
    'E_IMAGE_RECORD',
  );
});

test('an op that goes astray, checksums made to fit, is an error by name at run', () => {
  const learner = readImage(readFileSync(LEARN));
  const input = {
    dtype: 'int8' as const,
    shape: [learner.input.bytes],
    data: new Int8Array(learner.input.bytes),
  };
  const kept = learner.ops.findIndex((op) => op.isLearning);
  const { file: damaged } = resealImage(learner, (ops) => {
    ops[kept]!.set(OP_SCRATCH0, ops[kept]!.get(OP_SCRATCH0) | 0x8700_0000);
  });
  try {
    run(damaged, { input });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, BrownoutError);
    assert.is((error as BrownoutError).code, 'E_IMAGE_RECORD');
    assert.match((error as BrownoutError).found, /goes astray/);
  }
});

test('an image that asks for more NVM than its buffers take is refused before any of it is laid out', () => {
  for (const path of [DIGITS, HAR, LEARN]) {
    const image = readImage(readFileSync(path));
    for (const nvmBytes of [image.nvmBytes + 128, 64 << 20, CONSTANT - 64]) {
      const file = resealed(image, (bytes) => setField(bytes, H_NVM_BYTES, nvmBytes));
      assert.is(
        codeOf(() => verify(file)),
        'E_IMAGE_RECORD',
        `${path}, ${nvmBytes}`,
      );
    }
  }
});

test('errors keep what was found to what may be shown', () => {
  const { found, message } = new BrownoutError({
    code: 'E_X',
    found: 'a\u001b[2J\u0085b',
    expected: 'c\nd',
    hint: 'e',
  });
  assert.is(found, 'a\ufffd[2J\ufffdb');
  assert.match(message, /c\nd/);
});

test.run();
