// The one file that benches write their figures into, bench/figures.json. `npm run figures` makes docs/FIGURES.md of it
// and puts its values into the other documents.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

export interface Figure {
  /** Name within its group: documents quote `group.name`. */
  name: string;
  what: string;
  value: number;
  /** Behind the value; '' for a count. */
  unit: string;
  /** Digits after the point. */
  digits: number;
  kind: 'measured' | 'simulated' | 'estimated';
  /** The best other system's value of the same thing, and whose it is. */
  peer?: { value: number; name: string };
}

/** Figures that one command writes. */
export interface FigureGroup {
  title: string;
  /** As one types it. */
  command: string;
  /** What it needs beside Node. */
  needs: string;
  figures: Figure[];
}

export type Figures = Record<string, FigureGroup>;

// From dist/bench.
const path = new URL('../../bench/figures.json', import.meta.url);

export function readFigures(): Figures {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Figures) : {};
}

/**
 * Puts a group's figures into the file, in place of those of the same names: what a run could not measure keeps the value of
 * the last that could.
 */
export function writeFigures(name: string, group: FigureGroup): void {
  const all = readFigures();
  const fresh = new Set(group.figures.map((figure) => figure.name));
  const kept = (all[name]?.figures ?? []).filter((figure) => !fresh.has(figure.name));
  const merged = { ...all, [name]: { ...group, figures: [...group.figures, ...kept] } };
  const sorted = Object.fromEntries(Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(path, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** A name for a figure from what people call it: `conv 16×16×32→32, 3×3` → `conv-16x16x32-32-3x3`. */
export const nameOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll('×', 'x')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** `863,360 instructions`, `0.96 %`: a value as documents print it. */
export function formatFigure({ value, digits, unit }: Figure): string {
  const [whole, fraction] = value.toFixed(digits).split('.') as [string, string?];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  const number = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return unit === '' ? number : `${number} ${unit}`;
}
