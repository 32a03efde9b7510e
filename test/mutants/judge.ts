// Builds a mutant and asks who notices it: the proof, the oracles, or a test by name.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OP_TILES, STATIC_BYTES, STATIC_BYTES_LEARNING } from '../../assembly/layout.js';
import { KINDS_LEARNING } from '../../assembly/learning-layout.js';
import { Random } from '../../host/math/random.js';
import { type Image, withPolicy } from '../../host/model/image.js';
import { Device } from '../../host/simulator/device.js';
import { SimulatedNvm } from '../../host/simulator/nvm.js';
import { provision } from '../../host/simulator/provision.js';
import { inPlaceAddress, mapInPlace } from '../../host/toolchain/in-place.js';
import {
  askedFor,
  type BuildOptions,
  type BuildParts,
  EVERYTHING,
  maskOf,
} from '../../host/toolchain/parts.js';
import { verify } from '../../host/verify/verify.js';
import * as networks from '../../samples/networks.js';
import { arithmeticOf, differenceOf } from '../util/arithmetic.js';
import { infer } from '../util/devices.js';
import { LANE_PARTS, laneSweeps } from '../util/lane-shapes.js';
import { build as buildModel, kinds, play } from '../util/nvm-models.js';
import { runOracle } from '../util/oracle.js';
import { IN_PLACE_REFUTATIONS, MAPPED_REFUTATIONS, REFUTATIONS, unrefuted } from '../util/refutations.js';
import { bodyOf, trial } from '../util/sweep.js';
import type { Change, TestJudge } from './mutant.js';
import { imageOf, kernelNetworks, type Learner, learners, otherMemories, overlapping } from './subjects.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const SRAM_BYTES = 60_000;

/** Who noticed, in a few words; undefined: nobody. */
export type Verdict = string | undefined;

