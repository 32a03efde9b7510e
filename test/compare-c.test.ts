// What C adds to a module: `export` runs whole jobs by both and compares every access to NVM; C that differs is not exported.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFirmware } from '../host/export/export-firmware.js';
import { exportText } from '../host/export/report.js';
import { BrownoutError } from '../host/error.js';
import { compareC } from '../host/firmware/compare-c.js';
import { moduleOfTarget } from '../host/firmware/module-of-target.js';
import { commonFiles, firmwareModule } from '../host/firmware/sources.js';
import { targetCalled } from '../host/firmware/targets.js';
import { Random } from '../host/math/random.js';
import { readImage } from '../host/model/image.js';
import { layered } from '../samples/networks.js';
import { compileUnproved } from './util/compile.js';
import { learnable } from './util/learnable.js';
import { hasPrograms } from './util/native.js';

const native = hasPrograms('C held against the module', { gcc: 'gcc' }) ? test : test.skip;
const image = readImage(compileUnproved(layered(new Random(2))));

native('the C of an image does what its module does, where it computes with 16 bits, too', async () => {
  const learner = compileUnproved(learnable(new Random(1), [8], ['dense:6', 'dense:3']), {
    learn: { layers: 'all', ring: 10, guardEvery: 0, holdOut: 0 },
  });
  for (const one of [image, readImage(learner)]) {
    const module = await firmwareModule(one);
    assert.ok((await compareC(one, module, commonFiles(one, module)))! > 50, one.metadata.name);
  }
  const narrow = await moduleOfTarget(image, targetCalled('msp430'));
  assert.ok((await compareC(image, narrow, commonFiles(image, narrow)))! > 50);
});

/** Changes of what is emitted, of the C around it, and of what a compiler may be told. */
const CHANGES: [name: string, file: string, from: RegExp, to: string][] = [
  ['a product that is a sum', 'brownout_module.inc', /(l\d+) \* load16u\(/, '$1 + load16u('],
  ['input from elsewhere', 'brownout.c', /input \+ at, /, 'input + at - 1, '],
  ['a byte of the image', 'brownout_model.c', /(brownout_image\[[\s\S]*?\n.*\n)( *)\d+,/, '$1$2 77,'],
  ['a view beside', 'brownout.c', /(nvm_view\(address), length, wasm_memory/, '$1 + 4u, length, wasm_memory'],
  [
    'a write that is left out',
    'brownout.c',
    /brownout_nvm_write\(address, \(const void \*\)/,
    '(void)(address + length), (void)(',
  ],
  [
    'a barrier that is none',
    'brownout.c',
    /#define brownout_module_import_nvm_sync brownout_nvm_sync/,
    '#define brownout_module_import_nvm_sync() ((void)0)',
  ],
  [
    'an end too early',
    'brownout.c',
    /(int32_t brownout_ack\(uint32_t ticket\) \{)/,
    '#include <stdlib.h>\n$1 exit(0);',
  ],
];

native('C that differs is not exported: it is said where', async () => {
  const module = await firmwareModule(image);
  const files = commonFiles(image, module);
  for (const [name, file, from, to] of CHANGES) {
    const text = files.get(file)!;
    const changed = text.replace(from, to);
    assert.is.not(changed, text, name);
    const error = await compareC(image, module, new Map([...files, [file, changed]])).catch(
      (e: unknown) => e,
    );
    assert.instance(error, BrownoutError, name);
    assert.is((error as BrownoutError).code, 'E_VERIFY', name);
    assert.match((error as BrownoutError).found, /^C that /, name);
  }
});

native('export says that it compared, and where it did not', async () => {
  const exported = await exportFirmware(image, { target: 'posix', layout: 'cmake' });
  assert.ok(exported.module.compared! > 50);
  const manifest = JSON.parse(Buffer.from(exported.files.get('brownout.json')!).toString());
  assert.is(manifest.module.compared, exported.module.compared);
  assert.match(
    exportText(exported, 'app', []),
    /C: run here, \d+ reads, writes and barriers as the module’s/,
  );
  const unproved = await exportFirmware(image, { target: 'posix', layout: 'cmake', verify: false });
  assert.is(unproved.module.compared, null);
  assert.match(exportText(unproved, 'app', []), 'C: not compared with the module (--no-verify)');
  const path = process.env['PATH'];
  process.env['PATH'] = '';
  try {
    const without = await exportFirmware(image, { target: 'posix', layout: 'cmake' });
    assert.is(without.module.compared, null);
    assert.match(exportText(without, 'app', []), 'C: not compared with the module (no gcc here)');
  } finally {
    process.env['PATH'] = path;
  }
});

test.run();
