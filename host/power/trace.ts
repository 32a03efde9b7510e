// Recorded traces: CSV with units in its header, I–V curves; stitching and resampling that keep the energy.
import { cellNumber, decimalCommas, type Row, splitRows } from '../data/csv.js';
import { BrownoutError, checkFields, checkList, checkText } from '../error.js';
import { choice, resistance, text } from '../options/kinds.js';
import type { Quantity } from '../options/quantity.js';
import { type Checked, checkOptions, type Table } from '../options/table.js';
import type { PowerSegment } from './harvester.js';

/** A recording: power in pieces, from its first sample to its end. */
export interface Trace {
  name: string;
  segments: PowerSegment[];
}

/** Options of `parseTrace`. */
export interface TraceOptions {
  /** Default `trace`. */
  name?: string;
  /** What a column of voltages was measured across, in Ω or as `'30k'`. */
  loadOhm?: Quantity;
  /** Unit of the currents of an I–V file, whose format has none. */
  currentUnit?: 'ua' | 'ma' | 'a';
}

/** Options of recordings. */
export const traceOptions = {
  name: { kind: text('NAME', 'roof'), default: 'trace' },
  loadOhm: { kind: resistance, help: 'what the voltages of a trace were measured across, such as 30k' },
  currentUnit: { kind: choice(['ua', 'ma', 'a']), help: 'ua, ma or a: of the currents of I–V curves' },
} as const satisfies Table<TraceOptions>;

type TraceSettings = Checked<TraceOptions, typeof traceOptions>;

const TIME_US: Record<string, number> = { time_ns: 1e-3, time_us: 1, time_ms: 1e3, time_s: 1e6 };
const POWER_UW: Record<string, number> = { power_nw: 1e-3, power_uw: 1, power_mw: 1e3 };
const CURRENT_UA: Record<string, number> = { ua: 1, ma: 1e3, a: 1e6 };
const COLUMNS =
  'time_ns, time_us, time_ms or time_s; power_nw, power_uw or power_mw, or voltage_v, or voltage_v and current_ua';

/** What no harvester of a microcontroller gives: 100 W, 1,000 V. */
const MOST_POWER_UW = 1e8;
const MOST_VOLTS = 1000;
/** A year. */
const MOST_TIME_US = 3.2e13;
const LEAST_STEP_US = 0.01;
/** Pieces that `resample` makes, at most. */
const MOST_PIECES = 1e7;

function refuse(code: string, found: string, expected: string, hint: string): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** The samples of a recording, as text. */
interface Recording {
  rows: readonly Row[];
  decimalComma: boolean;
}

function numberIn({ cells, line }: Row, column: number, name: string, { decimalComma }: Recording): number {
  const text = cells[column] ?? '';
  const value = cellNumber(text, decimalComma);
  if (Number.isFinite(value)) return value;
  return refuse(
    'E_TRACE_NUMBER',
    `"${text.slice(0, 40)}" for ${name} in line ${line}`,
    'a finite number',
    'Correct or drop the line.',
  );
}

/**
 * Time from one cell to another, whole numbers and fractions apart: nanoseconds since 1970 do not fit in one number. Undefined:
 * not plain decimals.
 */
function timeBetween(from: string, to: string): number | undefined {
  const [first, second] = [from, to].map((text) => /^(\d{1,20})(?:[.,](\d+))?$/.exec(text));
  if (!first || !second) return undefined;
  const fraction = ([, , digits = '0']: RegExpExecArray): number => Number(`0.${digits}`);
  return Number(BigInt(second[1]!) - BigInt(first[1]!)) + (fraction(second) - fraction(first));
}

/** Time since the first sample. */
function timeIn(row: Row, column: number, recording: Recording): number {
  const first = recording.rows[0]!;
  const value = numberIn(row, column, 'time', recording);
  const between = timeBetween(first.cells[column]!, row.cells[column]!);
  return between ?? value - numberIn(first, column, 'time', recording);
}

/** A sample: from this time on, this power. */
interface Sample {
  timeUs: number;
  powerUw: number;
  sourceV?: number;
  line: number;
}

/** Throws `E_TRACE_NEGATIVE`, `E_TRACE_RANGE`. */
function checkSample({ powerUw, sourceV = 0, line }: Sample): void {
  if (powerUw < 0) {
    const hint = 'A harvester gives power: take the absolute value, or cut the line out.';
    refuse('E_TRACE_NEGATIVE', `${powerUw} µW in line ${line}`, 'power of 0 or more', hint);
  }
  const hint = 'Check the units that the first line names, and `loadOhm` or `currentUnit`.';
  if (powerUw > MOST_POWER_UW)
    refuse('E_TRACE_RANGE', `${powerUw} µW in line ${line}`, `at most ${MOST_POWER_UW} µW`, hint);
  if (Math.abs(sourceV) > MOST_VOLTS)
    refuse('E_TRACE_RANGE', `${sourceV} V in line ${line}`, `at most ${MOST_VOLTS} V`, hint);
}

