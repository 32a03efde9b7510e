// Memories behind SPI by part: what export makes of a name, and every part's settings on a model of the memory that is cut.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BrownoutError, type Failure } from '../host/error.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import type { ExportOptions } from '../host/export/options.js';
import { checkPart } from '../host/firmware/own-part.js';
import { partSettings, spiPart, type SpiPart, spiPartFor, spiPartNames } from '../host/firmware/spi-parts.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { comparableNvm, firstDifference } from '../host/simulator/equality.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { inProcess } from './util/cli.js';
import { firmwareFolder, hasPrograms, temporaryFolder } from './util/native.js';
import { build, play } from './util/nvm-models.js';
import { goldenJob, live, type Machine } from './util/register-machine.js';
import { Monitor, nrf52840 } from './util/spi-boards.js';
import { Eeprom, SpiCut, type SpiMemory } from './util/spi-memories.js';

const WORKLOADS = 48;
const SMALL = { nvmBytes: 1024, line: 4 };
const nativeTest = hasPrograms('memories behind SPI by part', { gcc: 'gcc' }) ? test : test.skip;

/** How something is refused; undefined: it is not. */
function refusalOf(work: () => unknown): Failure | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    return error;
  }
}

const refusal = (name: string, nvm?: string, asked = SMALL): Failure | undefined =>
  refusalOf(() => spiPartFor(name, nvm, asked));

const usable = spiPartNames.filter((name) => refusal(name) === undefined);

test('parts that write more than they are told are refused, all others taken', () => {
  assert.ok(usable.length >= 9);
  for (const name of spiPartNames.filter((one) => !usable.includes(one))) {
    const { code, found, expected } = refusal(name)!;
    assert.is(code, 'E_NVM');
    assert.match(found, /rest of its page/);
    for (const one of usable) assert.ok(expected.includes(one), one);
  }
});

test('what a part cannot be is said, with what would do', () => {
  assert.match(refusal('m95256', 'spi-fram')!.hint, /--nvm eeprom/);
  const large = refusal('mb85rs64v', undefined, { nvmBytes: 9000, line: 1 })!;
  assert.is(large.code, 'E_FIRMWARE_SIZE');
  const [, larger] = /--part (\w+)/.exec(large.hint)!;
  assert.is(refusal(larger!, undefined, { nvmBytes: 9000, line: 1 }), undefined, 'the hint works');
  assert.match(refusal('mb85rs64v', undefined, { nvmBytes: 1 << 20, line: 1 })!.hint, /smaller model/);
  assert.match(refusal('m95256', undefined, { nvmBytes: 1024, line: 1 })!.hint, /--line 4/);
});

