// `npm run figures [-- --check]`: makes docs/FIGURES.md of bench/figures.json, and puts figures into the other documents,
// where they stand between `<!-- figure group.name -->` (or `figures`, for a table of several) and `<!-- / -->`. With --check nothing is written; the exit code is 1
// if a document is not as it would be made.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type Figure, formatFigure, readFigures } from '../bench/figures.js';

const root = new URL('../../', import.meta.url);
const PAGE = 'docs/FIGURES.md';
const figures = readFigures();

/** Rows of cells as Prettier lays a Markdown table. */
function table(rows: readonly string[][], right: ReadonlySet<number>): string {
  const widths = rows[0]!.map((_, i) => Math.max(3, ...rows.map((row) => [...row[i]!].length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (right.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (right.has(i) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width))).join(' | ')} |`;
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n');
}

/** Figures as rows of a table: what, ours, others' (their kinds are in FIGURES.md). */
const row = (figure: Figure): string[] => [
  figure.what,
  formatFigure(figure),
  figure.peer ? `${formatFigure({ ...figure, value: figure.peer.value })} (${figure.peer.name})` : '',
];

/** The figure called `group.name`. Throws if there is none. */
function figureCalled(id: string, path: string): Figure {
  const [group, name] = id.split('.');
  const figure = figures[group!]?.figures.find((candidate) => candidate.name === name);
  if (!figure) throw new Error(`${path} quotes ${id}, which bench/figures.json does not have`);
  return figure;
}

function page(): string {
  const sections = Object.values(figures).map(({ title, command, needs, figures: rows }) => {
    const cells = rows.map((figure) => [...row(figure), figure.kind]);
    const how = `\`${command}\`${needs === '' ? '' : `, with ${needs}`}`;
    return `## ${title}\n\n${how}\n\n${table([['what', 'ours', 'others', 'kind'], ...cells], new Set([1, 2]))}`;
  });
  return `# Figures

Made by \`npm run figures\` from \`bench/figures.json\`, which the commands below write: not edited by hand. _Measured_: counted or
timed here; instructions are counted under QEMU, and say nothing of cycles or energy. _Simulated_: instructions are counted on
the module that ships; what one costs in cycles and energy is a device profile's estimate. Ratios are of one run.

${sections.join('\n\n')}
`;
}

/** Texts of all documents, with every figure as the file has it. */
function filled(path: string): string {
  const text = readFileSync(new URL(path, root), 'utf8');
  return text
    .replace(/<!-- figure ([\w.-]+) -->.*?<!-- \/ -->/g, (_, id: string) => {
      return `<!-- figure ${id} -->${formatFigure(figureCalled(id, path))}<!-- / -->`;
    })
    .replace(/<!-- figures ([\w. -]+) -->[\s\S]*?<!-- \/ -->/g, (_, ids: string) => {
      const rows = ids.split(' ').map((id) => row(figureCalled(id, path)));
      return `<!-- figures ${ids} -->\n\n${table([['what', 'ours', 'others'], ...rows], new Set([1, 2]))}\n\n<!-- / -->`;
    });
}

const documents = [
  'README.md',
  ...readdirSync(new URL('docs/', root))
    .filter((name) => name.endsWith('.md') && `docs/${name}` !== PAGE)
    .map((name) => `docs/${name}`),
];
const made = new Map([[PAGE, page()], ...documents.map((path) => [path, filled(path)] as const)]);
const stale = [...made].filter(([path, text]) => {
  try {
    return readFileSync(new URL(path, root), 'utf8') !== text;
  } catch {
    return true;
  }
});
if (process.argv.includes('--check')) {
  for (const [path] of stale)
    console.error(`${path} is not what bench/figures.json says: run \`npm run figures\``);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const [path, text] of stale) {
    writeFileSync(new URL(path, root), text);
    console.log(`written: ${path}`);
  }
}