/** A source with the change in it. Throws if it is not there exactly as the table says. */
export function changed({ file, name, from, to }: Change, path = join(root, file)): string {
  const text = readFileSync(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)} for "${name}"`);
  return text.replace(from, () => to);
}

const FLAGS = [
  '--runtime',
  'stub',
  '--use',
  'abort=',
  '--initialMemory',
  '1',
  '--maximumMemory',
  '1',
  '--noAssert',
];

/** The device module with a change, built quickly: as it is written, not as short as it can be. */
async function build(
  change: Change | undefined,
  learning: boolean,
): Promise<Uint8Array<ArrayBuffer> | string> {
  const entry = learning ? 'assembly/learn.ts' : 'assembly/index.ts';
  const limit = [
    '--lowMemoryLimit',
    `${learning ? STATIC_BYTES_LEARNING : STATIC_BYTES}`,
    '--optimizeLevel',
    learning ? '1' : '0',
  ];
  const int8 = ['--use', `KERNELS_INT8=${maskOf(EVERYTHING.int8)}`];
  const flags = [
    ...FLAGS,
    ...int8,
    ...limit,
    ...(learning ? ['--use', `LEARNING_MASK=${KINDS_LEARNING}`] : []),
  ];
  return assemble(entry, flags, change, false);
}

/** What asc makes of the sources with a change, or what it says; `configured`: as asconfig.json says, but for the flags. */
async function assemble(
  entry: string,
  flags: readonly string[],
  change: Change | undefined,
  configured = true,
): Promise<Uint8Array<ArrayBuffer> | string> {
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array<ArrayBuffer> | undefined;
  let messages = '';
  const { error } = await asc.main([entry, ...flags, '--outFile', 'x.wasm'], {
    stderr: {
      write(text: string): boolean {
        messages += text;
        return true;
      },
    },
    readFile(name: string): string | null {
      if ((name === 'asconfig.json' && !configured) || !existsSync(join(root, name))) return null;
      return change && name === change.file ? changed(change) : readFileSync(join(root, name), 'utf8');
    },
    writeFile(name: string, contents: Uint8Array | string): void {
      if (name === 'x.wasm') binary = new Uint8Array(contents as Uint8Array);
    },
    listFiles: () => null,
  });
  return !error && binary ? binary : messages;
}

/** A module for speed with a change, built quickly, too. */
async function forSpeed(
  parts: BuildParts,
  options: BuildOptions,
  change: Change,
): Promise<Uint8Array<ArrayBuffer> | string> {
  const { source, flags } = askedFor(parts, { ...options, optimize: 'speed' });
  return assemble(source, [...flags, '--optimizeLevel', '1', '--shrinkLevel', '0'], change);
}

export class Judges {
  readonly #tiled = overlapping();
  readonly #others = otherMemories();
  readonly #learners = learners();
  readonly #kernels = kernelNetworks().flatMap((tried) => {
    const { network } = tried;
    const image = imageOf(tried);
    if (!image) return [];
    const input = networks.valuesFor(new Random(9), network.tensors[network.input]!);
    return [{ image, input, expected: runOracle(network, input)[network.output]! }];
  });
  #learnt: Uint8Array[] | undefined;
  readonly #passing = new Set<string>();

  /** Who notices the change; with none, somebody only if a judge is wrong. */
  async of(change: Change): Promise<Verdict> {
    const { judge } = change;
    if (judge === 'arithmetic') return this.#byArithmetic(change);
    if (judge === 'lanes') return this.#byLanes(change);
    if (judge === 'model') return this.#byModels(change);
    if (judge === 'checks') return this.#byChecks(change);
    if (judge === 'refutation') return byRefutation(change);
    if (typeof judge !== 'string') return this.#byTest(change, judge);
    if (judge === 'plan')
      return this.#byPlans(change) ?? (change.test ? this.#byTest(change, { test: change.test }) : undefined);
    const verdict = await this.device(change, judge === 'learning');
    return verdict ?? (change.test ? this.#byTest(change, { test: change.test }) : undefined);
  }

  /** The sweeps of a module for speed in lanes, on its body with the change. */
  async #byLanes(change: Change): Promise<Verdict> {
    if (!this.#passing.has('lanes')) {
      const wrong = await this.#inLanes({ ...change, to: change.from });
      if (wrong) throw new Error(`the module in lanes without a change is refuted by ${wrong}`);
      this.#passing.add('lanes');
    }
    return this.#inLanes(change);
  }

  async #inLanes(change: Change): Promise<Verdict> {
    const wasm = await forSpeed(LANE_PARTS, { target: 'simd' }, change);
    if (typeof wasm === 'string') return 'the compiler';
    for (const one of laneSweeps(bodyOf('in lanes', wasm))) {
      for (let seed = 1; seed <= one.few; seed++) {
        try {
          trial(one, seed);
        } catch {
          return `the oracle, in lanes: ${one.name}`;
        }
      }
    }
    return undefined;
  }

  /** Models of the memory whose body has the change (test/c/), cut after every step. */
  #byModels(change: Change): Verdict {
    if (!this.#passing.has(change.file)) {
      const wrong = this.#modelled({ ...change, to: change.from });
      if (wrong) throw new Error(`${change.file} without a change is refuted by ${wrong}`);
      this.#passing.add(change.file);
    }
    return this.#modelled(change);
  }

  #modelled(change: Change): Verdict {
    const kind = /brownout_nvm_(\w+)\.c$/.exec(change.file)![1]!.replace('_', '-');
    const plays =
      kind === 'flash'
        ? [
            ['cuts', 0, 256],
            ['weak', 0, 256],
            ['tears', 1000],
          ]
        : [['cuts', 0, 300]];
    for (const name of Object.keys(kinds).filter((one) => one.startsWith(kind))) {
      const folder = mkdtempSync(join(tmpdir(), 'brownout-mutant-'));
      try {
        writeFileSync(join(folder, basename(change.file)), changed(change));
        const program = buildModel(name, folder, ['-Wno-unused']);
        for (const how of plays) play(program, ...how);
        if (name === 'flash' && !wearsEvenly(program)) return `the model: ${name}, wear`;
      } catch (error) {
        return /workload \d+/.test(String((error as { stderr?: Buffer }).stderr))
          ? `the model: ${name}`
          : `an error: ${(error as Error).message.split('\n')[0]}`;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
    return undefined;
  }

  async #byArithmetic(change: Change): Promise<Verdict> {
    const functions = await arithmeticOf((name) => {
      if (!existsSync(join(root, name))) return null;
      return name === change.file ? changed(change) : readFileSync(join(root, name), 'utf8');
    });
    if (typeof functions === 'string') return 'the compiler';
    return differenceOf(functions, 20_000) === undefined ? undefined : 'test arithmetic';
  }

  async device(change: Change | undefined, learning: boolean): Promise<Verdict> {
    const wasm = await build(change, learning);
    if (typeof wasm === 'string') return 'the compiler';
    try {
      if (learning) return this.#byProof(wasm, this.#provable) ?? (await this.#byLearning(wasm));
      if (change?.judge === 'answers')
        return this.#byAnswers(wasm) ?? this.#byProof(wasm, [...this.#images, ...this.#severalTiles]);
      return this.#byProof(wasm, this.#images) ?? this.#byAnswers(wasm);
    } catch (error) {
      return `an error: ${(error as Error).message}`;
    }
  }

  /** The small ones: proving the large one takes minutes. */
  get #provable(): Image[] {
    return this.#learners.slice(0, 3).map(({ image }) => image);
  }

  get #images(): Image[] {
    return [this.#tiled, withPolicy(this.#tiled, { every: 0, low: true }, 'low'), ...this.#others];
  }

  /** Networks of the kernels of which an op has several tiles. */
  get #severalTiles(): Image[] {
    const isTiled = ({ ops }: Image): boolean => ops.some((op) => op.get(OP_TILES) > 1);
    return this.#kernels.map(({ image }) => image).filter(isTiled);
  }

  #byProof(module: Uint8Array, images: readonly Image[]): Verdict {
    for (const image of images) {
      for (const job of image.learning ? (['infer', 'learn'] as const) : (['infer'] as const)) {
        // A build that is not made short takes more of a charge: what counts are violations.
        const { violations, counterexample } = verify(image, { module, job, search: false });
        if (violations > 0) return `the proof: ${counterexample!.obligation}`;
      }
    }
    return undefined;
  }

  #byAnswers(wasm: Uint8Array<ArrayBuffer>): Verdict {
    const module = new WebAssembly.Module(wasm);
    for (const { image, input, expected } of this.#kernels) {
      const nvm = new SimulatedNvm(image.nvmBytes);
      provision(nvm, image);
      try {
        const answer = infer(new Device(module, { image, nvm, sramBytes: SRAM_BYTES }), image, input);
        if (Buffer.compare(bytesOf(answer), bytesOf(expected)) !== 0)
          return `the oracle: ${image.metadata.name}`;
      } catch {
        return `the oracle: ${image.metadata.name} fails`;
      }
    }
    return this.#byAnswersInPlace(wasm);
  }

  /** A few of them where NVM and image are seen in place: what is copied there, nothing copies elsewhere. */
  #byAnswersInPlace(wasm: Uint8Array<ArrayBuffer>): Verdict {
    const mappedAt = inPlaceAddress(wasm);
    const module = new WebAssembly.Module(mapInPlace(wasm, { nvmBytes: 1 << 20 }));
    for (const { image, input, expected } of this.#kernels.filter((_, i) => i % 16 === 0)) {
      const nvm = new SimulatedNvm(image.nvmBytes);
      provision(nvm, image);
      const device = new Device(module, { image, nvm, sramBytes: SRAM_BYTES, mappedAt });
      if (Buffer.compare(bytesOf(infer(device, image, input)), bytesOf(expected)) !== 0)
        return `the oracle, in place: ${image.metadata.name}`;
    }
    return undefined;
  }

  /** What is learnt of a dozen samples, against the module that learn-device and sums-device hold to their mirrors. */
  async #byLearning(wasm: Uint8Array<ArrayBuffer>): Promise<Verdict> {
    if (!this.#learnt) {
      const whole = await build(undefined, true);
      if (typeof whole === 'string') throw new Error(whole);
      this.#learnt = this.#learners.map((learner) => this.#learn(whole, learner));
    }
    const same = this.#learners.every(
      (learner, i) => Buffer.compare(this.#learnt![i]!, this.#learn(wasm, learner)) === 0,
    );
    return same ? undefined : 'the mirror: what is learnt';
  }

  #learn(wasm: Uint8Array<ArrayBuffer>, { image, jobs, late, forgets, labelOf }: Learner): Uint8Array {
    const nvm = new SimulatedNvm(image.nvmBytes);
    provision(nvm, image);
    const device = new Device(new WebAssembly.Module(wasm), { image, nvm, sramBytes: SRAM_BYTES });
    const random = new Random(4);
    device.boot();
    for (let ticket = 1; ticket <= jobs; ticket++) {
      device.feed(networks.int8s(random, image.input.bytes));
      const label = labelOf(ticket, random);
      // Some are labelled later, some never.
      const asked =
        !late || ticket % 3 > 0 ? [() => device.learn(ticket, label)] : [() => device.submit(ticket)];
      if (late && ticket % 6 === 0) asked.push(() => device.label(ticket, label));
      if (forgets && ticket % 5 === 0) asked.push(() => device.forget(1000 + ticket, label));
      for (const ask of asked) {
        const code = ask();
        for (let runs = 0; device.status() === 1 && runs < 5000; runs++) device.run();
        if (code < 0 || device.ack(device.ticket) < 0) return new Uint8Array(1);
      }
    }
    return nvm.cells.slice();
  }

  /** Plans that a planner with the change makes, in a process of its own; those of one without it must be sound. */
  #byPlans(change: Change): Verdict {
    changed(change);
    if (!this.#passing.has('plans')) {
      const wrong = this.#planned(change, change.from);
      if (wrong) throw new Error(`the planner without a change is refuted by ${wrong}`);
      this.#passing.add('plans');
    }
    return this.#planned(change, change.to);
  }

  /** What the tests of a verifier refute, by one with the change; `test` of the change says which to ask first. */
  #byChecks(change: Change): Verdict {
    const CHECKS = change.test ?? '';
    if (!this.#passing.has('checks')) {
      const wrong = hooked('checks-judge.js', change, change.from).stdout.trim();
      if (wrong) throw new Error(`a verifier without a change does not refute ${wrong}`);
      this.#passing.add('checks');
    }
    const { status, stdout, stderr } = hooked('checks-judge.js', change, change.to, { CHECKS });
    if (stderr.includes('nothing to change')) throw new Error(stderr);
    if (status !== 0) return `an error: ${stderr.split('\n').find((line) => line.includes('Error'))}`;
    const name = stdout.trim();
    return (
      name && `test ${name.startsWith('mapped') || name.startsWith('views') ? 'mapped' : 'proof'}: ${name}`
    );
  }

  #planned(change: Change, to: string): Verdict {
    const { status, stdout, stderr } = hooked('plan-judge.js', change, to);
    if (stderr.includes('nothing to change')) throw new Error(stderr);
    if (status !== 0) return 'an error';
    return stdout.trim() || undefined;
  }

  /** A copy of the build with the change, in which the test runs. */
  async #byTest(change: Change, { test, sources, accelerated }: TestJudge): Promise<Verdict> {
    if (!this.#passing.has(test)) {
      if (!passes(root, test)) throw new Error(`test ${test} fails without a change`);
      this.#passing.add(test);
    }
    const copy = mkdtempSync(join(tmpdir(), 'brownout-mutant-'));
    try {
      for (const name of [
        'node_modules',
        'checkpoints',
        'package.json',
        'asconfig.json',
        'docs',
        'bin',
        'bench',
        'host',
      ])
        symlinkSync(join(root, name), join(copy, name));
      for (const name of ['dist', 'firmware', 'test', 'assembly'])
        cpSync(join(root, name), join(copy, name), { recursive: true });
      if (sources) writeFileSync(join(copy, change.file), changed(change));
      else if (accelerated) {
        const wasm = await forSpeed(EVERYTHING, { accelerated: true }, change);
        if (typeof wasm === 'string') return 'the compiler';
        writeFileSync(join(copy, 'dist/wasm/device.accelerated.wasm'), wasm);
      } else if (change.file.startsWith('assembly/')) {
        for (const [name, learning] of [
          ['device', false],
          ['device.learn', true],
        ] as const) {
          const wasm = await build(change, learning);
          if (typeof wasm === 'string') return 'the compiler';
          writeFileSync(join(copy, `dist/wasm/${name}.wasm`), wasm);
        }
      } else if (change.file.startsWith('host/')) patchCompiled(copy, change);
      else writeFileSync(join(copy, change.file), changed(change));
      return passes(copy, test) ? undefined : `test ${test}`;
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  }
}

/** Runs a judge in a process in which a compiled source has `to` in place of what the change takes out. */
function hooked(
  judge: string,
  { file, from }: Change,
  to: string,
  more: Record<string, string> = {},
): { status: number | null; stdout: string; stderr: string } {
  const mutant = JSON.stringify({ file: `dist/${file.replace(/\.ts$/, '.js')}`, from, to });
  const here = (name: string): string => join(root, 'dist/test/mutants', name);
  return spawnSync('sh', ['-c', LIMITED, process.execPath, '--import', here('hook.js'), here(judge)], {
    env: { ...process.env, ...more, MUTANT: mutant },
    encoding: 'utf8',
    timeout: 3_600_000,
  });
}

/** The change is one of those that tests of the verifier make. */
async function byRefutation({ name }: Change): Promise<Verdict> {
  const refutation = [...REFUTATIONS, ...IN_PLACE_REFUTATIONS, ...MAPPED_REFUTATIONS].find(
    (one) => one.name === name,
  )!;
  return (await unrefuted(refutation)) === undefined ? `the proof: ${refutation.obligation}` : undefined;
}

/** Makes the change in what tsc has made of the file: it indents by four. */
function patchCompiled(copy: string, change: Change): void {
  const path = join(copy, 'dist', change.file.replace(/\.ts$/, '.js'));
  const text = readFileSync(path, 'utf8');
  const indented = (part: string): string =>
    part.replace(/^( +)/, '$1$1').replace(/\n( +)/g, (_, spaces: string) => `\n${spaces}${spaces}`);
  for (const form of [(part: string) => part, indented]) {
    if (!text.includes(form(change.from))) continue;
    writeFileSync(
      path,
      text.replace(form(change.from), () => form(change.to)),
    );
    return;
  }
  throw new Error(`${path} has no ${JSON.stringify(change.from)}`);
}

/** Whoever hangs ends: by processor time, so that a busy machine refutes nothing. */
const LIMITED = 'ulimit -S -t 200; exec "$0" "$@"';

const passes = (folder: string, test: string): boolean =>
  spawnSync('sh', ['-c', LIMITED, process.execPath, join(folder, `dist/test/${test}.test.js`)], {
    cwd: folder,
    timeout: 3_600_000,
    stdio: 'ignore',
  }).status === 0;

/** As hal.test.ts asks of pages of hot and cold data: within a tenth of each other. */
function wearsEvenly(program: string): boolean {
  const [least = 0, most = 0, total = 0] = play(program, 'wear', 40_000);
  return least > (total / 8) * 0.9 && most < (total / 8) * 1.1;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
