// What stands between a harvester and the device: a converter, a capacitor, thresholds. Converters are data.
import { BrownoutError } from '../error.js';
import { choice, type Kind } from '../options/kinds.js';
import { didYouMean } from '../options/suggest.js';
import { jsonFile } from '../profiles/custom.js';
import type { DeviceProfile, Sourced } from '../profiles/profile.js';
import { checkConverter, type Converter, converterOf, type OwnConverter } from './own-converter.js';

/**
 * Boost converter efficiency by input voltage (rows, 131 mV each) and current (columns: below 8 µA, from 8 µA, 16 µA, 32
 * µA …). shepherd virtual source (MIT), BQ25504, LUT_input_efficiency: 2^17 µV a row, 2^13 nA the first column.
 */
const BOOST: readonly (readonly number[])[] = [
  [0.01, 0.01, 0.02, 0.05, 0.1, 0.15, 0.15, 0.2, 0.25, 0.3, 0.3, 0.35],
  [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.56, 0.57, 0.58, 0.59, 0.6, 0.61],
  [0.2, 0.4, 0.5, 0.6, 0.65, 0.66, 0.67, 0.68, 0.69, 0.7, 0.71, 0.72],
  [0.35, 0.55, 0.65, 0.71, 0.73, 0.74, 0.75, 0.75, 0.76, 0.77, 0.77, 0.78],
  [0.45, 0.65, 0.7, 0.73, 0.75, 0.77, 0.78, 0.79, 0.8, 0.81, 0.81, 0.82],
  [0.5, 0.7, 0.74, 0.76, 0.78, 0.79, 0.8, 0.81, 0.82, 0.83, 0.83, 0.84],
  [0.52, 0.73, 0.76, 0.78, 0.8, 0.81, 0.82, 0.83, 0.84, 0.85, 0.85, 0.86],
  [0.53, 0.75, 0.77, 0.79, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86, 0.86, 0.87],
  [0.55, 0.77, 0.78, 0.8, 0.82, 0.83, 0.85, 0.86, 0.87, 0.87, 0.87, 0.88],
  [0.56, 0.78, 0.79, 0.81, 0.83, 0.85, 0.87, 0.88, 0.88, 0.88, 0.88, 0.89],
  [0.58, 0.79, 0.8, 0.82, 0.84, 0.86, 0.88, 0.89, 0.89, 0.89, 0.89, 0.9],
  [0.6, 0.8, 0.81, 0.83, 0.85, 0.87, 0.89, 0.9, 0.9, 0.9, 0.9, 0.9],
];
const BOOST_ROW_V = 0.131072;
const BOOST_FIRST_UA = 8.192;

/**
 * Buck converter efficiency by output current: below 1 µA, from 1 µA, 2 µA … shepherd, BQ25570, LUT_output_efficiency,
 * 2^10 nA the first.
 */
const BUCK: readonly number[] = [0.4, 0.5, 0.6, 0.73, 0.82, 0.86, 0.88, 0.9, 0.91, 0.92, 0.93, 0.92];
const BUCK_FIRST_UA = 1.024;
const BUCK_V = 2.2;

/** Place of `value` in a table whose columns begin at 0, first, 2·first, 4·first … */
function octave(value: number, first: number, columns: number): number {
  let column = 0;
  for (let bound = first; value >= bound && column < columns - 1; bound *= 2) column++;
  return column;
}

function boost(leastV: number, mostV: number): Converter['inputEfficiency'] {
  return (powerUw, sourceV) => {
    if (sourceV < leastV || powerUw <= 0) return 0;
    const volts = Math.min(sourceV, mostV);
    const row = BOOST[Math.min(BOOST.length - 1, Math.floor(volts / BOOST_ROW_V))]!;
    return row[octave(powerUw / volts, BOOST_FIRST_UA, row.length)]!;
  };
}

const DIODE_V = 0.3;
const whole = (): number => 1;

