// `npm run calibrate`: what kernels cost on each body of the firmware, fitted to instructions that QEMU counts, of the MSP430 to
// cycles that mspdebug does, alone and beside LEA. Writes what was counted (bench/calibration.json, calibration-….json) and the tables of costs
// (host/ops/kernel-costs/), and prints the error on shapes that the fit has not seen. `npm run calibrate -- qemu`, `-- msp430` (LEA too) or `-- lea`
// counts on these alone, with names of families behind it these alone: what was counted before of other families stays. `-- fit` fits
// anew what was counted before.
import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import {
  type Calibration,
  CALIBRATION_IMAGES,
  type CalibrationMsp430,
  calibrated,
  compileCalibration,
  type CountedMsp430,
  type CountedOp,
  fitted,
  packRecord,
  readCalibration,
  readCalibrationMsp430,
  withOthers,
} from '../bench/calibration.js';
import {
  type CalibrationSample,
  type CountedBody,
  errorsOf,
  type KernelCosts,
  rms,
} from '../bench/calibration-fit.js';
import { countGroup, groupsOf, LEA_SETTINGS, MSP430_SETTINGS } from '../bench/count-msp430.js';
import { OP_TILES } from '../assembly/layout.js';
import { countOps } from '../host/firmware/count-on-board.js';
import { type Board, boardCalled } from '../host/firmware/targets.js';
import type { Image } from '../host/model/image.js';
import { CALIBRATION_FAMILIES } from '../samples/calibration.js';
import { BODIES, type Body, isMsp430 } from '../host/ops/shared/cost.js';
import { msp430fr5994 } from '../host/profiles/msp430fr5994.js';
import { BareKernels } from '../host/simulator/bare.js';
import { steadyPower, type Supply } from '../host/simulator/device.js';
import { bareModuleFor, meteredModule } from '../host/toolchain/modules.js';
import { readMeter, setBudget } from '../host/toolchain/meter.js';

const COMMAND = 'npm run calibrate';

/** Where each body is counted. The code of a Cortex-M0+ runs on a Cortex-M3 as well. */
const BOARDS: Record<Exclude<CountedBody, 'metered'>, Board> = {
  dsp: boardCalled('qemu-mps2-an386'),
  armv7m: boardCalled('qemu-mps2-an385'),
  armv6m: { ...boardCalled('qemu-mps2-an385'), core: 'cortex-m0plus' },
  rv32: boardCalled('qemu-riscv-virt'),
};

const bodies = [...Object.keys(BOARDS), 'metered'] as CountedBody[];

/** Metered cycles of an MSP430. */
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

const [what, ...families] = process.argv.slice(2);
const unknown = families.filter((name) => !CALIBRATION_FAMILIES.some((family) => family === name));
if (unknown.length > 0)
  throw new Error(`no family ${unknown.join()}; there are ${CALIBRATION_FAMILIES.join()}`);
const isAsked = (family: string): boolean => families.length === 0 || families.includes(family);

