// Learning in firmware on emulated boards: the same bytes in NVM as the simulator's after every cut of an inference and
// of a learning step, and no sample lost or learnt twice however often the board is killed.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readNpy } from '../host/data/npy.js';
import { Random } from '../host/math/random.js';
import { digitsFrom, quantizeDigits } from '../samples/digits.js';
import { replayOnBoard } from '../host/replay/replay-on-board.js';
import { boardNames } from '../host/firmware/targets.js';
import { type Image, readImage } from '../host/model/image.js';
import { compareCuts, jobUnits } from './util/board-cuts.js';
import { compileUnproved } from './util/compile.js';
import { boardPackages, hasPrograms } from './util/native.js';
import { int8s } from '../samples/networks.js';
import { learnable } from './util/learnable.js';

/** More kills in one run; `all`: every board, and the digits image too. */
const KILLS = Number(process.env['BROWNOUT_KILLS'] ?? 12);
const ALL_BOARDS = process.env['BROWNOUT_BOARDS'] === 'all';
const CUTS = 64;

const all = (): Image => {
  const network = learnable(new Random(3), [8, 8, 2], ['conv:4', 'max', 'circulant:16:8', 'dense:5']);
  return readImage(compileUnproved(network, { learn: { layers: 'all', replay: 2, guardEvery: 5 } }));
};

const residual = (): Image => {
  const block = ['conv:4', 'depthwise:4', 'conv:4!', 'add:0', 'mean', 'dense:4'];
  const network = learnable(new Random(4), [6, 6, 2], block);
  return readImage(compileUnproved(network, { learn: { layers: 'all', replay: 1 } }));
};

const sums = (): Image => headBySums(false);
const forgetting = (): Image => headBySums(true);
const headBySums = (forget: boolean): Image => {
  const network = learnable(new Random(3), [8, 8, 2], ['conv:4', 'max', 'dense:5']);
  const data = Array.from({ length: 30 }, (_, i) => ({ input: int8s(new Random(i), 128), label: i % 5 }));
  return readImage(compileUnproved(network, { learn: { layers: 'sums', data, rank: 6, ring: 6, forget } }));
};

const digits = (): Image => {
  const file = readFileSync(new URL('../../checkpoints/digits-float.npy', import.meta.url));
  const network = quantizeDigits(digitsFrom(readNpy(file).data as Float32Array));
  return readImage(compileUnproved(network, { learn: { layers: 'head:2' } }));
};

/** `CUTS` cuts, a fourth of them soon after the boot. */
function livesOf(units: number): number[] {
  const random = new Random(7);
  return Array.from({ length: CUTS }, (_, i) => random.integer(i % 4 ? Math.ceil(units / 24) : 150));
}

const cases: readonly [name: string, make: () => Image, boards: readonly string[]][] = [
  ['a residual block', residual, ALL_BOARDS ? boardNames : ['qemu-mps2-an386', 'qemu-riscv-virt']],
  ['all layers', all, ALL_BOARDS ? boardNames : ['qemu-mps2-an386', 'qemu-riscv-virt']],
  ['a head by sums', sums, ALL_BOARDS ? boardNames : []],
  ['digits --learn head:2', digits, ALL_BOARDS ? boardNames : []],
];

for (const [name, make, boards] of cases) {
  for (const board of boards) {
    const image = make();
    const run = hasPrograms(`learning on ${board}`, boardPackages(board)) ? test : test.skip;
    run(`${name}, ${board}: NVM equals the simulator's after ${CUTS} cuts of each job`, async () => {
      for (const learns of [false, true]) {
        const job = { image, learns };
        const boots = await compareCuts(job, board, livesOf(jobUnits(job)));
        assert.is(boots, CUTS + 1, `the ${learns ? 'learning step' : 'inference'} must outlive the cuts`);
      }
    });
  }
}

for (const board of ALL_BOARDS ? boardNames : ['qemu-mps2-an386', 'qemu-riscv-virt']) {
  const run = hasPrograms(`forgetting on ${board}`, boardPackages(board)) ? test : test.skip;
  run(`a class is forgotten on ${board}: NVM equals the simulator's after ${CUTS} cuts`, async () => {
    const job = { image: forgetting(), forgets: true };
    const boots = await compareCuts(job, board, livesOf(jobUnits(job)));
    assert.is(boots, CUTS + 1, 'forgetting must outlive the cuts');
  });
}

const killTest = hasPrograms('kills of learning', boardPackages('qemu-mps2-an386')) ? test : test.skip;
killTest(
  `${KILLS} kills across inference and learning: no sample lost or learnt twice, no class forgotten twice`,
  async () => {
    for (const make of [all, sums, forgetting]) {
      const result = await replayOnBoard(make(), { kills: KILLS });
      assert.equal(result.violations, []);
      assert.ok(result.identical && result.kills === KILLS, JSON.stringify(result));
      assert.ok(result.learningSteps > 0 && result.inferences > 0, JSON.stringify(result));
    }
  },
);

test.run();
