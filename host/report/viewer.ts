// The script of a replay's page: draws what happened over time, zooms, and says what is under the pointer.

/** Plain JavaScript for browsers; reads `D`, puts what it shows into `window.view`. */
export const VIEWER = `
const chart = document.getElementById('chart'), tip = document.getElementById('tip'), pen = chart.getContext('2d');
const last = (list, at) => (list.length ? list[list.length - 1][at] : 0);
const end = Math.max(1, last(D.volts, 0), last(D.on, 1), last(D.inferences, 1));
const view = (window.view = { from: 0, to: end });
const COLOURS = ['#3a7ca5', '#e0a458', '#6a994e', '#a663cc', '#d1495b', '#2a9d8f', '#8d6e63', '#577590'];
const top_ = Math.max(D.thresholds.turnOn, ...D.volts.map((p) => p[1])) * 1.02;
const low_ = Math.min(D.thresholds.turnOff, ...D.volts.map((p) => p[1])) * 0.98;
const LEFT = 52, LANES = 74;
let width = 0, height = 0, pointer = null;
const x = (t) => LEFT + ((t - view.from) / (view.to - view.from)) * (width - LEFT);
const time = (px) => view.from + ((px - LEFT) / (width - LEFT)) * (view.to - view.from);
const y = (v) => 8 + ((top_ - v) / (top_ - low_)) * (height - LANES - 30);
const find = (list, t, at) => { // last index whose time is <= t
  let a = -1, b = list.length;
  while (b - a > 1) { const m = (a + b) >> 1; if (at(list[m]) <= t) a = m; else b = m; }
  return a;
};
const shown = (list, first, last) => list.slice(Math.max(0, find(list, view.from, first)), find(list, view.to, last) + 1);
const label = (us) => {
  const span = view.to - view.from;
  if (span > 5e6) return (us / 1e6).toFixed(1) + ' s';
  return span > 5e3 ? (us / 1e3).toFixed(span > 5e5 ? 0 : 2) + ' ms' : us.toFixed(0) + ' µs';
};
function spansOf(list, top, size, colour) {
  let done = -1;
  for (const s of shown(list, (q) => q[0], (q) => q[0])) {
    const a = Math.max(LEFT, x(s[0])), b = Math.min(width, Math.max(x(s[1]), x(s[0]) + 0.5));
    if (b < LEFT || b < done) continue;
    done = b;
    pen.fillStyle = typeof colour === 'string' ? colour : colour(s);
    pen.fillRect(a, top, b - a, size);
  }
}
function marks(list, top, size, colour) {
  pen.fillStyle = colour;
  for (const t of shown(list, (q) => q, (q) => q)) if (t >= view.from) pen.fillRect(x(t) - 0.75, top, 1.5, size);
}
function voltage() {
  for (const [name, v] of Object.entries(D.thresholds)) {
    pen.strokeStyle = '#bbb'; pen.setLineDash([4, 4]); pen.beginPath();
    pen.moveTo(LEFT, y(v)); pen.lineTo(width, y(v)); pen.stroke(); pen.setLineDash([]);
    pen.fillStyle = '#777'; pen.fillText(v.toFixed(2) + ' V', 2, y(v) + 4);
    pen.fillText(name, width - 52, y(v) - 3);
  }
  pen.strokeStyle = '#222'; pen.beginPath();
  const points = D.volts.slice(Math.max(0, find(D.volts, view.from, (p) => p[0])), find(D.volts, view.to, (p) => p[0]) + 2);
  points.forEach((p, i) => (i ? pen.lineTo(x(p[0]), y(p[1])) : pen.moveTo(x(p[0]), y(p[1]))));
  pen.save(); pen.beginPath(); pen.rect(LEFT, 0, width, height); pen.clip(); pen.beginPath();
  points.forEach((p, i) => (i ? pen.lineTo(x(p[0]), y(p[1])) : pen.moveTo(x(p[0]), y(p[1]))));
  pen.stroke(); pen.restore();
}
function draw() {
  const scale = window.devicePixelRatio || 1;
  width = chart.clientWidth; height = chart.clientHeight;
  chart.width = width * scale; chart.height = height * scale;
  pen.setTransform(scale, 0, 0, scale, 0, 0); pen.font = '11px sans-serif';
  pen.clearRect(0, 0, width, height);
  voltage();
  const lanes = height - LANES - 8;
  pen.fillStyle = '#777';
  ['power', 'tiles', 'commit', 'cut'].forEach((name, i) => pen.fillText(name, 2, lanes + 10 + i * 15));
  spansOf([[0, end]], lanes, 12, '#e4e4e0'); spansOf(D.on, lanes, 12, '#9bc53d'); spansOf(D.sleep, lanes, 12, '#c9d6a3');
  spansOf(D.tiles, lanes + 15, 12, (s) => COLOURS[s[2] % COLOURS.length]);
  marks(D.commits, lanes + 30, 12, '#2e7d32'); marks(D.cuts, lanes + 45, 12, '#c62828');
  pen.fillStyle = '#777';
  for (let i = 0; i <= 5; i++) {
    const share = i / 6;
    pen.fillText(label(view.from + (view.to - view.from) * share), LEFT + (width - LEFT) * share, height - 4);
  }
  if (pointer !== null) { pen.fillStyle = '#0006'; pen.fillRect(pointer, 0, 1, height - 16); }
}
function tell(px) {
  const t = time(px);
  const inside = (list) => { const s = list[find(list, t, (q) => q[0])]; return s && t <= s[1] ? s : null; };
  const i = find(D.volts, t, (p) => p[0]), a = D.volts[Math.max(0, i)], b = D.volts[Math.min(D.volts.length - 1, i + 1)];
  const v = a && b ? (b[0] > a[0] ? a[1] + ((b[1] - a[1]) * Math.min(1, (t - a[0]) / (b[0] - a[0]))) : a[1]) : 0;
  const tile = inside(D.tiles), state = inside(D.sleep) ? 'asleep' : inside(D.on) ? 'on' : 'off';
  const job = D.inferences.findIndex((s) => t >= s[0] && t <= s[1]);
  tip.textContent = (t / 1000).toFixed(3) + ' ms · ' + v.toFixed(3) + ' V · ' + state +
    (job < 0 ? '' : ' · inference ' + (job + 1)) +
    (tile ? ' · ' + D.ops[tile[2]] + ', tile ' + tile[3] + ' (' + (tile[1] - tile[0]).toFixed(1) + ' µs)' : '');
}
function show(from, to) {
  const least = 20, size = Math.min(end, Math.max(least, to - from));
  view.from = Math.max(0, Math.min(from, end - size)); view.to = view.from + size;
  draw();
}
chart.addEventListener('wheel', (e) => {
  e.preventDefault();
  const t = time(e.offsetX), factor = e.deltaY > 0 ? 1 + e.deltaY / 500 : 1 / (1 - e.deltaY / 500);
  show(t - (t - view.from) * factor, t + (view.to - t) * factor);
}, { passive: false });
chart.addEventListener('mousemove', (e) => {
  if (e.buttons & 1) { const d = (e.movementX / (width - LEFT)) * (view.to - view.from); show(view.from - d, view.to - d); }
  pointer = e.offsetX; draw(); tell(e.offsetX);
});
document.getElementById('all').onclick = () => show(0, end);
document.getElementById('tile').onclick = () => {
  const s = D.tiles[Math.max(0, find(D.tiles, (view.from + view.to) / 2, (q) => q[0]))];
  if (s) show(s[0] - (s[1] - s[0]) * 0.1, s[1] + (s[1] - s[0]) * 0.1);
};
window.addEventListener('resize', draw);
draw();
`;
