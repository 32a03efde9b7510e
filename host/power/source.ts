// A trace by name: a generator with parameters, or a recording.
import { BrownoutError } from '../error.js';
import type { Kind } from '../options/kinds.js';
import { POWER, quantityOf, TIME } from '../options/quantity.js';
import { didYouMean, nearest } from '../options/suggest.js';
import {
  type Harvester,
  KineticHarvester,
  type PowerSegment,
  RfHarvester,
  SegmentHarvester,
  SolarHarvester,
} from './harvester.js';
import { piecesOf, type Trace } from './trace.js';

/** Parameters of the generators, with their defaults; every one is an estimate of a plausible place. */
const GENERATORS = {
  rf: { on_uw: 1500, off_uw: 0, mean_on_ms: 60, mean_off_ms: 40 },
  solar: {
    ...{ peak_uw: 4000, daylight_s: 60, night_s: 0 },
    ...{ mean_cloud_ms: 800, mean_clear_ms: 2000, cloud_share: 0.2 },
  },
  kinetic: { peak_uw: 8000, half_ms: 20, mean_gap_ms: 400 },
  constant: { power_uw: 1500 },
  square: { on_uw: 1500, off_uw: 0, on_ms: 60, off_ms: 40 },
} as const;

type GeneratorName = keyof typeof GENERATORS;

/** Whether `text` names a generator, rather than a file. */
export const isGenerator = (text: string): boolean => Object.hasOwn(GENERATORS, text.split(':')[0]!);

const isRecording = (value: unknown): value is Trace =>
  typeof value === 'object' && value !== null && 'segments' in value && Array.isArray(value.segments);

/** An option that is a trace; on the command line a generator, or the path of a recording. */
export const traceKind: Kind<string | Trace, string> = {
  expected: `${Object.keys(GENERATORS).join(', ')} with parameters, or a recording`,
  placeholder: 'FILE',
  code: 'E_TRACE',
  parse: (text) => (text === '' ? undefined : text),
  check(value) {
    if (typeof value === 'string') return value;
    return isRecording(value) && value.segments.length > 0 ? value : undefined;
  },
  right: () => 'rf',
};

const EXAMPLE = 'For example rf:on_uw=1500,mean_off_ms=40.';

function refuse(code: string, found: string, expected: string, hint = EXAMPLE): never {
  throw new BrownoutError({ code, found, expected, hint });
}

/** In the unit that the key ends in: a number, or a quantity with a unit of its own. */
function parameterValue(key: string, value: string): number {
  if (value === '') return Number.NaN;
  const dimension = key.endsWith('_uw') ? POWER : /_(ms|s)$/.test(key) ? TIME : undefined;
  const quantity = dimension && quantityOf(value, dimension);
  if (quantity === undefined) return Number(value);
  return key.endsWith('_s') ? quantity / 1000 : quantity;
}

/** Most of a parameter, by its unit: 100 W, 10,000 s, a day, or the whole. */
function mostOf(key: string): number {
  if (key.endsWith('_uw')) return 1e8;
  if (key.endsWith('_ms')) return 1e7;
  return key.endsWith('_s') ? 86_400 : 1;
}

function parameters(name: GeneratorName, text: string | undefined): Record<string, number> {
  const values: Record<string, number> = { ...GENERATORS[name] };
  for (const part of text ? text.split(',') : []) {
    const [key = '', value = ''] = part.split('=');
    if (!Object.hasOwn(values, key)) {
      const known = Object.keys(values);
      const meant = nearest(key, known) ?? known[0]!;
      const meantPart = `${meant}=${value || values[meant]}`;
      const hint = `Did you mean "${name}:${text!.replace(part, meantPart)}"?`;
      refuse('E_TRACE_PARAMETER', `"${key}" of ${name}`, known.join(', '), hint);
    }
    const number = parameterValue(key, value);
    if (!Number.isFinite(number)) refuse('E_TRACE_NUMBER', `"${part}"`, 'a finite number');
    if (number < 0) refuse('E_TRACE_NEGATIVE', `"${part}"`, '0 or more');
    if (number < 1 && /_(ms|s)$/.test(key) && key !== 'night_s') {
      refuse('E_TRACE_PARAMETER', `"${part}"`, 'a time of at least 1');
    }
    if (number > mostOf(key)) refuse('E_TRACE_RANGE', `"${part}"`, `at most ${mostOf(key)}`);
    values[key] = number;
  }
  return values;
}

