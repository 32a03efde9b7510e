// `npm run calibrate`: what kernels cost on each body of the firmware, fitted to instructions that QEMU counts. Writes what
// was counted (bench/calibration.json) and the tables of costs (host/ops/kernel-costs/), and prints the error on
// shapes that the fit has not seen. `npm run calibrate -- fit` fits anew what was counted before.
import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import {
  type Calibration,
  CALIBRATION_IMAGES,
  calibrated,
  calibrationSamples,
  compileCalibration,
  type CountedOp,
  errorsOf,
  fitCosts,
  type KernelCosts,
  packRecord,
  readCalibration,
  rms,
} from '../bench/calibration.js';
import { OP_TILES } from '../assembly/layout.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { type Board, boardCalled } from '../host/firmware/targets.js';
import type { Image } from '../host/model/image.js';
import type { Body } from '../host/ops/shared/cost.js';
import { msp430fr5994 } from '../host/profiles/msp430fr5994.js';
import { BareKernels } from '../host/simulator/bare.js';
import { steadyPower, type Supply } from '../host/simulator/device.js';
import { bareModuleFor, meteredModule } from '../host/toolchain/modules.js';
import { readMeter, setBudget } from '../host/toolchain/meter.js';

const COMMAND = 'npm run calibrate';

/** Where each body is counted. The code of a Cortex-M0+ runs on a Cortex-M3 as well. */
const BOARDS: Record<Exclude<Body, 'msp430'>, Board> = {
  dsp: boardCalled('qemu-mps2-an386'),
  armv7m: boardCalled('qemu-mps2-an385'),
  armv6m: { ...boardCalled('qemu-mps2-an385'), core: 'cortex-m0plus' },
  rv32: boardCalled('qemu-riscv-virt'),
};

const bodies = [...Object.keys(BOARDS), 'msp430'] as Body[];

/** Cycles of an MSP430: of the metered kernels, as no emulator has the part. */
function meteredOps(image: Image): [number, number][] {
  let global = { value: 0n };
  const supply: Supply = {
    ...steadyPower,
    boot(meter) {
      global = meter as unknown as { value: bigint };
    },
  };
  const module = meteredModule(bareModuleFor(image), msp430fr5994.instructionCycles.value);
  const kernels = new BareKernels(module, image, supply);
  const spent = (work: () => void): number => {
    setBudget(global, 2 ** 27);
    work();
    return 2 ** 27 - readMeter(global).cyclesLeft;
  };
  return image.ops.map((op, index) => {
    const enter = spent(() => kernels.enter(index));
    let tiles = 0;
    for (let tile = 0; tile < op.get(OP_TILES); tile++) tiles += spent(() => kernels.tile(tile));
    return [Math.round(enter), Math.round(tiles)];
  });
}

async function countAll(): Promise<Calibration> {
  const ops: CountedOp[] = [];
  for (const spec of CALIBRATION_IMAGES) {
    const image = compileCalibration(spec);
    const counts: [number, number][][] = [];
    for (const board of Object.values(BOARDS)) {
      const counted = await countOps(image, board);
      counts.push(counted.ops.map(({ enter, tiles }) => [enter, tiles]));
    }
    counts.push(meteredOps(image));
    for (const index of calibrated(image)) {
      const record = packRecord(image.ops[index]!);
      ops.push({ set: spec.set, record, counts: counts.flatMap((body) => body[index]!) });
    }
    console.log(`${spec.set} ${spec.family} ${spec.seed}: counted`);
  }
  return { command: COMMAND, bodies, ops };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const root = new URL('../../', import.meta.url);
async function writePretty(path: string, text: string): Promise<void> {
  const filepath = new URL(path, root).pathname;
  writeFileSync(filepath, await format(text, { ...(await resolveConfig(filepath)), filepath }));
}

/** A line an op: not as Prettier has it. */
function packed({ command, bodies: names, ops }: Calibration): string {
  const lines = ops.map((op) => JSON.stringify(op));
  return `{"command":"${command}","bodies":${JSON.stringify(names)},"ops":[\n${lines.join(',\n')}\n]}\n`;
}

if (process.argv[2] !== 'fit') {
  writeFileSync(new URL('bench/calibration.json', root), packed(await countAll()));
}
const samples = calibrationSamples(readCalibration());
const table = Object.fromEntries(bodies.map((body) => [body, fitCosts(samples, body)]));
for (const body of bodies) {
  const seen = errorsOf(samples, 'fit', body, table[body]!);
  const unseen = errorsOf(samples, 'held-out', body, table[body]!);
  const errors = unseen.map(({ error }) => error);
  const largest = Math.max(...errors.map(Math.abs));
  console.log(
    `${body}: error ${percent(rms(errors))} (RMS) of ${errors.length} held-out ops, at most ${percent(largest)}; ` +
      `${percent(rms(seen.map(({ error }) => error)))} of ${seen.length} fitted ones`,
  );
  for (const kernel of Object.keys(table[body]!)) {
    const of = (list: typeof seen): number[] =>
      list.filter((one) => one.kernel === kernel).map(({ error }) => error);
    const [fitted, held] = [of(seen), of(unseen)];
    const text = held.map((error) => (error * 100).toFixed(0)).join(' ');
    console.log(
      `  ${kernel.padEnd(28)} fit ${percent(rms(fitted))}, held out ${percent(rms(held))}: ${text}`,
    );
  }
}
const rows = (costs: KernelCosts): string =>
  Object.entries(costs)
    .map(([kernel, row]) => `${kernel}: ${JSON.stringify(row)},`)
    .join('\n');
for (const body of bodies) {
  await writePretty(
    `host/ops/kernel-costs/${body}.ts`,
    `// Made by \`${COMMAND}\` from bench/calibration.json: what one of each thing costs that a kernel does (\`work\` of its op in
// host/ops), in ${body === 'msp430' ? 'cycles, estimated' : 'instructions, counted'}.
export const ${body}Costs = {\n${rows(table[body]!)}\n} as const;
`,
  );
}