async function countAll(): Promise<Calibration> {
  const ops: CountedOp[] = [];
  for (const spec of CALIBRATION_IMAGES.filter(({ family }) => isAsked(family))) {
    const image = compileCalibration(spec);
    const counts: [number, number][][] = [];
    for (const board of Object.values(BOARDS)) {
      const counted = await countOps(image, board);
      counts.push(counted.ops.map(({ enter, tiles }) => [enter, tiles]));
    }
    counts.push(meteredOps(image));
    for (const index of calibrated(image)) {
      const record = packRecord(image.ops[index]!);
      ops.push({
        set: spec.set,
        family: spec.family,
        record,
        counts: counts.flatMap((body) => body[index]!),
      });
    }
    console.log(`${spec.set} ${spec.family} ${spec.seed}: counted`);
  }
  return {
    command: COMMAND,
    bodies,
    ops: withOthers(ops, families.length > 0 ? readCalibration().ops : [], families),
  };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const root = new URL('../../', import.meta.url);
async function writePretty(path: string, text: string): Promise<void> {
  const filepath = new URL(path, root).pathname;
  writeFileSync(filepath, await format(text, { ...(await resolveConfig(filepath)), filepath }));
}

/** A line an op: not as Prettier has it. */
function packed({ ops }: { ops: readonly object[] }, names?: readonly string[]): string {
  const lines = ops.map((op) => JSON.stringify(op));
  const head = JSON.stringify({ command: COMMAND, bodies: names }).slice(0, -1);
  return `${head},"ops":[\n${lines.join(',\n')}\n]}\n`;
}

async function countMsp430(body: 'msp430' | 'lea'): Promise<CalibrationMsp430> {
  const ops: CountedMsp430[] = [];
  for (const setting of body === 'lea' ? LEA_SETTINGS : MSP430_SETTINGS) {
    for (const family of setting.families.filter(isAsked)) {
      for (const group of groupsOf(family, setting)) {
        ops.push(...(await countGroup(family, setting, group)));
        console.log(`${body}, ${setting.set} ${family} ${group.join()}: ${ops.length} ops counted`);
      }
    }
  }
  const before = families.length > 0 ? readCalibrationMsp430(body).ops : [];
  return { command: COMMAND, ops: withOthers(ops, before, families) };
}

if (what !== 'fit' && what !== 'msp430' && what !== 'lea') {
  const counted = await countAll();
  writeFileSync(new URL('bench/calibration.json', root), packed(counted, counted.bodies));
}
for (const body of ['msp430', 'lea'] as const) {
  if (what === undefined || what === 'msp430' || what === body)
    writeFileSync(new URL(`bench/calibration-${body}.json`, root), packed(await countMsp430(body)));
}

function printErrors(body: Body, samples: readonly CalibrationSample[], costs: KernelCosts): void {
  const seen = errorsOf(samples, 'fit', costs);
  const unseen = errorsOf(samples, 'held-out', costs);
  const errors = unseen.map(({ error }) => error);
  const largest = Math.max(...errors.map(Math.abs));
  console.log(
    `${body}: error ${percent(rms(errors))} (RMS) of ${errors.length} held-out ops, at most ${percent(largest)}; ` +
      `${percent(rms(seen.map(({ error }) => error)))} of ${seen.length} fitted ones`,
  );
  for (const kernel of Object.keys(costs)) {
    const of = (list: typeof seen): number[] =>
      list.filter((one) => one.kernel === kernel).map(({ error }) => error);
    const [fitted, held] = [of(seen), of(unseen)];
    if (fitted.length + held.length === 0) continue;
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

/** The body whose costs another has, but for what a vector unit computes. */
const BASES: Partial<Record<Body, Body>> = { lea: 'msp430' };

/** The table of a body as a file; of one that has a base, the rows that differ. */
function tableOf(body: Body, costs: KernelCosts): string {
  const base = BASES[body];
  const taken = base ? fitted(base).costs : {};
  const own = Object.entries(costs).filter(
    ([kernel, row]) => JSON.stringify(row) !== JSON.stringify(taken[kernel]),
  );
  const first = base ? `...${base}Costs,\n` : '';
  return `// Made by \`${COMMAND}\` from bench/${isMsp430(body) ? `calibration-${body}` : 'calibration'}.json: what one of each
// thing costs that a kernel does (\`work\` of its op in host/ops), in ${isMsp430(body) ? 'cycles' : 'instructions'}, counted.
import type { Counts } from '../shared/work.js';
${base ? `import { ${base}Costs } from './${base}.js';\n` : ''}
export const ${body}Costs: Readonly<Record<string, Counts>> = {\n${first}${rows(Object.fromEntries(own))}\n};
`;
}

for (const body of BODIES) {
  const { samples, costs } = fitted(body);
  printErrors(body, samples, costs);
  await writePretty(`host/ops/kernel-costs/${body}.ts`, tableOf(body, costs));
}
