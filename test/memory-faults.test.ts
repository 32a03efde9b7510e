// Faults of memory beyond tearing and lines (lines.test.ts): torn words that read differently every time, one bad read at power-up.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BrownoutError } from '../host/error.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage } from '../host/model/image.js';
import { SimulatedNvm } from '../host/simulator/nvm.js';
import { playerOf } from '../host/verify/counterexample.js';
import { verifyText } from '../host/verify/report.js';
import type { VerifyOptions } from '../host/verify/options.js';
import { setUp, verify } from '../host/verify/verify.js';
import { layered } from '../samples/networks.js';
import { compileUnproved as compile } from './util/compile.js';
import { learnable } from './util/learnable.js';
import { type Mutant, sabotaged } from './util/sabotage.js';

const network = layered(new Random(3));
/** Ops of several tiles, in so little NVM that buffers overlap. */
function tight(unstable: boolean): Image {
  const options = { policy: 'every 2', arenaBytes: 320, unstable };
  const { nvmBytes } = readImage(compile(network, options));
  return readImage(compile(network, { ...options, nvmBytes: nvmBytes - 32 }));
}

test('unstable words: boot settles the slots, and is proved to; a module that does not is not', () => {
  const image = tight(true);
  assert.ok(image.unstable);
  assert.is(verify(image).counterexample, null);
  const plain = tight(false);
  assert.ok(verify(plain).proved);
  const { proved, counterexample } = verify(plain, { unstable: true, search: false });
  assert.not(proved);
  assert.match(counterexample!.found, /before it has written the slots that a cut may have torn/);
  // What to do about it is said.
  const asked = (of: Image, options: VerifyOptions): string =>
    verifyText(verify(of, { ...options, search: false }), 'x.brn');
  assert.match(asked(plain, { unstable: true }), /compile it with `--unstable`/);
  // What was asked of an image that is compiled so has no such hint.
  assert.not.match(asked(image, { unstable: true }), /compile it with/);
});

const SETTLING: Mutant[] = [
  {
    name: 'the other slot first',
    file: 'assembly/cursor.ts',
    edits: [
      ['put(slotAddress(newest), CURSOR', 'put(slotAddress(newest ^ 1), CURSOR'],
      ['put(slotAddress(newest ^ 1), HEADER', 'put(slotAddress(newest), HEADER'],
    ],
  },
  {
    name: 'no barrier between',
    file: 'assembly/cursor.ts',
    edits: [
      [
        'put(slotAddress(newest), CURSOR, CURSOR_BYTES);\n  sync();\n',
        'put(slotAddress(newest), CURSOR, CURSOR_BYTES);\n',
      ],
    ],
  },
  {
    name: 'the other slot left as it is',
    file: 'assembly/cursor.ts',
    edits: [['  put(slotAddress(newest ^ 1), HEADER, CURSOR_BYTES);\n', '']],
  },
];

for (const mutant of SETTLING)
  test(`unstable words: ${mutant.name}`, async () => {
    const { proved } = verify(tight(true), { module: await sabotaged(mutant, tight(true)), search: false });
    assert.not(proved);
  });

test('unstable words, simulated: without settling some schedule goes wrong, with it none does', () => {
  const wrong = (image: Image): number => {
    const player = playerOf(setUp(image, {}));
    const steady = player.steady({ tear: 1, sequence: 0 });
    let found = 0;
    for (let seed = 0; seed < 1500; seed++) {
      const random = new Random(seed);
      const cuts = Array.from({ length: 2 + random.integer(5) }, (_, i) => ({
        after: random.integer(i === 0 ? steady.units : 160),
        unsynced: 1 + random.integer(1000),
      }));
      const { verdict } = player.play({ tear: 4, sequence: 0, unstable: true, cuts }, steady);
      if (verdict !== 'identical') found++;
    }
    return found;
  };
  assert.is(wrong(tight(true)), 0);
  assert.ok(wrong(tight(false)) > 0);
});

test('unstable NVM reads anew after each cut what the first tore, until it is written behind a barrier', () => {
  const nvm = new SimulatedNvm(64, { tearUnit: 4, unstable: true });
  nvm.write(0, new Uint8Array(16).fill(1));
  nvm.cut();
  const seen = new Set<string>();
  for (let i = 0; i < 20; i++) {
    seen.add(nvm.cells.subarray(0, 16).join());
    assert.ok(nvm.cells.every((byte) => byte <= 1));
    nvm.cut();
  }
  assert.ok(seen.size > 5);
  nvm.write(0, new Uint8Array(16).fill(2));
  nvm.sync();
  for (let i = 0; i < 5; i++) {
    nvm.cut();
    assert.ok(nvm.cells.subarray(0, 16).every((byte) => byte === 2));
  }
});

test('unstable words and lines exclude each other, by name', () => {
  assert.throws(
    () => compile(network, { line: 8, unstable: true }),
    (error: unknown) => error instanceof BrownoutError && error.code === 'E_OPTION',
  );
});

test('one bad read at power-up: a module that reads slots once takes the older cursor, and is refuted', async () => {
  const once: Mutant = {
    name: 'slots read once',
    file: 'assembly/cursor.ts',
    edits: [['if (!readSlot(slot) && !readSlot(slot)) continue;', 'if (!readSlot(slot)) continue;']],
  };
  const { counterexample } = verify(tight(false), {
    module: await sabotaged(once, tight(false)),
    search: false,
  });
  assert.is(counterexample?.obligation, 'recovery');
  assert.match(counterexample!.found, /read \d+ of a boot has gone wrong/);
});

test('a torn slot that reads as an error, with other bytes at every read: a module that makes an error of that is refuted', async () => {
  const twice: Mutant = {
    name: 'two reads of a slot that differ are an error',
    file: 'assembly/cursor.ts',
    edits: [
      [
        'if (!readSlot(slot) && !readSlot(slot)) continue;',
        `if (!readSlot(slot)) {
      const found = crc32(0, ARENA, CURSOR_BYTES);
      if (!readSlot(slot)) {
        if (crc32(0, ARENA, CURSOR_BYTES) != found) return ErrorCode.E_CURSOR;
        continue;
      }
    }`,
      ],
    ],
  };
  const { counterexample } = verify(tight(false), {
    module: await sabotaged(twice, tight(false)),
    search: false,
  });
  assert.is(counterexample?.obligation, 'recovery');
  assert.match(counterexample!.found, /slot \d and the count of boots read as errors/);
});

test('one bad read at power-up: a learning header read once leads tiles astray, and is refuted', async () => {
  const learner = readImage(
    compile(learnable(new Random(1), [8], ['dense:6', 'dense:3']), { learn: { layers: 'all', ring: 10 } }),
  );
  assert.is(verify(learner, { search: false }).counterexample, null);
  const once: Mutant = {
    name: 'learning header read once',
    file: 'assembly/grad/groups.ts',
    edits: [['if (load<u32>(LEARN + at) != load<u32>(ARENA + at)) return false;', '{}']],
  };
  const { counterexample } = verify(learner, { module: await sabotaged(once, learner), search: false });
  assert.is(counterexample?.obligation, 'recovery');
});

test.run();