/** `rf`, `solar`, `kinetic`, `constant` or `square`, with parameters: `rf:on_uw=1200,mean_off_ms=80`. */
function generator(text: string, seed: number): Harvester {
  const [name = '', ...rest] = text.split(':');
  if (!isGenerator(text)) {
    const names = Object.keys(GENERATORS);
    refuse('E_TRACE', `trace "${text}"`, names.join(', '), didYouMean(name, names, 'For example rf.'));
  }
  const p = parameters(name as GeneratorName, rest.join(':'));
  const get = (key: string): number => p[key]!;
  switch (name as GeneratorName) {
    case 'rf':
      return new RfHarvester({
        ...{ seed, onUw: get('on_uw'), offUw: get('off_uw') },
        ...{ meanOnMs: get('mean_on_ms'), meanOffMs: get('mean_off_ms') },
      });
    case 'solar':
      return new SolarHarvester({
        ...{ seed, peakUw: get('peak_uw'), daylightS: get('daylight_s'), nightS: get('night_s') },
        ...{
          meanCloudMs: get('mean_cloud_ms'),
          meanClearMs: get('mean_clear_ms'),
          cloudShare: get('cloud_share'),
        },
      });
    case 'kinetic':
      return new KineticHarvester({
        ...{ seed, peakUw: get('peak_uw'), halfMs: get('half_ms'), meanGapMs: get('mean_gap_ms') },
      });
    case 'constant':
      return new SegmentHarvester([{ durationUs: 1e6, powerUw: get('power_uw') }]);
    case 'square':
      return new SegmentHarvester([
        { durationUs: get('on_ms') * 1000, powerUw: get('on_uw') },
        { durationUs: get('off_ms') * 1000, powerUw: get('off_uw') },
      ]);
  }
}

/** Pieces a recording is brought to, at the finest: the rate most are taken at. */
const RECORDING_STEP_US = 1000;

/** A recording in a loop, brought to steps while it is played: days of it are not held in memory. */
class RecordingHarvester implements Harvester {
  loops = 0;
  #pieces: Iterator<PowerSegment, undefined>;

  constructor(readonly trace: Trace) {
    this.#pieces = piecesOf(trace.segments, RECORDING_STEP_US);
  }

  strongest(): readonly PowerSegment[] {
    return this.trace.segments;
  }

  next(): PowerSegment {
    const piece = this.#pieces.next();
    if (!piece.done) return piece.value;
    this.#pieces = piecesOf(this.trace.segments, RECORDING_STEP_US);
    this.loops++;
    return this.#pieces.next().value ?? { durationUs: Infinity, powerUw: 0 };
  }
}

/** A harvester from a generator's name and parameters, or from a recording, which is played in a loop. */
export function openTrace(trace: string | Trace, seed: number): Harvester {
  if (typeof trace === 'string') return generator(trace, seed);
  return new RecordingHarvester(trace);
}

/** Pieces of a generator that stand for all of them. */
const GENERATOR_PIECES = 1024;

/**
 * A trace as it is played, for a hash: duration in µs, power in µW and source voltage (NaN: none given) of each piece as
 * little-endian float64. All pieces of a recording, the first 1,024 of a generator.
 */
export function traceBytes(trace: string | Trace, seed: number): Uint8Array {
  const harvester = openTrace(trace, seed);
  const pieces =
    typeof trace === 'string'
      ? Array.from({ length: GENERATOR_PIECES }, () => harvester.next())
      : trace.segments;
  const bytes = new DataView(new ArrayBuffer(pieces.length * 24));
  pieces.forEach(({ durationUs, powerUw, sourceV = Number.NaN }, i) => {
    [durationUs, powerUw, sourceV].forEach((value, at) => {
      // NaN has many forms: one of them.
      if (Number.isNaN(value)) bytes.setBigUint64(i * 24 + at * 8, 0x7ff8000000000000n, true);
      else bytes.setFloat64(i * 24 + at * 8, value, true);
    });
  });
  return new Uint8Array(bytes.buffer);
}
