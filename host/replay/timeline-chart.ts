// What happened over time as a chart: voltage, harvested power, and lanes of what the device did.
import { type Chart, type Lane, seriesColour } from '../report/chart.js';
import type { Timeline } from '../power/recorder.js';
import type { ReplayResult } from './replay.js';

/** What the chart is drawn from: times in µs. */
export interface Drawing {
  /** [time, volts] */
  volts: number[][];
  /** [from, µW] */
  harvest: number[][];
  /** [from, to, op, tile] */
  tiles: number[][];
  commits: number[];
  cuts: number[];
  on: number[][];
  sleep: number[][];
  inferences: number[][];
  ops: string[];
  /** [volts, name] */
  thresholds: [number, string][];
  endUs: number;
}

/** Tenths of a µs: enough to see a tile, few bytes. */
const tenth = (timeUs: number): number => Math.round(timeUs * 10) / 10;
const spans = (list: readonly { fromUs: number; toUs: number }[]): number[][] =>
  list.map(({ fromUs, toUs }) => [tenth(fromUs), tenth(toUs)]);

export function drawingOf(timeline: Timeline, { thresholdsV, ops }: ReplayResult): Drawing {
  const { turnOn, warning, turnOff } = thresholdsV;
  const ends = [timeline.volts, timeline.on, timeline.inferences].map((list) => {
    const last = list.at(-1);
    return last === undefined ? 0 : 'toUs' in last ? last.toUs : last.timeUs;
  });
  return {
    volts: timeline.volts.map(({ timeUs, volts }) => [tenth(timeUs), Math.round(volts * 1e4) / 1e4]),
    harvest: timeline.harvest.map(({ timeUs, powerUw }) => [tenth(timeUs), Math.round(powerUw * 100) / 100]),
    tiles: timeline.tiles.map(({ fromUs, toUs, op, tile }) => [tenth(fromUs), tenth(toUs), op, tile]),
    commits: timeline.commits.map(tenth),
    cuts: timeline.cuts.map(tenth),
    on: spans(timeline.on),
    sleep: spans(timeline.sleep),
    inferences: spans(timeline.inferences),
    ops: ops.map(({ name }) => name),
    thresholds: [
      [turnOn, 'turn-on'],
      [warning, 'warning'],
      [turnOff, 'turn-off'],
    ],
    endUs: Math.max(1, tenth(Math.max(...ends))),
  };
}

/** The part of a list in time order that a view shows, and one on either side. `starts`: the time of an entry. */
export function shownOf<T>(list: readonly T[], starts: (entry: T) => number, from: number, to: number): T[] {
  const after = (time: number): number => {
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts(list[middle]!) <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return list.slice(Math.max(0, after(from) - 1), after(to) + 1);
}

/** The chart of a stretch of time. Goes into the page as text: it uses nothing but what goes there too. */
export function timelineChart(drawing: Drawing, from: number, to: number, width: number): Chart {
  const start = (entry: readonly number[]): number => entry[0]!;
  const held = (list: readonly number[][]): number[][] => {
    const part = shownOf(list, start, from, to);
    const last = part.at(-1);
    return last ? [...part, [Math.max(to, last[0]!), last[1]!]] : part;
  };
  const marks = (times: readonly number[], style: string): Lane['spans'] =>
    shownOf(times, (time) => time, from, to).map((time) => [time, time, style] as const);
  const among = (list: readonly number[][], style: (entry: readonly number[]) => string): Lane['spans'] =>
    shownOf(list, start, from, to).map((entry) => [entry[0]!, entry[1]!, style(entry)] as const);
  const volts = [...drawing.volts.map((point) => point[1]!), ...drawing.thresholds.map(([level]) => level)];
  let [low, high] = [Infinity, 0];
  for (const value of volts) [low, high] = [Math.min(low, value), Math.max(high, value)];
  let power = 0;
  for (const point of drawing.harvest) power = Math.max(power, point[1]!);
  const margin = (high - low) * 0.12 || 0.1;
  return {
    label: 'Voltage of the capacitor, harvested power, and what the device did',
    width,
    x: { label: 'time', unit: 's', scale: 1e-6, from, to },
    panels: [
      {
        kind: 'plot',
        height: 190,
        y: { label: 'voltage', unit: 'V', from: Math.max(0, low - margin), to: high + margin },
        marks: [
          ...drawing.thresholds.map(
            ([at, name]) => ({ kind: 'level', at, name: `${name} ${at.toFixed(2)} V` }) as const,
          ),
          { kind: 'line', style: 'line', points: shownOf(drawing.volts, start, from, to) },
        ],
      },
      {
        kind: 'plot',
        height: 100,
        y: { label: 'harvested', unit: 'W', scale: 1e-6, from: 0, to: power * 1.08 || 1 },
        marks: [{ kind: 'steps', style: 'second', points: held(drawing.harvest) }],
      },
      {
        kind: 'lanes',
        lanes: [
          { name: 'on', spans: among(drawing.on, () => 'on') },
          { name: 'asleep', spans: among(drawing.sleep, () => 'sleep') },
          { name: 'tiles', spans: among(drawing.tiles, (entry) => seriesColour(entry[2]!)) },
          { name: 'commits', spans: marks(drawing.commits, 'commit') },
          { name: 'power off', spans: marks(drawing.cuts, 'cut') },
        ],
      },
    ],
    legend: drawing.ops.map((name, index) => [name, seriesColour(index)] as const),
  };
}
