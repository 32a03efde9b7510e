// Converters of one's own: an object or a .json file, checked field by field.
import { Checker } from '../profiles/custom.js';

/** A converter and the capacitor behind it. */
export interface Converter {
  name: string;
  description: string;
  source: string;
  capacitorUf: number;
  turnOnV: number;
  turnOffV: number;
  /** What the capacitor is charged to at most. */
  fullV: number;
  /** Drawn from the capacitor all the time. */
  leakageNa: number;
  /** Voltage taken for a source whose trace has none. Estimated. */
  sourceV: number;
  /** Share of the source's power that gets into the capacitor. */
  inputEfficiency: (powerUw: number, sourceV: number, capacitorV: number) => number;
  /** Share of the capacitor's energy that gets to a load that draws `loadUw` at `capacitorV`. */
  outputEfficiency: (loadUw: number, capacitorV: number) => number;
}

/** Efficiency, or efficiencies at some powers: straight lines between them, constant beyond. */
export type Efficiency = number | { powerUw: readonly number[]; efficiency: readonly number[] };

/** A converter as data. */
export interface OwnConverter {
  name: string;
  /** Where its figures come from: a datasheet and a page, a measurement. */
  source: string;
  capacitorUf: number;
  turnOnV: number;
  turnOffV: number;
  /** What the capacitor is charged to at most; default `turnOnV`. */
  fullV?: number;
  /** Drawn from the capacitor all the time; default 0. */
  leakageNa?: number;
  /** Voltage taken for a source whose trace has none; default 1. */
  sourceV?: number;
  /** Of what the source gives, by its power; default 1. */
  inputEfficiency?: Efficiency;
  /** Of what the load draws, by its power; default 1. */
  outputEfficiency?: Efficiency;
}

const check = new Checker(
  'E_CONVERTER',
  'Such as {"name": "mine", "source": "datasheet, p. 7", "capacitorUf": 220, "turnOnV": 3, "turnOffV": 2.2}.',
);
const SHARE = [0, 1] as const;

function efficiency(value: unknown, path: string): Efficiency {
  if (typeof value === 'number') return check.number(value, path, SHARE);
  const fields = check.fields(value, path, ['powerUw', 'efficiency']);
  const list = (name: string, range: readonly [number, number]): number[] => {
    const given: unknown = fields[name];
    if (!Array.isArray(given) || given.length === 0)
      check.refuse(`${path}.${name} ${JSON.stringify(given)}`, 'numbers in a list');
    return (given as readonly unknown[]).map((one, i) => check.number(one, `${path}.${name}[${i}]`, range));
  };
  const powerUw = list('powerUw', [0, 1e9]);
  const shares = list('efficiency', SHARE);
  if (powerUw.length !== shares.length)
    check.refuse(
      `${path}: ${powerUw.length} powers, ${shares.length} efficiencies`,
      'as many of one as of the other',
    );
  if (powerUw.some((power, i) => i > 0 && power <= powerUw[i - 1]!))
    check.refuse(`${path}.powerUw ${JSON.stringify(powerUw)}`, 'powers that go up');
  return { powerUw, efficiency: shares };
}

/** A converter with every field checked. Throws `E_CONVERTER`. */
export function checkConverter(value: unknown): OwnConverter {
  const needed = ['name', 'source', 'capacitorUf', 'turnOnV', 'turnOffV'];
  const optional = ['fullV', 'leakageNa', 'sourceV', 'inputEfficiency', 'outputEfficiency'];
  const fields = check.fields(value, 'converter', needed, optional);
  const number = (name: string, least: number, most: number): number =>
    check.number(fields[name], name, [least, most]);
  const volts = { turnOnV: number('turnOnV', Number.MIN_VALUE, 1e3), turnOffV: number('turnOffV', 0, 1e3) };
  if (volts.turnOffV >= volts.turnOnV)
    check.refuse(`turnOffV ${volts.turnOffV}, turnOnV ${volts.turnOnV}`, 'turn-off below turn-on');
  const take = <T>(name: string, of: () => T): Record<string, T> =>
    fields[name] === undefined ? {} : { [name]: of() };
  return {
    name: check.text(fields['name'], 'name'),
    source: check.text(fields['source'], 'source'),
    capacitorUf: number('capacitorUf', Number.MIN_VALUE, 1e9),
    ...volts,
    ...take('fullV', () => number('fullV', volts.turnOnV, 1e3)),
    ...take('leakageNa', () => number('leakageNa', 0, 1e9)),
    ...take('sourceV', () => number('sourceV', 0, 1e3)),
    ...take('inputEfficiency', () => efficiency(fields['inputEfficiency'], 'inputEfficiency')),
    ...take('outputEfficiency', () => efficiency(fields['outputEfficiency'], 'outputEfficiency')),
  };
}

/** An efficiency by power. */
function curve(given: Efficiency = 1): (powerUw: number) => number {
  if (typeof given === 'number') return () => given;
  const { powerUw, efficiency: shares } = given;
  return (power) => {
    const above = powerUw.findIndex((one) => one >= power);
    if (above < 0) return shares.at(-1)!;
    if (above === 0) return shares[0]!;
    const [left, right] = [powerUw[above - 1]!, powerUw[above]!];
    const share = (power - left) / (right - left);
    return shares[above - 1]! * (1 - share) + shares[above]! * share;
  };
}

/** A converter of one's own, ready to compute with. */
export function converterOf(own: OwnConverter): Converter {
  const output = curve(own.outputEfficiency);
  return {
    ...{ name: own.name, description: own.name, source: own.source, capacitorUf: own.capacitorUf },
    ...{ turnOnV: own.turnOnV, turnOffV: own.turnOffV, fullV: own.fullV ?? own.turnOnV },
    ...{ leakageNa: own.leakageNa ?? 0, sourceV: own.sourceV ?? 1 },
    inputEfficiency: curve(own.inputEfficiency),
    // Nothing gets through a converter of no efficiency: the least that can be computed with.
    outputEfficiency: (loadUw) => Math.max(1e-6, output(loadUw)),
  };
}
