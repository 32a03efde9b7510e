// Builds the device module for one image: AssemblyScript compiles only the kernels it uses, binaryen makes it small.
// Both compilers are optional dependencies, imported here and only when asked for.
import { readFileSync } from 'node:fs';
import {
  KIND_LEARNING,
  MASK_BLOCKS,
  MASK_FAST,
  MASK_INT4,
  MASK_SPECIAL,
  MASK_WEIGHT_ZERO,
  OP_FLAG_INT4,
  OP_FLAG_PLAIN,
  OP_FLAG_WEIGHT_ZERO,
  OP_KIND,
  OpKind,
  STATIC_BYTES_LEARNING,
  WIN_BLOCK,
} from '../../assembly/layout.js';
import { BrownoutError, ExitCode } from '../error.js';
import { optionalVersion } from '../package.js';
import { type DeviceImage, readDevice } from '../model/image.js';

export interface BuildOptions {
  /** asconfig.json's target: `scalar` (default) or `simd`. */
  target?: 'scalar' | 'simd';
  /** `device` (default): what runs on a part; `bare`: its kernels alone, to measure the engine against. */
  entry?: 'device' | 'bare';
  /** `size` (default), or `speed`: several sums at a time, for scalar cores; the results are the same. */
  optimize?: 'size' | 'speed';
  /** Sums are imported as `accel.*` (docs/ACCEL.md) where a kernel has a place for them; with `speed` only. */
  accelerated?: boolean;
  /**
   * Bytes of NVM in the module's own memory, from `MAPPED_AT` on: the module reads and writes it there, and imports
   * nothing of `nvm`. For hosts whose NVM is mapped.
   */
  mappedBytes?: number;
  /** Keeps the names of functions (default false): for C that people read. The code is the same. */
  names?: boolean;
}

/** The package's root: sources and asconfig.json. */
const root = new URL('../../../', import.meta.url);

/** What an image uses (assembly/kernels/mask.ts). */
export interface KernelMasks {
  kernels: number;
  /** Of learning; 0: none, and no room for its state. */
  learning: number;
}

/** The masks of an image. */
function kernelMasks(image: DeviceImage): KernelMasks {
  const forward = image.ops.filter((op) => !op.isLearning);
  const kernels = forward.reduce((mask, op) => {
    const int4 = op.get(OP_KIND) & OP_FLAG_INT4 ? MASK_INT4 : 0;
    const blocks = op.sibling === OpKind.CONV2D_S8 && op.get(WIN_BLOCK) > 1 ? MASK_BLOCKS : 0;
    const zero = op.get(OP_KIND) & OP_FLAG_WEIGHT_ZERO ? MASK_WEIGHT_ZERO : 0;
    const special = op.get(OP_KIND) & OP_FLAG_PLAIN ? 0 : MASK_SPECIAL;
    return mask | (1 << op.kind) | int4 | blocks | zero | special;
  }, 0);
  const learning = image.ops
    .filter((op) => op.isLearning)
    .reduce((mask, op) => mask | (1 << (op.kind - KIND_LEARNING)), 0);
  return { kernels, learning };
}

/** Imports a compiler. Throws `E_TOOL_MISSING`. */
async function compiler<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const version = optionalVersion(name);
    throw new BrownoutError(
      {
        code: 'E_TOOL_MISSING',
        found: `no package ${name}`,
        expected: `${name} ${version}`,
        hint: `Run \`npm install ${name}@${version}\`: it is an optional dependency.`,
      },
      ExitCode.TOOL,
    );
  }
}

const ENTRIES = { device: 'assembly/index.ts', bare: 'assembly/bare.ts' };
const LEARNING_ENTRIES = { ...ENTRIES, device: 'assembly/learn.ts' };

/** Where NVM begins in the memory of a build with `mappedBytes`: behind the page that is SRAM. */
export const MAPPED_AT = 0x10000;

