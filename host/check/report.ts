import { count, table } from '../report/text.js';
import type { BoardCheck } from './board.js';
import type { CheckResult, Costs } from './check.js';

const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function costsText({ device, macs, cycles, timeMs, energyMj, ...costs }: Costs): string {
  const used = (bytes: number, total: number): string => `${count(bytes)} of ${count(total)} B`;
  return [
    `On ${device}: ${count(macs)} MACs, ${count(cycles)} cycles (simulated),`,
    `${figure(timeMs)} ms and ${figure(energyMj)} mJ an inference (estimated)`,
    `SRAM ${used(costs.sramBytes, costs.sramTotalBytes)}, NVM ${used(costs.nvmBytes, costs.nvmTotalBytes)}`,
    `Smallest capacitor: ${figure(costs.smallestCapacitorUf)} µF (estimated)`,
  ].join('\n');
}

/** What the board has room for with each kind of NVM, and what a person fills in. */
function boardText({ board, core, flashBytes, sramBytes, nvm }: BoardCheck): string {
  const lines = nvm.map(({ nvm: kind, runsOn, needs }) => {
    const missing = needs.map(({ name, file, what }) => `${name} (${file}): ${what}`);
    return runsOn === undefined
      ? `- NVM ${kind}: to fill in: ${missing.join('; ')}`
      : `- NVM ${kind}: nothing to fill in; ran on ${runsOn}`;
  });
  const own = `Board ${board} (${core}): ${count(flashBytes)} B of flash, ${count(sramBytes)} B of SRAM`;
  return [own, ...lines].join('\n');
}

/** What stands in the way, or what the model costs. */
export function checkText({ name, operators, obstacles, notes, costs, board }: CheckResult): string {
  const kinds = Object.entries(operators).sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const total = kinds.reduce((sum, [, number]) => sum + number, 0);
  const listed = table([['operator', 'of them'], ...kinds.map(([kind, number]) => [kind, `${number}`])]);
  const affected = new Set(obstacles.map(({ index }) => index)).size;
  const share = Math.round((100 * affected) / Math.max(1, total));
  const verdict =
    obstacles.length === 0
      ? [`${name} can be compiled.`]
      : [
          `${name} cannot be compiled: ${obstacles.length} obstacles, ${affected} of ${total} operators (${share} %).`,
          ...obstacles.map(({ found, expected }) => `- ${found}; expected ${expected}`),
          ...new Set(obstacles.map(({ hint }) => hint).filter((hint) => hint)),
        ];
  return [
    listed,
    '',
    ...verdict,
    ...notes,
    ...(costs ? ['', costsText(costs)] : []),
    ...(board ? ['', boardText(board)] : []),
  ].join('\n');
}
