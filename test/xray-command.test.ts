// brownout xray as people use it: files in, table, JSON, page, exit codes.
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { main } from '../host/cli.js';
import type { NpyArray } from '../host/data/npy.js';
import { importModel } from '../host/import/import-model.js';
import type { XrayResult } from '../host/xray/xray.js';
import { findChromium, Page } from './util/chromium.js';
import { compileApart } from './util/compile.js';
import { npz } from './util/npz-writer.js';
import { opsOf, scaleLayer } from './util/plant.js';
import { mobileNet, smoothInputs } from './util/small-nets.js';

const folder = mkdtempSync(join(tmpdir(), 'brownout-xray-'));
test.after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const model = mobileNet();
const SIZE = 16 * 16 * 3;
const data: NpyArray = { dtype: 'float32', shape: [12, 16, 16, 3], data: smoothInputs(12, SIZE) };
const { network, preprocessing } = importModel(model, { data });
const depthwise = opsOf(network, 'depthwiseConv2d')[1]!;
writeFileSync(at('model.onnx'), model);
writeFileSync(at('samples.npz'), npz({ x: data }));
writeFileSync(at('sound.brn'), compileApart(network, { preprocessing }));
writeFileSync(at('wrong.brn'), compileApart(scaleLayer(network, depthwise, 1), { preprocessing }));

async function command(...args: string[]): Promise<{ code: number; out: string }> {
  const lines: string[] = [];
  const { log, error } = console;
  console.log = console.error = (line: string) => void lines.push(line);
  try {
    return { code: await main(args), out: lines.join('\n') };
  } finally {
    [console.log, console.error] = [log, error];
  }
}

const xray = (image: string, ...more: string[]): Promise<{ code: number; out: string }> =>
  command('xray', at(image), '--reference', at('model.onnx'), '--data', at('samples.npz'), ...more);

test('a sound image: exit code 0, a row a layer in both tables', async () => {
  const { code, out } = await xray('sound.brn');
  assert.is(code, 0, out);
  assert.match(out, 'every layer is what the model computes');
  assert.is(
    out.split('\n').filter((line) => / {2}conv(_\d+)? /.test(line)).length,
    2 * opsOf(network, 'conv2d', 'depthwiseConv2d').length,
  );
});

test('a faulty one: exit code 1, layer and cause, as table and as JSON', async () => {
  const { code, out } = await xray('wrong.brn');
  assert.is(code, 1);
  const { name } = network.ops[depthwise]!;
  assert.match(out, new RegExp(`goes wrong first in.* ${name}: scale off by 2`));
  const json = await xray('wrong.brn', '--json');
  assert.is(json.code, 1);
  const result = JSON.parse(json.out) as XrayResult;
  assert.equal([result.faults[0]!.layer, result.faults[0]!.cause, result.sound], [name, 'scale', false]);
  assert.is(result.layers.filter(({ sound }) => !sound).length, 1);
});

test('a layer without any error of its own is called exact, not some decibels', async () => {
  const [image, model, data] = ['digits.brn', 'digits.tflite', 'digits-samples.npy'].map(
    (name) => `checkpoints/${name}`,
  );
  const { out } = await command('xray', image!, '--reference', model!, '--data', data!, '--samples', '2');
  assert.match(out, / {2}pool1 +max_pool_s8 .* exact\n/);
  assert.match(out, / {2}fc1 +circulant.* [\d.]+ +[\d.]+\n/);
});

test('bytes of a page are the same for the same run; a log gives the same figures', async () => {
  await xray('wrong.brn', '--report', at('one.html'), '--save-log', at('device.log'));
  await xray('wrong.brn', '--report', at('one.html.again'));
  const page = readFileSync(at('one.html'), 'utf8').replace(/<code>.*<\/code>/, '');
  assert.is(readFileSync(at('one.html.again'), 'utf8').replace(/<code>.*<\/code>/, ''), page);
  assert.not.match(page, /https?:\/\//);
  const logged = await command(
    'xray',
    at('wrong.brn'),
    '--reference',
    at('model.onnx'),
    '--log',
    at('device.log'),
    '--json',
  );
  const simulated = await xray('wrong.brn', '--json');
  const faults = ({ out }: { out: string }): string[] =>
    (JSON.parse(out) as XrayResult).faults.map(({ layer, cause }) => `${layer} ${cause}`);
  assert.equal(faults(logged), faults(simulated));
});

test('wrong usage and files of another model are errors by name', async () => {
  const none = await command('xray', at('sound.brn'), '--json');
  assert.is(none.code, 2);
  assert.match(none.out, 'E_USAGE');
  writeFileSync(at('broken.log'), 'BRNL');
  const broken = await command(
    'xray',
    at('sound.brn'),
    '--reference',
    at('model.onnx'),
    '--log',
    at('broken.log'),
    '--json',
  );
  assert.is(broken.code, 2);
  assert.match(broken.out, 'E_LOG');
});

const chromium = findChromium('the page of an x-ray');

(chromium ? test : test.skip)(
  'the page opens in a browser without network and draws every layer',
  async () => {
    await xray('wrong.brn', '--report', at('page.html'));
    const page = new Page(chromium!);
    try {
      await page.open(pathToFileURL(at('page.html')).href);
      const layers = opsOf(
        network,
        'conv2d',
        'depthwiseConv2d',
        'add',
        'averagePool2d',
        'mean',
        'dense',
      ).length;
      assert.is(await page.evaluate('document.querySelectorAll("#layers tbody tr").length'), layers);
      assert.is(await page.evaluate('document.querySelectorAll("tr.wrong").length'), 1);
      assert.is(await page.evaluate('document.querySelectorAll("canvas").length'), 3 * layers);
      assert.match(
        String(await page.evaluate('document.getElementById("verdict").textContent')),
        'scale off by 2',
      );
      const painted = `(() => { const c = document.querySelectorAll('canvas')[1];
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      return new Set(d.filter((_, i) => i % 4 === 0)).size; })()`;
      assert.ok(Number(await page.evaluate(painted)) > 8, 'a picture with greys');
    } finally {
      await page.close();
    }
  },
);

test.run();
