import type { CompareCell, CompareResult, CompareRow } from './compare.js';
import { STRATEGIES } from './strategies/programs.js';
import { farads } from '../report/text.js';
import { table } from '../report/text.js';

const significant = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
const seconds = (ms: number): string => `${significant(ms / 1000)} s`;
const millijoules = (uj: number): string => `${significant(uj / 1000)} mJ`;
const cell = (run: CompareCell | null): string =>
  run ? `${seconds(run.timeMs)} ${millijoules(run.energyUj)}` : 'never';
const over = (ratio: CompareRow['overSonic']): string =>
  ratio ? `${ratio.time.toFixed(2)}× ${ratio.energy.toFixed(2)}×` : '';

function deviceTable(rows: readonly CompareRow[]): string {
  const cells = rows.map((row) => [
    row.model,
    farads(row.capacitorUf),
    ...STRATEGIES.map((strategy) => cell(row.cells[strategy])),
    over(row.overSonic),
    over(row.overAce),
  ]);
  return table([['', 'capacitor', ...STRATEGIES, 'sonic/ours', 'ace+flex/ours'], ...cells]);
}

/** A table a device and trace, how ours evaluates the layers, and what the figures rest on. */
export function compareText({ rows, sensitivity, modelErrors }: CompareResult): string {
  const groups = new Map<string, CompareRow[]>();
  for (const row of rows) {
    const key = `${row.device}, trace ${row.trace}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const methods = new Set(
    rows.flatMap(({ model, device, cells }) => {
      return cells.ours ? [`  ${model} on ${device}: ${cells.ours.methods.join(', ')}`] : [];
    }),
  );
  const swings = sensitivity.map(({ model, device, fftFactor, overSonic, overAce }) => {
    return `  ${model} on ${device}, FFT ×${fftFactor}: over SONIC ${over(overSonic)}, over ACE+FLEX ${over(overAce)}`;
  });
  const errors = modelErrors.map(({ model, device, percent }) => {
    return `  ${model} on ${device}: ${percent >= 0 ? '+' : ''}${percent.toFixed(1)} %`;
  });
  return [
    'Time and energy of one inference from a full capacitor on; ratios: time, energy. Simulated, many costs estimated.',
    ...[...groups].flatMap(([key, list]) => ['', `${key}:`, '', deviceTable(list)]),
    '',
    'How ours evaluates each layer (~: Q15, not the exact integer result):',
    ...methods,
    ...(swings.length > 0
      ? ['', 'If FFTs, whose cost is estimated, took half or twice as much:', ...swings]
      : []),
    '',
    'What the planner’s estimate of our kernels is off by; the tables rest on metered runs:',
    ...errors,
  ].join('\n');
}
