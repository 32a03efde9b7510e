// The obligation on provisioning: until its last barrier the device says that there is no state, whatever a cut left.
import { ErrorCode, Status } from '../../assembly/error.js';
import { Random } from '../math/random.js';
import { cursorBytes, slotAddress } from '../model/cursor.js';
import type { SimulatedNvm } from '../simulator/nvm.js';
import { provision } from '../simulator/provision.js';
import { Probe, type Write } from './probe.js';
import type { Subject } from './subject.js';
import { refute } from './violation.js';

/** What `provision` writes between its barriers. */
function phasesOf({ image }: Subject): Write[][] {
  const phases: Write[][] = [[]];
  const recorder = {
    present: { length: image.nvmBytes },
    write: (address: number, bytes: Uint8Array) =>
      phases[phases.length - 1]!.push({ address, bytes: bytes.slice() }),
    sync: () => phases.push([]),
  };
  provision(recorder as unknown as SimulatedNvm, image);
  return phases.slice(0, -1);
}

const TRIES = 64;

/** What the device did under an image provisioned before: both slots hold whole cursors, neither of them the first. */
function leaveCursors(probe: Probe, { image, job }: Subject): void {
  for (const slot of [0, 1])
    probe.nvm.set(cursorBytes(job.cursors[0]!, 0x1000 + slot), slotAddress(image, slot));
}

/** 32 decisions in a word, each of them for so many quarters. */
const DECISIONS: ((random: Random) => number)[] = [
  () => 0,
  (random) => random.uint32() & random.uint32(),
  (random) => random.uint32(),
  (random) => random.uint32() | random.uint32(),
];

/** Writes part of a write: of its units so many quarters, chosen at random. */
function keepSome(
  nvm: Uint8Array,
  { address, bytes }: Write,
  tear: number,
  quarters: number,
  random: Random,
): void {
  const decide = DECISIONS[quarters]!;
  for (let from = 0; from < bytes.length; from += 32 * tear) {
    let kept = decide(random);
    const to = Math.min(from + 32 * tear, bytes.length);
    for (let at = from; at < to && kept !== 0; at += tear, kept >>>= 1)
      if (kept & 1) for (let i = at; i < Math.min(at + tear, to); i++) nvm[address + i] = bytes[i]!;
  }
}

/**
 * Cuts provisioning within every phase, units kept and dropped at random, over NVM of any content. `phases`: what is written
 * between barriers, by default what the simulator's provisioning writes. Returns the cuts.
 */
export function provisioning(subject: Subject, phases: readonly Write[][] = phasesOf(subject)): number {
  const { image, tear, garbage } = subject;
  const probe = new Probe(subject.module, { image, sramBytes: subject.sramBytes });
  const random = new Random(7);
  let cuts = 0;
  for (let phase = 0; phase <= phases.length; phase++) {
    for (let attempt = 0; attempt < TRIES; attempt++) {
      // What an earlier image left, too: `stale` begins with a record that is whole.
      probe.nvm.set(garbage.patterns[attempt % garbage.count]!);
      if (attempt % garbage.count === garbage.count - 1) leaveCursors(probe, subject);
      const before = Buffer.from(probe.nvm.subarray(0, 4)).toString('latin1');
      for (const write of phases.slice(0, phase).flat()) probe.nvm.set(write.bytes, write.address);
      const quarters = attempt < TRIES / 2 ? 2 : random.integer(4);
      for (const write of random.shuffle([...(phases[phase] ?? [])]))
        keepSome(probe.nvm, write, tear, quarters, random);
      const magic = Buffer.from(probe.nvm.subarray(0, 4)).toString('latin1');
      if (phase === 0 && magic === before) continue;
      const complete = phase >= phases.length - 1 && magic === 'BRNS';
      const code = probe.boot((arena) => arena.fill(0xff));
      cuts++;
      const expected = complete ? Status.IDLE : ErrorCode.E_MAGIC;
      if (code !== expected)
        refute('provisioning', `boot returns ${code} instead of ${expected}, cut in phase ${phase + 1}`);
    }
    subject.tick();
  }
  return cuts;
}
