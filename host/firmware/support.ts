// What runs where: every pair of board, NVM and layout runs, needs listed things of a person, or is refused. A board with a unit
// that its kernels use is one by itself.
import { type Layout, layoutKind } from './layouts.js';
import { BrownoutError } from '../error.js';
import { asksSupply, type HardwareBoard, hardwareBoards } from './hardware.js';
import { type NvmKind, nvmBody, nvmKinds } from './nvm-bodies/index.js';
import type { Setting } from './nvm-bodies/nvm-body.js';
import { spiPartRows } from './spi-parts.js';
import { type Target, targets } from './targets.js';

/** Something that only a person can fill in. */
export interface Need {
  /** Of the folder. */
  file: string;
  /** A setting, or a function. */
  name: string;
  what: string;
}

/** What is known of a pair of board, NVM and layout. */
export type Support =
  { kind: 'runs'; on: string } | { kind: 'needs'; needs: readonly Need[] } | { kind: 'refused'; why: string };

export interface Pair {
  board: HardwareBoard | undefined;
  target: Target;
  nvm: NvmKind;
  layout: Layout;
}

const SETTINGS = 'brownout_settings.h';

/** Functions that a person fills in where no board says which part it is. */
const FUNCTIONS: Readonly<Record<'spi' | 'flash', readonly [name: string, what: string][]>> = {
  spi: [
    ['brownout_spi_begin', 'clocks, pins and mode of the bus'],
    ['brownout_spi_select', 'chip select'],
    ['brownout_spi_transfer', 'a byte out, and one in'],
  ],
  flash: [
    ['brownout_flash_program', "programming, by the part's controller"],
    ['brownout_flash_erase', 'erasing a page'],
  ],
};

/** Settings of a board's ports that the body of NVM and the example ask for. */
export const portSettings = (board: HardwareBoard, nvm: NvmKind): readonly Setting[] => [
  ...(nvmBody(nvm).port === 'spi' ? board.pins.spi : []),
  ...board.pins.text,
  ...(board.threshold && asksSupply(board, nvm) ? [board.threshold] : []),
];

/** Of a system with drivers of its own, what they must leave to the ports. */
const left = (name: string, what: string): Need => ({ file: 'PORTING.md', name, what });

/** What a layout asks of a person, besides what the pair does. */
function layoutNeeds({ layout, nvm, board, target }: Pair): readonly Need[] {
  if (target.runs === 'desk') return [];
  const { port } = nvmBody(nvm);
  switch (layout) {
    case 'make':
    case 'cmake':
      return [];
    case 'zephyr':
    case 'arduino': {
      const flash = left(
        'its pages of flash',
        'keep the pages at BROWNOUT_FLASH_ADDRESS out of its partitions and its file systems',
      );
      const bus = left(
        'its bus',
        'leave the bus of the memory, and its pins, to the port: no driver of its own on them',
      );
      if (port === 'flash') return [flash];
      return port === 'spi' && board ? [bus] : [];
    }
  }
}

/** A core alone: nobody has said which part it is. */
function coreNeeds({ nvm }: Pair): readonly Need[] {
  const { port } = nvmBody(nvm);
  if (!port)
    return [
      { file: SETTINGS, name: 'BROWNOUT_NVM_ADDRESS', what: 'where the part has its memory; link.ld too' },
    ];
  const file = `brownout_port_${port}.c`;
  return FUNCTIONS[port].map(([name, what]) => ({ file, name, what }));
}

function onBoard(pair: Pair, board: HardwareBoard): Support {
  const { nvm, layout } = pair;
  const found = nvm === 'file' ? { refused: 'it has no file system' } : board.nvm[nvm];
  if ('refused' in found) return { kind: 'refused', why: found.refused };
  if (board.core === 'msp430' && (layout === 'zephyr' || layout === 'arduino'))
    return { kind: 'refused', why: `${layout} does not know the part` };
  const open = portSettings(board, nvm).filter(({ value }) => value === undefined);
  const needs = [
    ...open.map(({ name, what }) => ({ file: SETTINGS, name, what })),
    ...(board.unit ? [left(board.unit.library.name, board.unit.library.what)] : []),
    ...layoutNeeds(pair),
  ];
  if (needs.length > 0) return { kind: 'needs', needs };
  if ('runs' in found) return { kind: 'runs', on: found.runs };
  return {
    kind: 'needs',
    needs: [left('a first run', `nothing but ${found.needs} would show that it runs`)],
  };
}

/** What is known of a pair. */
export function supportOf(pair: Pair): Support {
  const { board, target, nvm, layout } = pair;
  const refused = (why: string): Support => ({ kind: 'refused', why });
  if (nvmBody(nvm).runs !== target.runs)
    return refused(target.runs === 'desk' ? 'the desk plays NVM by a file' : 'it has no file system');
  if (board) return onBoard(pair, board);
  if (target.runs === 'desk') {
    return layout === 'make' || layout === 'cmake'
      ? { kind: 'runs', on: 'this machine' }
      : { kind: 'needs', needs: [left('a board', 'NVM of the desk is a file')] };
  }
  return { kind: 'needs', needs: [...coreNeeds(pair), ...layoutNeeds(pair)] };
}

