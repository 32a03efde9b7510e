// The script of a replay's page: draws the stretch of time that is looked at, zooms, says what is under the pointer, and
// hands out what it draws as SVG and CSV.
import { CHART_CODE } from '../report/chart.js';
import { CHART_FILE_STYLE } from '../report/style.js';
import { shownOf, timelineChart } from './timeline-chart.js';

/** Plain JavaScript for browsers; reads `D`, puts what it shows into `window.view`. */
export const VIEWER = `${CHART_CODE}
${String(shownOf)}
${String(timelineChart)}
const place = document.getElementById('chart'), tip = document.getElementById('tip');
const view = (window.view = { from: 0, to: D.endUs });
const LEFT = 70, RIGHT = 12;
let pointer = null, asked = false;
const width = () => Math.max(360, Math.round(place.clientWidth));
const time = (px) => view.from + ((px - LEFT) / (width() - LEFT - RIGHT)) * (view.to - view.from);
function draw() {
  asked = false;
  place.innerHTML = chartSvg(timelineChart(D, view.from, view.to, width()));
  if (pointer === null) return;
  const line = document.createElementNS(place.firstChild.namespaceURI, 'path');
  line.setAttribute('class', 'pointer');
  line.setAttribute('d', 'M' + pointer + ' 12V406');
  place.firstChild.append(line);
}
const soon = () => { if (!asked) requestAnimationFrame(draw); asked = true; };
function tell(px) {
  const t = time(px);
  const inside = (list) => { const s = list.findLast((q) => q[0] <= t); return s && t <= s[1] ? s : null; };
  const i = D.volts.findLastIndex((p) => p[0] <= t);
  const a = D.volts[Math.max(0, i)], b = D.volts[Math.min(D.volts.length - 1, i + 1)];
  const volts = b[0] > a[0] ? a[1] + ((b[1] - a[1]) * (t - a[0])) / (b[0] - a[0]) : a[1];
  const harvest = D.harvest.findLast((p) => p[0] <= t);
  const n = D.inferences.findLastIndex((p) => p[0] <= t), tile = inside(D.tiles);
  tip.textContent = (t / 1000).toFixed(3) + ' ms · ' + volts.toFixed(3) + ' V · ' +
    (inside(D.sleep) ? 'asleep' : inside(D.on) ? 'on' : 'off') + (n >= 0 ? ' · inference ' + (n + 1) : '') +
    (tile ? ' · ' + D.ops[tile[2]] + ', tile ' + tile[3] + ' (' + (tile[1] - tile[0]).toFixed(1) + ' µs)' : '') +
    (harvest ? ' · ' + harvest[1] + ' µW harvested' : '');
}
function show(from, to) {
  const least = 20, size = Math.min(D.endUs, Math.max(least, to - from));
  view.from = Math.max(0, Math.min(from, D.endUs - size)); view.to = view.from + size;
  draw();
}
place.addEventListener('wheel', (e) => {
  e.preventDefault();
  const t = time(e.clientX - place.getBoundingClientRect().left);
  const factor = e.deltaY > 0 ? 1 + e.deltaY / 500 : 1 / (1 - e.deltaY / 500);
  show(t - (t - view.from) * factor, t + (view.to - t) * factor);
}, { passive: false });
place.addEventListener('mousemove', (e) => {
  pointer = e.clientX - place.getBoundingClientRect().left;
  if (e.buttons & 1) {
    const d = (e.movementX / (width() - LEFT - RIGHT)) * (view.to - view.from);
    show(view.from - d, view.to - d);
  } else soon();
  tell(pointer);
});
const save = (name, type, text) => {
  const a = document.createElement('a');
  a.download = name; a.href = URL.createObjectURL(new Blob([text], { type })); a.click();
};
const rows = (head, list) => [head, ...list].map((row) => row.join(',')).join('\\n') + '\\n';
const events = () => [
  ...D.on.map((s) => [s[0], s[1], 'on', '', '']), ...D.sleep.map((s) => [s[0], s[1], 'asleep', '', '']),
  ...D.tiles.map((s) => [s[0], s[1], 'tile', '"' + D.ops[s[2]] + '"', s[3]]),
  ...D.commits.map((t) => [t, t, 'commit', '', '']), ...D.cuts.map((t) => [t, t, 'cut', '', '']),
].sort((a, b) => a[0] - b[0]);
const CLICKS = {
  all: () => show(0, D.endUs),
  tile: () => {
    const middle = (view.from + view.to) / 2;
    const s = D.tiles.findLast((q) => q[0] <= middle) ?? D.tiles[0];
    if (s) show(s[0] - (s[1] - s[0]) * 0.1, s[1] + (s[1] - s[0]) * 0.1);
  },
  svg: () => {
    const text = chartSvg(timelineChart(D, view.from, view.to, width()));
    const svg = new DOMParser().parseFromString(text, 'text/html').querySelector('svg');
    const style = document.createElementNS(svg.namespaceURI, 'style');
    style.textContent = ${JSON.stringify(CHART_FILE_STYLE)};
    svg.prepend(style);
    save('replay.svg', 'image/svg+xml', new XMLSerializer().serializeToString(svg));
  },
  volts: () => save('voltage.csv', 'text/csv', rows(['time_us', 'voltage_v'], D.volts)),
  harvest: () => {
    const end = [D.endUs, D.harvest.at(-1)?.[1] ?? 0];
    save('harvest.csv', 'text/csv', rows(['time_us', 'power_uw'], [...D.harvest, end]));
  },
  events: () => save('events.csv', 'text/csv', rows(['from_us', 'to_us', 'what', 'op', 'tile'], events())),
};
for (const [id, click] of Object.entries(CLICKS)) document.getElementById(id).onclick = click;
window.addEventListener('resize', soon);
draw();
`;