/** All but `ideal`: shepherd virtual source (TU Dresden, MIT), virtual_source_fixture.yaml. */
const converters: readonly Converter[] = [
  {
    name: 'diode',
    description: 'Schottky diode into 47 µF',
    source: 'shepherd, diode+capacitor: 300 mV drop, on at 2.0 V, off at 1.8 V',
    ...{ capacitorUf: 47, turnOnV: 2, turnOffV: 1.8, fullV: 3.6, leakageNa: 0, sourceV: Infinity },
    // The source's current flows on as it is, and only downhill. Without a voltage: as if the source matched.
    inputEfficiency: (_, sourceV, capacitorV) => {
      if (sourceV === Infinity) return capacitorV / (capacitorV + DIODE_V);
      return sourceV > capacitorV + DIODE_V ? capacitorV / sourceV : 0;
    },
    outputEfficiency: whole,
  },
  {
    name: 'bq25504',
    description: 'TI BQ25504 boost converter with 100 µF',
    source: 'shepherd, BQ25504: power good 2.8 V / 2.34 V, boost from 130 mV, 330 nA, at most 3.6 V',
    ...{ capacitorUf: 100, turnOnV: 2.8, turnOffV: 2.34, fullV: 3.6, leakageNa: 330, sourceV: 1 },
    inputEfficiency: boost(0.13, 3),
    outputEfficiency: whole,
  },
  {
    name: 'bq25570',
    description: 'TI BQ25570 boost and 2.2 V buck converter with 33 µF',
    source: 'shepherd, BQ25570: on at 3.0 V, off at 2.4 V, boost from 100 mV, at most 5.5 V, output 2.2 V',
    ...{ capacitorUf: 33, turnOnV: 3, turnOffV: 2.4, fullV: 5.5, leakageNa: 0, sourceV: 1 },
    inputEfficiency: boost(0.1, 5.1),
    outputEfficiency: (loadUw) => BUCK[octave(loadUw / BUCK_V, BUCK_FIRST_UA, BUCK.length)]!,
  },
];

/** Names of the converters that `power` takes. */
export const CONVERTERS: readonly string[] = ['ideal', ...converters.map(({ name }) => name)];
const named = choice(CONVERTERS, { code: 'E_CONVERTER' });

/** An option that names a converter, or is one. */
export const converterKind: Kind<string | OwnConverter> = {
  ...named,
  expected: `${named.expected}, or a converter of your own (.json)`,
  placeholder: 'NAME|JSON',
  parse: (text) =>
    text.endsWith('.json') ? checkConverter(jsonFile(text, 'E_CONVERTER')) : named.parse!(text),
  check: (value) =>
    typeof value === 'object' && value !== null ? checkConverter(value) : named.check(value),
};

/** What results call a converter. */
export const converterName = (converter: string | OwnConverter): string =>
  typeof converter === 'string' ? converter : converter.name;

/** What holds the energy of a device, ready to compute with. */
export interface Storage {
  capacitorUf: number;
  turnOnV: number;
  warningV: number;
  turnOffV: number;
  fullV: number;
  /** Drawn all the time: a current, and a fixed power. */
  leakageNa: number;
  leakageUw: number;
  sourceV: number;
  inputEfficiency: Converter['inputEfficiency'];
  /** Energy taken from the capacitor for each that the device uses: losses behind it, its own resistance included. */
  drawFactor: number;
}

/** The storage a profile names: what harvests gets in, nothing is lost but leakage, full is turn-on. */
export function profileStorage(profile: DeviceProfile): Storage {
  const { capacitorUf, turnOnV, warningV, turnOffV, leakageUw, drawFactor = 1 } = profile;
  return {
    ...{ capacitorUf: capacitorUf.value, turnOnV: turnOnV.value, warningV: warningV.value },
    ...{
      turnOffV: turnOffV.value,
      fullV: turnOnV.value,
      leakageNa: 0,
      leakageUw: leakageUw.value,
      sourceV: 1,
    },
    inputEfficiency: whole,
    drawFactor,
  };
}

export interface StorageOptions {
  /** `ideal` (default), `diode`, `bq25504` or `bq25570`. */
  converter?: string | OwnConverter;
  /** In place of the converter's or device's own. */
  capacitorUf?: number;
  /** Series resistance of the capacitor; default 0. */
  esrOhm?: number;
  /** Leakage of the capacitor itself; default 0. */
  capacitorLeakageNa?: number;
}

