// Devices of one's own: a profile as an object or a .json file, checked field by field.
import { readUserFile } from '../data/files.js';
import { BrownoutError } from '../error.js';
import { BODIES } from '../ops/shared/cost.js';
import { didYouMean } from '../options/suggest.js';
import type { InstructionCosts } from '../toolchain/meter.js';
import type { AcceleratorCosts, DeviceProfile, Provenance, Sourced } from './profile.js';

/** A range of figures: at least, at most. */
type Range = readonly [least: number, most: number];
type Figures<T> = { [K in keyof T as NonNullable<T[K]> extends Sourced ? K : never]-?: Range };

const above0 = Number.MIN_VALUE;
const MOST_BYTES = 2 ** 32;

/** Of every figure of a profile, in the unit that its name ends in. */
const FIGURES: Figures<DeviceProfile> = {
  clockHz: [1e3, 1e10],
  activeNjPerCycle: [above0, 1e6],
  planScale: [above0, 1e6],
  cyclesPerInstruction: [above0, 1e6],
  imageSetupCycles: [0, 1e6],
  imageReadBytes: [1, 4096],
  imageReadCycles: [0, 1e6],
  imageReadNj: [0, 1e6],
  nvmSetupCycles: [0, 1e6],
  nvmReadCyclesPerWord: [0, 1e6],
  nvmWriteCyclesPerWord: [0, 1e6],
  nvmReadNjPerWord: [0, 1e6],
  nvmWriteNjPerWord: [0, 1e6],
  nvmTearBytes: [1, 4096],
  monitorCycles: [0, 1e6],
  bootUj: [0, 1e9],
  bootUs: [0, 1e9],
  flashBytes: [1, MOST_BYTES],
  sramBytes: [1, MOST_BYTES],
  nvmBytes: [1, MOST_BYTES],
  sleepUw: [0, 1e9],
  nvmEndurance: [1, 1e30],
  capacitorUf: [above0, 1e9],
  turnOnV: [above0, 1e3],
  warningV: [above0, 1e3],
  turnOffV: [above0, 1e3],
  leakageUw: [0, 1e9],
  unwarnedCuts: [0, 1],
};

const ACCELERATOR: Figures<AcceleratorCosts> = {
  callCycles: [0, 1e9],
  callNj: [0, 1e9],
  macCyclesPerElement: [0, 1e6],
  macNjPerElement: [0, 1e6],
  fftCyclesPerButterfly: [0, 1e6],
  fftNjPerButterfly: [0, 1e6],
  moveCyclesPerElement: [0, 1e6],
  moveNjPerElement: [0, 1e6],
};

const INSTRUCTIONS: Record<keyof InstructionCosts, Range> = {
  ...{ local: [0, 1e6], constant: [0, 1e6], alu32: [0, 1e6], mul32: [0, 1e6], div32: [0, 1e6] },
  ...{ alu64: [0, 1e6], mul64: [0, 1e6], div64: [0, 1e6], load: [0, 1e6], store: [0, 1e6] },
  ...{ branch: [0, 1e6], call: [0, 1e6], select: [0, 1e6], simd: [0, 1e6] },
  ...{ bulkPerByte: [0, 1e6], bulkSetup: [0, 1e6] },
};

const PROVENANCES: readonly Provenance[] = ['measured', 'datasheet', 'estimated'];

type Fields = Readonly<Record<string, unknown>>;

/** The fields of what should be an object. */
export class Checker {
  constructor(
    readonly code: string,
    readonly hint: string,
  ) {}

  refuse(found: string, expected: string, hint = this.hint): never {
    throw new BrownoutError({ code: this.code, found, expected, hint });
  }

  fields(value: unknown, path: string, names: readonly string[], optional: readonly string[] = []): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.refuse(`${path} ${JSON.stringify(value)}`, `an object with ${names.join(', ')}`);
    const known = [...names, ...optional];
    const stray = Object.keys(value).find((name) => !known.includes(name));
    if (stray !== undefined) this.refuse(`${path}: "${stray}"`, known.join(', '), didYouMean(stray, known));
    const missing = names.find((name) => !Object.hasOwn(value, name));
    if (missing !== undefined) this.refuse(`${path} without "${missing}"`, names.join(', '));
    return value as Fields;
  }

  text(value: unknown, path: string): string {
    if (typeof value !== 'string' || value.trim() === '')
      this.refuse(`${path} ${JSON.stringify(value)}`, 'a text that is not empty');
    return value;
  }

  number(value: unknown, path: string, [least, most]: Range): number {
    if (typeof value !== 'number' || !(value >= least && value <= most)) {
      const from = least === above0 ? 'above 0' : `from ${least}`;
      this.refuse(`${path} ${JSON.stringify(value)}`, `a number ${from} to ${most}`);
    }
    return value;
  }

  sourced<T>(value: unknown, path: string, check: (value: unknown, path: string) => T): Sourced<T> {
    const fields = this.fields(value, path, ['value', 'provenance', 'source']);
    const provenance = PROVENANCES.find((one) => one === fields['provenance']);
    if (!provenance)
      this.refuse(`${path}.provenance ${JSON.stringify(fields['provenance'])}`, PROVENANCES.join(', '));
    return {
      value: check(fields['value'], `${path}.value`),
      provenance,
      source: this.text(fields['source'], `${path}.source`),
    };
  }

  figures(fields: Fields, path: string, ranges: Readonly<Record<string, Range>>): Record<string, Sourced> {
    return Object.fromEntries(
      Object.entries(ranges).map(([name, range]) => {
        const figure = this.sourced(fields[name], `${path}${name}`, (value, at) =>
          this.number(value, at, range),
        );
        return [name, figure] as const;
      }),
    );
  }
}

