// The firmware on emulated boards: the same bytes in NVM as the simulator's after every cut, and no answer lost to kills.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../host/math/random.js';
import { replayOnBoard } from '../host/replay/replay-on-board.js';
import { firmwareModule } from '../host/firmware/sources.js';
import { boardNames } from '../host/firmware/targets.js';
import { countChoice, isRight } from '../bench/circulant-choice.js';
import { firmwareImages } from '../bench/firmware-models.js';
import { comparePlain, plainCases } from '../bench/plain/index.js';
import { type Image, readImage } from '../host/model/image.js';
import { compareCuts, jobUnits } from './util/board-cuts.js';
import { boardPackages, hasPrograms } from './util/native.js';

/** `all`: keywords on every board, and not on one alone. */
const ALL_BOARDS = process.env['BROWNOUT_BOARDS'] === 'all';
/** Kills on the Cortex-M4 board instead of the few of an ordinary run. */
const KILLS = Number(process.env['BROWNOUT_KILLS'] ?? 20);
const CUTS = 64;
const packages = {
  'arm-none-eabi-gcc': 'gcc-arm-none-eabi libnewlib-arm-none-eabi',
  'qemu-system-arm': 'qemu-system-arm',
};
const boardTest = hasPrograms('firmware on emulated boards', packages) ? test : test.skip;

const image = readImage(readFileSync(new URL('../../checkpoints/digits.brn', import.meta.url)));
const { kws } = firmwareImages();
if (!kws) {
  console.log('skipped: keywords on emulated boards: set BROWNOUT_DATA to the folder that holds models/');
}

interface Case {
  name: string;
  make: () => Image;
  boards: readonly string[];
  /** No life is longer than the job over this: short enough that the job outlives the cuts. */
  part: number;
}
const cases: Case[] = [{ name: 'digits', make: () => image, boards: boardNames, part: 12 }];
const kwsBoards = ALL_BOARDS ? boardNames : ['qemu-mps2-an386'];
if (kws) cases.push({ name: 'keywords', make: kws, boards: kwsBoards, part: 30 });

for (const { name, make, boards, part } of cases) {
  for (const board of boards) {
    const run = hasPrograms(`${name} on ${board}`, boardPackages(board)) ? test : test.skip;
    run(
      `${name}, ${board}: NVM equals the simulator's after each of ${CUTS} cuts, and at the job's end`,
      async () => {
        // A chain: every life goes on from the NVM that the cut before it left.
        const job = { image: make() };
        const random = new Random(7);
        const longest = Math.ceil(jobUnits(job) / part);
        const lives = Array.from({ length: CUTS }, (_, i) =>
          i % 4 ? random.integer(longest) : random.integer(150),
        );
        const boots = await compareCuts(job, board, lives);
        assert.is(boots, CUTS + 1, 'the job must outlive the cuts');
      },
    );
  }
}

boardTest(`qemu-mps2-an386: ${KILLS} kills lose, repeat or change no answer`, async () => {
  const { violations, ...result } = await replayOnBoard(image, { kills: KILLS });
  assert.equal(violations, []);
  assert.ok(result.identical && result.kills === KILLS && result.inferences > 0, JSON.stringify(result));
  // Where kills fall depends on the load of the machine: only a long run finds torn slots for sure.
  if (KILLS >= 100) assert.ok(result.tornSlots > KILLS / 50, `only ${result.tornSlots} torn slots`);
});

boardTest('kills find a commit that always writes the same slot', async () => {
  const sabotaged = readImage(image.file);
  const module = await firmwareModule(sabotaged);
  const commit = /(static void cursor_commit\(void\) \{[^}]*?) \^ 1u/;
  assert.match(module.text, commit);
  module.text = module.text.replace(commit, '$1');
  const result = await replayOnBoard(sabotaged, { kills: 500 });
  assert.is(result.identical, false);
  assert.ok(result.kills < 500 && result.violations.length > 0, JSON.stringify(result));
});

// `npm run bench:firmware` has more shapes.
for (const item of plainCases().filter((_, i) => [0, 4, 5].includes(i))) {
  boardTest(`${item.name}: C from WASM takes at most 1.10 times the instructions of plain C`, async () => {
    const { aot, plain } = await comparePlain(item);
    assert.ok(aot <= plain * 1.1, `${aot} against ${plain}`);
  });
}

// node dist/bench/circulant-choice.js has more shapes.
boardTest(
  'the cost model takes the cheaper method for circulant layers, near where the two meet',
  async () => {
    for (const shape of [
      [4, 1, 1],
      [4, 1, 4],
      [4, 4, 1],
      [8, 1, 4],
      [16, 1, 1],
    ] as const) {
      const choice = await countChoice(shape);
      assert.ok(isRight(choice), `${shape.join(' ')}: ${JSON.stringify(choice)}`);
    }
  },
);

test.run();
