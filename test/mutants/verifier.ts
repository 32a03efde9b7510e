// Small changes of the verifier's own checks, each of which a test of what it must refute notices; and the builds that those
// tests make.
import { IN_PLACE_REFUTATIONS, MAPPED_REFUTATIONS, REFUTATIONS } from '../util/refutations.js';
import { type Change, of } from './mutant.js';

const CHECKS = [
  ...of('host/verify/tiles.ts', 'checks', [
    ['no base case', 'const at = map.indexOf(1);', 'const at = -1;', 'test:base case'],
    ['torn records read by tiles', 'of [slots, diagnostics])', 'of [])', 'test:torn'],
    ['NVM that begins at 0', '[0, 0x40, 0x1230, 0xffff0]', '[0, 0, 0, 0]', 'test:base'],
    [
      'lines spoilt from the write on',
      'const from = Math.floor(start / line) * line;',
      'const from = start;',
      'test:before it',
    ],
    [
      'lines spoilt up to where the write ends',
      'Math.ceil(end / line) * line).indexOf(1)',
      'end).indexOf(1)',
      'test:behind it',
    ],
  ]),
  ...of('host/verify/tiles.ts', { test: 'wipe' }, [
    [
      'what is wiped outlives the job all the same',
      'index < job.settled ? job.kept : job.keptAfter',
      'job.kept',
    ],
  ]),
  ...of('host/verify/job.ts', { test: 'wipe' }, [
    ['wiping comes before what the job makes', 'const settled = wipes + 1;', 'const settled = last;'],
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
      'what an accelerator reads not looked at',
      "this.#inSram(address, length, 'accelerating');",
      'void 0;',
      'test:a row more',
    ],
    ['where an accelerator works taken to stay', 'of clobbers)', 'of [])', 'test:still has to be'],
    [
      'an accelerator that works anywhere',
      'of [...writes, ...clobbers])',
      'of [])',
      'test:beyond what the image declares',
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
    [
      'bits of a cursor taken as they are',
      'for (const bits of wrongBits())',
      'for (const bits of [])',
      'test:whole by',
    ],
    [
      'slots that share a line taken',
      'image.slots.offset % LINE_BYTES || image.slotStride % LINE_BYTES',
      'false',
      'test:slots',
    ],
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
