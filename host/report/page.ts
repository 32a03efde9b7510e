// One self-contained page: what a report has to show, and below it what it was made from.
import { GENERATOR } from '../options/outputs.js';
import type { Origin } from '../origin.js';
import type { Estimate } from '../profiles/estimates.js';
import { type Chart, chartSvg } from './chart.js';
import { escaped, factsTable, htmlTable } from './html.js';
import { CHART_FILE_STYLE, PAGE_STYLE } from './style.js';

export interface PageParts {
  title: string;
  /** Below the title: whether figures are measured, simulated or estimated. */
  subtitle: string;
  /** The command line that makes the page again. */
  command: string;
  origin: Origin;
  /** Constants that the figures rest on and that are estimates; undefined: the figures rest on none. */
  estimates: readonly Estimate[] | undefined;
  body: string;
  /** Plain JavaScript that runs when the page is there. */
  script?: string;
}

const NAMES: Record<keyof Origin, string> = {
  version: 'brownout',
  imageSha256: 'image, SHA-256',
  modelSha256: 'model, SHA-256',
  moduleSha256: 'device module, SHA-256',
  traceSha256: 'trace as played, SHA-256',
  seed: 'seed',
};

function footer({ command, origin, estimates }: PageParts): string {
  const rows = Object.entries(origin).map(([key, value]): [string, string] => {
    return [NAMES[key as keyof Origin], String(value)];
  });
  const made = factsTable(rows).replace('class="facts"', 'class="origin"');
  const rest =
    estimates === undefined
      ? ''
      : `<h2>Constants that are estimates: ${estimates.length}</h2>
<p class="note">All others are measured or from datasheets.</p>${htmlTable(
          ['constant', 'value', 'where it comes from'],
          estimates.map(({ name, value, source }) => [name, value, source]),
        )}`;
  return `<footer><h2>How this page was made</h2><p><code>${escaped(command)}</code></p>${made}${rest}</footer>`;
}

/** The page: no network, nothing that changes from run to run. */
export function htmlPage(parts: PageParts): string {
  const { title, subtitle, body, script } = parts;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">${GENERATOR}<title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width"><style>${PAGE_STYLE}</style>
<h1>${escaped(title)}</h1>
<p class="note">${escaped(subtitle)}</p>
${body}
${footer(parts)}
${script === undefined ? '' : `<script>${script}</script>`}</html>
`;
}

const NAMESPACE = 'http://www.w3.org/2000/svg';

/** A file as a link holds it. */
export const dataUrl = (type: string, content: string | Uint8Array): string =>
  `data:${type};base64,${Buffer.from(content as string).toString('base64')}`;

/** A link that saves a file which the page holds. */
export const saveLink = (file: string, href: string, text: string): string =>
  `<a download="${escaped(file)}" href="${escaped(href)}">${escaped(text)}</a>`;

const link = (name: string, type: string, text: string): string =>
  saveLink(name, dataUrl(type, text), name.split('.').at(-1)!.toUpperCase());

/** A chart without links: what they lead to stays on the page. */
const plain = (chart: Chart): Chart => ({
  ...chart,
  panels: chart.panels.map((panel) => {
    if (panel.kind !== 'plot') return panel;
    const marks = panel.marks.map((mark) => {
      if (mark.kind !== 'dot') return mark;
      const { save: _, ...rest } = mark;
      return rest;
    });
    return { ...panel, marks };
  }),
});

/** A chart as a file of its own. */
export const chartFile = (chart: Chart): string =>
  chartSvg(plain(chart))
    .replace('<svg ', `<svg xmlns="${NAMESPACE}" `)
    .replace('>', `><style>${CHART_FILE_STYLE}</style>`);

/** A chart with its name, and links to it as SVG and to its figures as CSV. `file`: their name without ending. */
export function figure(chart: Chart, file: string, csv: string): string {
  const links = link(`${file}.svg`, 'image/svg+xml', chartFile(chart)) + link(`${file}.csv`, 'text/csv', csv);
  return `<figure><figcaption><b>${escaped(chart.label)}</b>${links}</figcaption>${chartSvg(chart)}</figure>`;
}
