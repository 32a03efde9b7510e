import { BrownoutError, ExitCode } from '../error.js';
import { readDevice } from '../model/image.js';
import { describeOp } from '../plan/describe.js';
import { count } from '../report/text.js';
import { buildDevice } from '../toolchain/build-device.js';
import type { Command } from './command.js';
import { readUserFile, writeWhole } from './files.js';

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

export const buildCommand: Command = {
  name: 'build',
  positionals: ['image'],
  summary: 'Build the device module (WASM) with the kernels of one image alone.',
  options: [
    { name: 'output', value: 'FILE', help: 'where to write it (default device.wasm)' },
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
