// What C adds to the module: whole jobs run by both, on this machine, and every read and write of NVM compared.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Status } from '../../assembly/error.js';
import { JobKind } from '../../assembly/layout.js';
import { BrownoutError, ExitCode } from '../error.js';
import { Random } from '../math/random.js';
import type { Image } from '../model/image.js';
import { littleEndian, valuesFrom } from '../model/values.js';
import { Device } from '../simulator/device.js';
import { TracedNvm } from '../simulator/traced-nvm.js';
import { inTemporaryFolder, writeFiles } from './build-elf.js';
import { type FirmwareModule, sramBytes } from './model-c.js';
import { packageText } from './sources.js';
import { findTool, hasLibrary } from './tools.js';

/** And the interface of a vector unit's library, which it models. */
const HARNESS = ['compare.c', 'DSPLib.h', 'lea-model.h'];
const FLAGS = ['-std=c99', '-O1', '-w', '-I.', '-o', 'compare', 'compare.c', 'brownout_model.c'];
/** Words of an access: what, address, length, hash. */
const WORDS = 4;
const MOST_BYTES = 1 << 30;

interface ComparedJob {
  kind: JobKind;
  label: number;
  input: Uint8Array;
}

/** Of each kind of job two: on the image's own input, where it has one, and on noise. */
function jobsOf({ jobs, sample, input, learning }: Image): ComparedJob[] {
  const random = new Random(1);
  const noise = (): Uint8Array => Uint8Array.from({ length: input.bytes }, () => random.integer(256));
  const kinds = [JobKind.INFER, JobKind.LEARN].filter((kind) => jobs[kind]!.count > 0);
  return kinds.flatMap((kind) =>
    [sample ? littleEndian(sample) : noise(), noise()].map((given) => {
      return { kind, label: random.integer(learning?.classes ?? 1), input: given };
    }),
  );
}

/** FNV-1a of bytes, 32 bits. */
function hash(bytes: Uint8Array): number {
  let sum = 2166136261;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 16777619);
  return sum >>> 0;
}

const codeOf = (letter: string): number => letter.charCodeAt(0);
const CODES = { view: codeOf('v'), write: codeOf('w'), sync: codeOf('b') } as const;
const STATE = codeOf('s');

/** What the module does, in the words that the C tells it in. */
function told(image: Image, module: FirmwareModule, jobs: readonly ComparedJob[]): number[] {
  const nvm = new TracedNvm(image);
  const device = new Device(new WebAssembly.Module(Uint8Array.from(module.wasm)), {
    image,
    nvm,
    sramBytes: sramBytes(image, module),
    observe(access, address, length) {
      if (access === 'view') nvm.see(address, length);
    },
  });
  const words: number[] = [];
  const take = (): void => {
    for (const { what, address, bytes } of nvm.actions.splice(0))
      words.push(CODES[what], address, bytes.length, hash(bytes));
  };
  device.boot();
  jobs.forEach(({ kind, label, input }, i) => {
    // As brownout_input does, from the start.
    device.feed(new Int8Array());
    device.feed(valuesFrom(input, image.metadata.input.dtype));
    let state = kind === JobKind.INFER ? device.submit(i + 1) : device.learn(i + 1, label);
    while (state === Status.RUN || state === Status.LOW) {
      state = device.run();
      take();
    }
    take();
    words.push(STATE, state >>> 0, 0, hash(new Uint8Array()));
    device.ack(i + 1);
  });
  take();
  return words;
}

const accessText = (words: readonly number[] | Uint32Array, at: number): string => {
  const [what = 0, address = 0, length = 0] = words.slice(at, at + WORDS);
  switch (what) {
    case CODES.view:
      return `reads ${length} bytes at ${address}`;
    case CODES.write:
      return `writes ${length} bytes at ${address}`;
    case CODES.sync:
      return 'passes a barrier';
    case STATE:
      return `comes to state ${address | 0}`;
  }
  return 'ends';
};

/** What was compared in this process, by all that goes into it: compilers take a while. */
const compared = new Map<string, Promise<number | undefined>>();

/**
 * Builds `files`, the C made of `module`, for this machine, and runs jobs of the image by both: their accesses to NVM must be the
 * same, byte by byte and in order. Returns how many there were; undefined where there is no C compiler. Throws `E_VERIFY`.
 */
export function compareC(
  image: Image,
  module: FirmwareModule,
  files: ReadonlyMap<string, string>,
): Promise<number | undefined> {
  const compiler = findTool('gcc');
  if (compiler === undefined || !hasLibrary('gcc')) return Promise.resolve(undefined);
  const sources = [...files].filter(([name]) => /^brownout.*\.(c|h|inc)$/.test(name));
  const key = createHash('sha256').update(module.wasm);
  for (const [name, text] of sources) key.update(name).update(text);
  const name = key.digest('hex');
  const result = compared.get(name) ?? runBoth(compiler, image, module, new Map(sources));
  compared.set(name, result);
  return result;
}

function runBoth(
  compiler: string,
  image: Image,
  module: FirmwareModule,
  sources: ReadonlyMap<string, string>,
): Promise<number> {
  const jobs = jobsOf(image);
  return inTemporaryFolder((folder) => {
    writeFiles(folder, sources);
    writeFiles(folder, new Map(HARNESS.map((name) => [name, packageText(`boards/${name}`)])));
    const built = spawnSync(compiler, FLAGS, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 });
    if (built.status !== 0)
      refuse(`C that gcc refuses: ${built.stderr.split('\n').find((l) => l.includes('error'))}`);
    const input = Buffer.concat(jobs.flatMap((job) => [Uint8Array.of(job.kind, job.label), job.input]));
    const ran = spawnSync(join(folder, 'compare'), { input, maxBuffer: MOST_BYTES });
    const found = new Uint32Array(Uint8Array.from(ran.stdout).buffer, 0, Math.floor(ran.stdout.length / 4));
    const expected = told(image, module, jobs);
    for (let i = 0; i < Math.max(expected.length, found.length); i += WORDS) {
      const same = [0, 1, 2, 3].every((word) => expected[i + word] === found[i + word]);
      if (same) continue;
      const [c, wasm] = [accessText(found, i), accessText(expected, i)];
      refuse(`C that ${c} where the module ${wasm}${c === wasm ? ', other ones' : ''} (access ${i / WORDS})`);
    }
    if (ran.status !== 0) refuse(`C that ends with ${ran.status ?? ran.signal}`);
    return expected.length / WORDS;
  });
}

function refuse(found: string): never {
  throw new BrownoutError(
    {
      code: 'E_VERIFY',
      found,
      expected: 'C that reads and writes what the module it is made from does',
      hint: 'Please report the image: C made by brownout, or the compiler here, is wrong. Without the check: `--no-verify`.',
    },
    ExitCode.WRONG,
  );
}
