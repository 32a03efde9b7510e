import { readUserFile, writeWhole } from '../data/files.js';
import { ExitCode } from '../error.js';
import { readDevice } from '../model/image.js';
import { cliOptions, type Command, defineCommand, IMAGE } from '../options/command.js';
import { choice, flag, outputFile } from '../options/kinds.js';
import { MODULE_FILE } from '../options/outputs.js';
import { describeOp } from '../ops/record.js';
import { originOf } from '../origin.js';
import { count } from '../report/text.js';
import { buildDevice } from '../toolchain/build-device.js';
import { buildOptions, MAPPED_AT, mappedStateAt } from '../toolchain/parts.js';

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    output: {
      kind: outputFile(MODULE_FILE, 'device.wasm'),
      short: 'o',
      help: 'where to write it',
      otherwise: 'device.wasm',
    },
    ...cliOptions(buildOptions),
    nvm: {
      kind: choice(['imported', 'mapped'], { placeholder: 'WHERE' }),
      default: 'imported',
      help: 'imported, or mapped: in the module’s own memory, from 64 KiB on',
    },
    wide: {
      kind: flag,
      default: false,
      help: 'with simd, speed and mapped: weights as int16, for a host with the memory',
    },
  },
  examples: [
    'brownout build checkpoints/digits.brn',
    'brownout build model.brn --target simd --output model.wasm',
  ],
  async run({
    positionals,
    options: { output, nvm = 'imported', target = 'scalar', optimize = 'size', wide = false },
    writes,
  }) {
    const path = output ?? writes('device.wasm', MODULE_FILE);
    const image = readDevice(readUserFile(positionals[0]!));
    // The image, and behind it its state.
    const stateAt = mappedStateAt(image);
    const mapped = nvm === 'mapped' ? { mappedBytes: stateAt + image.nvmBytes } : {};
    const wideBytes = wide ? { wideBytes: image.imageBytes } : {};
    const wasm = await buildDevice(image, { target, optimize, ...mapped, ...wideBytes });
    writeWhole(path, wasm);
    const kernels = [...new Set(image.ops.map((op) => describeOp(op).kind.split(' ')[0]!))];
    const nvmAt = nvm === 'mapped' ? { nvmAddress: MAPPED_AT, stateAt } : {};
    const origin = originOf({ module: wasm });
    const json = { origin, file: path, bytes: wasm.length, target, optimize, nvm, wide, ...nvmAt, kernels };
    return {
      json,
      text:
        `${path}: ${count(wasm.length)} bytes, ${kernels.join(', ')}` +
        (nvm === 'mapped'
          ? `; NVM in its memory from ${MAPPED_AT} on: the image, and room for its state from ${stateAt} of that on`
          : '') +
        (wide
          ? `; weights widened in ${count(2 * image.imageBytes)} bytes behind it by \`widen(0)\`, after a boot`
          : ''),
      exitCode: ExitCode.OK,
    };
  },
});
