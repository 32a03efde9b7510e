// Recorded traces: CSV with units in its header, I–V curves; stitching and resampling that keep the energy.
import { BrownoutError } from '../error.js';
import type { PowerSegment } from './harvester.js';

/** A recording: power in pieces, from its first sample to its end. */
export interface Trace {
  name: string;
  segments: PowerSegment[];
}

export interface TraceOptions {
  name?: string;
  /** What a column of voltages was measured across. */
  loadOhm?: number;
  /** Unit of the currents of an I–V file, whose format has none. */
  currentUnit?: 'ua' | 'ma' | 'a';
}

const TIME_US: Record<string, number> = { time_us: 1, time_ms: 1e3, time_s: 1e6 };
const POWER_UW: Record<string, number> = { power_uw: 1, power_mw: 1e3 };
const CURRENT_UA: Record<string, number> = { ua: 1, ma: 1e3, a: 1e6 };
const COLUMNS = 'time_us, time_ms or time_s; power_uw or power_mw, or voltage_v, or voltage_v and current_ua';

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

function numberIn(cell: string | undefined, line: number, name: string): number {
  const text = cell?.trim() ?? '';
  const value = text === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  return refuse(
    'E_TRACE_NUMBER',
    `"${text}" for ${name} in line ${line}`,
    'a finite number',
    'Correct or drop the line.',
  );
}

/** A sample: from this time on, this power. */
interface Sample {
  timeUs: number;
  powerUw: number;
  sourceV?: number;
}

/** Samples as pieces; the last lasts as long as the one before it. */
function segmentsOf(samples: readonly Sample[], firstLine: number): PowerSegment[] {
  if (samples.length < 2) {
    refuse('E_TRACE_EMPTY', `${samples.length} samples`, 'at least 2', 'A trace needs a duration.');
  }
  return samples.map(({ timeUs, powerUw, sourceV }, i) => {
    const line = firstLine + i;
    const next = samples[i + 1];
    const durationUs = next ? next.timeUs - timeUs : timeUs - samples[i - 1]!.timeUs;
    if (durationUs <= 0) {
      refuse(
        'E_TRACE_ORDER',
        `a time not above the one before, in line ${line + 1}`,
        'rising times',
        'Sort by time.',
      );
    }
    if (powerUw < 0) {
      const hint = 'A harvester gives power: take the absolute value, or cut the line out.';
      refuse('E_TRACE_NEGATIVE', `${powerUw} µW in line ${line}`, 'power of 0 or more', hint);
    }
    return sourceV === undefined ? { durationUs, powerUw } : { durationUs, powerUw, sourceV };
  });
}

/** Which column holds what. */
interface Header {
  time: number;
  timeUs: number;
  power: number;
  powerUw: number;
  voltage: number;
  current: number;
}

function readHeader(line: string): Header {
  const names = line.split(',').map((cell) => cell.trim().toLowerCase());
  const find = (units: Record<string, number>): number => names.findIndex((name) => name in units);
  const [time, power] = [find(TIME_US), find(POWER_UW)];
  const [voltage, current] = [names.indexOf('voltage_v'), names.indexOf('current_ua')];
  if (time < 0 || (power < 0 && voltage < 0)) {
    const hint = 'Name the columns with their units in the first line.';
    refuse('E_TRACE_UNITS', `columns "${names.join(', ')}"`, COLUMNS, hint);
  }
  const [timeUs, powerUw] = [TIME_US[names[time]!]!, power < 0 ? 0 : POWER_UW[names[power]!]!];
  return { time, timeUs, power, powerUw, voltage, current };
}

function readCsv(lines: readonly string[], { loadOhm }: TraceOptions): PowerSegment[] {
  const header = readHeader(lines[0] ?? '');
  const { time, power, voltage, current } = header;
  const resistive = power < 0 && current < 0;
  if (resistive && !(loadOhm !== undefined && loadOhm > 0 && loadOhm < Infinity)) {
    const hint = 'Say what the voltage was measured across: --load 30000.';
    refuse('E_TRACE_LOAD', 'voltages without a load', 'a resistance in ohms', hint);
  }
  const samples = lines.slice(1).map((text, i): Sample => {
    const cells = text.split(',');
    const timeUs = numberIn(cells[time], i + 2, 'time') * header.timeUs;
    const sourceV = voltage < 0 ? undefined : numberIn(cells[voltage], i + 2, 'voltage');
    const given = power < 0 ? undefined : numberIn(cells[power], i + 2, 'power') * header.powerUw;
    const powerUw =
      given ??
      sourceV! * (resistive ? (sourceV! * 1e6) / loadOhm! : numberIn(cells[current], i + 2, 'current'));
    return sourceV === undefined ? { timeUs, powerUw } : { timeUs, powerUw, sourceV };
  });
  return segmentsOf(samples, 2);
}

