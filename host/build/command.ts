import { BrownoutError, ExitCode } from '../error.js';
import { readDevice } from '../model/image.js';
import { describeOp } from '../plan/describe.js';
import { count } from '../report/text.js';
import { buildDevice, MAPPED_AT } from '../toolchain/build-device.js';
import type { Command } from '../options/command.js';
import { readUserFile, writeWhole } from '../data/files.js';

/** One of `names`, the first by default. Throws `E_OPTION`. */
function choice<T extends string>(
  option: string,
  names: readonly T[],
  text: string | boolean | undefined,
): T {
  const chosen = names.find((name) => name === (text ?? names[0]));
  if (chosen) return chosen;
  throw new BrownoutError({
    code: 'E_OPTION',
    found: `--${option} ${text}`,
    expected: names.join(' or '),
    hint: `Leave it out for ${names[0]}.`,
  });
}

export const buildCommand: Command = {
  name: 'build',
  positionals: ['image'],
  summary: 'Build the device module (WASM) with the kernels of one image alone.',
  options: [
    { name: 'output', short: 'o', value: 'FILE', help: 'where to write it (default device.wasm)' },
    { name: 'target', value: 'NAME', help: 'scalar (default) or simd' },
    {
      name: 'optimize',
      value: 'WHAT',
      help: 'size (default), or speed: several sums at a time on scalar cores, inlining with simd',
    },
    {
      name: 'nvm',
      value: 'WHERE',
      help: 'imported (default), or mapped: in the module’s own memory, from 64 KiB on',
    },
  ],
  examples: [
    'brownout build checkpoints/digits.brn',
    'brownout build model.brn --target simd --output model.wasm',
  ],
  async run({ positionals, options }) {
    const target = choice('target', ['scalar', 'simd'], options['target']);
    const optimize = choice('optimize', ['size', 'speed'], options['optimize']);
    const nvm = choice('nvm', ['imported', 'mapped'], options['nvm']);
    const path = typeof options['output'] === 'string' ? options['output'] : 'device.wasm';
    const image = readDevice(readUserFile(positionals[0]!));
    const mapped = nvm === 'mapped' ? { mappedBytes: image.nvmBytes } : {};
    const wasm = await buildDevice(image, { target, optimize, ...mapped });
    writeWhole(path, wasm);
    const kernels = [...new Set(image.ops.map((op) => describeOp(op).kind.split(' ')[0]!))];
    const nvmAt = nvm === 'mapped' ? { nvmAddress: MAPPED_AT } : {};
    const json = { file: path, bytes: wasm.length, target, optimize, nvm, ...nvmAt, kernels };
    return {
      json,
      text:
        `${path}: ${count(wasm.length)} bytes, ${kernels.join(', ')}` +
        (nvm === 'mapped' ? `; NVM in its memory from ${MAPPED_AT} on` : ''),
      exitCode: ExitCode.OK,
    };
  },
};
