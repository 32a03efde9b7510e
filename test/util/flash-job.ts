// A trace of NVM played on the natively compiled log of firmware/brownout_nvm_flash.c (test/c/flash-job.c).
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TracedNvm } from '../../host/simulator/traced-nvm.js';
import { compileNative, firmwareFolder, temporaryFolder } from './native.js';

const source = fileURLToPath(new URL('../../../test/c/flash-job.c', import.meta.url));

export interface Played {
  cuts: number;
  /** Cuts that left all writes since the last barrier, and none. */
  whole: number;
  none: number;
  views: number;
  /** Erasures behind the first boot: all, and of the pages that had fewest and most. */
  erasures: number;
  least: number;
  most: number;
}

/**
 * Plays a trace, cut in every step of the flash; with seed 0 not at all. `nvm`: folder of another brownout_nvm_flash.c. Throws with
 * what is wrong.
 */
export function playOnLog(
  { initial, actions }: Pick<TracedNvm, 'initial' | 'actions'>,
  { seed, flags = [], nvm = firmwareFolder }: { seed: number; flags?: string[]; nvm?: string },
): Played {
  const folder = temporaryFolder('flash-job');
  const bytes = `#define BROWNOUT_NVM_BYTES ${initial.length}u`;
  writeFileSync(join(folder, 'brownout_model.h'), `#include <stdint.h>\n${bytes}\n`);
  const records = actions.flatMap(({ what, address, bytes }) => [
    new Uint8Array(Uint32Array.of(what.charCodeAt(0), address, bytes.length).buffer),
    bytes,
  ]);
  writeFileSync(join(folder, 'trace'), Buffer.concat([initial, ...records]));
  const program = join(folder, 'model');
  compileNative(program, [source], ['-O2', '-Wconversion', '-I', nvm, '-I', folder, ...flags]);
  const words = execFileSync(program, [join(folder, 'trace'), `${seed}`], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  const numbers = words.trim().split(' ').map(Number);
  const names = ['cuts', 'whole', 'none', 'views', 'erasures', 'least', 'most'] as const;
  return Object.fromEntries(names.map((name, i) => [name, numbers[i]])) as unknown as Played;
}
