// `npm run bench:headline`: the figures that people look for first, of the images that ship. All but processor times are the
// same on every machine.
import { readFileSync } from 'node:fs';
import { readNpy } from '../host/data/npy.js';
import { demo } from '../host/demo/demo.js';
import { learn } from '../host/learn/learn.js';
import { replay } from '../host/replay/replay.js';
import { verify } from '../host/verify/verify.js';
import { type Figure, writeFigures } from './figures.js';

const read = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../checkpoints/${name}`, import.meta.url)));
const input = readNpy(read('digits-samples.npy'));
const labels = [...readNpy(read('digits-labels.npy')).data].map(Number);

/** A result, and the processor seconds it took. */
function timed<T>(body: () => T): { result: T; seconds: number } {
  const before = process.cpuUsage();
  const result = body();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (user + system) / 1e6 };
}

const figure = (
  kind: Figure['kind'],
  name: string,
  what: string,
  value: number,
  unit = '',
  digits = 0,
): Figure => ({ name, what, value, unit, digits, kind });

const digits = read('digits.brn');
verify(digits); // Until the engine has compiled what is hot.
const proof = timed(() => verify(digits));
const shown = demo().result;
const [sleeps, runs] = (['sleep', 'run'] as const).map((onLow) =>
  replay(digits, { input, inferences: 30, trace: 'rf', onLow }),
);
const learnt = learn(read('digits-learn.brn'), { input, labels, trace: 'rf', onLow: 'run' });
if (!proof.result.proved || !shown.identical || !learnt.identical || !learnt.exactlyOnce)
  throw new Error('a result is wrong: no figures');

const figures = [
  figure(
    'measured',
    'proof-cursors',
    'cursors of the proof of digits, any power failures',
    proof.result.cursors,
  ),
  figure('measured', 'proof-torn', 'torn cursors it tries', proof.result.recoveryPairs),
  figure('measured', 'proof-bytes', 'bytes written amid garbage', proof.result.bytesChecked, 'B'),
  figure('measured', 'proof-seconds', 'processor time of that proof', proof.seconds, 's', 1),
  figure('simulated', 'cuts', 'power failures in 30 digits, answers and NVM identical', shown.cuts),
  figure(
    'simulated',
    'overhead',
    'commits on steady power, share of cycles, 30 digits',
    shown.overheadPercent,
    '%',
    2,
  ),
  figure(
    'simulated',
    'again-sleeps',
    'work done again after cuts, RF, 30 digits: the app sleeps when power is low',
    sleeps!.reexecutedPercent,
    '%',
    2,
  ),
  figure('simulated', 'again-runs', 'the same, the app runs on', runs!.reexecutedPercent, '%', 2),
  figure(
    'measured',
    'module',
    'device module with the kernels of the digits image, WASM',
    shown.wasmBytes,
    'B',
  ),
  figure('measured', 'sram', 'SRAM of the digits image: static data and arena', shown.sramBytes, 'B'),
  figure('simulated', 'learn-cuts', 'power failures while 200 digits were learnt, each once', learnt.cuts),
  figure(
    'simulated',
    'learn-overhead',
    'commit overhead of learn jobs on steady power',
    learnt.overheadPercent,
    '%',
    2,
  ),
  figure('simulated', 'learn-job', 'a learn job, in inferences (cycles)', learnt.stepOverInference, '×', 2),
];
writeFigures('headline', {
  title: 'The images that ship',
  command: 'npm run bench:headline',
  needs: '',
  figures,
});
for (const { what, value, unit } of figures) console.log(`${what}: ${value} ${unit}`);