/**
 * I–V curves (Ekho's format): n; Vmin,Vmax; then `time s, I0 … I(2ⁿ)` at voltages evenly from Vmin to Vmax. The source
 * is held at its maximum power point, as an ideal tracker does.
 */
function readCurves(lines: readonly string[], { currentUnit }: TraceOptions): PowerSegment[] {
  if (currentUnit === undefined) {
    const hint = 'Give it with --current-unit: the format has none.';
    refuse('E_TRACE_UNITS', 'I–V curves without a unit of current', 'ua, ma or a', hint);
  }
  const points = 2 ** numberIn(lines[0], 1, 'n') + 1;
  const [low, high] = lines[1]!.split(',').map((cell) => numberIn(cell, 2, 'voltage')) as [number, number];
  const samples = lines.slice(2).map((text, i): Sample => {
    const cells = text.split(',');
    const time = numberIn(cells[0], i + 3, 'time');
    if (cells.length !== points + 1) {
      refuse('E_TRACE_CURVE', `${cells.length - 1} currents in line ${i + 3}`, `${points}`, 'Check line 1.');
    }
    let best = { powerUw: 0, sourceV: low };
    for (let point = 0; point < points; point++) {
      const sourceV = low + ((high - low) * point) / (points - 1);
      const powerUw = sourceV * numberIn(cells[point + 1], i + 3, 'current') * CURRENT_UA[currentUnit]!;
      if (powerUw > best.powerUw) best = { powerUw, sourceV };
    }
    return { timeUs: time * 1e6, ...best };
  });
  return segmentsOf(samples, 3);
}

/**
 * Reads a recording: CSV with units in the header, or I–V curves. Power is `power_…`, else voltage² / load, else voltage
 * times current; a sample holds until the next. Throws `E_TRACE_UNITS`, `E_TRACE_LOAD`, `E_TRACE_NUMBER`,
 * `E_TRACE_ORDER`, `E_TRACE_NEGATIVE`, `E_TRACE_EMPTY`, `E_TRACE_CURVE`.
 */
export function parseTrace(text: string, options: TraceOptions = {}): Trace {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length === 0) refuse('E_TRACE_EMPTY', 'an empty file', 'a header and samples', 'Check the file.');
  const curves = /^\s*\d+\s*$/.test(lines[0]!) && lines.length > 1 && lines[1]!.split(',').length === 2;
  const segments = curves ? readCurves(lines, options) : readCsv(lines, options);
  return { name: options.name ?? 'trace', segments };
}

/** One trace behind the other. */
export function stitch(traces: readonly Trace[]): Trace {
  return {
    name: traces.map(({ name }) => name).join('+'),
    segments: traces.flatMap(({ segments }) => segments),
  };
}

/** Pieces of `stepUs`, each of the mean power of its time: coarser, with the same energy. The last may be shorter. */
export function resample({ name, segments }: Trace, stepUs: number): Trace {
  const out: PowerSegment[] = [];
  let [filledUs, energy, volts, voltsUs] = [0, 0, 0, 0];
  const close = (): void => {
    const piece = { durationUs: filledUs, powerUw: energy / filledUs };
    out.push(voltsUs > 0 ? { ...piece, sourceV: volts / voltsUs } : piece);
    [filledUs, energy, volts, voltsUs] = [0, 0, 0, 0];
  };
  for (const { durationUs, powerUw, sourceV } of segments) {
    for (let leftUs = durationUs; leftUs > 0;) {
      const partUs = Math.min(leftUs, stepUs - filledUs);
      filledUs += partUs;
      energy += powerUw * partUs;
      if (sourceV !== undefined) [volts, voltsUs] = [volts + sourceV * partUs, voltsUs + partUs];
      leftUs -= partUs;
      if (filledUs >= stepUs) close();
    }
  }
  if (filledUs > 0) close();
  return { name, segments: out };
}
