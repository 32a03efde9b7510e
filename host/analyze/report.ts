import type { AnalyzeResult, Usage } from './analyze.js';
import type { Endurance } from '../firmware/endurance.js';
import { count, table } from '../report/text.js';

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

/** The per-op table, the two bars, and how long NVM lasts. */
export function analyzeText(result: AnalyzeResult): string {
  const head = [
    'op',
    'kernel',
    'body',
    'saves',
    'in',
    'out',
    'MACs',
    'moved B',
    'cycles',
    'share',
    'so far',
    'flash B',
    'tiles',
    'largest tile',
  ];
  const rows = result.ops.map((op) => [
    op.name + (op.commits ? ' ●' : ''),
    op.kind,
    op.body,
    op.bodySaves > 0 ? `${Math.round(op.bodySaves * 100)} %` : '',
    op.inputShape.join('×'),
    op.outputShape.join('×'),
    count(op.macs),
    count(op.bytesMoved),
    count(op.cycles),
    percent(op.share),
    percent(op.cumulativeShare),
    count(op.flashBytes),
    `${op.tiles}`,
    percent(op.largestTileCycles / result.chargeCycles),
  ]);
  return [
    `${result.name} on ${result.device}, policy ${result.policy}:`,
    `${count(result.macs)} MACs, ${count(result.cycles)} cycles an inference (simulated)`,
    '',
    table([head, ...rows]),
    'body: what firmware for the device binds (dsp: SMLAD); cycles are simulated, of the scalar body',
    'saves: share of the scalar body’s instructions, estimated from those counted on other shapes (docs/ACCEL.md)',
    'largest tile: entering the op and its dearest tile, of one charge; ●: a mandatory commit behind it',
    '',
    bar('SRAM', result.sram),
    bar('NVM', result.nvm),
    '',
    enduranceTable(result.endurance),
    'of the hottest byte, or page of flash, on steady power (simulated); lasts: data sheets, MRAM estimated',
  ].join('\n');
}
