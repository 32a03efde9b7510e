// The command line of one command, by its table: names, values, what is missing; every hint can be followed as it stands.
import { parseArgs } from 'node:util';
import { BrownoutError } from '../error.js';
import type { Command, CommandInput, Positional } from './command.js';
import { usageLine, writesFiles } from './help.js';
import type { OutputKind } from './kinds.js';
import { checkOutput } from './outputs.js';
import { nearest } from './suggest.js';
import { cliName, type Option } from './table.js';

/** A word as a shell takes it. */
const quote = (word: string): string =>
  /^[\w./:=,+~@…-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

interface Known {
  readonly key: string;
  readonly option: Option;
  /** Its present name, where `known` is by an older one. */
  readonly name: string;
}

const SWITCHES = ['json', 'help', 'force'] as const;

export interface ParsedLine extends Pick<CommandInput, 'positionals' | 'options' | 'commandLine' | 'writes'> {
  /** Words on what is going to change, for standard error. */
  readonly notes: readonly string[];
}

/** The options of a command by every name that they have on the command line. */
function knownOptions({ options }: Command): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const [key, option] of Object.entries<Option>(options)) {
    const name = cliName(key, option);
    for (const one of [name, ...(option.was ?? [])]) known.set(one, { key, option, name });
  }
  return known;
}

/** Reads `args` for one command. */
class Line {
  readonly #known: Map<string, Known>;
  readonly #values: Record<string, unknown> = {};
  readonly #positionals: string[] = [];
  readonly #notes: string[] = [];
  readonly #switches = new Set<string>();

  constructor(
    readonly name: string,
    readonly command: Command,
    readonly args: readonly string[],
  ) {
    this.#known = knownOptions(command);
  }

