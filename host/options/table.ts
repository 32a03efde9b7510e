// One table a verb: its options, from which the API's check, the command line and --help come.
import { BrownoutError, shown } from '../error.js';
import type { Kind } from './kinds.js';
import type { Quantity } from './quantity.js';
import { nearest } from './suggest.js';

export interface Option<Api = unknown, Cli = unknown> {
  readonly kind: Kind<Api, Cli>;
  /** A line for --help. Absent: for the API only. */
  readonly help?: string;
  readonly default?: Api;
  /** What stands for a default that is no constant: `the device’s`. */
  readonly otherwise?: string;
  readonly required?: true;
  /** Not required, but said in hints of what is missing: without it, or another in its place, a command cannot work. */
  readonly hinted?: true;
  /** Its name on the command line, where that is not its name in the API, in kebab-case and without its unit. */
  readonly cli?: string;
  readonly short?: string;
  /** Names on the command line in earlier versions. */
  readonly was?: readonly string[];
}

export type OptionTable = Readonly<Record<string, Option>>;

/** An option's type once it is checked: a quantity is a number in the unit that its name ends in. */
type Plain<T> = [Quantity] extends [T]
  ? Exclude<T, string>
  : T extends readonly (infer E)[]
    ? [Quantity] extends [E]
      ? number[]
      : T
    : T;

type Given<O, K extends keyof O> = Plain<Exclude<O[K], undefined>>;

/** The table of an interface of options: an entry for each, and no other. */
export type Table<O> = {
  readonly [K in keyof O]-?: Option<Given<O, K>> &
    (Record<string, never> extends Pick<O, K> ? { readonly required?: never } : { readonly required: true });
};

/** Options once they are checked: those with a default in the table are there. */
export type Checked<O, T> = {
  [K in keyof O as K extends keyof T ? (T[K] extends { default: unknown } ? K : never) : never]-?: Given<
    O,
    K
  >;
} & {
  [K in keyof O as K extends keyof T ? (T[K] extends { default: unknown } ? never : K) : never]: Given<O, K>;
};

/** A right value as one writes it in JavaScript. */
function inJavaScript(kind: Kind, wrong: unknown): string {
  const right = kind.right(
    typeof wrong === 'string' || typeof wrong === 'number' ? String(wrong) : undefined,
  );
  const isLiteral = !kind.names && /^(-?\d+(\.\d+)?|true|false|\(\) => \{\})$/.test(right);
  return isLiteral ? right : JSON.stringify(right);
}

function refuse(found: string, expected: string, hint: string, code = 'E_OPTION'): never {
  throw new BrownoutError({ code, found, expected, hint });
}

function checkOne(name: string, option: Option, value: unknown): unknown {
  const { kind } = option;
  const checked = kind.check(value);
  if (checked !== undefined) return checked;
  const isData = kind.file === 'input' || kind.placeholder === undefined;
  const example = isData ? '' : ` For example ${name}: ${inJavaScript(kind, value)}.`;
  const hint = option.required ? `Give another \`${name}\`.` : `Give another \`${name}\`, or leave it out.`;
  return refuse(`\`${name}\` ${shown(value)}`, kind.expected, hint + example, kind.code);
}

/**
 * The options of a call, checked: names, types, ranges; with the table's defaults. Throws `E_OPTION`, or the code of the
 * option's kind. An option that is `undefined` counts as left out.
 */
export function checkOptions<O extends object, const T extends Table<O>>(
  table: T,
  options: O | undefined,
): Checked<O, T> {
  const given: unknown = options ?? {};
  if (typeof given !== 'object' || given === null || Array.isArray(given) || ArrayBuffer.isView(given))
    refuse(`${shown(given)} for options`, 'an object of options', 'Give { name: value }, or nothing.');
  const names = Object.keys(table);
  const entries = Object.entries(given as Record<string, unknown>).filter(([, value]) => value !== undefined);
  const unknown = entries.find(([name]) => !Object.hasOwn(table, name))?.[0];
  if (unknown !== undefined) {
    const meant = nearest(unknown, names);
    const hint = meant === undefined ? 'Leave it out.' : `Did you mean \`${meant}\`?`;
    refuse(`option "${unknown}"`, names.join(', ') || 'no options', hint);
  }
  const checked: Record<string, unknown> = {};
  const options_ = given as Record<string, unknown>;
  for (const [name, option] of Object.entries<Option>(table)) {
    const value = options_[name];
    if (value !== undefined) checked[name] = checkOne(name, option, value);
    else if (option.default !== undefined) checked[name] = option.default;
    else if (option.required) refuse(`no \`${name}\``, option.kind.expected, `Give \`${name}\`.`);
  }
  return checked as Checked<O, T>;
}

/** An option that is itself an object of options. */
export function nested<O extends object, const T extends Table<O>>(table: T): Kind<O> {
  return {
    expected: `an object with ${Object.keys(table).join(', ')}`,
    check: (value) =>
      typeof value === 'object' && value !== null ? (checkOptions<O, T>(table, value as O) as O) : undefined,
    right: () => '{}',
  };
}

/** An option's name on the command line, without dashes; `no-…` for a switch that is on. */
export function cliName(name: string, { cli, kind, default: usual }: Option): string {
  if (cli !== undefined) return cli;
  const bare = kind.isSwitch ? name : name.replace(/(Uf|Bytes|Uj|Ms|Ohm|Uw|Hz)$/, '');
  const kebab = bare.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return kind.isSwitch && usual === true ? `no-${kebab}` : kebab;
}
