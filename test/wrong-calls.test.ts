// Sixty wrong calls: each is refused by name, leaves every file as it was, and its hint works when it is followed.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkFailure, cliFolder as folder, inProcess } from './util/cli.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const from = (name: string, to: string): void =>
  copyFileSync(join(root, 'checkpoints', name), join(folder, to));
from('digits.brn', 'digits.brn');
from('digits-learn.brn', 'learner.brn');
from('digits-samples.npy', 'x.npy');
writeFileSync(join(folder, 'empty'), '');
writeFileSync(join(folder, 'notes.txt'), 'hello\n');
writeFileSync(join(folder, 'rf.csv'), 'time_ms,voltage_v\n0,1\n10,2\n20,0\n');
mkdirSync(join(folder, 'd'));

/** A wrong call, its code, and where its hint can be typed as it stands: what comes of that. */
const CALLS: readonly (readonly [line: string, code: string, follow?: 'type' | 'shell'])[] = [
  // Missing.
  ['run', 'E_USAGE', 'type'],
  ['export-weights learner.brn', 'E_USAGE', 'type'],
  ['import-weights learner.brn', 'E_USAGE'],
  ['restore learner.brn', 'E_USAGE'],
  ['learn learner.brn', 'E_USAGE'],
  ['compress model.onnx', 'E_USAGE'],
  ['xray digits.brn', 'E_USAGE'],
  ['xray digits.brn --reference x.npy', 'E_USAGE'],
  ['demo --samples', 'E_USAGE', 'type'],
  ['demo --seed= --samples 1', 'E_USAGE', 'type'],
  ['replay digits.brn', 'E_USAGE'],
  ['replay digits.brn --capacitor 10uF', 'E_USAGE'],
  ['size digits.brn --inferences', 'E_USAGE'],
  ['run digits.brn --input', 'E_USAGE', 'type'],
  // Misspelt.
  ['fly', 'E_USAGE', 'type'],
  ['rnu digits.brn', 'E_USAGE', 'type'],
  ['inspct digits.brn', 'E_USAGE', 'type'],
  ['help rnu', 'E_USAGE', 'type'],
  ['demo --sampels 1', 'E_USAGE', 'type'],
  ['demo --samples 1 --verbose', 'E_USAGE', 'type'],
  ['analyze digits.brn --devise cortex-m4-generic', 'E_USAGE', 'type'],
  ['analyze digits.brn --device cortex-m4', 'E_DEVICE', 'type'],
  ['analyze digits.brn --device=apolo4', 'E_DEVICE', 'type'],
  ['replay digits.brn --trace rf --converter bq2557', 'E_CONVERTER', 'type'],
  ['replay digits.brn --trace rf --policy lo', 'E_POLICY', 'type'],
  ['replay digits.brn --trace rf --on-low sleeep', 'E_OPTION', 'type'],
  ['replay digits.brn --trace rf:on_u=3', 'E_TRACE_PARAMETER'],
  ['replay digits.brn --on qemu-mps2-an387', 'E_BOARD'],
  ['verify digits.brn --job lern', 'E_OPTION'],
  ['export digits.brn --target cortex-m5', 'E_TARGET'],
  ['export digits.brn --board nrf52840', 'E_BOARD'],
  ['export digits.brn --layout cmak', 'E_LAYOUT'],
  ['compare rad-mnits', 'E_MODEL'],
  ['run digits.brn --as code', 'E_OPTION', 'type'],
  // Wrong type, out of range.
  ['demo --samples 0', 'E_OPTION', 'type'],
  ['demo --samples many', 'E_OPTION', 'type'],
  ['demo --samples 1 --seed -1', 'E_OPTION', 'type'],
  ['demo now --samples 1', 'E_USAGE', 'type'],
  ['demo --json=yes --samples 1', 'E_USAGE', 'type'],
  ['replay digits.brn --trace rf --capacitor 100', 'E_OPTION', 'type'],
  ['replay digits.brn --trace rf --capacitor 200mJ', 'E_OPTION', 'type'],
  ['verify digits.brn --tear 3', 'E_OPTION', 'type'],
  ['verify digits.brn --budget 60', 'E_OPTION', 'type'],
  ['compile model.tflite --ring 3 --learn last', 'E_LEARN'],
  ['compile model.tflite --ring 8', 'E_OPTION'],
  ['compile model.tflite --range 1,0', 'E_OPTION'],
  // Wrong file, folder.
  ['run digts.brn', 'E_FILE'],
  ['run d', 'E_FILE', 'shell'],
  ['run empty', 'E_IMAGE_SIZE'],
  ['inspect /dev/zero', 'E_FILE'],
  ['run x.npy', 'E_IMAGE_MAGIC'],
  ['run digits.brn --input y.npy', 'E_FILE'],
  ['run digits.brn --input notes.txt', 'E_INPUT_FILE'],
  ['replay digits.brn --trace rf.csv', 'E_TRACE_LOAD'],
  ['replay digits.brn --trace notes.txt', 'E_TRACE_UNITS'],
  ['compile empty', 'E_MODEL'],
  ['inspect notes.txt', 'E_IMAGE_SIZE'],
  ['restore digits.brn -o r.bin', 'E_KIND'],
  ['verify digits.brn --job learn', 'E_KIND'],
  ['verify digits.brn --module x.npy', 'E_MODULE'],
  ['flash d', 'E_FOLDER'],
  // What is to be written.
  ['replay digits.brn --trace rf --report d', 'E_OUTPUT'],
  ['replay digits.brn --trace rf --report no/x.html', 'E_OUTPUT', 'shell'],
  ['replay digits.brn --trace rf --report notes.txt', 'E_OUTPUT'],
  ['replay digits.brn --trace rf --report digits.brn', 'E_OUTPUT'],
  ['build digits.brn -o digits.brn', 'E_OUTPUT'],
  ['compile digits.brn', 'E_OUTPUT'],
  ['compile x.npy -o x.npy', 'E_OUTPUT'],
  ['import-weights learner.brn x.npy -o learner.brn', 'E_OUTPUT'],
  ['export digits.brn -o notes.txt', 'E_FOLDER'],
  ['export digits.brn -o notes.txt/app', 'E_FOLDER'],
];