/** Samples as pieces; the last lasts as long as the one before it. */
function segmentsOf(samples: readonly Sample[]): PowerSegment[] {
  if (samples.length < 2) {
    refuse('E_TRACE_EMPTY', `${samples.length} samples`, 'at least 2', 'A trace needs a duration.');
  }
  let [totalUs, longestUs, longestLine] = [0, 0, 0];
  const segments = samples.map((sample, i): PowerSegment => {
    checkSample(sample);
    const { timeUs, powerUw, sourceV, line } = sample;
    const next = samples[i + 1];
    const durationUs = next ? next.timeUs - timeUs : timeUs - samples[i - 1]!.timeUs;
    if (durationUs < LEAST_STEP_US) {
      const found = `a time not above the one before, in line ${next?.line}`;
      refuse('E_TRACE_ORDER', found, 'rising times, at least 10 ns apart', 'Sort by time.');
    }
    totalUs += durationUs;
    if (durationUs > longestUs) [longestUs, longestLine] = [durationUs, line];
    return sourceV === undefined ? { durationUs, powerUw } : { durationUs, powerUw, sourceV };
  });
  if (totalUs > MOST_TIME_US) {
    const found = `${totalUs / 1e6} s, ${longestUs / 1e6} of them from line ${longestLine} to the next`;
    refuse('E_TRACE_RANGE', found, 'at most a year', 'Check the unit of time, and lines of another clock.');
  }
  return segments;
}

/** Which column holds what; −1: none does. */
interface Header {
  time: number;
  timeUs: number;
  power: number;
  powerUw: number;
  voltage: number;
  current: number;
}

function readHeader({ cells }: Row): Header {
  const names = cells.map((cell) => cell.toLowerCase());
  const find = (what: string, units: Record<string, number>): number => {
    const [found = -1, ...more] = names.flatMap((name, i) => (Object.hasOwn(units, name) ? [i] : []));
    if (more.length > 0)
      refuse(
        'E_TRACE_UNITS',
        `${more.length + 1} columns of ${what}`,
        'one',
        'Leave one; rename or drop others.',
      );
    return found;
  };
  const [time, power] = [find('time', TIME_US), find('power', POWER_UW)];
  const [voltage, current] = [find('voltage', { voltage_v: 1 }), find('current', { current_ua: 1 })];
  if (time < 0 || (power < 0 && voltage < 0)) {
    const hint = 'Name the columns with their units in the first line.';
    refuse('E_TRACE_UNITS', `columns "${names.join(', ').slice(0, 200)}"`, COLUMNS, hint);
  }
  const [timeUs, powerUw] = [TIME_US[names[time]!]!, power < 0 ? 0 : POWER_UW[names[power]!]!];
  return { time, timeUs, power, powerUw, voltage, current };
}

function readCsv(heading: Row, recording: Recording, { loadOhm }: TraceSettings): PowerSegment[] {
  const header = readHeader(heading);
  const { time, power, voltage, current } = header;
  const resistive = power < 0 && current < 0;
  if (resistive && loadOhm === undefined) {
    const hint = 'Say what the voltage was measured across: `loadOhm` "30k", for example.';
    refuse('E_TRACE_LOAD', 'voltages without a load', 'a resistance in ohms', hint);
  }
  const samples = recording.rows.map((row): Sample => {
    const number = (column: number, name: string): number => numberIn(row, column, name, recording);
    const timeUs = timeIn(row, time, recording) * header.timeUs;
    const sourceV = voltage < 0 ? undefined : number(voltage, 'voltage');
    const given = power < 0 ? undefined : number(power, 'power') * header.powerUw;
    const powerUw =
      given ?? sourceV! * (resistive ? (sourceV! * 1e6) / loadOhm! : number(current, 'current'));
    const { line } = row;
    return sourceV === undefined ? { timeUs, powerUw, line } : { timeUs, powerUw, sourceV, line };
  });
  return segmentsOf(samples);
}

/** Of an I–V file: 2ⁿ + 1 points a curve. */
const MOST_N = 20;

/**
 * I–V curves (Ekho's format): n; Vmin,Vmax; then `time s, I0 … I(2ⁿ)` at voltages evenly from Vmin to Vmax. The source
 * is held at its maximum power point, as an ideal tracker does.
 */