const EXAMPLE = '{"value": 100, "provenance": "datasheet", "source": "part and page"}';

function accelerator(check: Checker, value: unknown): AcceleratorCosts {
  const fields = check.fields(value, 'accelerator', ['name', 'sramBytes', ...Object.keys(ACCELERATOR)]);
  return {
    name: check.text(fields['name'], 'accelerator.name'),
    sramBytes: check.number(fields['sramBytes'], 'accelerator.sramBytes', [1, MOST_BYTES]),
    ...check.figures(fields, 'accelerator.', ACCELERATOR),
  } as AcceleratorCosts;
}

function instructions(check: Checker, value: unknown, path: string): InstructionCosts {
  const fields = check.fields(value, path, Object.keys(INSTRUCTIONS));
  return Object.fromEntries(
    Object.entries(INSTRUCTIONS).map(([name, range]) => [
      name,
      check.number(fields[name], `${path}.${name}`, range),
    ]),
  ) as unknown as InstructionCosts;
}

/** Whether a figure's value is `value`. */
const hasValue = (figure: unknown, value: string): boolean =>
  typeof figure === 'object' && figure !== null && 'value' in figure && figure.value === value;

const NAMES = ['name', 'description', 'instructionCycles', 'body', ...Object.keys(FIGURES)];

/**
 * A profile with every field checked: units by their names, a provenance and a source each. With `extends` fields that are
 * left out are those of `base(name)`. Throws `E_DEVICE`.
 */
export function checkProfile(value: unknown, base: (name: string) => DeviceProfile): DeviceProfile {
  const check = new Checker(
    'E_DEVICE',
    `A figure is ${EXAMPLE}; "extends" takes what is left out from a known device.`,
  );
  const isObject = typeof value === 'object' && value !== null && 'extends' in value;
  const { extends: from, ...own } = isObject ? value : { extends: undefined, ...(value as object) };
  const whole = from === undefined ? own : { ...base(check.text(from, 'extends')), ...own };
  const fields = check.fields(whole, 'device', NAMES, ['accelerator']);
  const figures = check.figures(fields, '', FIGURES) as { [K in keyof typeof FIGURES]: Sourced };
  const [off, warning, on] = [figures.turnOffV.value, figures.warningV.value, figures.turnOnV.value];
  if (!(off < warning && warning < on))
    check.refuse(
      `turnOffV ${off}, warningV ${warning}, turnOnV ${on}`,
      'turn-off below warning below turn-on',
      'Give the thresholds of the voltage monitor.',
    );
  if (hasValue(fields['body'], 'lea') && fields['accelerator'] === undefined)
    check.refuse('body.value "lea" without "accelerator"', 'what a call of it and a product cost');
  const checked: DeviceProfile = {
    ...figures,
    name: check.text(fields['name'], 'name'),
    description: check.text(fields['description'], 'description'),
    instructionCycles: check.sourced(fields['instructionCycles'], 'instructionCycles', (costs, path) =>
      instructions(check, costs, path),
    ),
    body: check.sourced(
      fields['body'],
      'body',
      (name, path) =>
        BODIES.find((body) => body === name) ??
        check.refuse(`${path} ${JSON.stringify(name)}`, BODIES.join(', ')),
    ),
    ...(fields['accelerator'] === undefined
      ? {}
      : { accelerator: accelerator(check, fields['accelerator']) }),
  };
  // In the order in which they are given: results list what is estimated in it.
  const order = Object.keys(fields).filter((name) => Object.hasOwn(checked, name)) as (keyof DeviceProfile)[];
  return Object.fromEntries(order.map((name) => [name, checked[name]])) as unknown as DeviceProfile;
}

/** What a .json file holds. Throws `E_FILE`, and `code` where it is no JSON. */
export function jsonFile(path: string, code: string): unknown {
  const text = new TextDecoder().decode(readUserFile(path));
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new BrownoutError({
      code,
      found: `"${path}": ${(error as Error).message}`,
      expected: 'JSON',
      hint: `Check it: \`node -e 'JSON.parse(fs.readFileSync("${path}"))'\`.`,
    });
  }
}
