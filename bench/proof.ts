// What a proof takes: processor time and peak memory of `verify`, of shipped images, a MobileNet of 3.3 MB with random weights,
// and, with BROWNOUT_DATA, keyword spotting (KWS) of MLPerf Tiny and person detection of TensorFlow Lite Micro.
// `node dist/bench/proof.js [image.brn|MODEL …]`; each in a process of its own.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../host/compile/compile.js';
import { importModel } from '../host/import/import-model.js';
import { Random } from '../host/math/random.js';
import type { QuantizedNetwork } from '../host/model/quantized-network.js';
import { verify } from '../host/verify/verify.js';
import { mobileNet } from '../samples/networks.js';

const options = { device: 'stm32u5', capacitorUf: 100 };

const fromFile = (file: string): (() => QuantizedNetwork) | undefined => {
  const path = join(process.env['BROWNOUT_DATA'] ?? '', 'models', file);
  return existsSync(path) ? () => importModel(new Uint8Array(readFileSync(path))).network : undefined;
};

/** Networks that are compiled here, by name; undefined: their file is not here. */
const NETWORKS: Record<string, (() => QuantizedNetwork) | undefined> = {
  MobileNet: () => mobileNet(new Random(7), 96),
  KWS: fromFile('kws_ref_model.tflite'),
  'person detection': fromFile('person_detect.tflite'),
};

/** Proves one image, and prints what that took. */
function prove(name: string): void {
  const network = NETWORKS[name];
  const file = network
    ? compile(network(), { ...options, verify: false, nvmBytes: 1 << 20 })
    : readFileSync(name);
  const before = process.cpuUsage();
  const { proved, tiles } = verify(file, network ? options : {});
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  const megabytes = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${name}: ${file.length} bytes, ${tiles} tiles, ${proved ? 'proved' : 'NOT proved'}, ${seconds.toFixed(1)} s, at most ${megabytes.toFixed(0)} MB`,
  );
}

const available = Object.keys(NETWORKS).filter((name) => NETWORKS[name]);
const names = process.argv.slice(2);
if (names[0] === '--one') prove(names[1]!);
else
  for (const name of names.length > 0 ? names : ['checkpoints/digits.brn', ...available])
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--one', name], { stdio: 'inherit' });
