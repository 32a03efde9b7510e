// Builds the device module for one image: AssemblyScript compiles only the kernels it uses, binaryen makes it small.
// Both compilers are optional dependencies, imported here and only when asked for.
import { readFileSync } from 'node:fs';
import { BrownoutError, ExitCode } from '../error.js';
import type { DeviceImage } from '../model/image.js';
import { checkOptions } from '../options/table.js';
import { optionalVersion } from '../package.js';
import { keptBuild } from './kept-builds.js';
import {
  askedFor,
  type BuildOptions,
  type BuildParts,
  type BuildSettings,
  buildOptions,
  partsOf,
} from './parts.js';

/** The package's root: sources and asconfig.json. */
const root = new URL('../../../', import.meta.url);

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
  { target, optimize, names }: BuildSettings,
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

/** The same module with locals of their own wherever one served for several values, so that each has one width. */
export async function splitLocals(wasm: Uint8Array): Promise<Uint8Array> {
  const { default: binaryen } = await compiler('binaryen', () => import('binaryen'));
  const module = binaryen.readBinary(wasm);
  try {
    const { BulkMemory, BulkMemoryOpt, MVP, SignExt } = binaryen.Features;
    module.setFeatures(MVP | SignExt | BulkMemory | BulkMemoryOpt);
    binaryen.setDebugInfo(true);
    module.runPasses(['ssa-nomerge']);
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

/** What was built in this process, by all that goes into it: compilers take a while, and images of one kind share a module. */
const built = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/** The device module with `parts`. Throws `E_TOOL_MISSING`. */
export async function buildParts(
  parts: BuildParts,
  options: BuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const settings = checkOptions(buildOptions, options);
  const { source, flags } = askedFor(parts, options);
  const key = JSON.stringify([source, flags, settings]);
  const make = async (): Promise<Uint8Array<ArrayBuffer>> => shrink(await assemble(source, flags), settings);
  const made = built.get(key) ?? keptBuild(key, make);
  built.set(key, made);
  // A missing compiler may be installed by the next time.
  made.catch(() => built.delete(key));
  return (await made).slice();
}

/** The device module with what `image` uses alone. Throws `E_IMAGE_…`, `E_TOOL_MISSING` where a compiler is absent. */
export async function buildDevice(
  image: Uint8Array | DeviceImage,
  options: BuildOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const settings = checkOptions(buildOptions, options);
  return buildParts(partsOf(image), settings);
}
