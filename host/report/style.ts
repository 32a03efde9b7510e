// The one style of all pages and charts: colours by what they mean, for light and for dark.

/** What colours are for. */
interface Colours {
  text: string;
  dim: string;
  paper: string;
  rule: string;
  fill: string;
  accent: string;
  second: string;
  good: string;
  warn: string;
  bad: string;
}

const LIGHT: Colours = {
  ...{ text: '#1d2329', dim: '#5b6670', paper: '#ffffff', rule: '#d5d9de', fill: '#eef0f3' },
  ...{ accent: '#1f6fb2', second: '#7a8f1a', good: '#2f7d32', warn: '#a85f00', bad: '#b3261e' },
};

const DARK: Colours = {
  ...{ text: '#e4e7eb', dim: '#9aa5b1', paper: '#14181c', rule: '#39424c', fill: '#222a31' },
  ...{ accent: '#6db3f2', second: '#b5c95a', good: '#7cc47f', warn: '#e5ad62', bad: '#f28b82' },
};

const names = Object.keys(LIGHT) as (keyof Colours)[];
const declared = (colours: Colours): string => names.map((name) => `--${name}:${colours[name]}`).join(';');
const variables = Object.fromEntries(names.map((name) => [name, `var(--${name})`])) as unknown as Colours;

/** Of charts: shapes say by their class what they are. */
const chartStyle = (c: Colours): string =>
  `svg.chart text{font:12px system-ui,sans-serif;fill:${c.dim}}svg.chart .grid{stroke:${c.rule};stroke-width:1}
svg.chart .line{fill:none;stroke:${c.accent};stroke-width:1.6}svg.chart .second{fill:none;stroke:${c.second};stroke-width:1.3}
svg.chart .level{stroke:${c.warn};stroke-width:1;stroke-dasharray:5 4}svg.chart .levelname{fill:${c.warn}}
svg.chart .budget{stroke:${c.bad};stroke-width:1.5;stroke-dasharray:5 4}
svg.chart .front{fill:none;stroke:${c.accent};stroke-width:1}
svg.chart .dot,svg.chart .fits,svg.chart .bar{fill:${c.accent}}svg.chart .fits{opacity:.5}
svg.chart .own{fill:${c.second}}svg.chart .over{fill:${c.dim};opacity:.45}
svg.chart .chosen{fill:${c.warn}}svg.chart .on{fill:${c.good}}svg.chart .sleep{fill:${c.good};opacity:.4}
svg.chart .commit{fill:${c.good}}svg.chart .cut{fill:${c.bad}}svg.chart .pointer{stroke:${c.dim}}`;

/** Of a chart in a file of its own: as on light pages, without variables, which few programs for drawings know. */
export const CHART_FILE_STYLE = `svg{background:${LIGHT.paper}}${chartStyle(LIGHT)}`;

export const PAGE_STYLE = `:root{color-scheme:light dark;${declared(LIGHT)}}
@media (prefers-color-scheme:dark){:root{${declared(DARK)}}}
body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:72rem;padding:0 1rem;color:var(--text);
background:var(--paper)}
h1{font-size:1.4rem;margin-bottom:.2rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}a{color:var(--accent)}
code{background:var(--fill);padding:.1rem .3rem;overflow-wrap:anywhere}.note,figcaption,thead th{color:var(--dim)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;font-weight:400;padding:.12rem 1.1rem .12rem 0;vertical-align:top}
.facts td:nth-child(2){text-align:right;white-space:nowrap}td a[download]{white-space:nowrap}
.wide{overflow-x:auto}.wrong{color:var(--bad);font-weight:600}
figure{margin:1rem 0}figcaption a,figcaption button{margin-left:.8rem;font:inherit}
svg.chart{display:block;width:100%;height:auto}svg.chart .hit{display:block;width:100%;height:100%;border-radius:50%}
.columns{display:flex;flex-wrap:wrap;gap:0 3rem}.columns>*{flex:1 1 28rem;min-width:0;max-width:36rem}td.bar{width:14rem}
td.bar i{display:block;height:.6rem;background:var(--accent)}td.bar i.own{background:var(--second);margin-top:2px}
.wrong td.bar i{background:var(--bad)}
button{background:var(--fill);color:var(--text);border:1px solid var(--rule);border-radius:.25rem;padding:.1rem .6rem}
footer{margin-top:2.5rem;border-top:1px solid var(--rule);padding-top:.6rem;font-size:.9rem}footer td{overflow-wrap:anywhere}
${chartStyle(variables)}`;
