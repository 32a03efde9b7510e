import { renameSync, writeFileSync } from 'node:fs';
import { BrownoutError, ExitCode } from '../error.js';
import { readDevice } from '../model/image.js';
import { describeOp } from '../plan/describe.js';
import { count } from '../report/text.js';
import { buildDevice } from '../toolchain/build-device.js';
import type { Command } from './command.js';
import { readUserFile } from './files.js';

const TARGETS = ['scalar', 'simd'] as const;

function targetOf(text: string | boolean | undefined): (typeof TARGETS)[number] {
  const target = TARGETS.find((name) => name === (text ?? 'scalar'));
  if (target) return target;
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `--target ${text}`,
    expected: TARGETS.join(' or '),
    hint: 'Leave it out for scalar.',
  });
}

/** Writes a file so that nobody ever sees half of it. Throws `E_FILE`. */
function writeWhole(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(`${path}.part`, bytes);
    renameSync(`${path}.part`, path);
  } catch (error) {
    throw new BrownoutError({
      code: 'E_FILE',
      found: `${(error as NodeJS.ErrnoException).code} on writing "${path}"`,
      expected: 'a path that can be written',
      hint: 'Check the path.',
    });
  }
}

export const buildCommand: Command = {
  name: 'build',
  positionals: ['image'],
  summary: 'Build the device module (WASM) with the kernels of one image alone.',
  options: [
    { name: 'output', short: 'o', value: 'FILE', help: 'where to write it (default device.wasm)' },
    { name: 'target', value: 'NAME', help: 'scalar (default) or simd' },
  ],
  examples: [
    'brownout build checkpoints/digits.brn',
    'brownout build model.brn --target simd --output model.wasm',
  ],
  async run({ positionals, options }) {
    const target = targetOf(options['target']);
    const path = typeof options['output'] === 'string' ? options['output'] : 'device.wasm';
    const image = readDevice(readUserFile(positionals[0]!));
    const wasm = await buildDevice(image, { target });
    writeWhole(path, wasm);
    const kernels = [...new Set(image.ops.map((op) => describeOp(op).kind.split(' ')[0]!))];
    const json = { file: path, bytes: wasm.length, target, kernels };
    return {
      json,
      text: `${path}: ${count(wasm.length)} bytes, ${kernels.join(', ')}`,
      exitCode: ExitCode.OK,
    };
  },
};
