import type { AnalyzeResult, Usage } from './analyze.js';
import type { Endurance } from '../firmware/endurance.js';
import { farads } from '../options/quantity.js';
import { count, sentences, table } from '../report/text.js';

const BAR_CELLS = 30;

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function bar(name: string, { usedBytes, totalBytes }: Usage): string {
  const share = usedBytes / totalBytes;
  const full = Math.min(BAR_CELLS, Math.max(1, Math.round(share * BAR_CELLS)));
  const cells = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
  return `${name.padEnd(5)} [${cells}] ${percent(share).padStart(7)}  ${count(usedBytes)} of ${count(totalBytes)} B`;
}

/** Powers of ten as data sheets have them, other numbers with three digits. */
const figure = (value: number): string => (value >= 1e5 ? value.toExponential(1) : value.toPrecision(3));

function enduranceTable(rows: readonly Endurance[]): string {
  const head = ['NVM', 'wear an inference', 'lasts', 'inferences'];
  const cells = rows.map(({ title, unit, wearPerInference, lasts, lifetimeInferences }) => [
    title,
    `${figure(wearPerInference)} ${unit === 'byte' ? 'writes' : 'erasures'}`,
    lasts.toExponential(0),
    figure(lifetimeInferences),
  ]);
  return table([head, ...cells]);
}

/** Three digits: 0.0123, 4.56, 789, 12,345. */
const threeDigits = (value: number): string =>
  value >= 100 ? count(Math.round(value)) : `${Number(value.toPrecision(3))}`;

/** What an inference costs, in the units that a supply is chosen by. */
function costs(result: AnalyzeResult): string {
  const { macs, cycles, timeMs, energyMj, charges, capacitorUf, smallestCapacitorUf } = result;
  const unit = result.acceleratorPercent;
  const energy = energyMj >= 0.1 ? `${threeDigits(energyMj)} mJ` : `${threeDigits(energyMj * 1000)} µJ`;
  return table(
    [
      ['inference', `${count(macs)} MACs, ${count(cycles)} cycles`],
      ['time', `${threeDigits(timeMs)} ms`],
      ['energy', `${energy}: ${threeDigits(charges)} charges of ${farads(capacitorUf)}`],
      ...(unit > 0
        ? [['by vector unit', `${unit.toFixed(0)} % of the energy, by constants that others have published`]]
        : []),
      ['least capacitor', `${farads(smallestCapacitorUf)}: a boot, the dearest tile, a commit`],
    ].map(([name, value]) => [`${name!.padEnd(15)}  ${value}`]),
  );
}

/** What an inference costs, op by op; how ops are run; the two bars, and how long NVM lasts. */
export function analyzeText(result: AnalyzeResult): string {
  const work = result.ops.map((op) => [
    op.name,
    op.outputShape.join('×'),
    count(op.macs),
    count(op.cycles),
    threeDigits(op.energyUj),
    percent(op.share),
    count(op.flashBytes),
  ]);
  const way = result.ops.map((op) => [
    (op.commits ? '● ' : '') + op.name,
    op.kind,
    op.body,
    op.bodySaves > 0 ? `${Math.round(op.bodySaves * 100)} %` : '',
    count(op.bytesMoved),
    `${op.tiles}`,
    percent(op.largestTileCycles / result.chargeCycles),
  ]);
  return [
    `${result.name} on ${result.device}, policy ${result.policy}, simulated on steady power:`,
    ...sentences(result.notes),
    costs(result),
    '',
    table([['op', 'out', 'MACs', 'cycles', 'µJ', 'share', 'flash B'], ...work]),
    '',
    table([['op', 'kernel', 'body', 'saves', 'moved B', 'tiles', 'charge'], ...way]),
    '',
    bar('SRAM', result.sram),
    bar('NVM', result.nvm),
    '',
    enduranceTable(result.endurance),
    '',
    'Without boots and commits. cycles: of the body that firmware of this device',
    'binds; saves: of the instructions of a core without it (estimated). charge:',
    'share of one that the dearest tile takes. ●: a commit must follow',
    '(docs/REPLAY.md).',
  ].join('\n');
}
