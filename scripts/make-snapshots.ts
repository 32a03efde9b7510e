// Makes checkpoints/nvm-v<format version>/: an image, and what a device's NVM held at three moments of one job of it, for the tests that keep
// the format readable. Run it once for each format version, never to make a test pass.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { Status } from '../assembly/error.js';
import { VERSION } from '../assembly/layout.js';
import { shippedImage } from '../host/demo/demo.js';
import { withPolicy } from '../host/model/image.js';
import { Device } from '../host/simulator/device.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { provision } from '../host/simulator/provision.js';
import { moduleBytes } from '../host/toolchain/modules.js';

const folder = new URL(`../../checkpoints/nvm-v${VERSION}/`, import.meta.url);
if (existsSync(folder))
  throw new Error(`${folder.pathname} exists: snapshots of a format version are made once`);
mkdirSync(folder);

const image = withPolicy(shippedImage(), { every: 7, low: false }, 'every 7');
writeFileSync(new URL('image.brn', folder), image.file);
const nvm = new SimulatedNvm(image.nvmBytes);
provision(nvm, image);
const save = (name: string): void => writeFileSync(new URL(`${name}.bin`, folder), nvm.cells);
const device = new Device(new WebAssembly.Module(moduleBytes('device')), { image, nvm, sramBytes: 65536 });
device.boot();
save('idle');
device.feed(image.sample!);
device.submit(42);
// In the middle of the second convolution.
for (let commit = 0; commit < 12; commit++) device.run();
save('run');
while (device.status() === Status.RUN) device.run();
save('done');
