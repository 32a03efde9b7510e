// What a proof takes: processor time and peak memory of `verify`, of shipped images and of a MobileNet of 3.3 MB with random
// weights. `node dist/bench/proof.js [image.brn …]`; each in a process of its own.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile } from '../host/compile/compile.js';
import { Random } from '../host/math/random.js';
import { verify } from '../host/verify/verify.js';
import { mobileNet } from '../samples/networks.js';

const MOBILENET = 'MobileNet';
const options = { device: 'stm32u5', capacitorUf: 100 };

/** Proves one image, and prints what that took. */
function prove(name: string): void {
  const file =
    name === MOBILENET
      ? compile(mobileNet(new Random(7), 96), { ...options, verify: false, nvmBytes: 1 << 20 })
      : readFileSync(name);
  const before = process.cpuUsage();
  const { proved, tiles } = verify(file, name === MOBILENET ? options : {});
  const seconds = process.cpuUsage(before).user / 1e6;
  const megabytes = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${name}: ${file.length} bytes, ${tiles} tiles, ${proved ? 'proved' : 'NOT proved'}, ${seconds.toFixed(1)} s, at most ${megabytes.toFixed(0)} MB`,
  );
}

const names = process.argv.slice(2);
if (names[0] === '--one') prove(names[1]!);
else
  for (const name of names.length > 0 ? names : ['checkpoints/digits.brn', MOBILENET])
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--one', name], { stdio: 'inherit' });
