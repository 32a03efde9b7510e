// `npm run calibrate`: what classes of WASM instructions cost in instructions of a Cortex-M4, fitted to counts of QEMU.
// Prints the table for host/profiles/cortex-m4-generic.ts, and the error on kernels the fit has not seen.
import { Random } from '../host/math/random.js';
import { compile } from '../host/compile/compile.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { boardCalled } from '../host/firmware/targets.js';
import { type Image, readImage } from '../host/model/image.js';
import { elementCount, type QuantizedNetwork } from '../host/model/quantized-network.js';
import { cortexM4Instructions } from '../host/profiles/cortex-m4-generic.js';
import { BareKernels } from '../host/simulator/bare.js';
import type { Supply } from '../host/simulator/device.js';
import { buildDevice } from '../host/toolchain/build-device.js';
import { type InstructionCosts, meter, readMeter, setBudget } from '../host/toolchain/meter.js';
import * as networks from '../samples/networks.js';

type Class = keyof InstructionCosts;
/** What one expects of a C compiler: most locals and constants cost nothing, a load is a load. */
const EXPECTED: InstructionCosts = {
  ...{ local: 0.125, constant: 0.125, alu32: 0.75, mul32: 1, div32: 6, alu64: 2, mul64: 1, div64: 40 },
  ...{ load: 1, store: 1, branch: 1.5, call: 8, select: 2, simd: 8, bulkPerByte: 0.5, bulkSetup: 10 },
};
/** Calls of the hardware layer: a view, a write, a byte written. */
const EXTRA = { view: 25, write: 40, byteWritten: 1.2 };
/**
 * How strongly the fit is held to what one expects, relative to it: classes come in fixed company, so that counts alone
 * do not tell them apart.
 */
const PULL = 1;
const CLASSES = Object.keys(EXPECTED) as Class[];
/** Classes no scalar device kernel uses, or that hardly ever run: they keep their estimates. */
const KEPT: Class[] = ['simd', 'div64', 'bulkPerByte', 'bulkSetup'];
const SHAPES = 5;
const ROUNDS = 20_000;

interface Sample {
  name: string;
  /** How often each class ran, then the extras. */
  counts: number[];
  instructions: number;
}

/** Counts NVM accesses, and cycles of a meter in which one class alone costs something. */
class CountingSupply implements Supply {
  readonly extras = [0, 0, 0];
  #meter: WebAssembly.Global | undefined;
  #spent = 0;

  boot(global: WebAssembly.Global | undefined): void {
    this.#meter = global;
    setBudget(global as unknown as { value: bigint }, 2 ** 26);
  }
  view(): void {
    this.extras[0]!++;
    this.collect();
  }
  write(bytes: number): number {
    this.extras[1]!++;
    this.extras[2]! += bytes;
    this.collect();
    return bytes;
  }
  sync(): void {}
  low(): boolean {
    return false;
  }

  /** Adds what was spent since, and grants anew. */
  collect(): number {
    const global = this.#meter as unknown as { value: bigint };
    this.#spent += 2 ** 26 - readMeter(global).cyclesLeft;
    setBudget(global, 2 ** 26);
    return this.#spent;
  }
}

function countClasses(wasm: Uint8Array, image: Image): number[] {
  let extras: number[] = [];
  const counts = CLASSES.map((one) => {
    const costs = Object.fromEntries(CLASSES.map((name) => [name, name === one ? 1 : 0])) as unknown;
    const supply = new CountingSupply();
    const module = new WebAssembly.Module(meter(wasm, costs as InstructionCosts));
    const kernels = new BareKernels(module, image, supply);
    kernels.feed(image.sample!);
    supply.extras.fill(0);
    kernels.run(image.sample!);
    extras = [supply.extras[0]!, supply.extras[1]! - 1, supply.extras[2]! - image.input.bytes];
    return supply.collect();
  });
  return [...counts, ...extras];
}

const makers: Record<string, (random: Random) => QuantizedNetwork> = {
  conv2d: networks.convNetwork,
  'conv2d int4': (random) => networks.withInt4(random, networks.convNetwork(random)),
  'conv2d blocks': networks.circulantConvNetwork,
  depthwise: networks.depthwiseNetwork,
  dense: (random) => networks.denseNetwork(random, 400),
  'dense int4': (random) => networks.withInt4(random, networks.denseNetwork(random, 400)),
  'circulant direct': (random) => {
    const blockSize = 2 ** networks.between(random, 2, 5);
    return networks.circulantNetwork(random, { blockSize, inputs: 64, outputs: 64, method: 'direct' });
  },
  'circulant ntt': (random) => {
    const blockSize = 2 ** networks.between(random, 3, 7);
    return networks.circulantNetwork(random, { blockSize, inputs: 256, outputs: 128, method: 'ntt' });
  },
  'max pool': networks.maxPoolNetwork,
  'average pool': networks.averagePoolNetwork,
  add: (random) => networks.elementwiseNetwork(random, 'add'),
  mul: (random) => networks.elementwiseNetwork(random, 'mul'),
  softmax: networks.softmaxNetwork,
  mean: networks.meanNetwork,
};