test('export: the part gives body and settings, and its size counts', async () => {
  const image = readImage(compileUnproved(layered(new Random(2))));
  const of = async (options: ExportOptions): Promise<Map<string, string>> => {
    const { files } = await exportFirmware(image, { ...options, board: 'nrf52840dk', verify: false });
    return new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()]));
  };
  const fram = await of({ part: 'cy15b104q' });
  assert.ok(fram.has('brownout_nvm_spi_fram.c'));
  assert.match(fram.get('brownout_settings.h')!, /#define BROWNOUT_NVM_ADDRESS_BYTES 3\n/);
  assert.match(fram.get('brownout_settings.h')!, /#define BROWNOUT_NVM_SLEEP 0xb9\n/);
  assert.is(JSON.parse(fram.get('brownout.json')!).part, 'cy15b104q');
  const line = readImage(compileUnproved(layered(new Random(2)), { line: 4 }));
  const { files, part } = await exportFirmware(line, { part: 'm95512', verify: false });
  assert.is(part, 'm95512');
  const settings = Buffer.from(files.get('brownout_settings.h')!).toString();
  assert.match(settings, /#define BROWNOUT_NVM_PAGE_BYTES 64u\n/);
  assert.not.match(settings, /BROWNOUT_NVM_SLEEP/);
  assert.ok(files.has('brownout_nvm_eeprom.c'));
});

/** Its model's flags: what the body is told, and, by other names, what the part takes. */
function flagsOf(part: SpiPart): string[] {
  const { opcodes = {}, status = {}, sleep, wake, addressBytes } = part;
  const own = Object.entries({
    ...{ READ: opcodes.read, WRITE: opcodes.write, READ_STATUS: opcodes.readStatus },
    ...{ WRITE_ENABLE: opcodes.writeEnable, WRITE_DISABLE: opcodes.writeDisable },
    ...{ BUSY: status.busy, ENABLED: status.enabled, SLEEP: sleep, WAKE: wake, ADDRESS_BYTES: addressBytes },
  });
  return [
    ...partSettings(part).map(({ name, value }) => `-D${name}=${value}`),
    ...own.flatMap(([name, value]) => (value === undefined ? [] : [`-DPART_${name}=${value}`])),
  ];
}

/** Nothing of it is usual. */
const OWN = {
  ...{ name: 'strange-1', nvm: 'eeprom', bytes: 65536, addressBytes: 3, page: { bytes: 32, ms: 5 } },
  opcodes: { read: '0x13', write: 10, writeEnable: '0x50', writeDisable: '0x51', readStatus: '0xD7' },
  ...{ status: { busy: 128, enabled: '0x40' }, sleep: '0x79', wake: '0xab' },
  ...{ lasts: 1e6, source: 'made up, of opcodes that parts have' },
} as const;
const own = checkPart(OWN);

for (const part of [...usable.map((name) => spiPartFor(name, undefined, SMALL)), own])
  nativeTest(
    `${part.name}: ${WORKLOADS} workloads on its opcodes, addresses, pages and sleep, cut after every step`,
    () => {
      const [cuts] = play(build(part.nvm, firmwareFolder, flagsOf(part)), 'cuts', 0, WORKLOADS);
      assert.ok(cuts! >= WORKLOADS * 8, `${cuts} cuts`);
    },
  );

test('every known part passes its own check, unchanged; one that extends another changes what it says', () => {
  for (const name of spiPartNames) {
    const part = spiPart(name);
    const checked = checkPart({ extends: name });
    assert.equal(partSettings(checked), partSettings(part), name);
    assert.equal(
      { ...checked, opcodes: undefined, status: undefined },
      { ...part, opcodes: undefined, status: undefined },
    );
    assert.equal(checkPart(checked.refused ? { extends: name } : structuredClone(checked)), checked);
  }
  const larger = checkPart({
    extends: 'm95256',
    name: 'm95m04',
    bytes: 2 ** 19,
    addressBytes: 3,
    page: { bytes: 512, ms: 5 },
  });
  assert.equal([larger.lineBytes, larger.bytes, larger.page!.bytes], [4, 2 ** 19, 512]);
  assert.is(
    refusalOf(() => spiPartFor(checkPart({ extends: '25lc512', name: 'x' }), undefined, SMALL))!.code,
    'E_NVM',
  );
});

test('a wrong field of a part is named, with what it should be', () => {
  const wrongs: [unknown, RegExp][] = [
    [{ ...OWN, name: 'x */ #error' }, /name "x \*\//],
    [{ ...OWN, name: '' }, /name ""/],
    [{ ...OWN, source: 'two\nlines' }, /source "two\\nlines"/],
    [{ ...OWN, source: 'x'.repeat(101) }, /source/],
    [{ ...OWN, nvm: 'flash' }, /nvm "flash"/],
    [{ ...OWN, addressBytes: 1 }, /addressBytes 1/],
    [{ ...OWN, addressBytes: 2, bytes: 65537 }, /bytes 65537/],
    [{ ...OWN, bytes: 1024.5 }, /bytes 1024.5/],
    [{ ...OWN, bytes: '65536' }, /bytes "65536"/],
    [{ ...OWN, page: { bytes: 48, ms: 5 } }, /page\.bytes 48/],
    [{ ...OWN, page: { bytes: 32, ms: 1e9 } }, /page\.ms 1000000000/],
    [{ ...OWN, page: { bytes: 32 } }, /page without "ms"/],
    [{ ...OWN, page: undefined }, /"eeprom" without "page"/],
    [{ ...OWN, nvm: 'spi-fram' }, /"spi-fram" with "page"/],
    [{ ...OWN, opcodes: { ...OWN.opcodes, read: 256 } }, /opcodes\.read 256/],
    [{ ...OWN, opcodes: { ...OWN.opcodes, read: '0x1ff' } }, /opcodes\.read "0x1ff"/],
    [{ ...OWN, opcodes: { ...OWN.opcodes, red: 3 } }, /opcodes: "red"/],
    [{ ...OWN, opcodes: { ...OWN.opcodes, read: 10 } }, /same opcode for "read" and "write": 10/],
    [{ ...OWN, opcodes: [] }, /opcodes \[\]/],
    [{ ...OWN, sleep: 0x13 }, /same opcode for "read" and "sleep"/],
    [{ ...OWN, sleep: undefined }, /"wake" without "sleep"/],
    [{ ...OWN, status: { busy: 3 } }, /status\.busy 3/],
    [{ ...OWN, status: { enabled: 0 } }, /status\.enabled 0/],
    [{ ...OWN, status: { busy: 2 } }, /status\.busy and status\.enabled 2/],
    [{ ...OWN, lineBytes: 3 }, /lineBytes 3/],
    [{ ...OWN, lasts: -1 }, /lasts -1/],
    [{ ...OWN, lasts: null }, /lasts null/],
    [{ ...OWN, refused: 'x' }, /"refused"/],
    [{ ...OWN, colour: 'red' }, /"colour"/],
    [{ extends: 'm95999' }, /extends "m95999"/],
    [{ extends: 'm95256', __proto__: null, bytes: undefined }, /bytes undefined/],
    [{ name: 'x' }, /part without "nvm"/],
    [[OWN], /part/],
    [null, /part null/],
    [7, /part 7/],
  ];
  for (const [wrong, found] of wrongs) {
    const error = refusalOf(() => checkPart(wrong));
    assert.is(error?.code, 'E_NVM', `${found}`);
    assert.match(error!.found, found);
    assert.ok(error!.expected.length > 3 && error!.hint.length > 10, `${found}`);
  }
});

const cross = { make: 'make', 'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi' };
const armTest = hasPrograms('a part of one’s own on a board', cross) ? test : test.skip;

armTest(
  'a part of one’s own, as a file: in the folder’s header, and to the answer on a board, through cuts',
  async () => {
    const image = readImage(compileUnproved(layered(new Random(2))));
    const scratch = temporaryFolder('parts');
    const [model, file, folder] = ['model.brn', 'mine.json', 'app'].map((name) => join(scratch, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(model, image.file);
    writeFileSync(file, JSON.stringify(OWN));
    const line = [
      'export',
      model,
      '--board',
      'nrf52840dk',
      '--target',
      'cortex-m0plus',
      '--no-verify',
      '--part',
    ];
    assert.is((await inProcess(...line, file, '-o', folder, '--json')).code, 0);
    const settings = readFileSync(join(folder, 'brownout_settings.h'), 'utf8');
    for (const [name, value] of Object.entries({
      ...{ BROWNOUT_NVM_ADDRESS_BYTES: '3', BROWNOUT_NVM_PAGE_BYTES: '32u', BROWNOUT_NVM_SLEEP: '0x79' },
      ...{ BROWNOUT_NVM_WAKE: '0xab', BROWNOUT_SPI_READ: '0x13', BROWNOUT_SPI_WRITE: '0x0a' },
      ...{
        BROWNOUT_SPI_WRITE_ENABLE: '0x50',
        BROWNOUT_SPI_WRITE_DISABLE: '0x51',
        BROWNOUT_SPI_READ_STATUS: '0xd7',
      },
      ...{ BROWNOUT_SPI_WRITE_IN_PROGRESS: '0x80', BROWNOUT_SPI_WRITE_ENABLED: '0x40' },
    }))
      assert.ok(settings.includes(`#define ${name} ${value}\n`), `${name} ${value}`);
    assert.match(settings, /of strange-1 \(data sheet: made up/);
    assert.is(JSON.parse(readFileSync(join(folder, 'brownout.json'), 'utf8')).part, 'strange-1');

    const rules = {
      ...{ read: 0x13, write: 0x0a, writeEnable: 0x50, writeDisable: 0x51, readStatus: 0xd7 },
      ...{ addressBytes: 3, busyBit: 0x80, enabledBit: 0x40, pageBytes: 32, sleep: 0x79, wake: 0xab },
    };
    const elf = new Uint8Array(readFileSync(join(folder, 'firmware.elf')));
    const start = (memory: SpiMemory): Machine =>
      nrf52840(elf, { memory, monitor: new Monitor(), threshold: 8 });
    const wanted = goldenJob(image, new Monitor().low);
    const memory = new Eeprom(new Random(6), rules);
    const random = new Random(7);
    let cuts = 0;
    for (; cuts < 64; cuts++) {
      memory.cutBehind(random.integer(200));
      try {
        if (live(start(memory)).ended) break;
      } catch (error) {
        if (!(error instanceof SpiCut)) throw error;
      }
    }
    assert.ok(cuts > 8, `${cuts} cuts`);
    memory.cutBehind(Number.POSITIVE_INFINITY);
    const machine = start(memory);
    assert.ok(live(machine).ended);
    assert.match(machine.text(), new RegExp(`answer ${wanted.answer}\n$`));
    if (machine.text().startsWith('ticket 1 '))
      assert.is(
        firstDifference(comparableNvm(memory.cells.slice(0, image.nvmBytes), image, true), wanted.nvm),
        -1,
      );

    // Nothing is written for a file that is none.
    writeFileSync(file, '{"extends": ');
    const broken = await inProcess(...line, file, '-o', join(scratch, 'other'), '--json');
    assert.is(broken.code, 2);
    assert.match(broken.out + broken.err, /E_NVM.*mine\.json/);
    assert.not.ok(existsSync(join(scratch, 'other')));
  },
);

test.run();
