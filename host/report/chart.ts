// Charts as SVG. Pages that draw again as one zooms take these functions in as text (`CHART_CODE`): so they are function
// declarations that use nothing but each other.
import { escaped } from './html.js';

/** What a direction of a chart means. Values are given in units of `scale` × `unit`. */
export interface Axis {
  label: string;
  /** `s`, `V`, `W` and `J` are shown with the prefix that suits (ms, µW); others as they are. */
  unit: string;
  /** Default 1; 1e-6 where values are in µs. */
  scale?: number;
  from: number;
  to: number;
}

export type Mark =
  | { kind: 'line' | 'steps'; style: string; points: readonly (readonly number[])[] }
  /** `name` stands beside it; `save`: a file that a click on it saves, on a page. */
  | {
      kind: 'dot';
      style: string;
      x: number;
      y: number;
      radius: number;
      title: string;
      name?: string;
      save?: { file: string; href: string };
    }
  /** A bar from the bottom up, `width` wide. */
  | { kind: 'bar'; style: string; x: number; y: number; width: number; title: string }
  /** A level that has a name, such as a threshold. */
  | { kind: 'level'; at: number; name: string }
  | { kind: 'limit'; at: number };

/** A lane of spans in time: [from, to, colour or class]. */
export interface Lane {
  name: string;
  spans: readonly (readonly [from: number, to: number, style: string])[];
}

export type Panel =
  | { kind: 'plot'; height: number; y: Axis; marks: readonly Mark[] }
  | { kind: 'lanes'; lanes: readonly Lane[] };

/** Panels one above the other over one axis. */
export interface Chart {
  label: string;
  width: number;
  x: Axis;
  /** Names along x in place of figures, at 0, 1, 2 … */
  names?: readonly string[];
  panels: readonly Panel[];
  /** What colours mean. */
  legend?: readonly (readonly [name: string, style: string])[];
}

/** The prefix that suits an axis: what its values are multiplied by, and the unit then. */
export function axisUnit(axis: Axis): { factor: number; unit: string } {
  const scale = axis.scale ?? 1;
  const most = Math.max(Math.abs(axis.from), Math.abs(axis.to)) * scale;
  const prefixed = ['s', 'V', 'W', 'J'].includes(axis.unit);
  if (!prefixed || most >= 1 || most === 0) return { factor: scale, unit: axis.unit };
  if (most >= 1e-3) return { factor: scale * 1e3, unit: `m${axis.unit}` };
  if (most >= 1e-6) return { factor: scale * 1e6, unit: `µ${axis.unit}` };
  return { factor: scale * 1e9, unit: `n${axis.unit}` };
}

/** Multiples of 1, 2 or 5 times a power of ten from `from` to `to`, at most `most` of them, as numbers and as text. */
export function ticks(from: number, to: number, most: number): { value: number; text: string }[] {
  const span = to - from;
  if (!(span > 0) || !Number.isFinite(span)) return [{ value: from, text: String(from) }];
  let exponent = 0;
  while (Number(`1e${exponent}`) * most < span) exponent++;
  while (Number(`1e${exponent - 1}`) * most >= span) exponent--;
  let digit = 10;
  for (const smaller of [5, 2]) if (Number(`${smaller}e${exponent - 1}`) * most >= span) digit = smaller;
  const step = Number(`${digit}e${exponent - 1}`);
  const decimals = Math.max(0, digit === 10 ? -exponent : 1 - exponent);
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => {
    const value = (first + i) * step;
    const [whole = '', part] = Math.abs(value).toFixed(decimals).split('.');
    const grouped = whole.length > 3 ? whole.replace(/\B(?=(\d{3})+$)/g, ',') : whole;
    return { value, text: `${value < 0 ? '−' : ''}${grouped}${part === undefined ? '' : `.${part}`}` };
  });
}

/** A polyline of at most four points a pixel column, so that no peak is lost. */
export function linePath(
  points: readonly (readonly number[])[],
  px: (x: number) => number,
  py: (y: number) => number,
  isSteps: boolean,
): string {
  const kept: (readonly number[])[] = [];
  let column: (readonly number[])[] = [];
  const flush = (): void => {
    if (column.length <= 4) kept.push(...column);
    else {
      let [low, high] = [1, 1];
      column.forEach((point, i) => {
        if (point[1]! < column[low]![1]!) low = i;
        if (point[1]! > column[high]![1]!) high = i;
      });
      const chosen = [...new Set([0, low, high, column.length - 1])].sort((a, b) => a - b);
      kept.push(...chosen.map((i) => column[i]!));
    }
    column = [];
  };
  for (const point of points) {
    if (column.length > 0 && Math.floor(px(point[0]!)) !== Math.floor(px(column[0]![0]!))) flush();
    column.push(point);
  }
  flush();
  let path = '';
  kept.forEach((point, i) => {
    const [x, y] = [px(point[0]!).toFixed(1), py(point[1]!).toFixed(1)];
    path += i === 0 ? `M${x} ${y}` : isSteps ? `H${x}V${y}` : `L${x} ${y}`;
  });
  return path;
}