async function collect(): Promise<Sample[]> {
  const board = boardCalled('qemu-mps2-an386');
  const samples: Sample[] = [];
  for (const [name, make] of Object.entries(makers)) {
    for (let seed = 1; seed <= SHAPES; seed++) {
      const random = new Random(seed * 77);
      const network = make(random);
      const sample = networks.int8s(random, elementCount(network.tensors[network.input]!));
      const image = readImage(compile(network, { arenaBytes: 8192, sample }));
      const counts = countClasses(await buildDevice(image, { entry: 'bare', optimize: 'speed' }), image);
      const { ops } = await countOps(image, board);
      const instructions = ops.reduce((sum, op) => sum + op.enter + op.tiles, 0);
      // A tick is 40 instructions: what takes fewer than some 100 ticks is not counted well enough.
      if (instructions > 4000) samples.push({ name, counts, instructions });
    }
  }
  return samples;
}

const predict = (counts: readonly number[], costs: readonly number[]): number =>
  counts.reduce((sum, n, i) => sum + n * costs[i]!, 0);

/** Costs ≥ 0 with the least squared relative error, held to the prior: coordinate descent. */
function fit(samples: readonly Sample[], prior: readonly number[], free: readonly boolean[]): number[] {
  const rows = samples.map(({ counts, instructions }) => counts.map((n) => n / instructions));
  const costs = [...prior];
  const residuals = rows.map((row) => 1 - predict(row, costs));
  for (let round = 0; round < ROUNDS; round++) {
    const i = round % costs.length;
    if (!free[i]) continue;
    const pull = PULL / prior[i]! ** 2;
    let [top, bottom] = [pull * (prior[i]! - costs[i]!), pull];
    rows.forEach((row, s) => {
      top += row[i]! * residuals[s]!;
      bottom += row[i]! ** 2;
    });
    const next = Math.max(0, costs[i]! + top / bottom);
    rows.forEach((row, s) => {
      residuals[s]! -= row[i]! * (next - costs[i]!);
    });
    costs[i] = next;
  }
  return costs;
}

const errorsOf = (samples: readonly Sample[], costs: readonly number[]): number[] =>
  samples.map(({ counts, instructions }) => predict(counts, costs) / instructions - 1);

const rms = (errors: readonly number[]): number =>
  Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const samples = await collect();
const prior = [...CLASSES.map((name) => EXPECTED[name]), ...Object.values(EXTRA)];
const free = prior.map((_, i) => i >= CLASSES.length || !KEPT.includes(CLASSES[i]!));
const sixteenths = (costs: number[]): number[] =>
  costs.map((cost, i) => (i < CLASSES.length ? Math.round(cost * 16) / 16 : cost));

// Each kernel in turn is left out of the fit, and predicted by it.
const unseen = Object.keys(makers).map((name) => {
  const costs = fit(
    samples.filter((sample) => sample.name !== name),
    prior,
    free,
  );
  const errors = errorsOf(
    samples.filter((sample) => sample.name === name),
    costs,
  );
  return { name, rms: rms(errors) };
});
const fitted = sixteenths(fit(samples, prior, free));
const errors = errorsOf(samples, fitted);
console.log(`${samples.length} ops of ${unseen.length} kernels on qemu-mps2-an386, instructions counted`);
console.log(JSON.stringify(Object.fromEntries(CLASSES.map((name, i) => [name, fitted[i]])), null, 2));
const extras = Object.keys(EXTRA).map((name, i) => `${name} ${fitted[CLASSES.length + i]!.toFixed(1)}`);
console.log(`calls of the hardware layer: ${extras.join(', ')}`);
const largest = Math.max(...errors.map(Math.abs));
console.log(`error of the fit: ${percent(rms(errors))} (RMS), at most ${percent(largest)}`);
const inUse = CLASSES.map((name) => cortexM4Instructions[name]);
const known = errorsOf(samples, [...inUse, ...fitted.slice(CLASSES.length)]);
console.log(`error of the profile as it stands: ${percent(rms(known))}`);
for (const name of Object.keys(makers)) {
  const own = samples.flatMap((sample, i) => (sample.name === name ? [errors[i]!] : []));
  console.log(`  ${name.padEnd(18)} ${percent(own.reduce((sum, e) => sum + e, 0) / own.length)} on average`);
}
console.log('error on a kernel that the fit has not seen (RMS):');
for (const { name, rms: error } of unseen) console.log(`  ${name.padEnd(18)} ${percent(error)}`);
