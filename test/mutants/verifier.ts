// Small changes of the verifier's own checks, each of which a test of what it must refute notices; and the builds that those
// tests make.
import { IN_PLACE_REFUTATIONS, MAPPED_REFUTATIONS, REFUTATIONS } from '../util/refutations.js';
import { type Change, of } from './mutant.js';

const CHECKS = [
  ...of('host/verify/tiles.ts', 'checks', [
    ['no base case', 'const at = map.indexOf(1);', 'const at = -1;', 'test:base case'],
    ['torn records read by tiles', 'of [slots, diagnostics])', 'of [])', 'test:torn'],
    ['NVM that begins at 0', '[0, 0x40, 0x1230, 0xffff0]', '[0, 0, 0, 0]', 'test:base'],
  ]),
  ...of('host/verify/probe.ts', 'checks', [
    [
      'SRAM beyond what is declared known',
      'memory.fill(1, shadow.shadowAt + this.sramBytes',
      'memory.fill(0, shadow.shadowAt + this.sramBytes',
      'test:SRAM',
    ],
    [
      'stores beyond SRAM not heard',
      'if (from < 0 || from + length > this.nvm.length)',
      'if (false)',
      'test:mapped',
    ],
    [
      'all of a mapping known',
      'this.#know(mappedAt, bytes.length);',
      'this.#know(mappedAt - 256, bytes.length + 512);',
      'test:views',
    ],
  ]),
  ...of('host/verify/next-job.ts', 'checks', [
    [
      'what a job leaves not looked at',
      'const begun = probe.memory.subarray(0, probe.arena);',
      'return;\n    const begun = probe.memory.subarray(0, probe.arena);',
      'test:resident',
    ],
  ]),
  ...of('host/verify/data-independence.ts', 'checks', [
    ['data unmarked', 'on.isData(address) ? 1 : 0)', '0)', 'test:some inputs'],
    ['weights unmarked', 'on.isConstant(address) ? 1 : 0)', '0)', 'test:some weights'],
    [
      'branches alone',
      'const at = found.getUint32(4 * i, true);',
      'const at = i ? found.getUint32(4, true) : 0;',
      'test:scales',
    ],
  ]),
  ...of('host/verify/commits.ts', 'checks', [
    ['the monitor asked as often as it is', 'if (asked !== due)', 'if (false)', 'test:monitor'],
  ]),
  ...of('host/verify/bad-reads.ts', 'checks', [
    ['a bad read that is taken', 'if (wrong >= 0)', 'if (false)', 'test:a bad read'],
  ]),
  ...of('host/verify/protocol.ts', 'checks', [
    [
      'tickets that differ in one bit not tried',
      'for (const call of this.#nearly)',
      'for (const call of [])',
      'test:tickets',
    ],
  ]),
];

const BUILDS: Change[] = [...REFUTATIONS, ...IN_PLACE_REFUTATIONS, ...MAPPED_REFUTATIONS].flatMap(
  ({ name, mutant }) => {
    if (!mutant) return [];
    const [[from, to]] = mutant.edits as [readonly [string, string]];
    return { file: mutant.file, name, from, to, judge: 'refutation', argued: undefined, test: undefined };
  },
);

export const VERIFIER = [...CHECKS, ...BUILDS];
