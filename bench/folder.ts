// `npm run bench:folder -- FOLDER`: which models of a folder compile, which are refused and why, and how near answers are to
// the expected ones where they lie beside (NAME.in.npy, NAME.out.npy; several: NAME.in0.npy …). Fetches nothing. Measured.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { compileForCharge } from '../host/compile/larger-capacitor.js';
import { givenPorts } from '../host/data/given-inputs.js';
import { type NpyArray, readNpy } from '../host/data/npy.js';
import { BrownoutError } from '../host/error.js';
import { importAnyway } from '../host/check/stand-ins.js';
import type { ImportedModel } from '../host/import/import-model.js';
import { readImage } from '../host/model/image.js';
import { type Answers, run } from '../host/run/run.js';

interface Row {
  model: string;
  outcome: 'compiled' | 'refused' | 'broken';
  detail: string;
  ms: number;
}

function modelsUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(tflite|onnx)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

const arrayAt = (path: string): NpyArray | undefined =>
  existsSync(path) ? readNpy(new Uint8Array(readFileSync(path))) : undefined;

/** Imports; a float model without data by samples that stand for it. */
function load(path: string): ImportedModel {
  const stem = path.slice(0, -extname(path).length);
  const bytes = new Uint8Array(readFileSync(path));
  const beside = (file: string): Uint8Array => new Uint8Array(readFileSync(join(dirname(path), file)));
  const data = arrayAt(`${stem}.calib.npy`) ?? arrayAt(`${stem}.in.npy`);
  const floats = data?.dtype === 'float32' || data?.dtype === 'float64' ? { data } : {};
  return importAnyway(bytes, { name: basename(stem), beside, ...floats });
}

/** How near answers are to the expected ones: equal integers, or the ratio of signal to noise. */
function nearness({ outputs, dtype, scale, zeroPoint }: Answers, expected: NpyArray): string {
  const found = outputs.flat();
  if (found.length !== expected.data.length) return `${found.length} values for ${expected.data.length}`;
  if (expected.dtype !== 'float32' && expected.dtype !== 'float64') {
    const shift = expected.dtype === 'uint8' && dtype !== 'uint8' ? 128 : 0;
    const wrong = found.filter((q, i) => q + shift !== expected.data[i]).length;
    return wrong === 0 ? `all ${found.length} values equal` : `${wrong} of ${found.length} values differ`;
  }
  let [signal, noise] = [0, 0];
  found.forEach((q, i) => {
    signal += expected.data[i]! ** 2;
    noise += ((q - zeroPoint) * scale - expected.data[i]!) ** 2;
  });
  return `${(Math.LOG10E * 10 * Math.log(signal / noise)).toFixed(1)} dB`;
}

/** The arrays beside a model called NAME.in0.npy, NAME.in1.npy … */
function numbered(stem: string, what: 'in' | 'out'): NpyArray[] {
  const arrays: NpyArray[] = [];
  for (
    let array = arrayAt(`${stem}.${what}0.npy`);
    array;
    array = arrayAt(`${stem}.${what}${arrays.length}.npy`)
  )
    arrays.push(array);
  return arrays;
}

function against(file: Uint8Array, path: string): string {
  const stem = path.slice(0, -extname(path).length);
  const image = readImage(file);
  const ports = image.metadata.inputs && givenPorts(image);
  const single = arrayAt(`${stem}.in.npy`);
  const several = numbered(stem, 'in');
  // Of an input that is a shape alone there is an array as well.
  const input = single ?? (ports ? undefined : several.at(-1));
  const inputs =
    ports && several.length === ports.length
      ? Object.fromEntries(ports.map(({ name }, i) => [name, several[i]!]))
      : undefined;
  const wanted = arrayAt(`${stem}.out.npy`);
  const expected = wanted ? [wanted] : numbered(stem, 'out');
  if ((!input && !inputs) || expected.length === 0) return '';
  const result = run(image, { ...(input ? { input } : {}), ...(inputs ? { inputs } : {}) });
  const answers = result.named ?? [result];
  return expected.map((array, i) => (answers[i] ? nearness(answers[i], array) : 'no such output')).join(', ');
}

function attempt(path: string, folder: string): Row {
  const model = relative(folder, path);
  const start = process.cpuUsage().user;
  const ms = (): number => Math.round((process.cpuUsage().user - start) / 1000);
  try {
    const { network, preprocessing, notes } = load(path);
    const { image, capacitorUf } = compileForCharge(network, { preprocessing, verify: false });
    const time = ms();
    const { nvmBytes, arenaBytes } = readImage(image);
    const larger = capacitorUf === undefined ? '' : `${capacitorUf} µF`;
    const detail = [`${nvmBytes} B NVM, ${arenaBytes} B SRAM`, larger, against(image, path), ...notes];
    return { model, outcome: 'compiled', detail: detail.filter((part) => part).join('; '), ms: time };
  } catch (error) {
    if (!(error instanceof BrownoutError))
      return { model, outcome: 'broken', detail: String((error as Error).stack), ms: ms() };
    return {
      model,
      outcome: 'refused',
      detail: `${error.code}: ${error.found}; expected ${error.expected}`,
      ms: ms(),
    };
  }
}

const folder = process.argv[2];
if (!folder || !existsSync(folder)) {
  console.error('usage: npm run bench:folder -- FOLDER [PART OF A NAME]');
  process.exit(2);
}
const part = process.argv[3] ?? '';
const rows = modelsUnder(folder)
  .filter((path) => path.includes(part))
  .map((path) => attempt(path, folder));
const widest = Math.max(0, ...rows.map(({ model }) => model.length));
for (const { model, outcome, ms, detail } of rows)
  console.log(`${model.padEnd(widest)}  ${outcome.padEnd(8)}  ${`${ms}`.padStart(6)} ms  ${detail}`);
for (const kind of ['.tflite', '.onnx']) {
  const all = rows.filter(({ model }) => model.endsWith(kind));
  const compiled = all.filter(({ outcome }) => outcome === 'compiled').length;
  if (all.length > 0)
    console.log(
      `${kind}: ${compiled} of ${all.length} compile (${Math.round((100 * compiled) / all.length)} %)`,
    );
}
process.exit(rows.some(({ outcome }) => outcome === 'broken') ? 1 : 0);
