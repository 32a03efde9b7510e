import type { CompareCell, CompareResult, CompareRow } from './compare.js';
import { STRATEGIES } from './strategies/programs.js';
import { farads } from '../options/quantity.js';
import { table } from '../report/text.js';

const significant = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const FIGURES = {
  'time, s': { of: ({ timeMs }: CompareCell): number => timeMs / 1000, ratio: 'time' },
  'energy, mJ': { of: ({ energyUj }: CompareCell): number => energyUj / 1000, ratio: 'energy' },
} as const;
const times = (ratio: CompareRow['overSonic'], which: 'time' | 'energy'): string =>
  ratio ? `${ratio[which].toFixed(2)}×` : '';
const over = (ratio: CompareRow['overSonic']): string =>
  `${times(ratio, 'time')} ${times(ratio, 'energy')}`.trim();

/** A table of times and one of energies. */
function deviceTables(rows: readonly CompareRow[]): string[] {
  return Object.entries(FIGURES).flatMap(([title, { of, ratio }]) => {
    const cells = rows.map((row) => [
      row.model,
      farads(row.capacitorUf),
      ...STRATEGIES.map((strategy) => {
        const cell = row.cells[strategy];
        return cell ? significant(of(cell)) : 'never';
      }),
      times(row.overSonic, ratio),
      times(row.overAce, ratio),
    ]);
    return ['', table([[title, '', ...STRATEGIES, 'sonic ÷', 'ace ÷'], ...cells])];
  });
}

function grouped(rows: readonly CompareRow[], keyOf: (row: CompareRow) => string): Map<string, CompareRow[]> {
  const groups = new Map<string, CompareRow[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}

/** Each strategy's share of a vector unit, from the least to the most of the rows of a network. */
function sharesOf(rows: readonly CompareRow[]): string[] {
  const groups = grouped(rows, ({ model, device }) => `  ${model} on ${device}: `);
  return [...groups].flatMap(([what, list]) => {
    const parts = STRATEGIES.flatMap((strategy) => {
      const shares = list.flatMap(({ cells }) => cells[strategy]?.acceleratorPercent ?? []);
      const [least, most] = [Math.min(...shares), Math.max(...shares)].map((share) => share.toFixed(0));
      if (shares.length === 0 || most === '0') return [];
      return [`${strategy} ${least === most ? least : `${least}–${most}`} %`];
    });
    return parts.length > 0 ? [what + parts.join(', ')] : [];
  });
}

/** A table a device and trace, how ours evaluates the layers, and what the figures rest on. */
export function compareText({ rows, sensitivity, modelErrors }: CompareResult): string {
  const groups = grouped(rows, ({ device, trace }) => `${device}, trace ${trace}`);
  const methods = new Set(
    rows.flatMap(({ model, device, cells }) => {
      return cells.ours ? [`  ${model} on ${device}: ${cells.ours.methods.join(', ')}`] : [];
    }),
  );
  const shares = sharesOf(rows);
  const swings = sensitivity.map(({ model, device, fftFactor, overSonic, overAce }) => {
    return `  ${model} on ${device}, FFT ×${fftFactor}: over SONIC ${over(overSonic)}, over ACE+FLEX ${over(overAce)}`;
  });
  const errors = modelErrors.map(({ model, device, percent }) => {
    return `  ${model} on ${device}: ${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %`;
  });
  return [
    'One inference from a full capacitor on. Simulated, many costs estimated.',
    'sonic ÷, ace ÷: what SONIC and ACE+FLEX take, over what ours takes.',
    ...[...groups].flatMap(([key, list]) => ['', `${key}:`, ...deviceTables(list)]),
    '',
    'How ours evaluates each layer (~: Q15, not the exact integer result):',
    ...methods,
    ...(shares.length > 0
      ? ['', 'What of the layers’ energy a vector unit and its DMA take, by constants of others:', ...shares]
      : []),
    ...(swings.length > 0
      ? ['', 'If FFTs, whose cost is estimated, took half or twice as much:', ...swings]
      : []),
    '',
    'What the planner’s estimate of our kernels is off by; the tables rest on metered runs:',
    ...errors,
  ].join('\n');
}
