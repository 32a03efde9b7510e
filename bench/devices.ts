// `npm run bench:devices [-- MODEL …]`: public models on every device profile, as a table: compiled and proved for the device's own
// capacitor, or for the one that the refusal names, and replayed in an RF field under both ways of taking a warning.
// Simulated; needs BROWNOUT_DATA. `resnet8` and `vww` have MLPerf Tiny's topology and random weights.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../host/compile/compile.js';
import { BrownoutError } from '../host/error.js';
import { importModel } from '../host/import/import-model.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { farads } from '../host/options/quantity.js';
import { DEVICES } from '../host/profiles/index.js';
import { replay } from '../host/replay/replay.js';
import { count, table } from '../host/report/text.js';
import { resnet8, visualWakeWords } from '../samples/networks.js';

/** A model of a file in the data's folder. */
const fromFile =
  (file: string): ((folder: string) => QuantizedNetwork) =>
  (folder) =>
    importModel(new Uint8Array(readFileSync(join(folder, 'models', file)))).network;

const MODELS: Record<string, (folder: string) => QuantizedNetwork> = {
  kws: fromFile('kws_ref_model.tflite'),
  ad: fromFile('ad01_int8.tflite'),
  person: fromFile('person_detect.tflite'),
  resnet8: () => resnet8(new Random(1)),
  vww: () => visualWakeWords(new Random(1)),
};

/** For the device's own capacitor, or the one that the refusal names. Throws what is refused for another reason. */
function imageFor(network: QuantizedNetwork, device: string): { image: Image; refused: boolean } {
  try {
    return { image: readImage(compile(network, { device })), refused: false };
  } catch (error) {
    const named = error instanceof BrownoutError && /`capacitorUf` of ([\d.]+)uF/.exec(error.hint)?.[1];
    if (!named) throw error;
    return { image: readImage(compile(network, { device, capacitorUf: Number(named) })), refused: true };
  }
}

/** µJ harvested, and cuts; or the error that a replay ends in. */
function replayed(image: Image, onLow: 'sleep' | 'run'): string[] {
  try {
    const { identical, cuts, energyUj, overheadPercent } = replay(image, { trace: 'rf', onLow });
    const overhead = onLow === 'sleep' ? [`${overheadPercent.toFixed(1)} %`] : [];
    return [identical ? count(Math.round(energyUj.harvested)) : 'DIFFERENT', `${cuts}`, ...overhead];
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    return [error.code, '', ...(onLow === 'sleep' ? [''] : [])];
  }
}

function rowOf(name: string, network: QuantizedNetwork, device: string): string[] {
  try {
    const { image, refused } = imageFor(network, device);
    const uf = farads(image.metadata.compiledFor!.capacitorUf);
    const capacitor = refused ? `${uf}, less is refused` : uf;
    return [name, device, capacitor, ...replayed(image, 'sleep'), ...replayed(image, 'run')];
  } catch (error) {
    if (!(error instanceof BrownoutError)) throw error;
    return [name, device, `${error.code}: ${error.found}`, '', '', '', '', ''];
  }
}

const folder = process.env['BROWNOUT_DATA'];
if (folder === undefined) throw new Error('set BROWNOUT_DATA to the folder that holds models/');
const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(MODELS);
const head = ['model', 'device', 'capacitor', 'µJ', 'cuts', 'steady overhead', 'µJ, runs on', 'cuts'];
const rows = names.flatMap((name) => {
  const make = MODELS[name];
  if (make === undefined) throw new Error(`no model "${name}": ${Object.keys(MODELS).join(', ')}`);
  const network = make(folder);
  return DEVICES.map((device) => rowOf(name, network, device));
});
console.log(table([head, ...rows]));
