// How fast replays are: against the simulated device's own time, and metered against unmetered modules.
import { readNpy } from '../host/data/npy.js';
import { readFileSync } from 'node:fs';
import { shippedDigits, shippedImage } from '../host/demo/demo.js';
import { deviceProfile } from '../host/profiles/index.js';
import { storageFor } from '../host/power/converter.js';
import { ReplayBench } from '../host/replay/replay.js';
import { completeJob } from '../host/simulator/app.js';
import { CountdownPower } from '../host/simulator/countdown-power.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { meteredModule, moduleBytes } from '../host/toolchain/modules.js';
import { interleaved, median } from './timing.js';

export async function benchPower(): Promise<string> {
  const image = shippedImage();
  const profile = deviceProfile('cortex-m4-generic');
  const [input] = shippedDigits(image).inputs;
  const inference = (module: WebAssembly.Module): (() => void) => {
    const nvm = new SimulatedNvm(image.nvmBytes);
    provision(nvm, image);
    const device = new Device(module, {
      image,
      nvm,
      sramBytes: profile.sramBytes.value,
      supply: new CountdownPower(),
    });
    let ticket = 0;
    return () => {
      completeJob(device, image, { ticket: ++ticket, input: input! }, {}, ticket > 1);
    };
  };
  const plain = inference(new WebAssembly.Module(moduleBytes('device')));
  const metered = inference(meteredModule('device', profile.instructionCycles.value));
  const [plainUs, meteredUs] = (await interleaved([plain, metered], 15)).map(median) as [number, number];

  const samples = new Uint8Array(
    readFileSync(new URL('../../checkpoints/digits-samples.npy', import.meta.url)),
  );
  const lines = (['sleep', 'run'] as const).map((onLow) => {
    const bench = new ReplayBench(image, { input: readNpy(samples), inferences: 100, trace: 'rf', onLow });
    bench.harvest(storageFor(profile)); // Until the engine has compiled what is hot.
    const started = process.hrtime.bigint();
    const { statistics } = bench.harvest(storageFor(profile));
    const wallUs = Number(process.hrtime.bigint() - started) / 1000;
    const all = (statistics.onUs + statistics.offUs) / wallUs;
    const awake = (statistics.onUs - statistics.sleepUs) / wallUs;
    return `replay, 100 digits, RF, on LOW ${onLow}: ${all.toFixed(0)} × real time (awake time alone ${awake.toFixed(0)} ×)`;
  });
  const ratio = (meteredUs / plainUs).toFixed(2);
  return [
    `digits inference: ${plainUs.toFixed(0)} µs, metered ${meteredUs.toFixed(0)} µs: ${ratio} ×`,
    ...lines,
  ].join('\n');
}
