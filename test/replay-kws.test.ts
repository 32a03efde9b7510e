// Keyword spotting through power failures of an RF field, end to end. The model is read in place through BROWNOUT_DATA.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readNpy } from '../host/data/npy.js';
import { importModel } from '../host/import/import-model.js';
import { replay } from '../host/replay/replay.js';
import { run } from '../host/run/run.js';
import { compileUnproved } from './util/compile.js';

const folder = process.env['BROWNOUT_DATA'];
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${path}`));

if (folder && existsSync(`${folder}/models`)) {
  test('two keywords in an RF field: answers and final NVM as on steady power, and as TFLite’s', () => {
    const { network, preprocessing } = importModel(bytesOf('models/kws_ref_model.tflite'));
    const image = compileUnproved(network, { preprocessing });
    const all = readNpy(new Uint8Array(gunzipSync(bytesOf('kws/mfcc_i8_500x49x10.npy.gz'))))
      .data as Int8Array;
    const input = { dtype: 'int8' as const, shape: [2, 49, 10, 1], data: all.slice(0, 2 * 490) };
    const result = replay(image, { input, inferences: 2, onLow: 'run' });
    assert.ok(result.identical);
    assert.ok(result.cuts > 2, `${result.cuts} power failures`);
    const golden = readNpy(bytesOf('kws/golden_i8_500x12.npy')).data;
    assert.equal(run(image, { input }).outputs.flat(), [...golden.slice(0, 24)]);
    console.log(`${result.cuts} power failures in 2 keywords`);
  });
} else {
  console.log('skipped: keywords in an RF field: set BROWNOUT_DATA to the folder that holds models/');
  test.skip('keywords in an RF field', () => {});
}

test.run();