function readCurves(
  [size, range]: readonly [Row, Row],
  recording: Recording,
  { currentUnit }: TraceSettings,
): PowerSegment[] {
  if (currentUnit === undefined) {
    const hint = 'Give it as `currentUnit`: the format has none.';
    refuse('E_TRACE_UNITS', 'I–V curves without a unit of current', 'ua, ma or a', hint);
  }
  const n = numberIn(size, 0, 'n', recording);
  if (n > MOST_N) refuse('E_TRACE_CURVE', `n = ${n}`, `at most ${MOST_N}`, 'Check line 1.');
  const points = 2 ** n + 1;
  const [low, high] = [0, 1].map((i) => numberIn(range, i, 'voltage', recording)) as [number, number];
  const samples = recording.rows.map((row): Sample => {
    const { cells, line } = row;
    if (cells.length !== points + 1) {
      refuse('E_TRACE_CURVE', `${cells.length - 1} currents in line ${line}`, `${points}`, 'Check line 1.');
    }
    let best = { powerUw: 0, sourceV: low };
    for (let point = 0; point < points; point++) {
      const sourceV = low + ((high - low) * point) / (points - 1);
      const powerUw = sourceV * numberIn(row, point + 1, 'current', recording) * CURRENT_UA[currentUnit]!;
      if (powerUw > best.powerUw) best = { powerUw, sourceV };
    }
    return { timeUs: timeIn(row, 0, recording) * 1e6, ...best, line };
  });
  return segmentsOf(samples);
}

/**
 * Reads a recording: CSV with units in the header, or I–V curves. Power is `power_…`, else voltage² / load, else voltage
 * times current; a sample holds until the next. Tables as `readInput` takes them: commas, semicolons, tabs, quotes,
 * decimal commas. Times may count from anywhere, 1970 too. Throws `E_TRACE_UNITS`, `E_TRACE_LOAD`, `E_TRACE_NUMBER`,
 * `E_TRACE_ORDER`, `E_TRACE_NEGATIVE`, `E_TRACE_RANGE`, `E_TRACE_EMPTY`, `E_TRACE_CURVE`, `E_CSV`.
 */
export function parseTrace(text: string, options: TraceOptions = {}): Trace {
  checkText(text, 'the text of a recording');
  const settings = checkOptions(traceOptions, options);
  const { rows, delimiter } = splitRows(text);
  const [first, second] = rows;
  if (!first) return refuse('E_TRACE_EMPTY', 'an empty file', 'a header and samples', 'Check the file.');
  const curves = second?.cells.length === 2 && first.cells.length === 1 && /^\d+$/.test(first.cells[0]!);
  const data = rows.slice(curves ? 2 : 1);
  const recording = { rows: data, decimalComma: decimalCommas(data, delimiter) };
  const segments = curves
    ? readCurves([first, second], recording, settings)
    : readCsv(first, recording, settings);
  return { name: settings.name, segments };
}

/** One trace after the other. */
export function stitch(traces: readonly Trace[]): Trace {
  for (const trace of checkList(traces, 'traces')) checkFields(trace, 'a trace', 'name', 'segments');
  return {
    name: traces.map(({ name }) => name).join('+'),
    segments: traces.flatMap(({ segments }) => segments),
  };
}

/** Pieces of `stepUs`, each of the mean power of its time; the last may be shorter. */
export function* piecesOf(
  segments: readonly PowerSegment[],
  stepUs: number,
): Generator<PowerSegment, undefined, undefined> {
  let [filledUs, energy, volts, voltsUs] = [0, 0, 0, 0];
  const close = (): PowerSegment => {
    const piece = { durationUs: filledUs, powerUw: energy / filledUs };
    const whole = voltsUs > 0 ? { ...piece, sourceV: volts / voltsUs } : piece;
    [filledUs, energy, volts, voltsUs] = [0, 0, 0, 0];
    return whole;
  };
  for (const { durationUs, powerUw, sourceV } of segments) {
    for (let leftUs = durationUs; leftUs > 0;) {
      const partUs = Math.min(leftUs, stepUs - filledUs);
      filledUs += partUs;
      energy += powerUw * partUs;
      if (sourceV !== undefined) [volts, voltsUs] = [volts + sourceV * partUs, voltsUs + partUs];
      leftUs -= partUs;
      if (filledUs >= stepUs) yield close();
    }
  }
  if (filledUs > 0) yield close();
  return undefined;
}

/**
 * A trace in pieces of `stepUs`, each of the mean power of its time: coarser, with the same energy. The last may be
 * shorter. Throws `E_TRACE_RANGE` on a step that is no time, or that gives more than ten million pieces.
 */
export function resample(trace: Trace, stepUs: number): Trace {
  const { name, segments } = checkFields(trace, 'a trace', 'name', 'segments');
  const totalUs = segments.reduce((sum, { durationUs }) => sum + durationUs, 0);
  if (!(stepUs > 0 && totalUs / stepUs <= MOST_PIECES)) {
    const expected = `a step above 0 that gives at most ${MOST_PIECES} pieces`;
    refuse('E_TRACE_RANGE', `a step of ${stepUs} µs over ${totalUs} µs`, expected, 'Take a larger step.');
  }
  return { name, segments: [...piecesOf(segments, stepUs)] };
}