/** A colour for the `index`th of many, told apart on light and dark paper. */
export function seriesColour(index: number): string {
  return `hsl(${(index * 137 + 205) % 360} 58% 52%)`;
}

/** An SVG element; numbers to a tenth of a pixel, text escaped. */
function element(name: string, attributes: Readonly<Record<string, string | number>>, content = ''): string {
  const list = Object.entries(attributes).map(([key, value]) => {
    return ` ${key}="${typeof value === 'number' ? Math.round(value * 10) / 10 : escaped(value)}"`;
  });
  return content === '' ? `<${name}${list.join('')}/>` : `<${name}${list.join('')}>${content}</${name}>`;
}

/** A class for names, the fill itself for colours. */
function styled(style: string): Record<string, string> {
  return /^(hsl|#)/.test(style) ? { fill: style } : { class: style };
}

/** Dots whose names stand below them: above there is that of another near by. */
function namedBelow(marks: readonly Mark[], px: (x: number) => number, py: (y: number) => number): Mark[] {
  const below: Mark[] = [];
  const above: Mark[] = [];
  for (const mark of marks) {
    if (mark.kind !== 'dot' || mark.name === undefined) continue;
    const isNear = (other: Mark): boolean =>
      other.kind === 'dot' &&
      Math.abs(px(other.x) - px(mark.x)) < 100 &&
      Math.abs(py(other.y) - py(mark.y)) < 30;
    if (above.some(isNear) && !below.some(isNear)) below.push(mark);
    else above.push(mark);
  }
  return below;
}

/** A mark of a plot, within its frame; what lies outside is clipped. */
function markSvg(
  mark: Mark,
  marks: readonly Mark[],
  px: (x: number) => number,
  py: (y: number) => number,
  size: { width: number; height: number },
): string {
  const titled = (title: string): string => element('title', {}, escaped(title));
  switch (mark.kind) {
    case 'line':
    case 'steps':
      return element('path', {
        class: mark.style,
        d: linePath(mark.points, px, py, mark.kind === 'steps'),
      });
    case 'dot': {
      const [x, y] = [px(mark.x), py(mark.y)];
      const title = titled(mark.title);
      const dot = element('circle', { class: mark.style, cx: x, cy: y, r: mark.radius }, title);
      const anchor = x < 50 ? 'start' : x > size.width - 50 ? 'end' : 'middle';
      const below = namedBelow(marks, px, py).includes(mark);
      const place = { x, y: below ? y + 22 : y - 12, 'text-anchor': anchor };
      const name = mark.name === undefined ? '' : element('text', place, escaped(mark.name));
      if (!mark.save) return dot + name;
      // A link of HTML: those of SVG save nothing in some browsers.
      const { file, href } = mark.save;
      const side = 2 * mark.radius;
      const link = `<a class="hit" title="${escaped(mark.title)}" download="${escaped(file)}" href="${escaped(href)}"></a>`;
      const box = { x: x - mark.radius, y: y - mark.radius, width: side, height: side };
      return dot + name + element('foreignObject', box, link);
    }
    case 'bar': {
      const [x, y] = [px(mark.x), py(mark.y)];
      const box = { x, y, width: px(mark.x + mark.width) - x, height: size.height - y };
      return element('rect', { class: mark.style, ...box }, titled(mark.title));
    }
    case 'level': {
      const y = py(mark.at);
      // Below its line where another level is close above.
      const isClose = marks.some(
        (other) => other.kind === 'level' && other.at > mark.at && y - py(other.at) < 18,
      );
      const place = { x: size.width - 4, y: isClose ? y + 13 : y - 4, 'text-anchor': 'end' };
      const name = element('text', { class: 'levelname', ...place }, escaped(mark.name));
      return element('path', { class: 'level', d: `M0 ${y.toFixed(1)}H${size.width}` }) + name;
    }
    case 'limit':
      return element('path', { class: 'budget', d: `M${px(mark.at).toFixed(1)} 0V${size.height}` });
  }
}

/** Spans of a lane; those narrower than what is drawn before them are left out. */
function laneSpans(lane: Lane, px: (x: number) => number, width: number): string {
  let [done, shapes] = [-1, ''];
  for (const [from, to, style] of lane.spans) {
    const left = Math.max(0, px(from));
    const right = Math.min(width, Math.max(px(to), px(from) + 1));
    if (right < 0 || left > width || right <= done + 0.25) continue;
    done = right;
    shapes += element('rect', {
      ...styled(style),
      x: left,
      y: 0,
      width: Math.max(0.1, right - left),
      height: 12,
    });
  }
  return shapes;
}

/** Swatches and names in rows. */
function legendRows(
  legend: NonNullable<Chart['legend']>,
  width: number,
  top: number,
): { shapes: string; height: number } {
  let [x, row, shapes] = [0, 0, ''];
  for (const [name, style] of legend) {
    const size = 30 + name.length * 7;
    if (x > 0 && x + size > width) [x, row] = [0, row + 1];
    const y = top + row * 18;
    shapes += element('rect', { ...styled(style), x, y, width: 11, height: 11 });
    shapes += element('text', { x: x + 16, y: y + 10 }, escaped(name));
    x += size;
  }
  return { shapes, height: legend.length > 0 ? (row + 1) * 18 + 6 : 0 };
}

/** A panel with its y axis at `top`; `left` is where its frame begins. */
function panelSvg(panel: Panel, chart: Chart, left: number, top: number): { shapes: string; height: number } {
  const { x: axis } = chart;
  const width = chart.width - left - 12;
  const px = (x: number): number => ((x - axis.from) / (axis.to - axis.from)) * width;
  const frame = (content: string, y: number, height: number): string =>
    element('svg', { x: left, y, width, height, overflow: 'hidden' }, content);
  const beside = { x: left - 8, 'text-anchor': 'end' };
  if (panel.kind === 'lanes') {
    const rows = panel.lanes.map((lane, i) => {
      const name = element('text', { ...beside, y: top + i * 18 + 10 }, escaped(lane.name));
      return name + frame(laneSpans(lane, px, width), top + i * 18, 12);
    });
    return { shapes: rows.join(''), height: panel.lanes.length * 18 + 6 };
  }
  const { height, y } = panel;
  const py = (value: number): number => ((y.to - value) / (y.to - y.from)) * height;
  const { factor, unit } = axisUnit(y);
  const most = Math.max(2, Math.floor(height / 34));
  const lines = ticks(y.from * factor, y.to * factor, most).map((tick) => {
    const at = top + py(tick.value / factor);
    const line = element('path', { class: 'grid', d: `M${left} ${at.toFixed(1)}h${width}` });
    return line + element('text', { ...beside, y: at, dy: '.35em' }, tick.text);
  });
  const transform = `translate(13 ${top + height / 2}) rotate(-90)`;
  const name = escaped(unit === '' ? y.label : `${y.label}, ${unit}`);
  const label = element('text', { transform, 'text-anchor': 'middle' }, name);
  const marks = panel.marks.map((mark) => markSvg(mark, panel.marks, px, py, { width, height })).join('');
  return { shapes: lines.join('') + label + frame(marks, top, height), height: height + 14 };
}

/** Ticks and their figures or names along x, and what they mean; returns where they end. */
function xAxis(chart: Chart, left: number, top: number): { shapes: string; bottom: number } {
  const { x, names, width } = chart;
  const inner = width - left - 12;
  const { factor, unit } = axisUnit(x);
  const px = (value: number): number => left + ((value - x.from) / (x.to - x.from)) * inner;
  const figures = ticks(x.from * factor, x.to * factor, Math.max(2, Math.floor(inner / 90)));
  const marks = names
    ? names.map((text, value) => ({ value, text }))
    : figures.map(({ value, text }) => ({ value: value / factor, text }));
  const longest = Math.max(0, ...(names ?? []).map((name) => name.length));
  const isSlanted = names !== undefined && longest * 7 * names.length > inner;
  let shapes = '';
  for (const { value, text } of marks) {
    const at = px(value);
    const slant = { transform: `translate(${at.toFixed(1)} ${top + 8}) rotate(-40)`, 'text-anchor': 'end' };
    const place = isSlanted ? slant : { x: at, y: top + 8, 'text-anchor': 'middle' };
    shapes += element('path', { class: 'grid', d: `M${at.toFixed(1)} ${top - 10}v5` });
    shapes += element('text', place, escaped(text));
  }
  const bottom = top + (isSlanted ? 14 + 4.5 * longest : 26);
  const label = escaped(unit === '' ? x.label : `${x.label}, ${unit}`);
  shapes += element('text', { x: left + inner / 2, y: bottom, 'text-anchor': 'middle' }, label);
  return { shapes, bottom };
}

/** A chart as one SVG element. */
export function chartSvg(chart: Chart): string {
  const left = 70;
  let [top, shapes] = [12, ''];
  for (const panel of chart.panels) {
    const drawn = panelSvg(panel, chart, left, top);
    shapes += drawn.shapes;
    top += drawn.height;
  }
  const axis = xAxis(chart, left, top);
  const legend = legendRows(chart.legend ?? [], chart.width, axis.bottom + 14);
  const viewBox = `0 0 ${chart.width} ${Math.ceil(axis.bottom + 10 + legend.height)}`;
  const role = { class: 'chart', viewBox, role: 'img', 'aria-label': chart.label };
  return element('svg', role, shapes + axis.shapes + legend.shapes);
}

/** The functions above as the text of a script. */
export const CHART_CODE: string = [
  ...[escaped, axisUnit, ticks, linePath, seriesColour, element, styled],
  ...[namedBelow, markSvg, laneSpans, legendRows, panelSvg, xAxis, chartSvg],
]
  .map(String)
  .join('\n');
