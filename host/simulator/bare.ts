// The yardstick for checkpoint overhead: a loop on the host that calls the same kernels with the same views and data
// writes, but has no sync, cursor, CRC or policy.
import { instantiateSync } from '@assemblyscript/loader';
import { OP_BYTES, OP_TILES } from '../../assembly/layout.js';
import type { Image } from '../model/image.js';
import { bindImports, type Supply } from './device.js';
import { SimulatedNvm } from './nvm.js';

interface BareExports {
  memory: WebAssembly.Memory;
  meter?: WebAssembly.Global;
  enter(base: number, record: number): void;
  tile(index: number): void;
}

/** Runs `inputs` one after the other; returns the answers. `module`: a (metered) build of assembly/bare.ts. */
export function runBare(
  module: WebAssembly.Module,
  image: Image,
  inputs: readonly Int8Array[],
  supply: Supply,
): Int8Array[] {
  const nvm = new SimulatedNvm(image.nvmBytes);
  nvm.load(new Uint8Array(image.nvmBytes));
  nvm.present.set(image.device);
  let memory = new Uint8Array();
  const imports = bindImports({ nvm, sramBytes: 0, supply }, () => memory);
  const { exports } = instantiateSync(module, imports);
  const bare = exports as unknown as BareExports;
  memory = new Uint8Array(bare.memory.buffer);
  supply.boot(bare.meter);
  return inputs.map((input) => {
    supply.write(input.length);
    nvm.write(image.input.offset, new Uint8Array(input.buffer, input.byteOffset, input.length));
    image.ops.forEach((op, index) => {
      bare.enter(0, image.plan.offset + index * OP_BYTES);
      for (let tile = 0; tile < op.get(OP_TILES); tile++) bare.tile(tile);
    });
    nvm.sync();
    return new Int8Array(
      nvm.present.slice(image.output.offset, image.output.offset + image.output.bytes).buffer,
    );
  });
}