  /** The line with `count` words from `at` on replaced, to be typed as it stands. */
  #corrected(at: number, count: number, ...words: string[]): string {
    const args = [...this.args.slice(0, at), ...words, ...this.args.slice(at + count)];
    return `\`${['brownout', this.name, ...args.map(quote)].join(' ')}\``;
  }

  #fail(code: string, found: string, expected: string, hint: string): never {
    throw new BrownoutError({ code, found, expected, hint });
  }

  get #names(): string[] {
    const own = [...this.#known.values()].map(({ name }) => name);
    return [...new Set([...own, ...SWITCHES.filter((name) => name !== 'force' || this.#writes)])];
  }

  get #writes(): boolean {
    return writesFiles(this.command.options);
  }

  read(): ParsedLine {
    const shorts = [...this.#known].flatMap(([name, { option, name: present }]) =>
      option.short !== undefined && name === present ? [[name, option.short] as const] : [],
    );
    const short = new Map<string, string>(shorts);
    const options = Object.fromEntries([
      ...[...this.#known].map(([name, { option }]) => {
        const type = option.kind.isSwitch ? ('boolean' as const) : ('string' as const);
        return [name, { type, ...(short.has(name) ? { short: short.get(name)! } : {}) }] as const;
      }),
      ...SWITCHES.map(
        (name) => [name, { type: 'boolean' as const, ...(name === 'help' ? { short: 'h' } : {}) }] as const,
      ),
    ]);
    const { tokens } = parseArgs({
      args: [...this.args],
      options,
      allowPositionals: true,
      strict: false,
      tokens: true,
    });
    for (const token of tokens) {
      if (token.kind === 'positional') this.#positionals.push(token.value);
      if (token.kind === 'option') this.#option(token);
    }
    this.#checkPositionals();
    this.#checkRequired();
    const force = this.#switches.has('force');
    const inputs = this.#inputs();
    const outputs: string[] = [];
    const check = (path: string, kind: OutputKind, flag = ''): string => {
      checkOutput(path, kind, { inputs, outputs, force, flag });
      outputs.push(path);
      return path;
    };
    const writes = (path: string, kind: OutputKind): string => check(path, kind, '-o ');
    for (const { key, option } of new Set(this.#known.values())) {
      const { file } = option.kind;
      const path = this.#values[key];
      if (file !== undefined && file !== 'input' && typeof path === 'string') check(path, file);
    }
    return {
      positionals: this.#positionals,
      options: this.#values as ParsedLine['options'],
      commandLine: ['brownout', this.name, ...this.args.filter((word) => word !== '--json').map(quote)].join(
        ' ',
      ),
      notes: this.#notes,
      writes,
    };
  }

  #option(token: {
    name: string;
    rawName: string;
    index: number;
    value?: string | undefined;
    inlineValue?: boolean | undefined;
  }): void {
    const { name, rawName, index, value, inlineValue } = token;
    const known = this.#known.get(name);
    const words = value !== undefined && inlineValue === false ? 2 : 1;
    if ((SWITCHES as readonly string[]).includes(name) && (name !== 'force' || this.#writes)) {
      if (value !== undefined) this.#stray(token, words);
      this.#switches.add(name);
      return;
    }
    const found = known ?? this.#unknown(name, rawName, index, value, inlineValue === true);
    const { key, option } = found;
    if (found.name !== name)
      this.#notes.push(`--${name} is called --${found.name} now; the old name goes with the next version.`);
    if (option.kind.isSwitch) {
      if (value !== undefined) this.#stray(token, words);
      this.#values[key] = option.default !== true;
      return;
    }
    const isMissing = value === undefined || value === '' || (words === 2 && /^-(?!\d|\.\d)./.test(value));
    if (isMissing) {
      // An option that stands where the value should be is kept.
      const replaced = value === '' ? words : 1;
      const hint = `Try ${this.#corrected(index, replaced, rawName, option.kind.right())}.`;
      const { kind } = option;
      const expected = kind.file === 'input' ? `a file, such as ${kind.right()}` : kind.expected;
      this.#fail('E_USAGE', `${rawName} without a value`, expected, hint);
    }
    this.#values[key] = this.#value(found, value, { index, words, rawName });
  }

  #value(
    { option: { kind } }: Known,
    value: string,
    at: { index: number; words: number; rawName: string },
  ): unknown {
    const read = kind.parse?.(value);
    if (read === undefined) {
      const hint = `Try ${this.#corrected(at.index, at.words, at.rawName, kind.right(value))}.`;
      return this.#fail(kind.code ?? 'E_OPTION', `${at.rawName} ${value}`, kind.expected, hint);
    }
    if (kind.renamed && Object.hasOwn(kind.renamed, value))
      this.#notes.push(
        `${at.rawName} ${value} is called ${String(read)} now; the old name goes with the next version.`,
      );
    return read;
  }

  #stray(
    { rawName, index, value }: { rawName: string; index: number; value?: string | undefined },
    words: number,
  ): never {
    const hint = `Try ${this.#corrected(index, words, rawName)}.`;
    return this.#fail('E_USAGE', `${rawName} with the value "${value}"`, 'no value: it is a switch', hint);
  }

  #unknown(name: string, rawName: string, index: number, value: string | undefined, inline: boolean): never {
    const names = this.#names;
    const meant = nearest(name, names);
    const word = meant === undefined ? [] : [`--${meant}${inline ? `=${value}` : ''}`];
    const takesValue = meant !== undefined && this.#known.get(meant)?.option.kind.isSwitch !== true;
    // A word after an option that nobody knows may be its value or not; with a switch in its place it would be too much.
    const follower = this.args[index + 1];
    const isLone = !inline && follower !== undefined && !follower.startsWith('-') && !takesValue;
    const isExtra = isLone && this.#needed < this.args.filter((one) => !one.startsWith('-')).length;
    const start = meant === undefined ? 'Leave it out' : `Did you mean \`--${meant}\`? Try`;
    const hint = `${start}${meant === undefined ? ':' : ''} ${this.#corrected(index, isExtra ? 2 : 1, ...word)}.`;
    const expected = names.map((one) => `--${one}`).join(', ');
    return this.#fail('E_USAGE', `option ${rawName}`, expected, hint);
  }

  get #needed(): number {
    const { positionals } = this.command;
    return positionals.some(({ many }) => many) ? Infinity : positionals.length;
  }

  #checkPositionals(): void {
    const { positionals } = this.command;
    const given = this.#positionals.length;
    if (given > this.#needed) {
      const extra = this.#positionals[this.#needed]!;
      const hint = `Leave it out: ${this.#corrected(this.args.lastIndexOf(extra), 1)}.`;
      this.#fail('E_USAGE', `one argument too many, "${extra}"`, usageLine(this.name, this.command), hint);
    }
    const missing = positionals.filter(({ many }) => !many)[given];
    if (missing) {
      const { examples } = this.command;
      const hint = `For example \`${examples[0]}\`; all of it: \`brownout ${this.name} --help\`.`;
      this.#fail('E_USAGE', `no <${missing.name}>`, missing.expected, hint);
    }
  }

  #checkRequired(): void {
    const absent = [...new Set(this.#known.values())].filter(
      ({ key, option }) => option.help !== undefined && this.#values[key] === undefined,
    );
    const missing = absent.find(({ option }) => option.required);
    if (!missing) return;
    const added = absent
      .filter(({ option }) => option.required || option.hinted)
      .flatMap(({ name, option }) => [`--${name}`, option.kind.right()]);
    const hint = `Try ${this.#corrected(this.args.length, 0, ...added)}.`;
    const { kind } = missing.option;
    const expected = kind.file === 'input' ? `a file, such as ${kind.right()}` : kind.expected;
    this.#fail('E_USAGE', `no --${missing.name}`, expected, hint);
  }

  /** Paths of all that the command reads. */
  #inputs(): string[] {
    const positionals = this.#positionals.filter((_, i) => !this.#positionalAt(i)?.names);
    const files = [...new Set(this.#known.values())].flatMap(({ key, option }) => {
      const given = this.#values[key];
      if (option.kind.file !== 'input') return [];
      if (Array.isArray(given)) return given as string[];
      return typeof given === 'string' ? (option.kind.paths?.(given) ?? [given]) : [];
    });
    return [...positionals, ...files];
  }

  #positionalAt(index: number): Positional | undefined {
    const { positionals } = this.command;
    return positionals[Math.min(index, positionals.length - 1)];
  }
}

/** A command's arguments and options. Throws `E_USAGE`, `E_OPTION` and codes of kinds, `E_OUTPUT`. */
export const parseLine = (name: string, command: Command, args: readonly string[]): ParsedLine =>
  new Line(name, command, args).read();