/** What asc is asked for, besides the entry. */
function flagsOf(masks: KernelMasks, options: BuildOptions): string[] {
  const { target = 'scalar', names, accelerated, mappedBytes } = options;
  const learning = [
    '--use',
    `LEARNING_MASK=${masks.learning}`,
    '--lowMemoryLimit',
    `${STATIC_BYTES_LEARNING}`,
  ];
  return [
    ...['--target', target, '--use', `KERNEL_MASK=${masks.kernels}`, '--outFile', 'device.wasm'],
    ...(masks.learning ? learning : []),
    ...(names ? ['--debug'] : []),
    ...(accelerated ? ['--use', 'ACCELERATOR=1'] : []),
    ...(mappedBytes ? mappedFlags(mappedBytes) : []),
  ];
}

function mappedFlags(bytes: number): string[] {
  const pages = `${1 + Math.ceil(bytes / MAPPED_AT)}`;
  return ['--use', `NVM_AT=${MAPPED_AT}`, '--initialMemory', pages, '--maximumMemory', pages];
}

async function assemble(entry: string, flags: string[]): Promise<Uint8Array> {
  const { default: asc } = await compiler('assemblyscript', () => import('assemblyscript/asc'));
  let binary: Uint8Array | undefined;
  let messages = '';
  const { error } = await asc.main([entry, ...flags], {
    stdout: { write: () => true },
    stderr: {
      write(text: string): boolean {
        messages += text;
        return true;
      },
    },
    readFile(name: string): string | null {
      try {
        return readFileSync(new URL(name, root), 'utf8');
      } catch {
        return null;
      }
    },
    writeFile(_name: string, contents: string | Uint8Array): void {
      if (typeof contents !== 'string') binary = contents;
    },
    listFiles: () => null,
  });
  if (error || !binary) throw new Error(`assemblyscript: ${error?.message}\n${messages}`);
  return binary;
}

/** As large as functions get: whatever is called from one place only moves there. */
const ANY_SIZE = 1 << 20;

/**
 * A second optimizer over what asc has made. asc leaves functions with one caller as they are where they are long, and
 * repeats long constants; here each becomes one. Results stay equal to the bit: the passes keep WASM's semantics.
 */
async function shrink(
  wasm: Uint8Array,
  { target, optimize, names = false }: BuildOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { default: binaryen } = await compiler('binaryen', () => import('binaryen'));
  const module = binaryen.readBinary(wasm);
  try {
    const { BulkMemory, BulkMemoryOpt, MVP, SIMD128, SignExt } = binaryen.Features;
    module.setFeatures(MVP | SignExt | BulkMemory | BulkMemoryOpt | (target === 'simd' ? SIMD128 : 0));
    const fast = target === 'simd' && optimize === 'speed';
    binaryen.setOptimizeLevel(fast ? 3 : 2);
    binaryen.setShrinkLevel(fast ? 0 : 2);
    binaryen.setAlwaysInlineMaxSize(fast ? 20 : 0);
    binaryen.setFlexibleInlineMaxSize(fast ? 60 : 0);
    binaryen.setOneCallerInlineMaxSize(ANY_SIZE);
    binaryen.setDebugInfo(names);
    module.optimize();
    // Last: folding constants would undo it.
    if (!fast) module.runPasses(['const-hoisting']);
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

/** The device module with the kernels of the masks (assembly/kernels/mask.ts). Throws `E_TOOL_MISSING`. */
export async function buildKernels(
  masks: KernelMasks,
  options: BuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const source = (masks.learning ? LEARNING_ENTRIES : ENTRIES)[options.entry ?? 'device'];
  return shrink(await assemble(source, flagsOf(masks, options)), options);
}

/** The device module with the kernels of `image` alone. Throws `E_TOOL_MISSING` where a compiler is absent. */
export async function buildDevice(
  image: Uint8Array | DeviceImage,
  options: BuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const masks = kernelMasks(image instanceof Uint8Array ? readDevice(image) : image);
  const fast = options.optimize === 'speed' ? MASK_FAST : 0;
  return buildKernels({ ...masks, kernels: masks.kernels | fast }, options);
}
