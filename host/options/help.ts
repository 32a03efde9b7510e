// What --help shows of a command, from its table.
import type { Command } from './command.js';
import { cliName, type Option, type OptionTable } from './table.js';
import { TERMINAL, wrapped, wrappedCommand } from './wrap.js';

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

/** Widest head that has its help beside it; that of a wider one starts on the next line. */
const WIDEST_HEAD = 24;

/** Heads and helps in two columns. */
export function columns(rows: readonly (readonly [head: string, help: string])[]): string[] {
  const width = Math.min(WIDEST_HEAD, Math.max(...rows.map(([head]) => head.length)));
  const gap = ' '.repeat(width + 4);
  return rows.flatMap(([head, help]) => {
    const [first = '', ...rest] = wrapped(help, TERMINAL - gap.length);
    const start = `  ${head.padEnd(width)}  `;
    const lines = head.length > width ? [`  ${head}`, `${gap}${first}`] : [`${start}${first}`];
    return [...lines, ...rest.map((line) => `${gap}${line}`)];
  });
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
    ...wrapped(summary, TERMINAL),
    '',
    `Usage: ${usageLine(name, command)}`,
    '',
    ...columns(rows),
    '',
    'Examples:',
    ...command.examples.map((example) => wrappedCommand(example, '  ')),
  ].join('\n');
}