/** All pairs of boards, and of cores without one, with NVM and layouts. */
export function allPairs(layouts: readonly Layout[]): Pair[] {
  const places = [
    ...hardwareBoards.map((board) => ({ board, target: targets.find(({ name }) => name === board.core)! })),
    ...targets
      .filter(({ name }) => name !== 'wasm' && name !== 'msp430')
      .map((target) => ({ board: undefined, target })),
  ];
  return places.flatMap((place) =>
    nvmKinds.flatMap((nvm) => layouts.map((layout) => ({ ...place, nvm, layout }))),
  );
}

/** Kinds of NVM that a board or target can have, the one it has by default first. */
export function nvmOf(board: HardwareBoard | undefined, target: Target): NvmKind[] {
  const pair = { board, target, layout: 'make' } as const;
  const known = nvmKinds.filter((nvm) => supportOf({ ...pair, nvm }).kind !== 'refused');
  const runs = known.filter((nvm) => supportOf({ ...pair, nvm }).kind === 'runs');
  return [...runs, ...known.filter((nvm) => !runs.includes(nvm))];
}

/** The same, with a function that verifies signatures still to be found. */
export function withSignatureNeed(support: Exclude<Support, { kind: 'refused' }>): typeof support {
  const need = {
    file: 'brownout_port_signature.c',
    name: 'brownout_verify_signature',
    what: 'a call of a library that verifies Ed25519; in Zephyr and Arduino it is the application’s',
  };
  return { kind: 'needs', needs: [...(support.kind === 'needs' ? support.needs : []), need] };
}

/** Why a board cannot have a kind of NVM. Throws `E_NVM` with the kinds that work. */
export function checkPair(pair: Pair): Exclude<Support, { kind: 'refused' }> {
  const support = supportOf(pair);
  if (support.kind !== 'refused') return support;
  const { board, target, nvm } = pair;
  const name = board?.name ?? target.name;
  throw new BrownoutError({
    code: 'E_NVM',
    found: `NVM "${nvm}" on ${name}: ${support.why}`,
    expected: nvmOf(board, target).join(', '),
    hint: `Export with \`--nvm ${nvmOf(board, target)[0]}\`.`,
  });
}

/** Of PORTING.md: what a person fills in. */
function needsText(support: Support): string[] {
  switch (support.kind) {
    case 'runs':
      return [`Nothing to fill in. It ran to the right answer, and through power cuts, on: ${support.on}.`];
    case 'refused':
      return [`Not possible: ${support.why}.`];
    case 'needs':
      return [
        'To fill in or to see to before it runs:',
        '',
        ...support.needs.map(({ file, name, what }) => `- \`${name}\` (${file}): ${what}.`),
        '',
        'As long as BROWNOUT_FILL_IN stands at one of these, `brownout flash` refuses the folder by its name.',
      ];
  }
}

/** PORTING.md: what a person fills in, what is known, and how the program comes to the board. */
export function portingText(pair: Pair, support: Support): string {
  const { board, target, nvm, layout } = pair;
  const { note, build } = layoutKind(layout);
  const programs =
    build && board ? ` Then \`brownout flash\` and the name of the folder put it on the board.` : '';
  return [
    `# Porting: ${board?.name ?? target.name}, ${nvm}, ${layout}`,
    '',
    ...needsText(support),
    '',
    `${note}${programs}`,
    '',
  ].join('\n');
}

const cellText = (support: Support): string => {
  switch (support.kind) {
    case 'runs':
      return `**runs**: ${support.on}`;
    case 'needs':
      return `needs ${support.needs.map(({ name }) => (/^\w+$/.test(name) ? `\`${name}\`` : name)).join(', ')}`;
    case 'refused':
      return `refused: ${support.why}`;
  }
};

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** The tables of docs/FIRMWARE.md, by name: a line for every pair that differs from others. */
export function supportTables(layouts: readonly Layout[]): Record<string, string> {
  const pairs = allPairs(layouts);
  const nameOf = ({ board, target }: Pair): string => board?.name ?? target.name;
  const cores = ['cortex-m4', 'posix'];
  const shown = pairs.filter(({ board, target, nvm }) => {
    return (board || cores.includes(target.name)) && nvmBody(nvm).runs === target.runs;
  });
  const keys = [...new Set(shown.map((pair) => `${nameOf(pair)} ${pair.nvm}`))];
  const rows = keys.map((key) => {
    const own = shown.filter((pair) => `${nameOf(pair)} ${pair.nvm}` === key);
    const cells = own.map((pair) => cellText(supportOf(pair)));
    // Of layouts that say the same, one cell.
    const texts = layouts.map((layout) => cells[own.findIndex((pair) => pair.layout === layout)]!);
    const [first, , ...others] = texts.map((text, i) => (i > 1 && text === texts[0] ? 'the same' : text));
    const name = own[0]!.board ? `\`${nameOf(own[0]!)}\`` : `${nameOf(own[0]!)}, no board`;
    return row([name, `\`${own[0]!.nvm}\``, first!, ...others]);
  });
  const head = ['board', 'NVM', '`make`, `cmake`', ...layouts.slice(2).map((layout) => `\`${layout}\``)];
  const [names = [], ...parts] = spiPartRows();
  const whole = (titles: readonly string[], lines: readonly string[]): string =>
    [row(titles), row(titles.map(() => '---')), ...lines].join('\n');
  return { pairs: whole(head, rows), parts: whole(names, parts.map(row)) };
}
