// The line of a memory: what it writes or checks as one, as an option.
import { choice, type Kind } from '../options/kinds.js';

const LINES = ['1', '4', '8', '16'] as const;
const line = choice(LINES, { placeholder: 'BYTES' });

/** Bytes of a line. */
export const lineKind: Kind<number> = {
  ...line,
  expected: '1, 4, 8 or 16',
  parse: (text) => (line.parse!(text) === undefined ? undefined : Number(text)),
  check: (value) => (typeof value === 'number' && line.check(`${value}`) !== undefined ? value : undefined),
  right: () => '1',
};