const joules = (capacitorUf: number, volts: number): number => (capacitorUf * volts * volts) / 2;

/** The warning that leaves the share of a charge that the profile's own thresholds leave. */
function warningFor({ turnOnV, warningV, turnOffV }: DeviceProfile, onV: number, offV: number): number {
  const squares = [turnOnV, warningV, turnOffV].map(({ value }) => value * value) as [number, number, number];
  const share = (squares[1] - squares[2]) / (squares[0] - squares[2]);
  return Math.sqrt(offV * offV + share * (onV * onV - offV * offV));
}

/**
 * A device's storage behind a converter. The monitor warns with the share of a charge left that the profile's
 * own thresholds leave. Throws `E_CONVERTER`, `E_OPTION`.
 */
export function storageFor(profile: DeviceProfile, options: StorageOptions = {}): Storage {
  const { converter: name = 'ideal', esrOhm = 0, capacitorLeakageNa = 0 } = options;
  const converter =
    typeof name === 'string' ? converters.find((candidate) => candidate.name === name) : converterOf(name);
  if (!converter && typeof name === 'string' && name !== 'ideal') {
    throw new BrownoutError({
      code: 'E_CONVERTER',
      found: `converter "${name}"`,
      expected: CONVERTERS.join(', '),
      hint: didYouMean(name, CONVERTERS),
    });
  }
  const own = profileStorage(profile);
  const capacitorUf = options.capacitorUf ?? converter?.capacitorUf ?? own.capacitorUf;
  for (const [what, value, least] of [
    ['capacitorUf', capacitorUf, Number.MIN_VALUE],
    ['esrOhm', esrOhm, 0],
    ['capacitorLeakageNa', capacitorLeakageNa, 0],
  ] as const) {
    if (value >= least && value < Infinity) continue;
    throw new BrownoutError({
      code: 'E_OPTION',
      found: `${what} ${value}`,
      expected: least === 0 ? '0 or more' : 'more than 0',
      hint: 'Leave it out for the default.',
    });
  }
  const { turnOnV, turnOffV, fullV } = converter ?? own;
  const loadUw = (profile.activeNjPerCycle.value * profile.clockHz.value) / 1000;
  const output = converter?.outputEfficiency(loadUw, turnOffV) ?? 1;
  // A load of constant power draws I = P/V; at turn-off, the worst, its own resistance takes I·R of V.
  const esr = 1 + (loadUw * 1e-6 * esrOhm) / (turnOffV * turnOffV);
  return {
    ...{ capacitorUf, turnOnV, turnOffV, fullV, sourceV: converter?.sourceV ?? 1 },
    warningV: warningFor(profile, turnOnV, turnOffV),
    leakageNa: capacitorLeakageNa + (converter?.leakageNa ?? 0),
    leakageUw: converter ? 0 : own.leakageUw,
    inputEfficiency: converter?.inputEfficiency ?? whole,
    drawFactor: esr / output,
  };
}

/** Energy one charge holds between turn-on and turn-off, in µJ. */
export const storageChargeUj = ({ capacitorUf, turnOnV, turnOffV }: Storage): number =>
  joules(capacitorUf, turnOnV) - joules(capacitorUf, turnOffV);

/**
 * The device with such a storage for its own: what plans and proofs count charges of. Throws `E_CONVERTER`, `E_OPTION`.
 */
export function poweredBy(profile: DeviceProfile, options: StorageOptions): DeviceProfile {
  const storage = storageFor(profile, options);
  const figure = (value: number, usual: Sourced): Sourced =>
    value === usual.value ? usual : { value, provenance: 'estimated', source: 'as given' };
  return {
    ...profile,
    capacitorUf: figure(storage.capacitorUf, profile.capacitorUf),
    turnOnV: figure(storage.turnOnV, profile.turnOnV),
    warningV: figure(storage.warningV, profile.warningV),
    turnOffV: figure(storage.turnOffV, profile.turnOffV),
    leakageUw: figure(storage.leakageUw + (storage.leakageNa * storage.turnOnV) / 1000, profile.leakageUw),
    drawFactor: storage.drawFactor,
  };
}
