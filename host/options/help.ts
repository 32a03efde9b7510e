// What --help shows of a command, from its table.
import type { Command } from './command.js';
import { cliName, type Option, type OptionTable } from './table.js';

/** Options that every command has. */
export const COMMON: readonly (readonly [head: string, help: string])[] = [
  ['--json', 'print one JSON object on standard output, and nothing else there'],
  ['-h, --help', 'show this help'],
];

/** What a value is if none is given. */
function defaultText({ default: usual, otherwise, kind }: Option): string {
  if (kind.isSwitch) return '';
  if (otherwise !== undefined) return ` (default: ${otherwise})`;
  return usual === undefined ? '' : ` (default ${Array.isArray(usual) ? usual.join(',') : String(usual)})`;
}

function choices({ kind: { names } }: Option, help: string): string {
  const missing = names?.some((name) => !new RegExp(`\\b${name}\\b`).test(help));
  return names && missing ? `: ${names.join(', ')}` : '';
}

/** Heads and helps in two columns. */
export function columns(rows: readonly (readonly [head: string, help: string])[]): string[] {
  const width = Math.max(...rows.map(([head]) => head.length));
  return rows.map(([head, help]) => `  ${head.padEnd(width)}  ${help}`);
}

function optionRow([name, option]: [string, Option]): readonly [string, string] {
  const { kind, short, help = '', required } = option;
  const value = kind.placeholder === undefined ? '' : ` ${kind.placeholder}`;
  const head = `${short ? `-${short}, ` : ''}--${cliName(name, option)}${value}`;
  const must = required ? ' (required)' : '';
  return [head, `${help}${choices(option, help)}${defaultText(option)}${must}`];
}

export const usageLine = (name: string, { positionals }: Pick<Command, 'positionals'>): string =>
  `brownout ${name}${positionals.map((one) => ` <${one.name}${one.many ? '…' : ''}>`).join('')} [options]`;

/** Whether a command writes files, so that it has --force. */
export const writesFiles = (options: OptionTable): boolean =>
  Object.values(options).some(({ kind: { file } }) => file !== undefined && file !== 'input');

export function commandHelp(name: string, summary: string, command: Command): string {
  const force = writesFiles(command.options)
    ? [['--force', 'write over a file that no command of brownout has written'] as const]
    : [];
  const rows = [...Object.entries<Option>(command.options).map(optionRow), ...force, ...COMMON];
  return [
    summary,
    '',
    `Usage: ${usageLine(name, command)}`,
    '',
    ...columns(rows),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
  ].join('\n');
}