const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
const filesOf = (): string[] => readdirSync(folder).map((name) => `${name} ${sizeOf(name)}`);
const sizeOf = (name: string): string =>
  name === 'd' ? '' : readFileSync(join(folder, name)).toString('base64');

test(`${CALLS.length} wrong calls`, () => assert.ok(CALLS.length >= 60));

for (const [line, code, follow] of CALLS) {
  test(`brownout ${line}`, async () => {
    const before = filesOf();
    await checkFailure(line.split(' '), code);
    assert.equal(filesOf(), before);
    const { out } = await inProcess(...line.split(' '), '--json');
    const { found, expected, hint } = (JSON.parse(out) as { error: Record<string, string> }).error;
    assert.not.match(`${found}${expected}${hint}`, /TypeError|ENOENT|EISDIR|undefined|\[object|\{ dtype/);
    const quoted = /"([^"]+)"\?$/.exec(hint!)?.[1];
    const other = /such as `([^`]+)`/.exec(hint!)?.[1];
    if (follow === 'type') {
      const typed = /`brownout ([^`]+)`/.exec(hint!)?.[1];
      assert.ok(typed, hint);
      if (line === 'run' || line.startsWith('export-weights')) return;
      const { code: exit, out: said } = await inProcess(...words(typed!), '--json');
      assert.ok(exit < 2, `${typed}: ${exit} ${said}`);
    } else if (follow === 'shell') {
      execFileSync('sh', ['-c', /`([^`]+)`/.exec(hint!)![1]!], { cwd: folder });
      if (code !== 'E_OUTPUT') return;
      assert.is((await inProcess(...line.split(' '), '--json')).code, 0);
      execFileSync('rm', ['-r', join(folder, 'no')]);
    } else if (quoted !== undefined || (other !== undefined && code === 'E_OUTPUT')) {
      // The word that is nearest to the one that was wrong, or the other file, in its place.
      const fixed = line.split(' ');
      const wrong = /"([^"]+)"/.exec(found!)?.[1];
      const at = fixed.lastIndexOf(wrong ?? '');
      if (at < 0 || line.startsWith('export') || line.startsWith('compare')) return;
      fixed[at] = (other ?? quoted)!;
      const again = await inProcess(...fixed, '--json');
      const failure = (JSON.parse(again.out) as { error?: { code: string } }).error;
      assert.is.not(failure?.code, code, fixed.join(' '));
      for (const name of readdirSync(folder))
        if (!before.some((one) => one.startsWith(`${name} `))) execFileSync('rm', ['-r', join(folder, name)]);
      execFileSync('rm', ['-rf', join(folder, 'd/out.html')]);
    }
  });
}

test.run();
