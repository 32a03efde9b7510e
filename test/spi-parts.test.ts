// Memories behind SPI by part: what export makes of a name, and every part's settings on a model of the memory that is cut.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BrownoutError, type Failure } from '../host/error.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import type { ExportOptions } from '../host/export/options.js';
import { partSettings, spiPartCalled, spiPartNames } from '../host/firmware/spi-parts.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { firmwareFolder, hasPrograms } from './util/native.js';
import { build, play } from './util/nvm-models.js';

const WORKLOADS = 48;
const SMALL = { nvmBytes: 1024, line: 4 };
const nativeTest = hasPrograms('memories behind SPI by part', { gcc: 'gcc' }) ? test : test.skip;

/** How a name is refused; undefined: it is not. */
function refusal(name: string, nvm?: string, asked = SMALL): Failure | undefined {
  try {
    spiPartCalled(name, nvm, asked);
    return undefined;
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    return error;
  }
}

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

for (const name of usable) {
  nativeTest(
    `${name}: ${WORKLOADS} workloads on its addresses, pages and sleep, cut after every step`,
    () => {
      const part = spiPartCalled(name, undefined, SMALL);
      const flags = partSettings(part).map(({ name: setting, value }) => `-D${setting}=${value}`);
      const more = [...flags, `-DPART_ADDRESS_BYTES=${part.addressBytes}`];
      const [cuts] = play(build(part.nvm, firmwareFolder, more), 'cuts', 0, WORKLOADS);
      assert.ok(cuts! >= WORKLOADS * 8, `${cuts} cuts`);
    },
  );
}

test.run();
